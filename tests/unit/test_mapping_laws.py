"""Property tests: whatever an order or account holds, no mapped value is blank or too long."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Properties
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliveries import captured
from tests.support.payloads import BILLING, CUSTOMER, ORDER, billed, event, order
from woohub.errors import InvalidPayload
from woohub.mapping.fields import load_mapping
from woohub.mapping.values import MAX_TEXT_CHARACTERS, usable_email
from woohub.store.payloads import READERS, CustomerEvent, OrderEvent

MAPPING = load_mapping()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def all_properties(topic: str, payload: object) -> list[Properties[str, str]]:
    try:
        read = event(topic, json.dumps(payload).encode())
    except InvalidPayload:
        return []
    if isinstance(read, OrderEvent):
        return [MAPPING.contact_from_order(read.order), MAPPING.deal(read.order)]
    return [MAPPING.contact_from_customer(read.customer)] if isinstance(read, CustomerEvent) else []


def assert_writable(properties: Properties[str, str]) -> None:
    for value in properties.values():
        assert value == value.strip() != ""
        assert len(value) <= MAX_TEXT_CHARACTERS
        value.encode()


@given(topic=st.sampled_from(sorted(READERS)), payload=JSON)
def test_any_json_payload_maps_to_writable_properties(topic: str, payload: object) -> None:
    for properties in all_properties(topic, payload):
        assert_writable(properties)


@given(field=st.sampled_from(sorted(ORDER)), value=JSON)
def test_any_value_of_an_order_field_maps_to_writable_properties(field: str, value: object) -> None:
    for properties in all_properties("order.updated", ORDER | {field: value}):
        assert_writable(properties)


@given(field=st.sampled_from(sorted(BILLING)), value=JSON)
def test_any_value_of_an_address_field_maps_to_writable_properties(field: str, value: object) -> None:
    billing = BILLING | {field: value}
    orders = all_properties("order.updated", ORDER | {"billing": billing})
    customers = all_properties("customer.updated", CUSTOMER | {"billing": billing})

    assert (len(orders), len(customers)) == (2, 1)
    for properties in orders + customers:
        assert_writable(properties)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_any_decimal_total_is_the_amount_unchanged(amount: Any) -> None:
    text = format(amount, "f")

    assert MAPPING.deal(order(total=text))["amount"] == text


@given(first=st.text(max_size=40), last=st.text(max_size=40), new_first=st.text(max_size=40))
def test_a_changed_name_replaces_the_deal_name_woohub_wrote(first: str, last: str, new_first: str) -> None:
    before = MAPPING.deal(billed(first_name=first, last_name=last))["dealname"]
    after = MAPPING.deal(billed(first_name=new_first, last_name=last))["dealname"]

    assert MAPPING.deal_rules["dealname"].writes(before, after, creating=False)


@given(st.text(max_size=300))
def test_a_usable_address_has_two_parts_and_no_spaces(text: str) -> None:
    local, _, domain = text.rpartition("@")

    assert usable_email(text) <= bool(local and domain and not re.search(r"\s", text))


@pytest.mark.parametrize("sent", captured(), ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_every_captured_delivery_maps_to_writable_properties(sent: Any) -> None:
    if sent.topic in READERS:
        for properties in all_properties(sent.topic, sent.payload):
            assert_writable(properties)
