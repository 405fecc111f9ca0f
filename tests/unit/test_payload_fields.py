"""How each field of an order or customer is read, whatever the store sends in its place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.payloads import BILLING, CUSTOMER, ORDER, billed, customer, event, order, without
from woohub.dates import to_utc
from woohub.errors import InvalidPayload
from woohub.store.payloads import (
    OrderEvent,
)


@pytest.mark.parametrize("sent", [None, "", False, [], {}, ["x"], {"a": 1}], ids=repr)
@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "phone", "postcode", "country"])
def test_a_text_field_of_another_type_is_read_as_empty(field: str, sent: object) -> None:
    assert billed(**{field: sent}).billing.get(field) == ""


def test_a_missing_text_field_is_read_as_empty() -> None:
    assert order(billing=without(BILLING, "email")).billing.email == ""


@pytest.mark.parametrize(
    ("number", "text"), [(90210, "90210"), (1.5, "1.5"), (90210.0, "90210"), (1e21, "1" + 21 * "0")]
)
def test_a_number_in_a_text_field_is_read_as_plain_decimal_text(number: float, text: str) -> None:
    assert billed(postcode=number).billing.postcode == text


@pytest.mark.parametrize("sent", [None, "", [], 0, "Jane Doe"], ids=repr)
def test_a_billing_address_of_another_type_is_read_as_empty(sent: object) -> None:
    assert order(billing=sent).billing.first_name == ""


def test_a_missing_billing_address_is_read_as_empty() -> None:
    assert customer(billing=None).billing.city == ""


@pytest.mark.parametrize(("sent", "read"), [([], []), ({}, []), (None, None), ("", None), (0, None), (False, None)])
def test_line_items_of_another_type_are_no_statement_on_which_the_order_has(sent: object, read: object) -> None:
    assert order(line_items=sent).line_items == read


def test_a_line_item_without_a_name_is_kept() -> None:
    read = order(line_items=[{"name": None}, {"id": 2}, "x", {"name": "Tee"}])

    assert [item["name"] for item in read.line_items or ()] == ["", "", "Tee"]


def test_line_items_in_an_object_are_read_in_order() -> None:
    read = order(line_items={"3": {"name": "A"}, "7": {"name": "B"}})

    assert [item["name"] for item in read.line_items or ()] == ["A", "B"]


def test_undeclared_fields_are_readable() -> None:
    read = order(payment_method_title="Cash on delivery", number="SO-77", billing=BILLING | {"company": "ACME"})

    assert (read.get("payment_method_title"), read.get("number")) == ("Cash on delivery", "SO-77")
    assert read.billing.get("company") == "ACME"


@pytest.mark.parametrize("name", ["copy", "json", "model_fields", "__class__", "get"])
def test_a_field_with_the_name_of_a_method_is_readable(name: str) -> None:
    assert order(**{name: "x"}).get(name) == "x"
    assert order().get(name) is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [(1234, 1234), (7.0, 7), ("1234", 1234), (" 7\n", 7), ("0042", 42), (2**64 - 1, 2**64 - 1)],
)
def test_an_id_is_read_from_numbers_and_digits(sent: object, read: int) -> None:
    assert order(id=sent).id == read


INVALID_IDS: list[object] = [None, "", 0, "0", -5, "-5", 1.5, "1.0", "1_000", "1 7", "٣", True, [], {}, 2**64, "9" * 30]


@pytest.mark.parametrize("sent", INVALID_IDS, ids=repr)
@pytest.mark.parametrize("topic", ["order.updated", "order.deleted", "customer.updated"])
def test_an_invalid_id_is_rejected(topic: str, sent: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^id: must be a whole number"):
        event(topic, (CUSTOMER if topic.startswith("customer") else ORDER) | {"id": sent})


@pytest.mark.parametrize("guest", [0, "0", None, "", -1, "user_5", 1.5, False, [], {}], ids=repr)
def test_an_invalid_customer_id_is_read_as_0(guest: object) -> None:
    assert order(customer_id=guest).customer_id == 0


def test_a_missing_customer_id_is_read_as_0() -> None:
    read = event("order.created", without(ORDER, "customer_id"))

    assert isinstance(read, OrderEvent)
    assert read.order.customer_id == 0


@pytest.mark.parametrize(
    ("sent", "read"),
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
def test_a_total_is_read_as_a_plain_decimal(sent: object, read: str) -> None:
    assert order(total=sent).total == read


INVALID_TOTALS: list[object] = [
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


@pytest.mark.parametrize("sent", [*INVALID_TOTALS, float("nan"), float("inf"), 1e40, "9" * 33], ids=repr)
def test_a_total_that_is_no_plain_decimal_is_rejected(sent: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^total: must be a plain decimal number such as 150\.00$"):
        order(total=sent)


@pytest.mark.parametrize(
    ("sent", "read"),
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
def test_dates_are_read_as_utc(sent: str, read: str) -> None:
    assert order(date_created_gmt=sent).created_at == read


INVALID_DATES: list[object] = [
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


@pytest.mark.parametrize("sent", INVALID_DATES, ids=repr)
def test_the_local_date_of_creation_is_used_if_the_gmt_date_is_invalid(sent: object) -> None:
    assert order(date_created_gmt=sent, date_created="2023-10-26T10:00:00").created_at == "2023-10-26T10:00:00"


@pytest.mark.parametrize("sent", INVALID_DATES, ids=repr)
def test_the_date_of_change_is_empty_if_the_gmt_date_is_invalid(sent: object) -> None:
    assert order(date_modified_gmt=sent, date_modified="2023-10-26T10:00:00").modified_at == ""


@pytest.mark.parametrize("sent", INVALID_DATES, ids=repr)
def test_an_order_without_valid_dates_is_accepted(sent: object) -> None:
    read = order(**dict.fromkeys(["date_created", "date_created_gmt", "date_modified", "date_modified_gmt"], sent))

    assert (read.created_at, read.modified_at) == ("", "")


def test_a_local_date_of_creation_is_shifted_by_the_offset_of_the_last_change() -> None:
    read = order(
        date_created="2026-11-28T11:20:00",
        date_created_gmt="0000-00-00T00:00:00",
        date_modified="2026-11-28T12:00:00",
        date_modified_gmt="2026-11-28T17:00:00",
    )

    assert read.created_at == "2026-11-28T16:20:00"


@pytest.mark.parametrize("modified", ["2031-01-05T15:00:00", "9999-12-31T23:59:59"])
def test_dates_of_the_change_that_contradict_each_other_shift_no_date(modified: str) -> None:
    read = order(
        date_created="9999-12-31T23:00:00",
        date_created_gmt=False,
        date_modified="2026-11-28T12:00:00",
        date_modified_gmt=modified,
    )

    assert read.created_at == "9999-12-31T23:00:00"


def test_gmt_dates_take_precedence_over_local_dates() -> None:
    read = order(
        date_created="2023-10-26T06:00:00",
        date_created_gmt="2023-10-26T10:00:00",
        date_modified="2023-10-26T07:00:00",
        date_modified_gmt="2023-10-26T11:00:00",
    )

    assert (read.created_at, read.modified_at) == ("2023-10-26T10:00:00", "2023-10-26T11:00:00")


@pytest.mark.parametrize("missing", [{}, {"date_modified": None, "date_modified_gmt": None}, {"date_modified": ""}])
def test_the_date_of_change_is_empty_without_dates(missing: dict[str, object]) -> None:
    assert order(**missing).modified_at == ""


@pytest.mark.parametrize(("sent", "read"), [("wc-processing", "processing"), ("processing", "processing")])
def test_the_prefix_of_a_status_is_removed(sent: str, read: str) -> None:
    assert order(status=sent).status == read


@pytest.mark.parametrize("sent", ["", " ", "wc-", None, 1, True, [], {}], ids=repr)
def test_an_empty_status_is_rejected(sent: object) -> None:
    with pytest.raises(InvalidPayload, match=r"^status: must be a text that is not empty$"):
        order(status=sent)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_any_decimal_total_is_read_unchanged(amount: object) -> None:
    text = format(amount, "f")

    assert order(total=text).total == text


@given(st.datetimes(timezones=st.timezones()))
def test_to_utc_is_idempotent_for_every_moment(moment: Any) -> None:
    text = moment.replace(microsecond=0).isoformat()
    try:
        once = to_utc(text)
    except ValueError:
        return
    assert to_utc(once + "Z") == once
