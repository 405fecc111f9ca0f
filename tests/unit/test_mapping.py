"""What HubSpot gets from an order and from a customer, and when."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Properties
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.deliveries import captured, delivery
from tests.support.payloads import BILLING, CUSTOMER, ORDER, billed, customer, event, order
from woohub.errors import InvalidPayload
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.mapping_file import DEFAULT, InvalidMapping
from woohub.mapping.overlay import Overlay
from woohub.mapping.values import MAX_TEXT_CHARACTERS, usable_email
from woohub.mapping.write_rule import WriteRule
from woohub.store.payloads import READERS, CustomerEvent, OrderEvent

MAPPING = load_mapping()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def edited(tmp_path: Path, *changes: tuple[str, str]) -> FieldMapping:
    """woohub's own mapping.toml with some of its text replaced."""
    text = DEFAULT.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    return load_mapping(path=path)


# Known answers


def test_the_sample_order_makes_exactly_this_contact() -> None:
    assert MAPPING.contact_from_order(order()) == {
        "firstname": "Jane",
        "lastname": "Doe",
        "email": "jane.doe@example.com",
        "phone": "555-123-4567",
        "address": "123 Main St",
        "city": "Anytown",
        "state": "CA",
        "zip": "90210",
        "country": "US",
        "woocommerce_customer_id": "56",
    }


def test_the_sample_order_makes_exactly_this_deal() -> None:
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


def test_a_customers_account_makes_exactly_this_contact() -> None:
    billing = BILLING | {"first_name": "", "email": "invoices@example.com"}

    assert MAPPING.contact_from_customer(customer(billing=billing)) == {
        "firstname": "Janet",  # of the account, since the billing address has none
        "lastname": "Doe",
        "email": "jane.doe@example.com",  # of the account, not of its billing address
        "phone": "555-123-4567",
        "address": "123 Main St",
        "city": "Anytown",
        "state": "CA",
        "zip": "90210",
        "country": "US",
        "woocommerce_customer_id": "56",
    }


def test_a_real_order_makes_exactly_this_deal() -> None:
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


# Values


def test_the_name_on_the_billing_address_is_preferred_to_the_accounts() -> None:
    contact = MAPPING.contact_from_customer(customer())

    assert (contact["firstname"], contact["lastname"]) == ("Jane", "Doe")


@pytest.mark.parametrize("guest", [0, "0", None, ""], ids=repr)
def test_guests_have_no_customer_id(guest: object) -> None:
    assert "woocommerce_customer_id" not in MAPPING.contact_from_order(order(customer_id=guest))


@pytest.mark.parametrize("blank", ["", " ", "\n", None], ids=repr)
@pytest.mark.parametrize(("field", "name"), [("phone", "phone"), ("postcode", "zip"), ("email", "email")])
def test_what_is_blank_is_left_out(field: str, name: str, blank: object) -> None:
    assert name not in MAPPING.contact_from_order(billed(**{field: blank}))


def test_what_is_blank_once_decoded_is_left_out() -> None:
    assert "city" not in MAPPING.contact_from_order(billed(city="&nbsp;"))


def test_the_address_is_in_lower_case_and_without_spaces_around_it() -> None:
    contact = MAPPING.contact_from_order(billed(email=" Other.Mail@SHOP.example\n"))

    assert contact["email"] == "other.mail@shop.example"


@pytest.mark.parametrize("written", [" Other.Mail@SHOP.example\n", "a&amp;b@x.example", "", None, []])
def test_the_address_of_an_order_is_that_of_its_contact(written: object) -> None:
    placed = billed(email=written)

    assert MAPPING.email(placed) == MAPPING.contact_from_order(placed).get("email", "")


def test_an_account_and_its_orders_are_one_contact_though_wordpress_stores_the_accounts_address_escaped() -> None:
    address = "a&b@x.example"

    assert MAPPING.contact_from_order(billed(email=address))["email"] == address
    assert MAPPING.contact_from_customer(customer(email="A&amp;b@x.example"))["email"] == address


@pytest.mark.parametrize(
    ("written", "meant"),
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
def test_names_are_decoded_once_and_stripped(written: str, meant: str) -> None:
    assert MAPPING.contact_from_order(billed(first_name=written))["firstname"] == meant


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
def test_a_deals_name_is_one_line_without_a_dangling_dash(first: object, last: object, name: str) -> None:
    assert MAPPING.deal(billed(first_name=first, last_name=last))["dealname"] == name


@pytest.mark.parametrize(
    ("currency", "total"), [("JPY", "7.51"), ("JPY", "74"), ("KWD", "17.500"), ("BTC", "0.00012345"), ("EUR", "-1.00")]
)
def test_amounts_keep_the_text_of_the_store(currency: str, total: str) -> None:
    deal = MAPPING.deal(order(currency=currency, total=total))

    assert (deal["amount"], deal["currency"], deal["deal_currency_code"]) == (total, currency, currency)


def test_an_order_without_a_currency_says_nothing_about_it() -> None:
    assert not {"currency", "deal_currency_code"} & MAPPING.deal(order(currency=None)).keys()


def test_the_close_date_is_utc() -> None:
    placed = order(date_created="2023-10-26T06:00:00", date_created_gmt="2023-10-26T10:00:00")

    assert MAPPING.deal(placed)["closedate"] == "2023-10-26T10:00:00Z"


@pytest.mark.parametrize("unusable", [None, "", False, "0000-00-00T00:00:00"], ids=repr)
def test_without_it_the_close_date_is_the_local_date_at_the_offset_of_the_last_change(unusable: object) -> None:
    placed = order(
        date_created="2023-10-26T06:00:00",
        date_created_gmt=unusable,
        date_modified="2023-10-26T07:30:00",
        date_modified_gmt="2023-10-26T11:30:00",
    )

    assert MAPPING.deal(placed)["closedate"] == "2023-10-26T10:00:00Z"


def test_of_two_dates_that_contradict_each_other_the_close_date_is_the_earlier() -> None:
    placed = order(
        date_created="2023-10-26T06:00:00",
        date_created_gmt="2031-01-05T15:00:00",
        date_modified="2023-10-26T07:30:00",
        date_modified_gmt="2023-10-26T11:30:00",
    )

    assert MAPPING.deal(placed)["closedate"] == "2023-10-26T10:00:00Z"


def test_where_the_store_knows_local_dates_only_the_close_date_is_that() -> None:
    placed = order(date_created="2023-10-26T06:00:00", date_modified="2023-10-26T07:30:00")

    assert MAPPING.deal(placed)["closedate"] == "2023-10-26T06:00:00Z"


@pytest.mark.parametrize(
    ("items", "products"),
    [
        ([{"name": "Tee &amp; Cup"}, {"name": " "}, {"name": None}, {"name": "Hat, red"}], "Tee & Cup, Hat, red"),
        ([{"name": "Tee"}], "Tee"),
    ],
)
def test_the_products_are_the_names_of_the_line_items(items: object, products: str) -> None:
    assert MAPPING.deal(order(line_items=items))["associated_products"] == products


def test_an_order_without_line_items_says_nothing_about_products() -> None:
    assert "associated_products" not in MAPPING.deal(order(line_items=[]))


def test_text_is_cut_to_what_hubspot_takes() -> None:
    products = MAPPING.deal(order(line_items=[{"name": "x" * 999}] * 400))["associated_products"]

    assert len(products) == MAX_TEXT_CHARACTERS
    assert products.startswith("x" * 999 + ", x")


def test_a_cut_leaves_no_space_at_the_end() -> None:
    deal = MAPPING.deal(order(line_items=[{"name": "x" * (MAX_TEXT_CHARACTERS - 1) + " and more"}]))

    assert deal["associated_products"] == "x" * (MAX_TEXT_CHARACTERS - 1)


# When to write


@pytest.mark.parametrize(
    ("mode", "current", "creating", "writes"),
    [
        ("always", None, True, True),
        ("always", "", False, True),
        ("always", "theirs", False, True),
        ("if-empty", None, True, True),
        ("if-empty", None, False, True),
        ("if-empty", " ", False, True),
        ("if-empty", "theirs", False, False),
        ("on-create", None, True, True),
        ("on-create", None, False, False),
        ("on-create", "theirs", False, False),
        ("if-not-renamed", None, True, True),
        ("if-not-renamed", "", False, True),
    ],
)
def test_when_a_value_is_written(mode: str, current: str | None, creating: bool, writes: bool) -> None:
    assert WriteRule(mode).writes(current, "ours", creating=creating) is writes


@pytest.mark.parametrize("mode", ["always", "if-empty", "on-create", "if-not-renamed"])
@pytest.mark.parametrize("creating", [True, False])
def test_a_blank_is_never_written(mode: str, creating: bool) -> None:
    assert not WriteRule(mode).writes(None, " ", creating=creating)


@pytest.mark.parametrize(
    ("current", "writes"),
    [
        ("WooCommerce Order #12", True),
        ("WooCommerce Order #12 - J. Doe", True),
        ("WooCommerce Order #123", False),
        ("WooCommerce Order #1", False),
        ("Big customer!", False),
        ("VIP: WooCommerce Order #12", False),
    ],
)
def test_a_salespersons_own_deal_name_stays(current: str, writes: bool) -> None:
    rule = MAPPING.deal_rules["dealname"]

    assert rule.writes(current, "WooCommerce Order #12 - Jane Doe", creating=False) is writes


def test_a_deal_name_may_carry_the_shops_own_order_number(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ("WooCommerce Order #{id} -", "Shop order {number} -"))
    name = mapping.deal(order(number="SO-77"))["dealname"]
    rule = mapping.deal_rules["dealname"]

    assert name == "Shop order SO-77 - Jane Doe"
    assert rule.writes("Shop order SO-77", name, creating=False)
    assert not rule.writes("Shop order SO-771", name, creating=False)


def test_a_new_contact_is_the_only_one_whose_address_is_written() -> None:
    rule = MAPPING.contact_rules["email"]

    assert rule.writes(None, "a@x.example", creating=True)
    assert not rule.writes("b@x.example", "a@x.example", creating=False)


def test_there_is_a_rule_for_every_property_that_is_written() -> None:
    assert MAPPING.deal(order()).keys() | MAPPING.trashed().keys() == MAPPING.deal_rules.keys()
    assert MAPPING.contact_from_order(order()).keys() == MAPPING.contact_rules.keys()


def test_what_is_read_is_what_is_written_and_the_version() -> None:
    assert MAPPING.contact_properties == (*MAPPING.contact_rules, "woocommerce_customer_version")
    assert MAPPING.deal_properties == (*MAPPING.deal_rules, "woocommerce_order_version")


# What set-up creates


def test_set_up_creates_every_property_hubspot_has_not_by_itself() -> None:
    created = {(definition.object_type, definition.name): definition.unique for definition in MAPPING.definitions}

    assert created == {
        ("contacts", "woocommerce_customer_id"): False,
        ("contacts", "woocommerce_customer_version"): False,
        ("deals", "woocommerce_order_id"): True,
        ("deals", "woocommerce_order_status"): False,
        ("deals", "woocommerce_order_version"): False,
        ("deals", "associated_products"): False,
        ("deals", "currency"): False,
    }
    assert MAPPING.key_property == "woocommerce_order_id"


def test_no_label_is_one_of_hubspots_own() -> None:
    assert all(definition.label.startswith("WooCommerce ") for definition in MAPPING.definitions)


def test_the_mapping_cannot_be_changed_once_loaded() -> None:
    with pytest.raises(FrozenInstanceError):
        MAPPING.order_key_prefix = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        MAPPING.deal_rules["amount"] = WriteRule("always")  # type: ignore[index]


# E-mail addresses


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
def test_what_may_be_an_address_is_left_to_hubspot(text: str) -> None:
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
def test_what_is_surely_no_address_is_not_usable(text: str) -> None:
    assert not usable_email(text)


# Editing the table


@pytest.fixture
def with_payment(tmp_path: Path) -> FieldMapping:
    """The table with one more field and its definition."""
    return edited(
        tmp_path,
        ("[deal]", '[deal]\npayment = { order = ["payment_method_title", "payment_method"], write = "if-empty" }'),
        (
            "[create.deal.currency]",
            '[create.deal.payment]\nlabel = "Paid by"\ntype = "string"\nfieldType = "text"\ndescription = "How."\n\n'
            "[create.deal.currency]",
        ),
    )


@pytest.mark.parametrize(
    ("title", "method", "payment"),
    [("Cash on delivery", "cod", "Cash on delivery"), ("", "cod", "cod"), ("", "", None)],
)
def test_an_added_field_has_the_first_of_its_sources_that_is_filled(
    with_payment: FieldMapping, title: str, method: str, payment: str | None
) -> None:
    deal = with_payment.deal(order(payment_method_title=title, payment_method=method))

    assert deal.get("payment") == payment


def test_an_added_field_is_written_by_its_own_rule(with_payment: FieldMapping) -> None:
    assert not with_payment.deal_rules["payment"].writes("Cash", "Card", creating=False)


def test_an_added_field_is_created_as_it_is_defined(with_payment: FieldMapping) -> None:
    assert ("payment", "Paid by") in [(definition.name, definition.label) for definition in with_payment.definitions]


@pytest.mark.parametrize(
    ("row", "changes", "value"),
    [
        ('{ order = "shipping.city" }', {"shipping": {"city": "Bonn"}}, "Bonn"),
        ('{ order = "shipping.city" }', {"shipping": []}, None),
        ('{ order = "needs_payment" }', {"needs_payment": True}, "true"),
        ('{ order = "line_items.sku" }', {"line_items": [{"sku": "A"}, {"sku": None}, {"sku": "B"}]}, "A, B"),
        ('{ order = "line_items.quantity" }', {"line_items": [{"quantity": 2}, {"quantity": 1.5}]}, "2, 1.5"),
        ('{ order = "meta_data" }', {"meta_data": [{"key": "x"}]}, None),
        ('{ order = "total_tax", as = "number" }', {"total_tax": "7.50"}, "7.50"),
        ('{ order = "total_tax", as = "number" }', {"total_tax": "7,50"}, None),
        (
            '{ order = "date_paid_gmt", as = "datetime" }',
            {"date_paid_gmt": "2023-10-26T10:00:00"},
            "2023-10-26T10:00:00Z",
        ),
        ('{ order = "date_paid_gmt", as = "datetime" }', {"date_paid_gmt": None}, None),
        ('{ order = "date_paid_gmt", as = "datetime" }', {"date_paid_gmt": "soon"}, None),
        ('{ order = "date_paid_gmt", as = "date" }', {"date_paid_gmt": "2023-10-26T23:00:00"}, "2023-10-26"),
        ('{ order = "parent_id", as = "id" }', {"parent_id": 0}, None),
        ('{ order = "parent_id", as = "id" }', {"parent_id": 7}, "7"),
        ('{ order = "agent", as = "email" }', {"agent": "A@X.example"}, "a@x.example"),
        ('{ text = "WooCommerce" }', {}, "WooCommerce"),
        ('{ text = "{shipping.city} / {id}" }', {"shipping": {"city": ""}}, "1234"),
    ],
)
def test_any_field_of_the_order_can_be_mapped(
    tmp_path: Path, row: str, changes: dict[str, object], value: str | None
) -> None:
    mapping = edited(tmp_path, ("[deal]", f"[deal]\nextra = {row}"))

    assert mapping.deal(order(**changes)).get("extra") == value


def test_a_text_fills_contacts_from_orders_and_from_accounts(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ("[contact]", '[contact]\norigin = { text = "Shop account {id}" }'))

    assert mapping.contact_from_order(order())["origin"] == "Shop account 1234"
    assert mapping.contact_from_customer(customer())["origin"] == "Shop account 56"


def test_a_prefix_keeps_the_orders_of_several_stores_apart(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ('order_key_prefix = ""', 'order_key_prefix = "second-"'))

    assert mapping.deal(order())["woocommerce_order_id"] == mapping.deal_key(1234) == "second-1234"


def test_a_custom_status_can_be_given_a_stage(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ('["on-hold"]', '["on-hold", "wc-awaiting-pickup"]'))

    assert mapping.pipeline.stage("awaiting-pickup") == "on_hold"
    assert mapping.pipeline.is_known("awaiting-pickup")


MISTAKES = [
    ('as = "number" }', 'as = "money" }', r"deal\.amount\.as: 'money' is not possible; allowed: 'text', 'number', "),
    ('"if-not-renamed" }', '"sometimes" }', r"deal\.dealname\.write: 'sometimes' is not possible; allowed: 'always', "),
    ('{ order = "total",', '{ from = "total",', r"deal\.amount\.from: unknown; allowed here: order, text, as, write"),
    ('"customer_id", customer', '"customer_id", account', r"woocommerce_customer_id\.account: unknown; .*customer"),
    ('currency  = { order = "currency" }', 'currency = { customer = "id" }', r"deal\.currency\.customer: unknown"),
    ('currency  = { order = "currency" }', "currency = {}", r"deal\.currency: needs either order, or text"),
    (
        'phone     = { order = "billing.phone", ',
        'phone = { text = "x", ',
        r"contact\.phone: needs either order and cust",
    ),
    ('{ order = "line_items.name" }', '{ order = "line items" }', r"associated_products\.order\.0: must be the name"),
    (
        '{ order = "line_items.name" }',
        "{ order = 7 }",
        r"deal\.associated_products\.order: must be a name in quotes or",
    ),
    ('{ order = "line_items.name" }', '"line_items.name"', r"deal\.associated_products: must be written in braces"),
    ("probability = 0.4", 'probability = "high"', r"stages\.on_hold\.probability: must be a number"),
    ('label = "On hold"', "label = 3", r"stages\.on_hold\.label: must be a text in quotes"),
    ('label = "On hold"', 'label = " "', r"stages\.on_hold\.label: must not be empty"),
    ("hasUniqueValue = true", "hasUniqueValue = 3", r"woocommerce_order_id\.hasUniqueValue: must be true or false"),
    ('{ text = "Woo', '{ as = "id", text = "Woo', r"deal\.dealname: \"as\" is not possible together with text"),
    ("{billing.first_name} {b", "{first name} {b", r"deal\.dealname: the text has \{first name\}, which is not"),
    ("{billing.last_name}", "{billing.last_name", r"deal\.dealname: the text has a brace without its partner"),
    ("Order #{id} - ", "Order ", r"deal\.dealname: \"if-not-renamed\" needs a text that begins with fixed words and"),
    ('phone     = { order = "b', 'phone = { write = "if-not-renamed", order = "b', r"contact\.phone: .* is for deals"),
    ("[deal]", "[deal]\nDealName = { order = 'id' }", r"deal\.DealName: is no HubSpot property name"),
    ("[deal]", "[deal]\ndealstage = { order = 'status' }", r"deal\.dealstage: is filled by woohub itself"),
    (
        "[deal]",
        "[deal]\nwoocommerce_order_version = { order = 'id' }",
        r"deal\.woocommerce_order_version: is filled by",
    ),
    ("[deal]", "[deals]\nx = 1\n[deal]", r"deals: unknown; allowed here: order_key_prefix, contact, deal, pipeline, "),
    ('"email", as = "email"', '"email"', r"contact\.email: must have as = \"email\" and write = \"on-create\""),
    ('write = "on-create" }', 'write = "always" }', r"contact\.email: must have as = \"email\" and write = "),
    ("email     = {", "mail = {", r"contact\.email: is missing"),
    ('customer = "email", as', "as", r"contact\.email: is missing or has no order or customer"),
    ('default_stage = "newly_created_order"', "", r"pipeline\.default_stage: is missing"),
    ('default_stage = "n', 'default_stage = "o', r"'oewly_created_order' is not a stage; allowed: awaiting_payment, "),
    ("probability = 0.4", "probability = 0.45", r"stages\.on_hold\.probability: must be between 0\.0 and 1\.0, in"),
    ("probability = 0.4", "probability = 1.1", r"stages\.on_hold\.probability: must be between 0\.0 and 1\.0, in"),
    ('["on-hold"]', '["pending"]', r"stages\.on_hold: the status 'pending' leads to awaiting_payment already"),
    (
        '"on-hold"]',
        '"on-hold"], colour = "red"',
        r"stages\.on_hold\.colour: unknown; allowed here: label, probability, s",
    ),
    (
        'label = "On hold"',
        'label = "completed"',
        r"stages\.completed: the label 'Completed' is that of on_hold already",
    ),
    ("on_hold             =", "on_hold.x =", r"stages\.on_hold\.label: is missing"),
    (', "trash"]', "]", r'stages: none of them lists the status "trash"'),
    (
        "[create.deal.woocommerce_order_version]",
        "[create.deal.x]",
        r"create\.deal\.woocommerce_order_version: is missing",
    ),
    (
        "hasUniqueValue = true",
        "hasUniqueValue = false",
        r"create\.deal\.woocommerce_order_id: must have hasUniqueValue",
    ),
    (
        '"WooCommerce currency"',
        '"WooCommerce products"',
        r"create\.deal\.currency: the label .* of associated_products",
    ),
    (
        '= "textarea"',
        '= "number"',
        r"create\.deal\.associated_products: with type string, fieldType must be text or textarea",
    ),
    (
        "[create.deal.currency]",
        "[create.deal.curency]",
        r"create\.deal\.curency: nothing fills it; list it under \[deal\]",
    ),
    (
        'names = "woocommerce"',
        "name = 1",
        r"contact\.metrics\.name: unknown; allowed here: enabled, names, paid_statuses",
    ),
    ("[create.group]", '[create.group]\nx = ""', r"create\.group\.x: unknown; allowed here: name, label"),
    ('order_key_prefix = ""', 'order_key_prefix = "2"', r"order_key_prefix: must be .*not ending in a digit"),
    ('order_key_prefix = ""', 'order_key_prefix = "Shop-"', r"order_key_prefix: must be lower-case"),
    (
        "amount    =",
        "amount    = { order = 'id' }\namount    =",
        r"Cannot overwrite a value .*: amount    = \{ order = \"to",
    ),
    ("[deal]", "[deal", r"mapping\.toml: Expected ']' .*: \[deal$"),
]


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES)
def test_a_mistake_in_the_table_is_named_with_what_is_allowed(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InvalidMapping, match=message):
        edited(tmp_path, (old, new))


def test_metrics_are_made_of_what_deals_have(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"contact\.metrics\.amount: 'total' is not listed under \[deal\]"):
        edited(tmp_path, ("enabled = false", 'enabled = true\namount = "total"'))


def test_metrics_switched_on_are_properties_of_the_contact_for_setup_to_create(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ("enabled = false", "enabled = true"))

    created = {definition.name: definition.type for definition in mapping.definitions}
    assert created["woocommerce_total_paid"] == "number"
    assert created["woocommerce_last_order_date"] == "datetime"
    assert "woocommerce_orders" in mapping.contact_properties
    assert "woocommerce_orders" not in MAPPING.contact_properties


@pytest.mark.parametrize(
    ("kind", "field_type", "shape"),
    [("number", "number", "number"), ("date", "date", "date"), ("datetime", "date", "datetime")],
)
def test_a_property_of_another_type_than_text_needs_values_of_that_type(
    tmp_path: Path, kind: str, field_type: str, shape: str
) -> None:
    definition = (
        '[create.deal.currency]\nlabel       = "WooCommerce currency"\ntype        = "string"\nfieldType   = "text"'
    )
    changed = f'[create.deal.currency]\nlabel = "x"\ntype = "{kind}"\nfieldType = "{field_type}"'

    with pytest.raises(InvalidMapping, match=f'deal.currency: is created with type {kind}, so it needs as = "{shape}"'):
        edited(tmp_path, (definition, changed))


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping) as raised:
        edited(tmp_path, ('as = "number" }', 'as = "x" }'), ('"on-create" }', '"y" }'))

    assert re.findall(r"^  (\S+):", str(raised.value), re.MULTILINE) == ["contact.email.write", "deal.amount.as"]


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"nowhere\.toml cannot be read"):
        load_mapping(path=tmp_path / "nowhere.toml")


def test_a_byte_order_mark_at_the_beginning_of_a_file_is_no_part_of_it(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_bytes(DEFAULT.read_text("utf-8").encode("utf-8-sig"))

    assert load_mapping(path=file).deal(order()) == MAPPING.deal(order())


def test_a_file_that_is_not_utf_8_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text("", "utf-16")

    with pytest.raises(InvalidMapping, match=r"mapping\.toml cannot be read: save it as UTF-8"):
        load_mapping(path=file)


# Laws


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
def test_whatever_arrives_nothing_blank_is_written(topic: str, payload: object) -> None:
    for properties in all_properties(topic, payload):
        assert_writable(properties)


@given(field=st.sampled_from(sorted(ORDER)), value=JSON)
def test_whatever_is_odd_in_an_order_nothing_blank_is_written(field: str, value: object) -> None:
    for properties in all_properties("order.updated", ORDER | {field: value}):
        assert_writable(properties)


@given(field=st.sampled_from(sorted(BILLING)), value=JSON)
def test_whatever_is_odd_in_an_address_order_and_customer_are_mapped(field: str, value: object) -> None:
    billing = BILLING | {field: value}
    orders = all_properties("order.updated", ORDER | {"billing": billing})
    customers = all_properties("customer.updated", CUSTOMER | {"billing": billing})

    assert (len(orders), len(customers)) == (2, 1)
    for properties in orders + customers:
        assert_writable(properties)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_the_text_of_a_total_survives(amount: Any) -> None:
    text = format(amount, "f")

    assert MAPPING.deal(order(total=text))["amount"] == text


@given(first=st.text(max_size=40), last=st.text(max_size=40), new_first=st.text(max_size=40))
def test_a_changed_name_always_replaces_our_own_deal_name(first: str, last: str, new_first: str) -> None:
    before = MAPPING.deal(billed(first_name=first, last_name=last))["dealname"]
    after = MAPPING.deal(billed(first_name=new_first, last_name=last))["dealname"]

    assert MAPPING.deal_rules["dealname"].writes(before, after, creating=False)


@given(st.text(max_size=300))
def test_a_usable_address_has_two_parts_and_no_spaces(text: str) -> None:
    local, _, domain = text.rpartition("@")

    assert usable_email(text) <= bool(local and domain and not re.search(r"\s", text))


@pytest.mark.parametrize("sent", captured(), ids=lambda sent: f"{sent.nr}-{sent.label}")
def test_every_captured_delivery_makes_writable_properties(sent: Any) -> None:
    if sent.topic in READERS:
        for properties in all_properties(sent.topic, sent.payload):
            assert_writable(properties)


# The page about it


def rows(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of docs/mapping.md."""
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_the_page_lists_every_property_and_when_it_is_written() -> None:
    by_woohub = {"pipeline", "dealstage", "woocommerce_order_id", "woocommerce_order_status"}
    kinds = {"contact": MAPPING.contact_rules, "deal": MAPPING.deal_rules}
    listed = {
        (kind, name, "by woohub" if name in by_woohub else rules[name].mode)
        for kind, rules in kinds.items()
        for name in rules
    }
    versions = {
        ("contact", MAPPING.contact_properties[-1], "by woohub"),
        ("deal", MAPPING.deal_properties[-1], "by woohub"),
    }

    assert {(row[0], row[1].strip("`"), row[4]) for row in rows("Every property")} == listed | versions


def test_the_page_lists_every_stage() -> None:
    listed = [(row[0].strip("`"), row[1], row[2].split()[0], re.findall("`([^`]+)`", row[3])) for row in rows("Stages")]

    assert listed == [
        (stage.id, stage.label, str(stage.probability), list(stage.statuses)) for stage in MAPPING.pipeline.stages
    ]


def recipes() -> dict[str, str]:
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text("utf-8")
    return dict(re.findall(r"\n### ([^\n]+)\n(?:(?!\n#).)*?```toml\n(.*?)```", page, re.DOTALL))


def pushed(recipe: str) -> FieldMapping:
    """What a recipe of the page makes as the whole of a user's file."""
    return load_mapping(Overlay("mapping.toml", recipes()[recipe].encode()))


def test_the_recipe_for_a_custom_status_works() -> None:
    mapping = pushed("Give a custom status its stage")

    assert (mapping.pipeline.stage("awaiting-pickup"), mapping.pipeline.stage("on-hold")) == ("on_hold", "on_hold")


def test_the_recipe_for_another_pipeline_works() -> None:
    mapping = pushed("Use a pipeline you have already")

    assert MAPPING.deal(order()) | {"pipeline": "default", "dealstage": "presentationscheduled"} == mapping.deal(
        order()
    )


def test_the_recipe_for_a_new_field_works() -> None:
    mapping = pushed("Add a field")

    assert mapping.deal(order(payment_method_title="Cash"))["woocommerce_payment_method"] == "Cash"
    assert "woocommerce_payment_method" in {definition.name for definition in mapping.definitions}


def test_the_recipe_against_overwriting_works() -> None:
    mapping = pushed("Keep a field from being overwritten")

    assert not mapping.contact_rules["phone"].writes("555-1", "555-2", creating=False)
