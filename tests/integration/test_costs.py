"""The assumptions of docs/costs.md that can be measured: calls, log lines and metrics for each order."""

from __future__ import annotations

import inspect
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from statistics import fmean, median
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_lambda_powertools import Logger
from moto import mock_aws

from benchmark import orders
from functions.ingest import app as ingest
from functions.reconcile import app as reconcile
from generators.costs import ASSUMED, METRICS
from generators.events import consumer_record, ingest_event
from simulators.hubspot import DEFAULT_TOKEN, SimulatedPortal, provision, running
from simulators.woocommerce import KEY, SimulatedShop
from simulators.woocommerce import SECRET as STORE_SECRET
from simulators.woocommerce import running as running_shop
from tests.support.deliveries import SECRET, captured, delivery
from tests.support.functions import cold_start
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import to_sqs
from woohub.settings import Secret
from woohub.store.payloads import ORDER_SWEPT

CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 60_000, function_name="consumer")
MESSAGE_ID = "059f36b4-87a3-44ab-83d2-{:012}"  # as long as a message id of SQS
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
LINE_OVERHEAD = 26  # bytes that CloudWatch adds to each line
TOLERANCE = 1.5  # an assumption may be this many times the measured value


@dataclass
class InvocationOutput:
    """The log lines of one invocation, and the sizes of its calls to HubSpot."""

    lines: list[str]
    sent: list[int] = field(default_factory=list)  # bytes of each call

    @property
    def entries(self) -> list[tuple[dict[str, Any], int]]:
        """Each line, and its billed bytes."""
        return [(json.loads(line), len(line.encode()) + LINE_OVERHEAD) for line in self.lines]

    def bytes_of(self, message: str) -> list[int]:
        """The billed bytes of each line with this message; "" for lines that only hold metrics."""
        return [size for entry, size in self.entries if entry.get("message", "") == message]

    @property
    def metrics(self) -> set[str]:
        """The metrics' names in the notation of costs.toml."""
        directives = [each for entry, _ in self.entries for each in entry.get("_aws", {}).get("CloudWatchMetrics", ())]
        return {
            " by ".join([metric["Name"], *dimensions[1:]])
            for directive in directives
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
        }


class MeteredHttp:
    """A connection that records how many bytes each call sends."""

    def __init__(self, http: Any) -> None:
        self._http = http
        self.sent: list[int] = []

    def request(self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], **kwargs: Any) -> Any:
        lines = [f"{method} {url} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        self.sent.append(sum(len(line) + 2 for line in lines) + len(body or b""))
        return self._http.request(method, url, body=body, headers=headers, **kwargs)


@dataclass
class QuietShop:
    """The functions at low traffic, and the output of each step."""

    monkeypatch: pytest.MonkeyPatch
    steps: dict[str, InvocationOutput] = field(default_factory=dict)

    def run(self, name: str, function: ModuleType, event: object, http: MeteredHttp | None = None) -> None:
        printed, logged = io.StringIO(), io.StringIO()
        self.monkeypatch.setattr(Logger().registered_handler, "stream", logged)
        before = len(http.sent) if http else 0
        with redirect_stdout(printed):
            answer = function.lambda_handler(event, CONTEXT)
        assert not answer.get("batchItemFailures")
        self.steps[name] = InvocationOutput(
            (logged.getvalue() + printed.getvalue()).splitlines(), http.sent[before:] if http else []
        )

    def consume(self, function: ModuleType, waves: Mapping[str, Sequence[Delivery]]) -> None:
        http = MeteredHttp(function.hubspot.caller.http)
        function.hubspot.caller.http = http
        for number, (name, deliveries) in enumerate(waves.items()):
            records = [
                consumer_record(to_sqs(sent), MESSAGE_ID.format(number * 100 + n)) for n, sent in enumerate(deliveries)
            ]
            self.run(name, function, {"Records": records}, http)

    def outputs(self, *names: str) -> list[InvocationOutput]:
        return [self.steps[name] for name in names]


def waves() -> dict[str, list[Delivery]]:
    """A cold start, an order's three deliveries one by one, and ten orders that reconcile queues again."""
    at = orders.START_S
    created = orders.order(1, orders.Person(1), status="pending", created=at, modified=at)
    paid = orders.changed(created, "processing", modified=at + 1)
    completed = orders.changed(paid, "completed", modified=at + 3600)
    ten = orders.new_orders(10, at, first=100).deliveries
    return {
        "cold": list(orders.new_orders(1, at, first=50).deliveries),
        "created": [orders.delivery("order.created", created, at)],
        "updated": [orders.delivery("order.updated", paid, at + 1)],
        "completed": [orders.delivery("order.updated", completed, at + 3600)],
        "ten": list(ten),
        "swept": [
            Delivery(ORDER_SWEPT, delivery.body, delivery.received_ms + 900_000, delivery.entity, delivery.source)
            for delivery in ten
        ],
    }


@pytest.fixture(scope="module")
def shop() -> Iterator[QuietShop]:
    portal = provision(SimulatedPortal())
    with pytest.MonkeyPatch.context() as patch, mock_aws(), running(portal) as hubspot:
        secrets, sqs = boto3.client("secretsmanager"), boto3.client("sqs")
        secrets.create_secret(Name="woohub/hubspot-token", SecretString=json.dumps({"token": DEFAULT_TOKEN}))
        secrets.create_secret(Name="woohub/webhook-secret", SecretString=json.dumps({"current": SECRET}))
        boto3.client("ssm").put_parameter(Name="/woohub/breaker", Value='{"state":"closed"}', Type="String")
        boto3.client("ssm").put_parameter(Name="/woohub/watermark", Value="{}", Type="String")
        sqs.create_queue(QueueName="deliveries")
        patch.setenv("HUBSPOT_API_URL", hubspot)
        patch.setenv("AWS_LAMBDA_FUNCTION_NAME", "consumer")
        patch.setenv("_X_AMZN_TRACE_ID", TRACE)  # then every line of the log holds it
        patch.setattr(ingest, "secret", Secret(secrets, "woohub/webhook-secret"))
        quiet_shop = QuietShop(patch)
        quiet_shop.run("ingest", ingest, ingest_event(delivery(19)))
        quiet_shop.consume(cold_start("consumer"), waves())
        quiet_shop.run("governor", cold_start("governor"), {})
        _reconcile_twice(quiet_shop)
        yield quiet_shop


def _reconcile_twice(quiet_shop: QuietShop) -> None:
    """The first run creates the webhooks; the second is a usual one."""
    store = SimulatedShop(post=lambda *_: 200)
    with running_shop(store) as url:
        secrets = boto3.client("secretsmanager")
        key = {"url": url, "consumer_key": KEY, "consumer_secret": STORE_SECRET}
        secrets.create_secret(Name="woohub/store", SecretString=json.dumps(key))
        quiet_shop.monkeypatch.setattr(reconcile, "secrets_manager", secrets)
        reconcile.access.cache_clear()
        quiet_shop.run("first reconcile", reconcile, {})
        store.place()
        quiet_shop.run("reconcile", reconcile, {})


def test_three_deliveries_of_an_order_take_the_assumed_calls(shop: QuietShop) -> None:
    calls = [len(output.sent) for output in shop.outputs("created", "updated", "completed")]

    assert len(calls) == ASSUMED["deliveries_per_order"]
    assert sum(calls) == ASSUMED["calls_per_order"]


def test_ten_reconciled_orders_take_the_assumed_calls(shop: QuietShop) -> None:
    assert len(shop.steps["swept"].sent) == ASSUMED["calls_per_reconciled_batch"]


def test_definitions_take_the_assumed_calls(shop: QuietShop) -> None:
    cold, warm = shop.outputs("cold", "created")

    assert len(cold.sent) - len(warm.sent) == ASSUMED["definition_calls"]


def test_a_call_sends_less_than_half_of_the_assumed_bytes(shop: QuietShop) -> None:
    sent = [size for output in shop.outputs("created", "updated", "completed") for size in output.sent]

    assert fmean(sent) < ASSUMED["call_bytes"] / 2  # the rest is for TLS


@pytest.mark.parametrize(
    ("name", "message"),
    [("delivery_log_bytes", "delivery"), ("call_log_bytes", "hubspot call"), ("consumer_log_bytes", "")],
)
def test_consumer_log_lines_have_the_assumed_size(shop: QuietShop, name: str, message: str) -> None:
    sizes = [size for output in shop.outputs("created", "updated", "completed") for size in output.bytes_of(message)]

    assert fmean(sizes) <= ASSUMED[name] <= TOLERANCE * fmean(sizes)


@pytest.mark.parametrize(
    ("name", "step"),
    [("ingest_log_bytes", "ingest"), ("governor_log_bytes", "governor"), ("reconcile_log_bytes", "reconcile")],
)
def test_ingest_governor_and_reconcile_log_the_assumed_bytes(shop: QuietShop, name: str, step: str) -> None:
    measured = sum(size for _, size in shop.steps[step].entries)

    assert measured <= ASSUMED[name] <= TOLERANCE * measured


def test_the_consumer_logs_only_the_assumed_kinds_of_lines(shop: QuietShop) -> None:
    entries = [
        entry for output in shop.outputs("created", "updated", "completed", "swept") for entry, _ in output.entries
    ]

    assert {entry.get("message", "") for entry in entries} == {"delivery", "hubspot call", ""}


def test_metrics_of_normal_operation_are_the_assumed_ones(shop: QuietShop) -> None:
    steps = shop.outputs("ingest", "created", "updated", "completed", "swept", "governor", "reconcile")

    assert set.union(*(step.metrics for step in steps)) == {*METRICS["every_hour"], *METRICS["with_deliveries"]}


def test_the_median_order_is_at_most_the_assumed_size() -> None:
    sizes = [len(line.body) for line in captured() if line.topic in ("order.created", "order.updated")]

    assert median(sizes) <= ASSUMED["order_kb"] * 1000


def test_a_secret_is_cached_for_the_assumed_time() -> None:
    cached_s = inspect.signature(Secret).parameters["max_age_s"].default

    assert cached_s == ASSUMED["secret_minutes"] * 60
