"""What an order read from the store proves."""

from __future__ import annotations

import json

import pytest

from tests.support import orders
from woohub.delivery.delivery import Delivery
from woohub.delivery.topics import identify
from woohub.errors import NotAnEntity
from woohub.store.payloads import CustomerEvent, Ignored, OrderEvent, parse


def as_deliveries(kind: str, **fields: object) -> Delivery:
    body = getattr(orders, kind)(**fields)
    return Delivery(f"{kind}.swept", json.dumps(body).encode(), 1_795_473_600_000, f"{kind}:{body['id']}")


@pytest.mark.parametrize(("status", "restored"), [("processing", True), ("cancelled", True), ("trash", False)])
def test_an_order_that_is_not_in_the_trash_was_restored_if_it_ever_was(status: str, restored: bool) -> None:
    event = parse(as_deliveries("order", status=status))

    assert isinstance(event, OrderEvent)
    assert event.restored is restored


def test_a_draft_is_no_order_here_either() -> None:
    assert parse(as_deliveries("order", status="checkout-draft")) == Ignored("draft")


def test_a_customer_is_read_as_from_a_webhook() -> None:
    event = parse(as_deliveries("customer"))

    assert isinstance(event, CustomerEvent)
    assert event.customer.email == "jane.doe@example.com"


@pytest.mark.parametrize("kind", ["order", "customer"])
def test_nobody_outside_can_say_that_something_was_swept(kind: str) -> None:
    with pytest.raises(NotAnEntity) as caught:
        identify(as_deliveries(kind))

    assert caught.value.cause == "unknown_topic"
