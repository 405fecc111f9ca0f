"""Which values contacts and deals get from orders and accounts."""

from __future__ import annotations

import pytest

from tests.support.deliveries import delivery
from tests.support.payloads import BILLING, CONTACT, billed, customer, event, order
from woohub.mapping.fields import load_mapping
from woohub.mapping.values import MAX_TEXT_CHARACTERS, usable_email
from woohub.store.payloads import OrderEvent

MAPPING = load_mapping()


def test_the_sample_order_is_mapped_to_this_contact() -> None:
    assert MAPPING.contact_from_order(order()) == CONTACT


def test_the_sample_order_is_mapped_to_this_deal() -> None:
    assert MAPPING.deal(order()) == {
        "dealname": "WooCommerce Order #1234 - Jane Doe",
        "dealstage": "newly_created_order",
        "amount": "150.00",
        "closedate": "2023-10-26T10:00:00Z",
        "pipeline": "ecommerce_sales",
        "currency": "USD",
        "deal_currency_code": "USD",
        "woocommerce_order_id": "1234",
        "woocommerce_order_status": "processing",
        "associated_products": "Product A, Product B",
    }


def test_the_sample_account_is_mapped_to_this_contact() -> None:
    billing = BILLING | {"first_name": "", "email": "invoices@example.com"}

    # The billing address has no first name, and its e-mail address does not count: both are the account's.
    assert MAPPING.contact_from_customer(customer(billing=billing)) == CONTACT | {"firstname": "Janet"}


def test_a_captured_order_is_mapped_to_this_deal() -> None:
    read = event("order.created", delivery(25).body)

    assert isinstance(read, OrderEvent)
    assert MAPPING.deal(read.order) == {
        "dealname": "WooCommerce Order #19 - 名前 山田",
        "dealstage": "newly_created_order",
        "amount": "4945.50",
        "closedate": "2026-11-23T22:41:26Z",
        "pipeline": "ecommerce_sales",
        "currency": "USD",
        "deal_currency_code": "USD",
        "woocommerce_order_id": "19",
        "woocommerce_order_status": "processing",
        "associated_products": 'Кружка «Ёлка» ☕ — 漢字 עברית "q" & <b>bold</b>',
    }


def test_the_billing_name_takes_precedence_over_the_accounts_name() -> None:
    contact = MAPPING.contact_from_customer(customer())

    assert (contact["firstname"], contact["lastname"]) == ("Jane", "Doe")


@pytest.mark.parametrize("guest", [0, "0", None, ""], ids=repr)
def test_the_contact_of_a_guest_has_no_customer_id(guest: object) -> None:
    assert "woocommerce_customer_id" not in MAPPING.contact_from_order(order(customer_id=guest))


@pytest.mark.parametrize("blank", ["", " ", "\n", None], ids=repr)
@pytest.mark.parametrize(("field", "name"), [("phone", "phone"), ("postcode", "zip"), ("email", "email")])
def test_blank_values_are_left_out(field: str, name: str, blank: object) -> None:
    assert name not in MAPPING.contact_from_order(billed(**{field: blank}))


def test_values_that_are_blank_after_decoding_are_left_out() -> None:
    assert "city" not in MAPPING.contact_from_order(billed(city="&nbsp;"))


def test_an_email_address_is_lower_cased_and_stripped() -> None:
    contact = MAPPING.contact_from_order(billed(email=" Other.Mail@SHOP.example\n"))

    assert contact["email"] == "other.mail@shop.example"


@pytest.mark.parametrize("written", [" Other.Mail@SHOP.example\n", "a&amp;b@x.example", "", None, []])
def test_the_email_of_an_order_equals_that_of_its_contact(written: object) -> None:
    placed = billed(email=written)

    assert MAPPING.email(placed) == MAPPING.contact_from_order(placed).get("email", "")


def test_an_escaped_address_of_an_account_equals_that_of_its_orders() -> None:
    address = "a&b@x.example"

    assert MAPPING.contact_from_order(billed(email=address))["email"] == address
    assert MAPPING.contact_from_customer(customer(email="A&amp;b@x.example"))["email"] == address


@pytest.mark.parametrize(
    ("written", "decoded"),
    [
        ("Smith &amp; Sons", "Smith & Sons"),
        ("O&#039;Brien", "O'Brien"),
        ("&#8220;Al&#x201D;", "\u201cAl\u201d"),
        ("&quot;Al&quot;", '"Al"'),
        ("&amp;amp;", "&amp;"),  # once only
        ("AT&T", "AT&T"),
        ("Nuts&notes", "Nuts&notes"),  # an entity ends with a semicolon
        ("&bogus;", "&bogus;"),
        ("<b>Html</b>", "<b>Html</b>"),
        ("  Ann\tLee ", "Ann\tLee"),
        ("Line\nbreak", "Line\nbreak"),
        ("😀 Emoji", "😀 Emoji"),
        ("محمد", "محمد"),
    ],
)
def test_names_are_decoded_once_and_stripped(written: str, decoded: str) -> None:
    assert MAPPING.contact_from_order(billed(first_name=written))["firstname"] == decoded


@pytest.mark.parametrize(
    ("first", "last", "name"),
    [
        ("Jane", "Doe", "WooCommerce Order #1234 - Jane Doe"),
        ("", "", "WooCommerce Order #1234"),
        (None, None, "WooCommerce Order #1234"),
        ("Jane", "", "WooCommerce Order #1234 - Jane"),
        ("", "Doe", "WooCommerce Order #1234 - Doe"),
        (" Jane ", " Doe ", "WooCommerce Order #1234 - Jane Doe"),
        ("Line\nbreak", "Tab\there", "WooCommerce Order #1234 - Line break Tab here"),
        ("Anna  Lena", "&amp; Co", "WooCommerce Order #1234 - Anna Lena & Co"),
        ("{id}", "{x}", "WooCommerce Order #1234 - {id} {x}"),
        ("- dash -", "", "WooCommerce Order #1234 - - dash -"),
        ("", "-Nobody,", "WooCommerce Order #1234 - -Nobody,"),
    ],
)
def test_the_name_of_a_deal_is_one_line_without_trailing_dash(first: object, last: object, name: str) -> None:
    assert MAPPING.deal(billed(first_name=first, last_name=last))["dealname"] == name


@pytest.mark.parametrize(
    ("currency", "total"), [("JPY", "7.51"), ("JPY", "74"), ("KWD", "17.500"), ("BTC", "0.00012345"), ("EUR", "-1.00")]
)
def test_the_amount_is_the_stores_text_unchanged(currency: str, total: str) -> None:
    deal = MAPPING.deal(order(currency=currency, total=total))

    assert (deal["amount"], deal["currency"], deal["deal_currency_code"]) == (total, currency, currency)


def test_an_order_without_currency_sets_no_currency() -> None:
    assert not {"currency", "deal_currency_code"} & MAPPING.deal(order(currency=None)).keys()


@pytest.mark.parametrize("unusable", [None, "", False, "0000-00-00T00:00:00", "2031-01-05T15:00:00"], ids=repr)
def test_the_close_date_is_the_local_date_in_utc_without_a_usable_utc_date(unusable: object) -> None:
    placed = order(
        date_created="2023-10-26T06:00:00",
        date_created_gmt=unusable,
        date_modified="2023-10-26T07:30:00",
        date_modified_gmt="2023-10-26T11:30:00",
    )

    assert MAPPING.deal(placed)["closedate"] == "2023-10-26T10:00:00Z"


@pytest.mark.parametrize(
    ("items", "products"),
    [
        ([{"name": "Tee &amp; Cup"}, {"name": " "}, {"name": None}, {"name": "Hat, red"}], "Tee & Cup, Hat, red"),
        ([{"name": "Tee"}], "Tee"),
    ],
)
def test_associated_products_are_the_names_of_the_line_items(items: object, products: str) -> None:
    assert MAPPING.deal(order(line_items=items))["associated_products"] == products


def test_an_order_without_line_items_sets_no_associated_products() -> None:
    assert "associated_products" not in MAPPING.deal(order(line_items=[]))


def test_a_long_text_is_truncated_to_hubspots_limit() -> None:
    products = MAPPING.deal(order(line_items=[{"name": "x" * 999}] * 400))["associated_products"]

    assert len(products) == MAX_TEXT_CHARACTERS
    assert products.startswith("x" * 999 + ", x")


def test_a_truncated_text_does_not_end_with_a_space() -> None:
    deal = MAPPING.deal(order(line_items=[{"name": "x" * (MAX_TEXT_CHARACTERS - 1) + " and more"}]))

    assert deal["associated_products"] == "x" * (MAX_TEXT_CHARACTERS - 1)


@pytest.mark.parametrize(
    "text",
    [
        "jane.doe@example.com",
        "a@b.co",
        "o'brien+shop@mail.example",
        "名前@例え.jp",
        '"a@b"@x.example',
        "x@[127.0.0.1]",
        "a" * 242 + "@example.com",
    ],
)
def test_a_possible_email_address_is_usable(text: str) -> None:
    assert usable_email(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "none",
        "@example.com",
        "jane@",
        "jane@localhost",
        "jane@example.",
        "jane@.example",
        "jane@exa..mple",
        "jane doe@example.com",
        "jane@exam ple.com",
        "jane@example.com ",
        "jane\n@example.com",
        "jane\u00a0@example.com",
        "jane\x00@example.com",
        "jane@doe@example.com",
        "a" * 243 + "@example.com",
    ],
    ids=repr,
)
def test_an_impossible_email_address_is_not_usable(text: str) -> None:
    assert not usable_email(text)
