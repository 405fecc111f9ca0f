"""What a store sends is read strictly where it matters and tolerantly where stores are odd."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliveries import Captured, captured, delivery, labelled
from tests.support.payloads import BILLING, CUSTOMER, ORDER, RECEIVED_MS, billed, customer, event, order, without
from woohub.dates import to_utc
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


# Real deliveries


@pytest.mark.parametrize("sent", ENTITIES, ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_every_captured_order_and_customer_is_understood_as_what_it_is(sent: Captured) -> None:
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


def test_the_captured_deliveries_hold_every_kind_of_event() -> None:
    assert {type(read(sent)) for sent in ENTITIES} == {OrderEvent, OrderTrashed, CustomerEvent, Ignored}


@pytest.mark.parametrize("sent", REST_ERRORS, ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_the_error_a_store_sends_in_place_of_an_order_or_customer_is_refused(sent: Captured) -> None:
    with pytest.raises(InvalidPayload, match="id: is missing"):
        read(sent)


@pytest.mark.parametrize("sent", [delivery(158), delivery(159)], ids=lambda sent: sent.topic)
def test_other_topics_are_ignored(sent: Captured) -> None:
    assert read(sent) == Ignored("other_topic")


def test_a_real_order_is_read_field_by_field() -> None:
    read = captured_order(labelled("order-registered"))

    assert (read.id, read.status, read.total, read.currency, read.customer_id) == (16, "processing", "7.50", "USD", 2)
    assert (read.created_at, read.modified_at) == ("2026-11-23T22:41:19", "2026-11-23T22:41:19")
    assert (read.billing.first_name, read.billing.last_name) == ("Ana", "García")
    assert [item["name"] for item in read.line_items] == ["Free sample"]


@pytest.mark.parametrize(("nr", "currency", "total"), [(49, "JPY", "7.51"), (101, "BTC", "27.49"), (39, "USD", "0.00")])
def test_money_has_the_decimals_of_the_shop_not_of_the_currency(nr: int, currency: str, total: str) -> None:
    read = captured_order(delivery(nr))

    assert (read.currency, read.total) == (currency, total)


def test_a_restored_order_is_marked_as_such() -> None:
    restored, updated = read(labelled("order-restored")), read(labelled("order-registered", "order.updated"))

    assert isinstance(restored, OrderEvent)
    assert isinstance(updated, OrderEvent)
    assert (restored.restored, updated.restored) == (True, False)


def test_an_order_moved_to_the_trash_is_known_by_its_id_alone() -> None:
    assert read(labelled("order-trashed")) == OrderTrashed(40, RECEIVED_MS)


def test_an_update_of_an_order_in_the_trash_is_an_order() -> None:
    assert captured_order(labelled("update-trashed")).status == "trash"


# What is ignored


@pytest.mark.parametrize("status", ["checkout-draft", "auto-draft", "wc-checkout-draft"])
def test_drafts_are_no_orders(status: str) -> None:
    assert event("order.updated", ORDER | {"status": status}) == Ignored("draft")


@pytest.mark.parametrize("role", ["subscriber", "editor", "administrator", "shop_manager"])
def test_users_of_other_roles_are_no_customers(role: str) -> None:
    assert event("customer.updated", CUSTOMER | {"role": role}) == Ignored("other_role")


@pytest.mark.parametrize("payload", [without(CUSTOMER, "role"), CUSTOMER | {"role": None}, CUSTOMER | {"role": ""}])
def test_an_account_without_a_role_counts_as_a_customer(payload: dict[str, Any]) -> None:
    assert isinstance(event("customer.created", payload), CustomerEvent)


def test_a_deleted_customer_changes_nothing() -> None:
    assert event("customer.deleted", {"id": 3}) == Ignored("customer_deleted")


# Older API versions


def test_an_order_of_api_version_1_is_dated_by_its_local_fields() -> None:
    read = order(date_created="2023-10-26T10:00:00", date_modified="2023-10-26T11:00:00")

    assert (read.created_at, read.modified_at) == ("2023-10-26T10:00:00", "2023-10-26T11:00:00")


def test_a_customer_of_api_version_1_has_neither_role_nor_gmt_dates() -> None:
    payload = without(CUSTOMER, "role", "date_created_gmt", "date_modified_gmt") | {"orders_count": 3}

    read = event("customer.updated", payload)

    assert isinstance(read, CustomerEvent)
    assert read.customer.modified_at == "2023-10-26T06:00:00"


# Odd stores


@pytest.mark.parametrize("odd", [None, "", False, [], {}, ["x"], {"a": 1}], ids=repr)
@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "phone", "postcode", "country"])
def test_a_text_that_is_none_is_empty(field: str, odd: object) -> None:
    assert billed(**{field: odd}).billing.get(field) == ""


def test_a_missing_text_is_empty() -> None:
    assert order(billing=without(BILLING, "email")).billing.email == ""


@pytest.mark.parametrize(
    ("number", "text"), [(90210, "90210"), (1.5, "1.5"), (90210.0, "90210"), (1e21, "1" + 21 * "0")]
)
def test_a_number_where_a_text_belongs_is_read_as_people_write_it(number: float, text: str) -> None:
    assert billed(postcode=number).billing.postcode == text


@pytest.mark.parametrize("odd", [None, "", [], 0, "Jane Doe"], ids=repr)
def test_a_billing_address_that_is_none_is_empty(odd: object) -> None:
    assert order(billing=odd).billing.first_name == ""


def test_a_missing_billing_address_is_empty() -> None:
    assert customer(billing=None).billing.city == ""


@pytest.mark.parametrize("odd", [None, "", {}, 0], ids=repr)
def test_line_items_that_are_none_are_empty(odd: object) -> None:
    assert order(line_items=odd).line_items == []


def test_a_line_item_without_a_name_stays_a_line_item() -> None:
    read = order(line_items=[{"name": None}, {"id": 2}, "x", {"name": "Tee"}])

    assert [item["name"] for item in read.line_items] == ["", "", "Tee"]


def test_line_items_that_php_wrote_as_an_object_are_read_in_order() -> None:
    read = order(line_items={"3": {"name": "A"}, "7": {"name": "B"}})

    assert [item["name"] for item in read.line_items] == ["A", "B"]


def test_fields_that_are_not_declared_stay_readable() -> None:
    read = order(payment_method_title="Cash on delivery", number="SO-77", billing=BILLING | {"company": "ACME"})

    assert (read.get("payment_method_title"), read.get("number")) == ("Cash on delivery", "SO-77")
    assert read.billing.get("company") == "ACME"


@pytest.mark.parametrize("name", ["copy", "json", "model_fields", "__class__", "get"])
def test_a_field_that_is_called_like_a_method_is_no_trap(name: str) -> None:
    assert order(**{name: "x"}).get(name) == "x"
    assert order().get(name) is None


# Ids, money, dates, status


@pytest.mark.parametrize(
    ("given", "read"), [(1234, 1234), (7.0, 7), ("1234", 1234), (" 7", 7), ("0042", 42), (2**64 - 1, 2**64 - 1)]
)
def test_an_id_is_a_whole_number_in_any_writing(given: object, read: int) -> None:
    assert order(id=given).id == read


NO_IDS: list[object] = [None, "", 0, "0", -5, "-5", 1.5, "1.0", "1_000", "1 7", "٣", True, [], {}, 2**64, "9" * 30]


@pytest.mark.parametrize("odd", NO_IDS, ids=repr)
@pytest.mark.parametrize("topic", ["order.updated", "order.deleted", "customer.updated"])
def test_an_id_that_is_none_is_refused(topic: str, odd: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^id: must be a whole number"):
        event(topic, (CUSTOMER if topic.startswith("customer") else ORDER) | {"id": odd})


@pytest.mark.parametrize("guest", [0, "0", None, "", -1, "user_5", 1.5, False, [], {}], ids=repr)
def test_guests_have_customer_id_0(guest: object) -> None:
    assert order(customer_id=guest).customer_id == 0


def test_a_missing_customer_id_is_a_guests() -> None:
    read = event("order.created", without(ORDER, "customer_id"))

    assert isinstance(read, OrderEvent)
    assert read.order.customer_id == 0


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("150.00", "150.00"),
        ("74", "74"),
        ("73.4579", "73.4579"),
        ("0.00000001", "0.00000001"),
        ("-12.50", "-12.50"),
        ("12345678901234567890.12", "12345678901234567890.12"),
        (150, "150"),
        (150.0, "150"),
        (7.51, "7.51"),
        (1e-8, "0.00000001"),
        (1e16, "10000000000000000"),
        (" 7.50", "7.50"),
        (".50", "0.50"),
        ("-.5", "-0.5"),
        ("7.", "7"),
        ("+7.50", "7.50"),
        ("\u200b7.50\u0000", "7.50"),
        ("7.50\n", "7.50"),
        ("1 234.50", "1234.50"),
        ("1\N{NO-BREAK SPACE}234.50", "1234.50"),
    ],
)
def test_money_is_the_stores_own_decimal(given: object, read: str) -> None:
    assert order(total=given).total == read


NO_MONEY: list[object] = [
    "",
    None,
    "1,234.50",
    "$5",
    "1e3",
    "NaN",
    "Infinity",
    "5 USD",
    "٣",
    "--5",
    "0x10",
    True,
    [],
    {},
]


@pytest.mark.parametrize("odd", [*NO_MONEY, float("nan"), float("inf"), 1e40, "9" * 33], ids=repr)
def test_money_that_is_no_plain_decimal_is_refused(odd: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^total: must be a plain decimal number such as 150\.00$"):
        order(total=odd)


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("2023-10-26T10:00:00", "2023-10-26T10:00:00"),
        ("2023-10-26T10:00:00Z", "2023-10-26T10:00:00"),
        ("2023-10-26T10:00:00+02:00", "2023-10-26T08:00:00"),
        ("2023-10-26T10:00:00-0530", "2023-10-26T15:30:00"),
        ("2024-02-29T23:59:59", "2024-02-29T23:59:59"),
        ("2023-10-26 10:00:00", "2023-10-26T10:00:00"),
        ("2023-10-26T10:00:00.500Z", "2023-10-26T10:00:00"),
        (" 2023-10-26T10:00:00\n", "2023-10-26T10:00:00"),
    ],
)
def test_dates_are_utc(given: str, read: str) -> None:
    assert order(date_created_gmt=given).created_at == read


NO_DATES: list[object] = [
    "2023-02-29T10:00:00",
    "2023-13-01T10:00:00",
    "2023-10-26T24:00:00",
    "2023-10-26T10:00:60",
    "2023-10-26",
    "2023-10-26T10:00",
    "1969-12-31T19:00:00",
    "1970-01-01T00:00:00",
    "0000-00-00T00:00:00",
    "-0001-11-30T00:00:00",
    "0001-01-01T00:00:00+02:00",
    "9999-12-31T23:00:00-02:00",
    "2023-10-26T10:00:00+99:00",
    "٢٠٢٣-10-26T10:00:00",
    1698314400,
    True,
    False,
    "",
    [],
    {"date": "2023-10-26 10:00:00.000000"},
]


@pytest.mark.parametrize("odd", NO_DATES, ids=repr)
def test_where_the_gmt_date_of_creation_is_none_the_local_date_counts(odd: object) -> None:
    assert order(date_created_gmt=odd, date_created="2023-10-26T10:00:00").created_at == "2023-10-26T10:00:00"


@pytest.mark.parametrize("odd", NO_DATES, ids=repr)
def test_a_local_date_alone_does_not_say_when_an_order_was_changed(odd: object) -> None:
    assert order(date_modified_gmt=odd, date_modified="2023-10-26T10:00:00").modified_at == ""


@pytest.mark.parametrize("odd", NO_DATES, ids=repr)
def test_an_order_without_any_date_is_an_order_all_the_same(odd: object) -> None:
    read = order(**dict.fromkeys(["date_created", "date_created_gmt", "date_modified", "date_modified_gmt"], odd))

    assert (read.created_at, read.modified_at) == ("", "")


def test_a_local_date_of_creation_is_shifted_as_the_dates_of_the_change_are() -> None:
    read = order(
        date_created="2026-11-28T11:20:00",
        date_created_gmt="0000-00-00T00:00:00",
        date_modified="2026-11-28T12:00:00",
        date_modified_gmt="2026-11-28T17:00:00",
    )

    assert read.created_at == "2026-11-28T16:20:00"


@pytest.mark.parametrize("modified", ["2031-01-05T15:00:00", "9999-12-31T23:59:59"])
def test_dates_that_contradict_each_other_shift_nothing(modified: str) -> None:
    read = order(
        date_created="9999-12-31T23:00:00",
        date_created_gmt=False,
        date_modified="2026-11-28T12:00:00",
        date_modified_gmt=modified,
    )

    assert read.created_at == "9999-12-31T23:00:00"


def test_the_gmt_dates_are_preferred() -> None:
    read = order(
        date_created="2023-10-26T06:00:00",
        date_created_gmt="2023-10-26T10:00:00",
        date_modified="2023-10-26T07:00:00",
        date_modified_gmt="2023-10-26T11:00:00",
    )

    assert (read.created_at, read.modified_at) == ("2023-10-26T10:00:00", "2023-10-26T11:00:00")


@pytest.mark.parametrize("missing", [{}, {"date_modified": None, "date_modified_gmt": None}, {"date_modified": ""}])
def test_an_order_may_not_say_when_it_was_changed(missing: dict[str, object]) -> None:
    assert order(**missing).modified_at == ""


@pytest.mark.parametrize(("given", "read"), [("wc-processing", "processing"), ("processing", "processing")])
def test_the_prefix_of_a_status_is_dropped(given: str, read: str) -> None:
    assert order(status=given).status == read


@pytest.mark.parametrize("odd", ["", " ", "wc-", None, 1, True, [], {}], ids=repr)
def test_an_empty_status_is_refused(odd: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^status: must be a text that is not empty$"):
        order(status=odd)


@pytest.mark.parametrize("status", ["draft", "new", "checkout-draft", "auto-draft", "wc-draft"])
def test_what_is_no_order_yet_is_ignored(status: str) -> None:
    assert event("order.updated", ORDER | {"status": status}) == Ignored("draft")


@pytest.mark.parametrize("spaced", ["7", " 7", "7\n"])
def test_a_number_may_have_spaces_around_it(spaced: str) -> None:
    assert order(id=spaced, customer_id=spaced).id == 7


# What nobody reads


def deep(levels: int) -> bytes:
    """An order with a list nested so many levels deep in its meta data."""
    nested = b"[" * levels + b"]" * levels
    return json.dumps(ORDER).encode()[:-1] + b', "meta_data": [{"key": "k", "value": ' + nested + b"}]}"


@pytest.mark.parametrize("levels", [199, 210, 511])  # PHP writes 512 at most
def test_an_order_may_hold_lists_as_deep_as_php_writes_them(levels: int) -> None:
    assert isinstance(event("order.created", deep(levels)), OrderEvent)


def test_half_a_character_in_a_field_nobody_reads_refuses_no_order() -> None:
    body = json.dumps(ORDER | {"customer_note": "ok \ud83d"}).encode()

    assert isinstance(event("order.created", body), OrderEvent)


# Anonymised orders


@pytest.mark.parametrize(
    "traces",
    [
        {"billing": BILLING | {"email": "deleted@site.invalid"}},
        {"meta_data": [{"id": 1, "key": "_anonymized", "value": "yes"}]},
        {"meta_data": {"4": {"id": 1, "key": "_anonymized", "value": "yes"}}},
    ],
)
def test_an_order_from_which_the_person_was_erased_is_recognised(traces: dict[str, Any]) -> None:
    assert order(**traces).is_anonymised


@pytest.mark.parametrize(
    "traces", [{}, {"meta_data": [{"key": "_anonymized", "value": "no"}]}, {"meta_data": "yes"}, {"meta_data": [1]}]
)
def test_any_other_order_is_somebodys(traces: dict[str, Any]) -> None:
    assert not order(**traces).is_anonymised


# Refusals


@pytest.mark.parametrize("field", ["id", "status", "total"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(InvalidPayload, match=f"^{field}: is missing$"):
        event("order.created", without(ORDER, field))


@pytest.mark.parametrize("body", [b"", b"{", b"webhook_id=2", b'{"id":1', b"\xff\xfe", b"[" * 99999])
def test_a_body_that_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPayload, match=r"^body: is not valid JSON$"):
        event("order.created", body)


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"x"', b"true"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidPayload, match=r"^body: is not a JSON object$"):
        event("customer.updated", body)


def test_a_refusal_never_repeats_what_the_store_sent() -> None:
    secret = "jane.doe@example.com"
    payload = {"id": secret, "status": "", "total": secret, "customer_id": secret, "date_created": secret, secret: 1}

    with pytest.raises(InvalidPayload) as refused:
        event("order.created", payload)

    assert secret not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


# Laws


@given(topic=st.sampled_from(sorted(READERS)), payload=JSON)
def test_any_json_is_an_event_or_refused(topic: str, payload: object) -> None:
    assert_event_or_refused(topic, json.dumps(payload).encode())


@given(topic=st.sampled_from(sorted(READERS)), body=st.binary())
def test_any_bytes_are_an_event_or_refused(topic: str, body: bytes) -> None:
    assert_event_or_refused(topic, body)


@given(field=st.sampled_from(sorted(ORDER)), value=JSON)
def test_an_order_with_anything_in_one_field_is_an_event_or_refused(field: str, value: object) -> None:
    assert_event_or_refused("order.updated", json.dumps(ORDER | {field: value}).encode())


def assert_event_or_refused(topic: str, body: bytes) -> None:
    try:
        understood: object = event(topic, body)
    except InvalidPayload as refused:
        understood = refused
    assert isinstance(understood, OrderEvent | OrderTrashed | CustomerEvent | Ignored | InvalidPayload)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_the_text_of_a_total_survives(amount: object) -> None:
    text = format(amount, "f")

    assert order(total=text).total == text


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_has_one_text_in_utc(moment: Any) -> None:
    text = moment.replace(microsecond=0).isoformat()
    try:
        once = to_utc(text)
    except ValueError:
        return
    assert to_utc(once + "Z") == once
