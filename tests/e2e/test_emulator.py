"""When the emulated AWS passes a queue's messages to the consumer. MiniStack is in an environment of its own."""

from __future__ import annotations

import json
import subprocess

import pytest

from local_stack.deployment import EMULATOR_PYTHON
from local_stack.settings import ROOT

COLLECT = """
import json, sys, time
import emulator
from ministack.services import sqs

ages, batch_size = json.loads(sys.argv[1]), int(sys.argv[2])
now = time.time()
messages = [{"visible_at": now - age} for age in ages]
queue = {"attributes": {"QueueArn": "arn", "VisibilityTimeout": "390"}, "messages": messages}
sqs._get_q = lambda url: queue
sqs._expire_retained = sqs._dlq_sweep = lambda queue: None
sqs._collect_msgs = lambda queue, size, timeout: queue["messages"][:size]
emulator._mappings = lambda arn: [{"MaximumBatchingWindowInSeconds": "20"}]
print(len(emulator.collect_batch("url", batch_size)))
"""


@pytest.mark.parametrize(
    ("ages", "batch_size", "collected"),
    [
        pytest.param([0.0, 1.0], 1000, 0, id="the window is open"),
        pytest.param([0.0, 25.0], 1000, 2, id="the first message waited while another batch was processed"),
        pytest.param([0.0, 0.0, 0.0], 3, 3, id="the batch is full"),
        pytest.param([0.0, -25.0], 1, 1, id="a hidden message does not count"),
    ],
)
def test_a_batch_is_collected_for_the_window_from_its_first_message(
    ages: list[float], batch_size: int, collected: int
) -> None:
    arguments = [str(EMULATOR_PYTHON), "-c", COLLECT, json.dumps(ages), str(batch_size)]
    run = subprocess.run(arguments, cwd=ROOT / "tools" / "local_stack", capture_output=True, text=True, check=True)  # noqa: S603

    assert int(run.stdout.split()[-1]) == collected
