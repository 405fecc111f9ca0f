"""Which events payloads of a store are read as, and which payloads are rejected."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliveries import Captured, captured, delivery, labelled
from tests.support.payloads import BILLING, CUSTOMER, ORDER, RECEIVED_MS, event, order, without
from woohub.delivery.delivery import Delivery
from woohub.errors import InvalidPayload
from woohub.store.payloads import (
    READERS,
    CustomerEvent,
    Event,
    Ignored,
    Order,
    OrderEvent,
    OrderTrashed,
    parse,
)

ENTITIES = [line for line in captured() if line.topic in READERS and "code" not in line.payload]
REST_ERRORS = [line for line in captured() if line.topic in READERS and "code" in line.payload]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def read(sent: Captured) -> Event:
    return parse(Delivery(topic=sent.topic, body=sent.body, received_ms=RECEIVED_MS))


def captured_order(sent: Captured) -> Order:
    entity = read(sent)
    assert isinstance(entity, OrderEvent)
    return entity.order


@pytest.mark.parametrize("sent", ENTITIES, ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_every_captured_delivery_is_read_as_its_kind_of_event(sent: Captured) -> None:
    assert type(read(sent)) is expected_type(sent)


def expected_type(sent: Captured) -> type[Event]:
    payload = sent.payload
    if sent.topic == "customer.deleted" or payload.get("status") == "checkout-draft":
        return Ignored
    if payload.get("role", "customer") != "customer":
        return Ignored
    if sent.topic == "order.deleted":
        return OrderTrashed
    return CustomerEvent if sent.topic.startswith("customer.") else OrderEvent


def test_the_captured_deliveries_include_every_kind_of_event() -> None:
    assert {type(read(sent)) for sent in ENTITIES} == {OrderEvent, OrderTrashed, CustomerEvent, Ignored}


@pytest.mark.parametrize("sent", REST_ERRORS, ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_a_rest_error_in_place_of_an_order_or_customer_is_rejected(sent: Captured) -> None:
    with pytest.raises(InvalidPayload, match="id: is missing"):
        read(sent)


@pytest.mark.parametrize("sent", [delivery(158), delivery(159)], ids=lambda sent: sent.topic)
def test_other_topics_are_ignored(sent: Captured) -> None:
    assert read(sent) == Ignored("other_topic")


def test_the_fields_of_a_captured_order_are_read() -> None:
    read = captured_order(labelled("order-registered"))

    assert (read.id, read.status, read.total, read.currency, read.customer_id) == (16, "processing", "7.50", "USD", 2)
    assert (read.created_at, read.modified_at) == ("2026-11-23T22:41:19", "2026-11-23T22:41:19")
    assert (read.billing.first_name, read.billing.last_name) == ("Ana", "García")
    assert [item["name"] for item in read.line_items or ()] == ["Free sample"]


@pytest.mark.parametrize(("nr", "currency", "total"), [(49, "JPY", "7.51"), (101, "BTC", "27.49"), (39, "USD", "0.00")])
def test_a_total_has_the_decimals_of_the_store(nr: int, currency: str, total: str) -> None:
    read = captured_order(delivery(nr))

    assert (read.currency, read.total) == (currency, total)


def test_an_order_restored_event_is_marked_as_restored() -> None:
    restored, updated = read(labelled("order-restored")), read(labelled("order-registered", "order.updated"))

    assert isinstance(restored, OrderEvent)
    assert isinstance(updated, OrderEvent)
    assert (restored.restored, updated.restored) == (True, False)


def test_an_order_deleted_event_has_the_id_only() -> None:
    assert read(labelled("order-trashed")) == OrderTrashed(40, RECEIVED_MS)


def test_an_update_of_a_trashed_order_has_the_status_trash() -> None:
    assert captured_order(labelled("update-trashed")).status == "trash"


@pytest.mark.parametrize("status", ["draft", "new", "checkout-draft", "auto-draft", "wc-draft", "wc-checkout-draft"])
def test_drafts_are_ignored(status: str) -> None:
    assert event("order.updated", ORDER | {"status": status}) == Ignored("draft")


@pytest.mark.parametrize("role", ["subscriber", "editor", "administrator", "shop_manager"])
def test_users_with_other_roles_are_ignored(role: str) -> None:
    assert event("customer.updated", CUSTOMER | {"role": role}) == Ignored("other_role")


@pytest.mark.parametrize("payload", [without(CUSTOMER, "role"), CUSTOMER | {"role": None}, CUSTOMER | {"role": ""}])
def test_an_account_without_role_is_read_as_a_customer(payload: dict[str, Any]) -> None:
    assert isinstance(event("customer.created", payload), CustomerEvent)


def test_a_deleted_customer_is_ignored() -> None:
    assert event("customer.deleted", {"id": 3}) == Ignored("customer_deleted")


def test_an_order_of_api_version_1_has_its_local_dates() -> None:
    read = order(date_created="2023-10-26T10:00:00", date_modified="2023-10-26T11:00:00")

    assert (read.created_at, read.modified_at) == ("2023-10-26T10:00:00", "2023-10-26T11:00:00")


def test_a_customer_of_api_version_1_has_its_local_date() -> None:
    payload = without(CUSTOMER, "role", "date_created_gmt", "date_modified_gmt") | {"orders_count": 3}

    read = event("customer.updated", payload)

    assert isinstance(read, CustomerEvent)
    assert read.customer.modified_at == "2023-10-26T06:00:00"


@pytest.mark.parametrize(
    "traces",
    [
        {"billing": BILLING | {"email": "deleted@site.invalid"}},
        {"meta_data": [{"id": 1, "key": "_anonymized", "value": "yes"}]},
        {"meta_data": {"4": {"id": 1, "key": "_anonymized", "value": "yes"}}},
    ],
)
def test_an_anonymised_order_is_recognised(traces: dict[str, Any]) -> None:
    assert order(**traces).is_anonymised


@pytest.mark.parametrize(
    "traces", [{}, {"meta_data": [{"key": "_anonymized", "value": "no"}]}, {"meta_data": "yes"}, {"meta_data": [1]}]
)
def test_any_other_order_is_not_anonymised(traces: dict[str, Any]) -> None:
    assert not order(**traces).is_anonymised


def deep(levels: int) -> bytes:
    """An order with a list nested to this depth in its meta data."""
    nested = b"[" * levels + b"]" * levels
    return json.dumps(ORDER).encode()[:-1] + b', "meta_data": [{"key": "k", "value": ' + nested + b"}]}"


@pytest.mark.parametrize("levels", [199, 210, 511])  # PHP writes 512 at most
def test_lists_nested_up_to_511_levels_are_accepted(levels: int) -> None:
    assert isinstance(event("order.created", deep(levels)), OrderEvent)


def test_a_lone_surrogate_in_an_unused_field_is_accepted() -> None:
    body = json.dumps(ORDER | {"customer_note": "ok \ud83d"}).encode()

    assert isinstance(event("order.created", body), OrderEvent)


@pytest.mark.parametrize("field", ["id", "status", "total"])
def test_a_payload_without_a_required_field_is_rejected_with_the_fields_name(field: str) -> None:
    with pytest.raises(InvalidPayload, match=f"^{field}: is missing$"):
        event("order.created", without(ORDER, field))


@pytest.mark.parametrize("body", [b"", b"{", b"webhook_id=2", b'{"id":1', b"\xff\xfe", b"[" * 99999])
def test_a_body_that_is_not_json_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidPayload, match=r"^body: is not valid JSON$"):
        event("order.created", body)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"true"])
def test_a_body_that_is_not_an_object_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidPayload, match=r"^body: is not a JSON object$"):
        event("customer.updated", body)


def test_a_rejection_does_not_repeat_the_payload() -> None:
    secret = "jane.doe@example.com"
    payload = {"id": secret, "status": "", "total": secret, "customer_id": secret, "date_created": secret, secret: 1}

    with pytest.raises(InvalidPayload) as rejected:
        event("order.created", payload)

    assert secret not in str(rejected.value)
    assert rejected.value.__cause__ is None
    assert rejected.value.__suppress_context__


@given(topic=st.sampled_from(sorted(READERS)), payload=JSON)
def test_any_json_is_an_event_or_rejected(topic: str, payload: object) -> None:
    assert_event_or_rejected(topic, json.dumps(payload).encode())


@given(topic=st.sampled_from(sorted(READERS)), body=st.binary())
def test_any_bytes_are_an_event_or_rejected(topic: str, body: bytes) -> None:
    assert_event_or_rejected(topic, body)


@given(field=st.sampled_from(sorted(ORDER)), value=JSON)
def test_any_value_of_an_order_field_is_an_event_or_rejected(field: str, value: object) -> None:
    assert_event_or_rejected("order.updated", json.dumps(ORDER | {field: value}).encode())


def assert_event_or_rejected(topic: str, body: bytes) -> None:
    try:
        result: object = event(topic, body)
    except InvalidPayload as rejected:
        result = rejected
    assert isinstance(result, OrderEvent | OrderTrashed | CustomerEvent | Ignored | InvalidPayload)
