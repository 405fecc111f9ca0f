"""The deployed template in an emulated AWS, one per test process, with its permissions enforced.

Tests run in any order and share a stack: a test that changes something lasting, such as a secret, restores it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from local_stack import stack_client
from local_stack.running import running
from local_stack.settings import Settings
from local_stack.stack import Stack


@pytest.fixture(scope="session")
def running_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    state = tmp_path_factory.mktemp("stack")
    with running(Settings(state=state, port=0, simulator_port=0, enforce_iam=True)) as (stack, _):
        yield stack


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """The running stack, with an empty HubSpot and empty queues."""
    stack_client.simulator(running_stack, "POST", "reset", {"provisioned": True})
    running_stack.client("sqs").purge_queue(QueueUrl=running_stack.dlq_url)
    assert stack_client.queue_length(running_stack) == 0, "the last test left deliveries in the queue"
    return running_stack


@pytest.fixture
def terminal(stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A command runner in a folder whose local stack is this one."""
    (tmp_path / ".local").symlink_to(Path(stack.log).parent)
    monkeypatch.chdir(tmp_path)
    return CliRunner()
