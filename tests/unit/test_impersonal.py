"""An order without its person keeps what was bought, and nothing that identifies the person."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.orders import order
from woohub.mapping import mapping_file, personal
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.store.payloads import Order

WORDS = "words of the person"
TYPED: dict[str, Any] = {
    "billing": {"email": "jane.doe@example.com", "first_name": WORDS, "company": WORDS},
    "shipping": {"first_name": WORDS, "phone": WORDS},
    "customer_note": WORDS,
    "customer_ip_address": WORDS,
    "transaction_id": WORDS,
    "order_key": WORDS,
    "payment_url": f"https://shop.example/checkout/?key={WORDS}",
    "gift_message": WORDS,  # a plugin's field
    "meta_data": [{"id": 1, "key": "_vat", "value": WORDS}],
    "line_items": [
        {"id": 5, "name": "Ring", "quantity": 1, "total": "9.00", "meta_data": [{"key": "Engraving", "value": WORDS}]}
    ],
    "shipping_lines": [{"id": 6, "method_title": "Courier", "total": "4.00", "meta_data": [{"value": WORDS}]}],
    "fee_lines": [{"id": 7, "name": "Fee", "total": "1.00", "meta_data": [{"value": WORDS}]}],
    "coupon_lines": [{"id": 8, "code": "spring", "meta_data": [{"value": WORDS}]}],
    "refunds": [{"id": 9, "total": "-2.00", "reason": WORDS}],
}


def test_without_person_removes_everything_the_person_typed() -> None:
    left = Order.model_validate(order(7, **TYPED)).without_person()

    assert WORDS not in left.model_dump_json()
    assert left.is_anonymised
    assert left.customer_id == 0


def test_without_person_keeps_what_was_bought() -> None:
    before = Order.model_validate(order(7, **TYPED))

    left = before.without_person()

    for name in ("id", "status", "total", "currency", "created_at", "modified_at"):
        assert getattr(left, name) == getattr(before, name)
    own = load_mapping()
    assert own.deal(left) | {"dealname": ""} == own.deal(before) | {"dealname": ""}
    computed = load_mapping(
        Overlay("o", b'deal.net = { order = "net_total" }\ndeal.how = { order = "shipping_method" }')
    )
    assert (computed.deal(left)["net"], computed.deal(left)["how"]) == (computed.deal(before)["net"], "Courier")


def test_without_person_keeps_line_items_without_their_meta_data() -> None:
    overlay = b'[line_item]\nenabled = true\nengraved = { item = "meta_data.Engraving" }\n'
    items = load_mapping(Overlay("o", overlay)).line_items
    before = Order.model_validate(order(7, **TYPED))
    assert items

    had, left = items.read(before), items.read(before.without_person())

    assert had
    assert left
    assert had.items["5"]["engraved"] == WORDS
    assert {**left.items["5"], "engraved": WORDS} == dict(had.items["5"])
    assert had.items.keys() == left.items.keys()
    assert items.personal == ("engraved",)


@pytest.mark.parametrize(
    ("row", "is_personal"),
    [
        ('{ order = "total" }', False),
        ('{ order = "net_total" }', False),
        ('{ order = "coupon_codes" }', False),
        ('{ order = "line_items.sku" }', False),
        ('{ order = "payment_method_title" }', False),
        ('{ text = "{number} in {currency}" }', False),
        ('{ order = "billing.company" }', True),
        ('{ order = ["total", "customer_note"] }', True),
        ('{ order = "meta_data._utm_source" }', True),
        ('{ order = "line_items.meta_data.Engraving" }', True),
        ('{ order = "payment_url" }', True),
        ('{ order = "field_of_a_plugin" }', True),
        ('{ text = "{number} for {billing.first_name}" }', True),
    ],
)
def test_a_row_is_personal_if_one_of_its_sources_may_be(row: str, is_personal: bool) -> None:
    tables = mapping_file.read([Overlay("o", f"deal.it = {row}".encode())])

    assert ("it" in personal.properties_of_orders(tables.deal)) == is_personal


def test_no_property_of_woohubs_own_mapping_is_personal() -> None:
    assert load_mapping().personal == ()
