"""The checks of `woohub doctor` that read metrics, logs and the queue."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.support.doctor_command import context, healthy, step
from tests.support.operated_stack import OperatedStack
from woohub_cli.check_result import Result
from woohub_cli.checks import deliveries
from woohub_cli.checks.health_context import ago
from woohub_cli.stack import metrics
from woohub_cli.stack.metrics import LoggedMetrics


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return healthy(new_stack)


class NoDeliveries:
    """Metrics of a stack without deliveries."""

    def total(self, *_: object) -> int:
        return 0

    def last(self, *_: object) -> None:
        return None

    oldest_message = last


def test_last_delivery_is_none_since_setup_before_the_first_delivery(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch, metrics=NoDeliveries())

    assert step(health, "last delivery").detail.startswith("none since the webhooks were created")


def test_last_delivery_is_a_warning_without_metrics(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    health = context(shop, monkeypatch, metrics=None)

    assert step(health, "last delivery").outcome is Result.WARNING
    assert step(health, "governor").outcome is Result.OK


STAGING_SITE = "https://staging.shop.example/"


def write_log(monkeypatch: pytest.MonkeyPatch, *lines: dict[str, Any]) -> None:
    """Write these lines to the ingest function's log."""
    logs = boto3.client("logs")
    monkeypatch.setattr("woohub_cli.stack.traces._group", lambda *_: "ingest")
    logs.create_log_group(logGroupName="ingest")
    logs.create_log_stream(logGroupName="ingest", logStreamName="stream")
    at = round(time.time() * 1000)
    events: Any = [{"timestamp": at, "message": json.dumps(line)} for line in lines]
    logs.put_log_events(logGroupName="ingest", logStreamName="stream", logEvents=events)


@pytest.mark.parametrize("counts", [True, False])
def test_doctor_names_the_other_site_that_delivered(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, counts: bool
) -> None:
    write_log(monkeypatch, *[{"ForeignSource": 1, "source": STAGING_SITE}] * 2)
    shop.metric("ForeignSource", 2)
    counted = metrics.of(shop.stack.stack, time.time()) if counts else LoggedMetrics(shop.stack.stack, time.time())
    health = context(shop, monkeypatch, metrics=counted)

    (other_sites,) = [step for step in deliveries._sources(health) if step.what == "other sites"]

    assert other_sites.outcome is Result.FAILED
    assert "2 deliveries of other sites ignored" in other_sites.detail
    assert STAGING_SITE in other_sites.detail


@pytest.mark.parametrize(
    ("cause", "fix"),
    [
        ("rest_no_route", "woocommerce_webhook_deliver_async"),
        ("woocommerce_rest_cannot_view", "the user a webhook belongs to"),
        ("woocommerce_api_user_cannot_read_order", "the user a webhook belongs to"),
        ("woocommerce_rest_invalid_shop_order_id", "version 1 of the REST API"),
        ("topic_mismatch", "the legacy API"),
        ("not_json", "a plugin"),
        ("too_large", "shorten"),
        ("rest_api_unavailable", "the ingest function's log"),
    ],
)
def test_each_cause_of_lost_events_is_reported_with_its_fix(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, cause: str, fix: str
) -> None:
    write_log(monkeypatch, *[{"LostEvent": 1, "cause": cause}] * 2)
    shop.metric("LostEvent", 2)

    events = step(context(shop, monkeypatch), "events")

    assert f": {cause} (2)" in events.detail
    assert fix in events.fix


def test_fixes_of_lost_events_are_not_repeated(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    causes = ["rest_no_route", "woocommerce_rest_cannot_view", "woocommerce_api_user_cannot_read_order"]
    write_log(monkeypatch, *[{"LostEvent": 1, "cause": cause} for cause in [*causes, causes[0]]])
    shop.metric("LostEvent", 4)

    events = step(context(shop, monkeypatch), "events")

    assert "rest_no_route (2)" in events.detail
    assert events.fix.count("woocommerce_webhook_deliver_async") == events.fix.count("the user a webhook") == 1


def test_signatures_check_warns_without_metrics_when_the_store_has_another_secret(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.shop.hooks.webhooks[1].secret = "of-another-stack"
    shop.shop.place()
    shop.shop.run_webhooks()
    write_log(monkeypatch, *map(json.loads, shop.log.getvalue().splitlines()))

    signatures = step(context(shop, monkeypatch, metrics=LoggedMetrics(shop.stack.stack, time.time())), "signatures")

    assert signatures.outcome is Result.WARNING
    assert "the store signs with another secret than the stack has" in signatures.detail


@dataclass
class OldestMessage:
    """Metrics of a queue whose oldest message is this many seconds old."""

    seconds: float

    def oldest_message(self, _url: str) -> float:
        return self.seconds

    def total(self, name: str, _seconds: int) -> int:
        return name == "GovernorAlive"

    def last(self, _name: str, _seconds: int) -> float:
        return time.time()


@pytest.mark.parametrize(("seconds", "outcome"), [(60, Result.OK), (7200, Result.WARNING), (6 * 86400, Result.FAILED)])
def test_queue_outcome_depends_on_the_age_of_the_oldest_message(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, seconds: float, outcome: Result
) -> None:
    queue_a_message(shop)

    queue = step(context(shop, monkeypatch, metrics=OldestMessage(seconds)), "queue")

    assert (queue.outcome, ago(seconds) in queue.detail) == (outcome, True)


def queue_a_message(shop: OperatedStack) -> None:
    boto3.client("sqs").send_message(QueueUrl=shop.stack.outputs["QueueUrl"], MessageBody="…")


def test_queue_check_warns_about_a_message_retried_for_hours(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_a_message(shop)
    shop.metric("RetriedAge", minutes_ago=18, value=7_200_000)

    queue = step(context(shop, monkeypatch), "queue")

    assert (queue.outcome, ago(7200) in queue.detail) == (Result.WARNING, True)


def test_queue_check_of_an_empty_queue_is_ok_despite_earlier_retries(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.metric("RetriedAge", minutes_ago=18, value=7_200_000)

    assert step(context(shop, monkeypatch), "queue").outcome is Result.OK


class ForbiddenMetrics:
    """Metrics that the caller may not read."""

    def _refuse(self, *_: object, **__: object) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "GetMetricStatistics")

    total = last = oldest_message = _refuse


def test_checks_without_permission_warn_and_the_others_still_run(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch, metrics=ForbiddenMetrics())

    assert "permission" in step(health, "signatures").fix
    assert step(health, "dead letters").outcome is Result.OK
    assert step(health, "HubSpot scopes").outcome is Result.OK
