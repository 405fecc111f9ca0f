"""The functions' handlers with a mocked AWS, and the simulated portal over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, SimulatedPortal, provision, running
from tests.support.bucket import BROKEN, CUSTOM_STATUS, make_bucket
from tests.support.functions import cold_start, records
from tests.support.orders import order
from tests.support.template import FUNCTIONS
from woohub.consumer.breaker import SILENT_BATCHES, BreakerParameter, EventSourceMapping

pytestmark = pytest.mark.usefixtures("logs_are_described")
CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="consumer")


@pytest.fixture
def portal() -> SimulatedPortal:
    return provision(SimulatedPortal())


@pytest.fixture
def aws(portal: SimulatedPortal, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws(), running(portal, port=0) as hubspot:
        secret = boto3.client("secretsmanager").create_secret(
            Name="t", SecretString=json.dumps({"token": DEFAULT_TOKEN})
        )
        boto3.client("ssm").put_parameter(Name="/woohub/breaker", Value='{"state":"closed"}', Type="String")
        sqs = boto3.client("sqs")
        monkeypatch.setenv("QUEUE_URL", sqs.create_queue(QueueName="deliveries")["QueueUrl"])
        monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", sqs.create_queue(QueueName="dead")["QueueUrl"])
        monkeypatch.setenv("HUBSPOT_SECRET_ARN", secret["ARN"])
        monkeypatch.setenv("HUBSPOT_API_URL", hubspot)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "consumer")
        yield


@pytest.mark.usefixtures("aws")
def test_consumer_function_writes_a_batch(portal: SimulatedPortal) -> None:
    answer = cold_start("consumer").lambda_handler(records(order(1), order(2)), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert len(portal.state()["deals"]) == 2


@pytest.mark.usefixtures("aws")
def test_consumer_function_ends_in_time_when_a_response_arrives_byte_by_byte(portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(kind="drip", hold_s=12.0, path="/deals/batch/create"))
    nine_seconds = SimpleNamespace(get_remaining_time_in_millis=lambda: 9_000, function_name="consumer")

    answer = cold_start("consumer").lambda_handler(records(order(1)), nine_seconds)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}


@pytest.fixture
def bucket(aws: None, monkeypatch: pytest.MonkeyPatch) -> str:  # noqa: ARG001  (in the mocked AWS)
    """The stack's configuration bucket, with a mapping that has a stage for a custom status."""
    make_bucket("configuration")
    boto3.client("s3").put_object(Bucket="configuration", Key="mapping.toml", Body=CUSTOM_STATUS.encode())
    monkeypatch.setenv("CONFIGURATION_BUCKET", "configuration")
    return "configuration"


@pytest.mark.usefixtures("bucket")
def test_consumer_function_uses_the_mapping_of_the_bucket(portal: SimulatedPortal) -> None:
    cold_start("consumer").lambda_handler(records(order(1, status="awaiting-pickup")), CONTEXT)

    assert [deal["properties"]["dealstage"] for deal in portal.state()["deals"]] == ["on_hold"]


def test_an_invalid_mapping_opens_the_breaker_and_its_repair_closes_it(
    portal: SimulatedPortal, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventSourceMapping, "disabled_at", lambda _: None)
    monkeypatch.setattr(EventSourceMapping, "set_enabled", lambda *_: None)
    monkeypatch.setattr("functions.consumer.app.mapping_id", lambda *_: "")
    boto3.client("s3").put_object(Bucket=bucket, Key="mapping.toml", Body=BROKEN.encode())
    consumer, governor = cold_start("consumer"), cold_start("governor")

    answer = consumer.lambda_handler(records(order(1)), CONTEXT)
    opened = BreakerParameter(boto3.client("ssm"), "/woohub/breaker").read()

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0"]
    assert (opened.state, opened.policy) == ("open", "config")
    assert "deal.amount.as" in opened.reason
    assert governor.lambda_handler({}, CONTEXT) == {"state": "open", "done": "still_open"}
    boto3.client("s3").put_object(Bucket=bucket, Key="mapping.toml", Body=CUSTOM_STATUS.encode())
    assert governor.lambda_handler({}, CONTEXT) == {"state": "closed", "done": "reopened"}
    cold_start("consumer").lambda_handler(records(order(1)), CONTEXT)
    assert len(portal.state()["deals"]) == 1


@pytest.mark.usefixtures("aws")
def test_consumer_function_rejects_one_bad_record_of_a_batch(portal: SimulatedPortal) -> None:
    answer = cold_start("consumer").lambda_handler(records(order(1), order(2, total="a lot")), CONTEXT)

    assert answer == {"batchItemFailures": []}
    assert len(portal.state()["deals"]) == 1
    received = boto3.client("sqs").receive_message(
        QueueUrl=boto3.client("sqs").get_queue_url(QueueName="dead")["QueueUrl"], MessageAttributeNames=["All"]
    )
    assert received["Messages"][0]["MessageAttributes"]["entity"]["StringValue"] == "order:2"


def output_of(logged: pytest.LogCaptureFixture, printed: pytest.CaptureFixture[str]) -> str:
    """A function's whole output: log lines with all their fields, and metrics."""
    return repr([vars(record) for record in logged.records if record.name == "woohub"]) + printed.readouterr().out


@pytest.mark.usefixtures("aws")
def test_consumer_function_writes_no_personal_data_to_log_and_metrics(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    cold_start("consumer").lambda_handler(records(order(1), order(2, total="a lot")), CONTEXT)

    written = output_of(caplog, capsys)
    assert "order:1" in written
    assert '"Written"' in written
    assert not [word for word in ("jane", "Jane", "Main St", "555-", DEFAULT_TOKEN) if word in written]


@pytest.mark.usefixtures("aws")
def test_consumer_function_logs_rejected_payloads_if_the_setting_is_on(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOG_REJECTED_PAYLOADS", "true")

    cold_start("consumer").lambda_handler(records(order(2, total="a lot")), CONTEXT)

    assert "Jane" in output_of(caplog, capsys)


@pytest.fixture
def no_secrets(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001  (in the mocked AWS)
    """Secrets Manager does not respond."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.mark.usefixtures("no_secrets")
def test_consumer_function_hands_messages_back_without_calls_and_logs_why_when_secrets_manager_does_not_respond(
    portal: SimulatedPortal, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = cold_start("consumer").lambda_handler(records(order(1)), CONTEXT)

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0"]
    assert portal.counters()["total"] == 0
    written = output_of(caplog, capsys)
    assert ("SecretUnavailable" in written, "UnknownOutcome" in written) == (True, False)


@pytest.mark.usefixtures("no_secrets")
def test_the_breaker_stays_closed_when_secrets_manager_does_not_respond() -> None:
    consumer = cold_start("consumer")

    for _ in range(SILENT_BATCHES + 1):
        consumer.lambda_handler(records(order(1)), CONTEXT)

    assert not BreakerParameter(boto3.client("ssm"), "/woohub/breaker").read().is_open


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("name", ["ingest", "consumer", "governor", "reconcile"])
def test_calls_to_aws_time_out_before_the_functions_do(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[Any] = []
    make: Any = boto3.client

    def record_client(service: str, **settings: Any) -> Any:
        clients.append(make(service, **settings))
        return clients[-1]

    monkeypatch.setattr(boto3, "client", record_client)
    module = cold_start(name)
    if name == "consumer":  # creates these clients when the breaker opens
        module.breaker_parameter(), module.event_source_mapping()

    seconds = [longest_s(client.meta.config) for client in clients]
    assert max(seconds) < FUNCTIONS[f"{name.title()}Function"]["Timeout"]


def longest_s(config: Any) -> float:
    """How long a call without a response can take."""
    return float((config.connect_timeout + config.read_timeout) * (config.retries or {}).get("total_max_attempts", 5))


@pytest.mark.usefixtures("aws")
def test_governor_function_leaves_a_closed_breaker_closed_without_a_call(portal: SimulatedPortal) -> None:
    assert cold_start("governor").lambda_handler({}, CONTEXT) == {"state": "closed", "done": "closed"}
    assert portal.counters()["total"] == 0


@pytest.mark.usefixtures("aws")
def test_governor_function_closes_the_breaker_when_hubspot_responds(portal: SimulatedPortal) -> None:
    state = {"state": "open", "policy": "auth", "reason": "401", "resume": False}
    boto3.client("ssm").put_parameter(Name="/woohub/breaker", Value=json.dumps(state), Type="String", Overwrite=True)

    assert cold_start("governor").lambda_handler({}, CONTEXT) == {"state": "closed", "done": "reopened"}
    assert portal.counters()["total"] == 1
