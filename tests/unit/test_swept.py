"""Records that reconcile reads from the store: the topics order.swept and customer.swept."""

from __future__ import annotations

import json

import pytest

from tests.support import orders
from woohub.delivery.delivery import Delivery
from woohub.delivery.topics import identify
from woohub.errors import NotAnEntity
from woohub.store.payloads import CustomerEvent, Ignored, OrderEvent, parse


def swept(kind: str, **fields: object) -> Delivery:
    body = getattr(orders, kind)(**fields)
    return Delivery(f"{kind}.swept", json.dumps(body).encode(), 1_795_473_600_000, f"{kind}:{body['id']}")


@pytest.mark.parametrize(("status", "restored"), [("processing", True), ("cancelled", True), ("trash", False)])
def test_a_swept_order_outside_the_trash_is_read_as_restored(status: str, restored: bool) -> None:
    event = parse(swept("order", status=status))

    assert isinstance(event, OrderEvent)
    assert event.restored is restored


def test_a_swept_draft_is_ignored() -> None:
    assert parse(swept("order", status="checkout-draft")) == Ignored("draft")


def test_a_swept_customer_is_read_as_a_customer() -> None:
    event = parse(swept("customer"))

    assert isinstance(event, CustomerEvent)
    assert event.customer.email == "jane.doe@example.com"


@pytest.mark.parametrize("kind", ["order", "customer"])
def test_identify_rejects_the_topics_of_swept_records(kind: str) -> None:
    with pytest.raises(NotAnEntity) as caught:
        identify(swept(kind))

    assert caught.value.cause == "unknown_topic"
