"""The ingest function queues only deliveries of the store's own addresses, for each store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.ingest import app
from tests.support.deliveries import SECRET, delivery
from tests.support.ingest import Ingest, directive, order_event
from woohub.delivery import signatures, topics

LIVE, STAGING = "https://shop.example/", "https://staging.shop.example/"


def event_from(source: str | None, topic: str = "order.updated", body: bytes = b'{"id":4,"status":"x"}') -> Any:
    source_header = {} if source is None else {"X-WC-Webhook-Source": source}
    headers = {"X-WC-Webhook-Topic": topic, "X-WC-Webhook-Signature": signatures.sign(body, SECRET), **source_header}
    return {"headers": headers, "body": body.decode()}


@pytest.mark.parametrize("recorded", [[LIVE], ["shop.example"], ["https://old.example", "https://www.shop.example"]])
def test_a_delivery_of_a_staging_site_is_answered_200_counted_and_not_queued(
    ingest: Ingest, recorded: list[str]
) -> None:
    ingest.store_secret(current=SECRET, sources=recorded)

    assert ingest.send(event_from(STAGING)) == 200
    assert ingest.queue() == []
    (line,) = ingest.log()
    assert (line["ForeignSource"], line["level"], line["source"]) == (1, "ERROR", STAGING)
    assert "SignatureMatch" not in line


@pytest.mark.parametrize(
    "source", [LIVE, "http://shop.example", "https://www.shop.example/", "https://SHOP.example:443//"]
)
def test_a_delivery_is_queued_for_each_notation_of_the_store_address(ingest: Ingest, source: str) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    assert ingest.send(event_from(source)) == 200
    assert [queued.source for queued in ingest.queue()] == [source]


@pytest.mark.parametrize("source", [None, ""])
def test_a_delivery_without_source_is_queued(ingest: Ingest, source: str | None) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(event_from(source))

    assert ingest.outcomes() == ["DeliveryAccepted"]


@pytest.mark.parametrize("stored", [{}, {"sources": []}, {"sources": None}, {"sources": "https://shop.example"}])
def test_a_delivery_of_any_source_is_queued_when_no_address_is_recorded(ingest: Ingest, stored: dict[str, Any]) -> None:
    ingest.store_secret(current=SECRET, **stored)

    ingest.send(event_from(STAGING))

    assert ingest.outcomes() == ["DeliveryAccepted"]


def test_a_plain_text_secret_records_no_address(ingest: Ingest) -> None:
    ingest.secrets.put_secret_value(SecretId=app.settings.webhook_secret_arn, SecretString=SECRET)

    ingest.send(event_from(STAGING))

    assert ingest.outcomes() == ["DeliveryAccepted"]


def test_a_moved_store_is_accepted_as_soon_as_its_address_is_recorded(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=["https://old.example"])
    assert ingest.send(event_from("https://old.example/")) == 200
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(event_from(LIVE))

    assert ingest.outcomes() == ["DeliveryAccepted"] * 2


def test_deliveries_of_a_staging_site_make_two_calls_to_secrets_manager_in_all(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])
    calls: list[Any] = []
    ingest.secrets.meta.events.register("before-call.secretsmanager.GetSecretValue", lambda **call: calls.append(call))

    for _ in range(10):
        ingest.send(event_from(STAGING))

    assert ingest.outcomes() == ["ForeignSource"] * 10
    assert len(calls) == 2


def test_the_test_delivery_of_setup_is_not_counted_as_a_foreign_source(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    assert ingest.send(event_from(STAGING, topics.TEST_TOPIC, b"{}")) == 200
    assert ingest.outcomes() == ["NotAnEntity"]


def test_a_permission_error_of_a_staging_site_is_not_a_lost_event(ingest: Ingest) -> None:
    ingest.store_secret(current=SECRET, sources=[LIVE])

    ingest.send(event_from(STAGING, body=delivery(117).body))

    assert ingest.outcomes() == ["ForeignSource"]


def event_for_store(store: str, *, secret: str, **headers: str) -> dict[str, Any]:
    event = order_event(secret=secret)
    return event | {"headers": event["headers"] | headers, "pathParameters": {"store": store}}


@pytest.fixture
def two_stores(ingest: Ingest) -> Ingest:
    """Ingest with another store, which has its own secret and address."""
    text = json.dumps({"current": "secret of the second", "sources": ["second.example"]})
    ingest.secrets.create_secret(Name="woohub/stores/second/webhook", SecretString=text)
    return ingest


def test_a_delivery_of_another_store_is_queued_with_its_store(two_stores: Ingest) -> None:
    assert two_stores.send(event_for_store("second", secret="secret of the second")) == 200

    (queued,) = two_stores.queue()
    assert (queued.store, queued.entity) == ("second", "order:1")


@pytest.mark.parametrize(
    ("store", "secret"), [("second", SECRET), ("third", "secret of the second"), ("first", SECRET)]
)
def test_a_delivery_signed_with_another_stores_secret_is_answered_401(
    two_stores: Ingest, store: str, secret: str
) -> None:
    assert two_stores.send(event_for_store(store, secret=secret)) == 401
    assert two_stores.queue() == []


def test_a_delivery_from_the_site_of_another_store_is_a_foreign_source(two_stores: Ingest) -> None:
    source = {"X-WC-Webhook-Source": "https://first.example/"}

    two_stores.send(event_for_store("second", secret="secret of the second", **source))

    assert two_stores.outcomes()[:1] == ["ForeignSource"]


def test_a_delivery_of_another_store_is_counted_for_that_store_only(two_stores: Ingest) -> None:
    two_stores.send(event_for_store("second", secret="secret of the second"))

    (line,) = two_stores.log()
    assert line["store"] == "second"
    assert ["service"] not in directive(line)["Dimensions"]
    assert ["service", "store"] in directive(line)["Dimensions"]


def test_a_failure_at_another_store_is_counted_for_stack_and_store(two_stores: Ingest) -> None:
    two_stores.send(event_for_store("second", secret="wrong"))

    (line,) = two_stores.log()
    assert directive(line)["Dimensions"] == [["service"], ["service", "store"]]


def test_an_unknown_store_makes_no_metric_of_its_own(two_stores: Ingest) -> None:
    two_stores.send(event_for_store("invented", secret="wrong"))

    (line,) = two_stores.log()
    assert metrics_in(line) == [{"Name": "SignatureInvalid", "Unit": "Count"}]
    assert directive(line)["Dimensions"] == [["service"]]


def metrics_in(line: dict[str, Any]) -> list[dict[str, str]]:
    return [metric for part in line["_aws"]["CloudWatchMetrics"] for metric in part["Metrics"]]
