"""Fixtures: a simulated HubSpot portal and callers of its API, a stack in operation, and the ingest function."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from functions.ingest import app as ingest_function
from simulators.hubspot import InProcessTransport, SimulatedPortal, create_app, provision
from tests.support.cli_stack import Deployed, deployed
from tests.support.clock import Clock
from tests.support.deliveries import SECRET
from tests.support.ingest import Ingest
from tests.support.openapi_contract import Contract, Validated, hubspots_contract
from tests.support.operated_stack import OperatedStack, deploy_ingest, operated_stack
from tests.support.operations_page import assert_described
from tests.support.simulated import VERSIONS, Calls
from tests.support.stack_consumer import StackConsumer
from tests.support.verification import VerificationFixture
from woohub.delivery.store_secrets import StoreSecrets
from woohub.http import Http
from woohub.settings import Secret
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.set_up import store_setup


@pytest.fixture
def clock() -> Clock:
    """The clock of the portal and of its callers."""
    return Clock(1_795_600_000.0)  # 25 November 2026


@pytest.fixture
def portal(clock: Clock) -> SimulatedPortal:
    """A portal with everything that `woohub setup` creates."""
    return provision(SimulatedPortal(clock))


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """HubSpot's OpenAPI specs, if HUBSPOT_OPENAPI_DIR has them."""
    return hubspots_contract()


@pytest.fixture
def raw(portal: SimulatedPortal, clock: Clock) -> Calls:
    """A caller whose requests are not checked."""
    return Calls(InProcessTransport(create_app(portal), sleep=clock.sleep))


@pytest.fixture
def hubspot(raw: Calls, contract: Contract | None) -> Calls:
    """A caller whose requests and responses are checked against HubSpot's specs, if there are any."""
    transport: Http = Validated(raw.transport, contract) if contract else raw.transport
    return raw.using(transport=transport)


@pytest.fixture(params=VERSIONS)
def hubspot_of_each_version(request: pytest.FixtureRequest, hubspot: Calls) -> Calls:
    """The same caller, once for each version of the API."""
    return hubspot.using(version=request.param)


@pytest.fixture
def logs_are_described(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that docs/operations.md describes every event that the functions log during the test."""
    yield
    for record in caplog.get_records("call"):
        if record.name == "woohub":
            assert_described(record.getMessage())


@pytest.fixture
def case() -> VerificationFixture:
    return VerificationFixture()


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run in an empty folder and wait neither for the store nor for messages."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(store_setup, "wait", lambda _seconds: None)
    monkeypatch.setattr(dead_letter_queue, "RECEIVE_WAIT_S", 0)  # moto really waits for messages


@pytest.fixture
def stack(commands: None) -> Iterator[Deployed]:  # noqa: ARG001  (used for its effect)
    """A deployed stack without store and HubSpot."""
    with deployed() as stack:
        yield stack


@pytest.fixture
def new_stack(commands: None) -> Iterator[OperatedStack]:  # noqa: ARG001  (used for its effect)
    """A stack in operation, before setup."""
    with operated_stack() as stack:
        yield stack


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    """One stack for all tests of this file, because starting it takes longer than most of them."""
    with operated_stack(search_lag_s=0.0, requests_per_10_s=10_000) as stack:
        deploy_ingest()
        yield StackConsumer(stack.ready())


@pytest.fixture
def consumer(running: StackConsumer, commands: None) -> StackConsumer:  # noqa: ARG001  (used for its effect)
    """The stack's consumer, all records and messages deleted."""
    running.reset()
    return running


@pytest.fixture
def shop(consumer: StackConsumer) -> OperatedStack:
    """A store without orders."""
    return consumer.shop


@pytest.fixture
def ingest(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ingest]:
    """The ingest function in a mocked AWS, with a queue, a secret, and empty caches."""
    with mock_aws():
        started = Ingest(capsys)
        started.sqs.create_queue(QueueName="deliveries")
        started.secrets.create_secret(
            Name=ingest_function.settings.webhook_secret_arn, SecretString=json.dumps({"current": SECRET})
        )
        monkeypatch.setattr(
            ingest_function, "secret", Secret(started.secrets, ingest_function.settings.webhook_secret_arn)
        )
        monkeypatch.setattr(ingest_function, "store_secrets", StoreSecrets(ingest_function.secret_of))
        yield started
