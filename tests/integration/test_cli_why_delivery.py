"""`woohub why` names what happened to an order's delivery."""

from __future__ import annotations

import json
import time
from typing import Any

import boto3
import pytest

from simulators.hubspot import InjectedFault
from tests.support.operated_stack import OperatedStack, now_text
from tests.support.stack_consumer import StackConsumer
from tests.support.why_command import edit, why, without_delivery
from woohub.consumer.breaker import State
from woohub.hubspot import retries

AN_HOUR_AGO = -3600.0


def test_why_reports_that_an_order_was_never_delivered(shop: OperatedStack) -> None:
    number = without_delivery(shop, shop.shop.place)

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert facts["next_step"].startswith("woohub reconcile queues it now")


def test_why_reports_that_a_change_was_never_delivered(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(created=time.time() - 100, modified=time.time() - 100, status="pending")
    consumer.deliver()
    shop.shop.hooks.lose = 1.0
    now, shop.shop.clock = shop.shop.clock, lambda: time.time() + 2
    shop.shop.change_status(number, "completed")
    shop.shop.clock = now
    shop.shop.run_webhooks()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert {difference["property"] for difference in facts["hubspot"]["findings"][0]["differences"]} == {
        "dealstage",
        "woocommerce_order_status",
    }


def test_why_reports_an_undelivered_order_that_reconcile_missed(shop: OperatedStack) -> None:
    number = without_delivery(shop, shop.shop.place, created=time.time() + AN_HOUR_AGO)
    shop.watermark(orders={"moment": now_text()})

    facts = why(shop, number)

    assert "reconcile has passed that moment" in facts["conclusion"]
    assert facts["next_step"] == f"woohub reconcile --since {facts['store']['modified_at'][:-1]}"


def test_why_reports_deliveries_with_an_invalid_signature(shop: OperatedStack, consumer: StackConsumer) -> None:
    for webhook in shop.shop.hooks.webhooks.values():
        webhook.secret = "another-secret"
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "2 requests had no valid signature" in facts["conclusion"]
    assert "woohub doctor" in facts["next_step"]


def test_why_reports_a_dead_letter_with_its_reason(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.portal.change_settings({"rules": [{"object_type": "deals", "properties": ["description"], "when": {}}]})
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "is in the dead-letter queue: HubSpot rejected it" in facts["conclusion"]
    assert "woohub dlq redrive" in facts["next_step"]
    assert shop.stack.visible("DeadLetterQueueUrl") == len(facts["dead_letters"]) == 2


def rejected_order(shop: OperatedStack, consumer: StackConsumer, change: Any) -> int:
    """An order whose delivery HubSpot rejected, and that then changed in the store without a delivery."""
    shop.portal.change_settings({"rules": [{"object_type": "deals", "properties": ["description"], "when": {}}]})
    number: int = shop.shop.place()
    consumer.deliver()
    without_delivery(shop, change, number)
    return number


def test_why_reports_a_dead_letter_of_a_deleted_order(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = rejected_order(shop, consumer, shop.shop.delete)

    facts = why(shop, number)

    assert facts["conclusion"].startswith(f"Neither the store nor HubSpot has an order {number}; a delivery of it was")
    assert "is in the dead-letter queue: HubSpot rejected it" in facts["conclusion"]
    assert f"woohub dlq drop --order order:{number};" in facts["next_step"]


def test_why_reports_a_dead_letter_of_a_trashed_order(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = rejected_order(shop, consumer, shop.shop.trash)

    facts = why(shop, number)

    assert "no deal is created. An older delivery of it is in the dead-letter queue" in facts["conclusion"]
    assert facts["next_step"] == f"woohub dlq drop --order order:{number}"


def test_why_reports_a_dead_letter_when_the_store_cannot_be_read(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = rejected_order(shop, consumer, lambda _number: shop.shop.keys.clear())

    conclusion = why(shop, number)["conclusion"]

    assert conclusion.startswith("The store could not be read")
    assert "is in the dead-letter queue: HubSpot rejected it" in conclusion


def test_why_reports_a_delivery_that_counts_as_stale(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(status="pending")
    consumer.deliver()
    edit(shop, number, woocommerce_order_version="2999-01-01T00:00:00|9999999999999|")  # received in the year 2286
    shop.shop.change_status(number, "completed")
    consumer.deliver()

    facts = why(shop, number)

    assert "counts as stale" in facts["conclusion"]
    assert "clear woocommerce_order_version" in facts["next_step"]


@pytest.mark.parametrize(
    ("policy", "step"),
    [("auth", "woohub setup"), ("daily", "daily limit resets"), ("outage", "HubSpot is probed every minute")],
)
def test_why_reports_an_open_breaker_with_its_next_step(shop: OperatedStack, policy: str, step: str) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    shop.stack.breaker(State("open", policy, "HubSpot's reason", since=1_795_473_600))

    facts = why(shop, number)

    assert "the circuit breaker has been open since 2026-11-23T22:40:00Z" in facts["conclusion"]
    assert "HubSpot's reason" in facts["conclusion"]
    assert step in facts["next_step"]


def test_why_reports_an_open_breaker_when_hubspot_refuses_the_token(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token", since=1_795_473_600))
    shop.portal.tokens.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("Waiting: the circuit breaker has been open")
    assert facts["hubspot"]["not_asked"]


def test_why_reports_a_refused_token_before_the_breaker_opens(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.portal.tokens.clear()

    assert why(shop, number)["conclusion"].startswith("HubSpot could not be read: HubSpot refuses the token")


def test_why_prints_what_each_wait_is_for(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF_S", (0,))
    number = shop.shop.place()
    shop.portal.faults.add(InjectedFault("status", status=503, path="deals/batch/read", count=1))

    assert "then trying again: HubSpot" in shop.run("why", str(number)).stderr


def test_why_reports_a_consumer_disabled_by_hand(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    boto3.client("lambda").update_event_source_mapping(UUID=shop.stack.outputs["EventSourceMappingId"], Enabled=False)

    facts = why(shop, number)

    assert "somebody has disabled the consumer by hand" in facts["conclusion"]
    uuid = shop.stack.outputs["EventSourceMappingId"]
    assert facts["next_step"] == (
        f"when the reason is gone: `aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
    )


def test_why_reports_a_delivery_that_waits_in_the_queue(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    consumer.ingested()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("Waiting: it was delivered at")
    assert facts["queue"]["visible"] == 2


def retried(shop: OperatedStack, consumer: StackConsumer, error: str) -> int:
    """An order whose delivery the consumer handed back with this error, according to its log."""
    number: int = shop.shop.place()
    shop.shop.run_webhooks()
    message_id = consumer.ingested()[-1]["message_id"]
    entry = {"entity": f"order:{number}", "message_id": message_id, "verdict": "retry", "error": error}
    consumer.log("consumer", json.dumps(entry))
    return number


def test_why_reports_the_attempts_and_last_error_of_a_retried_delivery(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = retried(shop, consumer, "Unavailable")

    assert "tried 1 time, last with Unavailable" in why(shop, number)["conclusion"]


def test_why_reports_a_delivery_that_waits_for_secrets_manager(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = retried(shop, consumer, "SecretUnavailable")

    assert "Secrets Manager returns the token" in why(shop, number)["next_step"]
