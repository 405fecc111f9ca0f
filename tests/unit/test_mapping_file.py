"""Changes of mapping.toml, and the mistakes that are reported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.payloads import customer, order
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.mapping_file import DEFAULT, InvalidMapping

MAPPING = load_mapping()
PAYMENT = '{ order = ["payment_method_title", "payment_method"] }'


def edited(tmp_path: Path, *changes: tuple[str, str]) -> FieldMapping:
    """woohub's own mapping.toml with some of its text replaced."""
    text = DEFAULT.read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "mapping.toml"
    path.write_text(text, "utf-8")
    return load_mapping(path=path)


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
        (PAYMENT, {"payment_method_title": "Cash on delivery", "payment_method": "cod"}, "Cash on delivery"),
        (PAYMENT, {"payment_method_title": "", "payment_method": "cod"}, "cod"),
        (PAYMENT, {"payment_method_title": "", "payment_method": ""}, None),
        ('{ text = "WooCommerce" }', {}, "WooCommerce"),
        ('{ text = "{shipping.city} / {id}" }', {"shipping": {"city": ""}}, "1234"),
    ],
)
def test_any_field_of_the_order_can_be_mapped(
    tmp_path: Path, row: str, changes: dict[str, object], value: str | None
) -> None:
    mapping = edited(tmp_path, ("[deal]", f"[deal]\nextra = {row}"))

    assert mapping.deal(order(**changes)).get("extra") == value


def test_a_text_row_applies_to_contacts_from_orders_and_accounts(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ("[contact]", '[contact]\norigin = { text = "Shop account {id}" }'))

    assert mapping.contact_from_order(order())["origin"] == "Shop account 1234"
    assert mapping.contact_from_customer(customer())["origin"] == "Shop account 56"


def test_the_order_key_prefix_is_part_of_the_deal_key(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ('order_key_prefix = ""', 'order_key_prefix = "second-"'))

    assert mapping.deal(order())["woocommerce_order_id"] == mapping.deal_key(1234) == "second-1234"


def test_a_deal_name_may_contain_the_stores_order_number(tmp_path: Path) -> None:
    mapping = edited(tmp_path, ("WooCommerce Order #{id} -", "Shop order {number} -"))
    name = mapping.deal(order(number="SO-77"))["dealname"]
    rule = mapping.deal_rules["dealname"]

    assert name == "Shop order SO-77 - Jane Doe"
    assert rule.writes("Shop order SO-77", name, creating=False)
    assert not rule.writes("Shop order SO-771", name, creating=False)


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
def test_a_mistake_in_the_file_is_reported_with_the_allowed_values(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    with pytest.raises(InvalidMapping, match=message):
        edited(tmp_path, (old, new))


def test_metrics_require_an_amount_that_is_listed_under_deal(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"contact\.metrics\.amount: 'total' is not listed under \[deal\]"):
        edited(tmp_path, ("enabled = false", 'enabled = true\namount = "total"'))


def test_enabled_metrics_are_contact_properties_with_definitions(tmp_path: Path) -> None:
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
def test_a_property_of_another_type_requires_as_with_that_type(
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


def test_a_missing_mapping_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match=r"nowhere\.toml cannot be read"):
        load_mapping(path=tmp_path / "nowhere.toml")


def test_a_byte_order_mark_in_the_file_is_ignored(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_bytes(DEFAULT.read_text("utf-8").encode("utf-8-sig"))

    assert load_mapping(path=file).deal(order()) == MAPPING.deal(order())


def test_a_mapping_file_in_utf_16_is_reported(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text("", "utf-16")

    with pytest.raises(InvalidMapping, match=r"mapping\.toml cannot be read: save it as UTF-8"):
        load_mapping(path=file)
