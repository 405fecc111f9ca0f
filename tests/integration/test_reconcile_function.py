"""The function as Lambda calls it: AWS by moto, the store over real HTTP."""

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
    """What Lambda tells about an invocation."""

    seconds: float = 60.0

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@dataclass
class Stack:
    """The parts of the stack the function touches."""

    queue_url: str

    def set_store(self, url: str, key: str = KEY, secret: str = SECRET) -> None:
        stored = json.dumps({"url": url, "consumer_key": key, "consumer_secret": secret})
        boto3.client("secretsmanager").put_secret_value(SecretId="woohub/store", SecretString=stored)

    def messages(self) -> list[str]:
        """Topic and entity of what waits."""
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
def test_without_a_store_it_does_nothing_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
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
    ],
)
def test_a_damaged_access_to_the_store_is_a_failure_and_no_run(
    capsys: pytest.CaptureFixture[str], stored: dict[str, Any]
) -> None:
    boto3.client("secretsmanager").put_secret_value(SecretId="woohub/store", **stored)

    app.lambda_handler({}, Context())

    assert metrics(capsys) == {"SweepFailed": [1.0]}


@pytest.mark.usefixtures("stack")
def test_a_deleted_access_to_the_store_is_a_failure_and_no_run(capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("secretsmanager").delete_secret(SecretId="woohub/store")

    app.lambda_handler({}, Context())

    assert metrics(capsys) == {"SweepFailed": [1.0]}


def test_a_deleted_watermark_is_a_failed_run_that_says_what_to_do(stack: Stack) -> None:
    stack.set_store("https://shop.test")
    boto3.client("ssm").delete_parameter(Name="/woohub/watermark")

    failed = app.lambda_handler({}, Context())["failed"]

    assert "/woohub/watermark is missing; nothing is reconciled until" in failed["watermark"]
    assert "woohub reconcile --since" in failed["watermark"]


def test_a_process_that_knew_of_no_store_uses_the_one_set_since(stack: Stack) -> None:
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


def test_a_run_brings_orders_to_the_queue_and_remembers_how_far_it_came(stack: Stack) -> None:
    _, number = reconciled(stack)

    assert f"order.swept order:{number}" in stack.messages()
    assert stack.watermark()["orders"]["moment"] > "2026-01-01"


def test_a_run_gives_the_store_its_webhooks(stack: Stack) -> None:
    shop, _ = reconciled(stack)

    made = list(shop.hooks.webhooks.values())
    assert {webhook.delivery_url for webhook in made} == {"https://hooks.test/webhooks/woocommerce"}
    assert {webhook.secret for webhook in made} == {"webhook secret"}


def test_a_run_counts_what_it_did(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    reconciled(stack)

    counted = metrics(capsys)
    assert (counted["SweepCompleted"], counted["SweepQueued"]) == ([1.0], [1.0])
    assert sum(counted["WebhookRepaired"]) == 7


def test_no_key_and_no_address_of_a_customer_is_logged(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.filterwarnings("ignore:No application metrics to publish")  # nothing was done, so nothing is counted
def test_an_event_that_cannot_be_is_an_error_of_the_caller(stack: Stack) -> None:
    stack.set_store("https://shop.test")

    with pytest.raises(InvalidPayload, match="since"):
        app.lambda_handler({"since": "yesterday"}, Context())


def test_a_key_changed_a_moment_ago_is_used_in_the_same_run(stack: Stack) -> None:
    """`woohub setup` has stored it, while this process keeps the old one for five minutes."""
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url, secret="cs_of_yesterday")
        app.access("").secret.text()
        stack.set_store(url)
        number = shop.place()
        answer = app.lambda_handler({"since": "2026-01-01"}, Context())

    assert answer["complete"], answer
    assert f"order.swept order:{number}" in stack.messages()


def test_how_a_store_takes_calls_is_remembered_from_run_to_run(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    shop.hosting = Hosting(permalinks="plain")
    with running(shop) as url:
        stack.set_store(url)
        app.lambda_handler({}, Context())
        app.lambda_handler({}, Context())
        (way,) = [way for access, way in app.runs.styles.items() if access.url == url]

    assert way.plain


def test_how_a_store_took_calls_is_forgotten_once_it_does_so_no_more(stack: Stack) -> None:
    with running(SimulatedShop(post=lambda *_: 200)) as url:
        stack.set_store(url)
        app.runs.styles[StoreCredentials(url, KEY, SECRET)] = RequestStyle(home="http://its-address-of-before.test")
        refused, accepted = app.lambda_handler({}, Context()), app.lambda_handler({}, Context())

    assert "signature" in refused["stopped"]
    assert accepted["complete"], accepted


def test_another_store_set_meanwhile_is_read_and_not_the_one_before(stack: Stack) -> None:
    """Both answer: `woohub setup` was run with the address of the live shop in place of the staging copy's."""
    staging, live = SimulatedShop(post=lambda *_: 200), SimulatedShop(post=lambda *_: 200)
    with running(staging) as before, running(live) as url:
        stack.set_store(before)
        app.lambda_handler({}, Context())
        stack.set_store(url)
        staging.place()
        app.lambda_handler({"since": "2026-01-01"}, Context())

    assert stack.messages() == []


def test_a_webhook_gets_the_secret_that_is_stored_now(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        stack.set_store(url)
        app.lambda_handler({}, Context())
        boto3.client("secretsmanager").put_secret_value(
            SecretId="woohub/webhook-secret", SecretString='{"current": "the next", "previous": "webhook secret"}'
        )
        for webhook in shop.hooks.webhooks.values():
            webhook.status = "disabled"
        app.lambda_handler({}, Context())

    assert {webhook.secret for webhook in shop.hooks.webhooks.values()} == {"the next"}


def test_a_long_maintenance_ends_a_run_early_with_the_reason(stack: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    shop.hosting = Hosting(maintenance="600")
    with running(shop) as url:
        stack.set_store(url)
        stopped = app.lambda_handler({}, Context(300.0))["stopped"]

    assert stopped.startswith("store unavailable")
    assert "maintenance" in stopped
    assert "600 s" in stopped


# Several stores


STORES = json.dumps({"stores": {"second": {}, "third": {"order_key_prefix": "3-"}}})


@pytest.fixture
def several(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """With two further stores, as `woohub store add` leaves them before their first run."""
    bucket = Bucket()
    bucket.put("stores.json", STORES)
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(Clock()))
    secrets = boto3.client("secretsmanager")
    for store in ("second", "third"):
        secrets.create_secret(Name=f"woohub/stores/{store}/webhook", SecretString='{"current": "of its own"}')
        secrets.create_secret(Name=f"woohub/stores/{store}/store", SecretString="{}")
    return stack


def set_other_store(name: str, url: str) -> None:
    access = {"url": url, "consumer_key": KEY, "consumer_secret": SECRET}
    boto3.client("secretsmanager").put_secret_value(
        SecretId=f"woohub/stores/{name}/store", SecretString=json.dumps(access)
    )


class Functions:
    """Remembers which runs were started; `broken` cannot be."""

    def __init__(self, broken: str = "") -> None:
        self.started, self.broken = list[Any](), broken

    def invoke(self, **arguments: Any) -> None:
        assert (arguments["FunctionName"], arguments["InvocationType"]) == ("reconcile", "Event")
        store = json.loads(arguments["Payload"])["store"]
        if store == self.broken:
            raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")
        self.started.append(store)


def schedule(monkeypatch: pytest.MonkeyPatch, functions: Functions) -> Any:
    """What the function answers to its schedule."""
    client = boto3.client
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "reconcile")
    monkeypatch.setattr(boto3, "client", lambda name, **how: functions if name == "lambda" else client(name, **how))
    return app.lambda_handler({"source": "aws.events", "detail-type": "Scheduled Event"}, Context())


@pytest.mark.usefixtures("several")
def test_the_schedule_starts_a_run_of_each_other_store_and_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Functions()

    schedule(monkeypatch, functions)

    assert functions.started == ["second", "third"]


@pytest.mark.usefixtures("several")
def test_a_run_that_cannot_be_started_keeps_no_other_store_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    functions = Functions(broken="second")

    assert schedule(monkeypatch, functions) == {"configured": False}  # the first store's own

    assert functions.started == ["third"]
    assert metrics(capsys)["SweepFailed"] == [1.0]


def test_a_stack_with_one_store_calls_nobody(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Functions()

    schedule(monkeypatch, functions)

    assert (functions.started, stack.messages()) == ([], [])


def test_another_store_has_its_own_webhooks_watermark_and_messages(several: Stack) -> None:
    shop = SimulatedShop(post=lambda *_: 200)
    with running(shop) as url:
        set_other_store("second", url)
        number = shop.place()
        answer = app.lambda_handler({"store": "second", "since": "2026-01-01"}, Context())

    assert answer["complete"], answer
    made = shop.hooks.webhooks.values()
    assert {webhook.delivery_url for webhook in made} == {"https://hooks.test/webhooks/woocommerce/second"}
    assert {webhook.secret for webhook in made} == {"of its own"}
    assert several.watermark() == {}  # the first store's, as it was
    assert several.watermark("/woohub/stores/second/watermark")["orders"]["moment"] > "2026-01-01"
    assert several.messages() == [f"order.swept order:{number} second"]


@pytest.mark.usefixtures("several")
def test_a_store_added_since_the_configuration_was_read_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, clock = Bucket(), Clock()
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(clock.read))
    app.runs.configuration.current()
    bucket.put("stores.json", STORES)
    clock.sleep(10)

    assert app.runs.mapping("second").order_key_prefix == "second-"


@pytest.mark.usefixtures("several")
def test_what_another_store_counts_hides_nothing_of_the_first(capsys: pytest.CaptureFixture[str]) -> None:
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


def test_a_configuration_that_cannot_be_read_stops_no_run_of_the_first_store(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = Bucket()
    bucket.put("stores.json", "{")
    monkeypatch.setattr(app.runs, "configuration", bucket.configuration(Clock()))

    reconciled(stack)
