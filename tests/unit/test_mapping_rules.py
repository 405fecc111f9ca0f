"""When a property is written, and which properties set-up creates."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from tests.support.payloads import order
from woohub.mapping.fields import load_mapping
from woohub.mapping.write_rule import WriteRule

MAPPING = load_mapping()


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
def test_each_write_mode_depends_on_the_current_value_and_on_creation(
    mode: str, current: str | None, creating: bool, writes: bool
) -> None:
    assert WriteRule(mode).writes(current, "ours", creating=creating) is writes


@pytest.mark.parametrize("mode", ["always", "if-empty", "on-create", "if-not-renamed"])
@pytest.mark.parametrize("creating", [True, False])
def test_a_blank_value_is_never_written(mode: str, creating: bool) -> None:
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
def test_a_deal_name_is_replaced_unless_it_was_renamed(current: str, writes: bool) -> None:
    rule = MAPPING.deal_rules["dealname"]

    assert rule.writes(current, "WooCommerce Order #12 - Jane Doe", creating=False) is writes


def test_the_email_of_a_contact_is_written_on_create_only() -> None:
    rule = MAPPING.contact_rules["email"]

    assert rule.writes(None, "a@x.example", creating=True)
    assert not rule.writes("b@x.example", "a@x.example", creating=False)


def test_every_written_property_has_a_write_rule() -> None:
    assert MAPPING.deal(order()).keys() | MAPPING.trashed().keys() == MAPPING.deal_rules.keys()
    assert MAPPING.contact_from_order(order()).keys() == MAPPING.contact_rules.keys()


def test_the_properties_to_read_are_those_written_and_the_version() -> None:
    assert MAPPING.contact_properties == (*MAPPING.contact_rules, "woocommerce_customer_version")
    assert MAPPING.deal_properties == (*MAPPING.deal_rules, "woocommerce_order_version")


def test_the_definitions_are_the_properties_that_hubspot_lacks() -> None:
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


def test_every_label_begins_with_woocommerce() -> None:
    assert all(definition.label.startswith("WooCommerce ") for definition in MAPPING.definitions)


def test_a_loaded_mapping_is_immutable() -> None:
    with pytest.raises(FrozenInstanceError):
        MAPPING.order_key_prefix = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        MAPPING.deal_rules["amount"] = WriteRule("always")  # type: ignore[index]
