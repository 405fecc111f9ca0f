"""The reconcile function as Lambda calls it: AWS by moto, the store over real HTTP."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.reconcile import app
from simulators.woocommerce import KEY, SECRET, SimulatedShop, running
from simulators.woocommerce.hosting import Hosting
from tests.support.bucket import Bucket
from tests.support.clock import Clock
from woohub.errors import InvalidPayload
from woohub.reconcile.telemetry import Telemetry
from woohub.store.connection import RequestStyle, StoreCredentials

pytestmark = pytest.mark.usefixtures("logs_are_described")


@dataclass
class Context:
    """Lambda's context of an invocation."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Stack:
    """The parts of the stack that the function uses."""

    queue_url: str

    def set_store(self, url: str, key: str = KEY, secret: str = SECRET) -> None:
        stored = json.dumps({"url": url, "consumer_key": key, "consumer_secret": secret})
        boto3.client("secretsmanager").put_secret_value(SecretId="woohub/store", SecretString=stored)

    def messages(self) -> list[str]:
        """Topic, entity and store of each message in the queue."""
        answer = boto3.client("sqs").receive_message(
            QueueUrl=self.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        )
        entries = [
            json.loads(message["MessageAttributes"]["delivery"]["StringValue"])
            for message in answer.get("Messages", [])
        ]
        return [" ".join((entry["topic"], entry["entity"], *filter(None, [entry.get("store")]))) for entry in entries]

    def watermark(self, name: str = "/woohub/watermark") -> Any:
        return json.loads(boto3.client("ssm").get_parameter(Name=name)["Parameter"]["Value"])


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A stack after its deployment: the store's secret holds the placeholder."""
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        empty = {"url": "", "consumer_key": "", "consumer_secret": ""}
        secrets.create_secret(Name="woohub/store", SecretString=json.dumps(empty))
        secrets.create_secret(Name="woohub/webhook-secret", SecretString='{"current": "webhook secret"}')
        boto3.client("ssm").put_parameter(Name="/woohub/watermark", Value="{}", Type="String")
        url = boto3.client("sqs").create_queue(QueueName="deliveries")["QueueUrl"]
        monkeypatch.setattr(app, "secrets_manager", boto3.client("secretsmanager"))
        app.access.cache_clear()
        monkeypatch.setattr(app.runs, "telemetry", Telemetry(app.logger, app.metrics))
        yield Stack(url)


def metrics(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """All metrics written so far, with their values."""
    values: dict[str, Any] = {}
    for line in capsys.readouterr().out.splitlines():
        entry = json.loads(line)
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", []):
            assert directive["Namespace"] == "WooHub"
            assert directive["Dimensions"] == [["service"]]
            values |= {metric["Name"]: entry[metric["Name"]] for metric in directive["Metrics"]}
    return values


@pytest.mark.usefixtures("stack")
def test_a_run_without_a_store_does_nothing_and_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.lambda_handler({}, Context()) == {"configured": False}

    assert metrics(capsys)["SweepNotConfigured"] == [1.0]


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    "stored",
    [
        {"SecretString": "no json"},
        {"SecretString": "[]"},
        {"SecretString": '{"url": "https://shop.test", "consumer_key": "ck"}'},
        {"SecretBinary": b"binary"},
        None,  # deleted
    ],
)
def test_a_damaged_or_deleted_store_secret_counts_as_a_failed_run(
    capsys: pytest.CaptureFixture[str], stored: dict[str, Any] | None
) -> None:
    secrets = boto3.client("secretsmanager")
    if stored:
        secrets.put_secret_value(SecretId="woohub/store", **stored)
    else:
        secrets.delete_secret(SecretId="woohub/store")

    app.lambda_handler({}, Context())

    assert metrics(capsys) == {"SweepFailed": [1.0]}


def test_a_deleted_watermark_fails_the_run_with_instructions(stack: Stack) -> None:
    stack.set_store("https://shop.test")
    boto3.client("ssm").delete_parameter(Name="/woohub/watermark")

    failed = app.lambda_handler({}, Context())["failed"]

    assert "/woohub/watermark is missing; nothing is reconciled until" in failed["watermark"]
    assert "woohub reconcile --since" in failed["watermark"]


def test_a_warm_function_uses_a_store_that_was_set_after_its_first_run(stack: Stack) -> None:
    app.lambda_handler({}, Context())

    assert reconciled(stack)


def reconciled(stack: Stack) -> tuple[SimulatedShop, int]:
    """A shop after a run, and the number of its one order."""
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url)
        number = shop.place()
        answer = app.lambda_handler({"since": "2026-01-01"}, Context())
    assert answer["complete"], answer
    return shop, number


def test_a_run_queues_orders_and_stores_the_watermark(stack: Stack) -> None:
    _, number = reconciled(stack)

    assert f"order.swept order:{number}" in stack.messages()
    assert stack.watermark()["orders"]["moment"] > "2026-01-01"


def test_a_run_creates_the_webhooks_in_the_store(stack: Stack) -> None:
    shop, _ = reconciled(stack)

    made = list(shop.hooks.webhooks.values())
    assert {webhook.delivery_url for webhook in made} == {"https://hooks.test/webhooks/woocommerce"}
    assert {webhook.secret for webhook in made} == {"webhook secret"}


def test_a_run_counts_completion_messages_and_repaired_webhooks(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    reconciled(stack)

    counted = metrics(capsys)
    assert (counted["SweepCompleted"], counted["SweepQueued"]) == ([1.0], [1.0])
    assert sum(counted["WebhookRepaired"]) == 7


def test_neither_keys_nor_a_customers_email_are_logged(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(app.logger.registered_handler, "stream", written)
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url)
        shop.place(billing={"email": "somebody@shop.example"})
        app.lambda_handler({}, Context())
        shop.keys.clear()
        app.lambda_handler({}, Context())

    assert "sweep_stopped" in written.getvalue()
    for secret in (KEY, SECRET, "webhook secret", "somebody@shop.example", "oauth_signature"):
        assert secret not in written.getvalue()


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
def test_an_invalid_event_raises_invalid_payload(stack: Stack) -> None:
    stack.set_store("https://shop.test")

    with pytest.raises(InvalidPayload, match="since"):
        app.lambda_handler({"since": "yesterday"}, Context())


def test_a_key_that_was_just_changed_is_used_in_the_same_run(stack: Stack) -> None:
    """`woohub setup` has stored the new key while this process keeps the old one for five minutes."""
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url, secret="cs_of_yesterday")
        app.access("").secret.text()
        stack.set_store(url)
        number = shop.place()
        answer = app.lambda_handler({"since": "2026-01-01"}, Context())

    assert answer["complete"], answer
    assert f"order.swept order:{number}" in stack.messages()


def test_a_stores_request_style_is_kept_between_runs(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    shop.hosting = Hosting(permalinks="plain")
    with running(shop) as url:
        stack.set_store(url)
        app.lambda_handler({}, Context())
        app.lambda_handler({}, Context())
        (style,) = [style for access, style in app.runs.styles.items() if access.url == url]

    assert style.plain


def test_a_request_style_that_no_longer_works_is_dropped_for_the_next_run(stack: Stack) -> None:
    with running(SimulatedShop(post=lambda *_: 200)) as url:
        stack.set_store(url)
        app.runs.styles[StoreCredentials(url, KEY, SECRET)] = RequestStyle(home="http://former-address.test")
        rejected, accepted = app.lambda_handler({}, Context()), app.lambda_handler({}, Context())

    assert "signature" in rejected["stopped"]
    assert accepted["complete"], accepted


def test_a_run_reads_the_newly_set_store_and_not_the_former_one(stack: Stack) -> None:
    """`woohub setup` was run with the live shop's address instead of the staging copy's; both stores respond."""
    staging, live = SimulatedShop(post=lambda *_: 200), SimulatedShop(post=lambda *_: 200)
    with running(staging) as before, running(live) as url:
        stack.set_store(before)
        app.lambda_handler({}, Context())
        stack.set_store(url)
        staging.place()
        app.lambda_handler({"since": "2026-01-01"}, Context())

    assert stack.messages() == []


def test_a_repaired_webhook_gets_the_currently_stored_secret(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url)
        app.lambda_handler({}, Context())
        boto3.client("secretsmanager").put_secret_value(
            SecretId="woohub/webhook-secret", SecretString='{"current": "new secret", "previous": "webhook secret"}'
        )
        for webhook in shop.hooks.webhooks.values():
            webhook.status = "disabled"
        app.lambda_handler({}, Context())

    assert {webhook.secret for webhook in shop.hooks.webhooks.values()} == {"new secret"}


def test_a_long_maintenance_of_the_store_stops_the_run_with_the_reason(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    shop.hosting = Hosting(maintenance="600")
    with running(shop) as url:
        stack.set_store(url)
        stopped = app.lambda_handler({}, Context(300.0))["stopped"]

    assert stopped.startswith("store unavailable")
    assert "maintenance" in stopped
    assert "600 s" in stopped


STORES = json.dumps({"stores": {"second": {}, "third": {"order_key_prefix": "3-"}}})


@pytest.fixture
def stack_with_three_stores(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """The stack with two more stores, as `woohub store add` creates them, before their first run."""
    bucket = Bucket()
    bucket.put("stores.json", STORES)
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(Clock()))
    secrets = boto3.client("secretsmanager")
    for store in ("second", "third"):
        secrets.create_secret(Name=f"woohub/stores/{store}/webhook", SecretString='{"current": "second secret"}')
        secrets.create_secret(Name=f"woohub/stores/{store}/store", SecretString="{}")
    return stack


def set_other_store(name: str, url: str) -> None:
    access = {"url": url, "consumer_key": KEY, "consumer_secret": SECRET}
    boto3.client("secretsmanager").put_secret_value(
        SecretId=f"woohub/stores/{name}/store", SecretString=json.dumps(access)
    )


class Functions:
    """Records the runs that were started; the run of `broken` cannot be started."""

    def __init__(self, broken: str = "") -> None:
        self.started, self.broken = list[Any](), broken

    def invoke(self, **arguments: Any) -> None:
        assert (arguments["FunctionName"], arguments["InvocationType"]) == ("reconcile", "Event")
        store = json.loads(arguments["Payload"])["store"]
        if store == self.broken:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        self.started.append(store)


def schedule(monkeypatch: pytest.MonkeyPatch, functions: Functions) -> Any:
    """The function's answer to its schedule."""
    client = boto3.client
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "reconcile")
    monkeypatch.setattr(boto3, "client", lambda name, **how: functions if name == "lambda" else client(name, **how))
    return app.lambda_handler({"source": "aws.events", "detail-type": "Scheduled Event"}, Context())


@pytest.mark.usefixtures("stack_with_three_stores")
def test_the_schedule_starts_an_asynchronous_run_for_each_other_store(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Functions()

    schedule(monkeypatch, functions)

    assert functions.started == ["second", "third"]


@pytest.mark.usefixtures("stack_with_three_stores")
def test_a_run_that_cannot_be_started_is_counted_and_the_other_stores_run_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = Functions(broken="second")

    assert schedule(monkeypatch, functions) == {"configured": False}  # for the first store

    assert functions.started == ["third"]
    assert metrics(capsys)["SweepFailed"] == [1.0]


def test_the_schedule_of_a_stack_with_one_store_starts_no_further_run(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = Functions()

    schedule(monkeypatch, functions)

    assert (functions.started, stack.messages()) == ([], [])


def test_a_second_store_has_its_own_webhooks_watermark_and_messages(stack_with_three_stores: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        set_other_store("second", url)
        number = shop.place()
        answer = app.lambda_handler({"store": "second", "since": "2026-01-01"}, Context())

    assert answer["complete"], answer
    made = shop.hooks.webhooks.values()
    assert {webhook.delivery_url for webhook in made} == {"https://hooks.test/webhooks/woocommerce/second"}
    assert {webhook.secret for webhook in made} == {"second secret"}
    assert stack_with_three_stores.watermark() == {}  # the first store's is unchanged
    assert stack_with_three_stores.watermark("/woohub/stores/second/watermark")["orders"]["moment"] > "2026-01-01"
    assert stack_with_three_stores.messages() == [f"order.swept order:{number} second"]


@pytest.mark.usefixtures("stack_with_three_stores")
def test_a_store_added_after_the_configuration_was_read_has_its_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, clock = Bucket(), Clock()
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(clock.read))
    app.runs.configuration.current()
    bucket.put("stores.json", STORES)
    clock.sleep(10)

    assert app.runs.mapping("second").order_key_prefix == "second-"


@pytest.mark.usefixtures("stack_with_three_stores")
def test_a_second_stores_alive_metric_is_not_counted_for_the_first(capsys: pytest.CaptureFixture[str]) -> None:
    with running(SimulatedShop(post=lambda *_: 200)) as url:
        set_other_store("second", url)
        app.lambda_handler({"store": "second"}, Context())

    counted = by_dimensions(capsys)
    assert "SweepAlive" in counted["service", "store"] - counted["service",]
    assert "SweepCompleted" in counted["service", "store"] & counted["service",]


def by_dimensions(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, ...], set[str]]:
    """The names of all metrics written so far, by their dimensions."""
    written: dict[tuple[str, ...], set[str]] = {}
    for line in capsys.readouterr().out.splitlines():
        for directive in json.loads(line).get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                known = written.setdefault(tuple(sorted(names)), set())
                known |= {metric["Name"] for metric in directive["Metrics"]}
    return written


def test_the_first_stores_run_completes_with_an_unreadable_configuration(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    bucket.put("stores.json", "{")
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(Clock()))

    reconciled(stack)
