"""Orders and accounts that WooCommerce's eraser anonymised."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order
from tests.support.sync import JANE

ERASED = {
    "first_name": "[deleted]",
    "last_name": "[deleted]",
    "address_1": "[deleted]",
    "city": "[deleted]",
    "state": "",
    "postcode": "[deleted]",
    "country": "",
    "email": "deleted@site.invalid",
    "phone": "+0 000",
}
MARKS_OF_ERASURE: list[dict[str, Any]] = [
    {"billing": ERASED},
    {"billing": ERASED, "meta_data": [{"id": 9, "key": "_anonymized", "value": "yes"}]},
    {"billing": ERASED | {"email": "elsewhere@shop.example"}, "meta_data": [{"key": "_anonymized", "value": "yes"}]},
]


def erased(number: int = 1234, **changes: Any) -> dict[str, Any]:
    """An order after WooCommerce's eraser."""
    return order(
        number, **({"customer_id": 0, "date_modified_gmt": "2026-11-23T22:50:00", "billing": ERASED} | changes)
    )


@pytest.mark.parametrize("marks", MARKS_OF_ERASURE)
def test_an_erased_order_removes_the_name_from_the_deal_and_keeps_the_rest(marks: dict[str, Any]) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    contact, deal = engine.contact(), engine.deal()

    assert engine.verdicts(message("order.updated", erased(**marks), 600)) == ["done"]

    assert engine.contacts == [contact]
    kept = ("amount", "dealstage", "closedate", "associated_products")
    assert engine.deal()["dealname"] == "WooCommerce Order #1234"
    assert {name: engine.deal()[name] for name in kept} == {name: deal[name] for name in kept}
    assert engine.associated == {("1234", JANE)}


def test_a_later_change_of_an_erased_order_is_written() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.updated", erased(), 600))

    engine.verdicts(message("order.updated", erased(status="refunded", date_modified_gmt="2026-11-23T22:55:00"), 900))

    assert (engine.deal()["dealstage"], engine.deal()["dealname"]) == ("refunded", "WooCommerce Order #1234")
    assert len(engine.contacts) == 1


def test_erased_orders_make_deals_without_contacts() -> None:
    engine = EngineFixture()

    engine.verdicts(*(message("order.swept", erased(number), number) for number in range(1, 5)))

    assert engine.contacts == []
    assert len(engine.deals) == 4
    assert not [event for event, _ in engine.warnings if event == "order_without_usable_email"]


def test_an_account_with_an_erased_email_is_ignored() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("customer.updated", customer(email="deleted@site.invalid"))) == ["ignored"]

    assert engine.contacts == []
