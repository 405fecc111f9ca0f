"""Create woohub's group, properties and pipeline in an account without API calls, for tests that need them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .definitions import CONTACTS, DEALS, LINE_ITEMS, OBJECT_TYPES, ObjectType
from .errors import Json
from .portal import SimulatedPortal

if TYPE_CHECKING:
    from woohub.mapping.definitions import Definition

GROUP, GROUP_LABEL = "woocommerce", "WooCommerce"
PIPELINE = "ecommerce_sales"
STAGES = (
    ("awaiting_payment", "Awaiting payment", "0.2"),
    ("on_hold", "On hold", "0.4"),
    ("newly_created_order", "Newly created order", "0.8"),
    ("completed", "Completed", "1.0"),
    ("cancelled", "Cancelled", "0.0"),
    ("refunded", "Refunded", "0.0"),
    ("failed", "Failed", "0.0"),
)
_CONTACT_PROPERTIES = (
    ("woocommerce_customer_id", "WooCommerce customer ID"),
    ("woocommerce_customer_version", "WooCommerce customer version"),
)
_DEAL_PROPERTIES = (
    ("woocommerce_order_id", "WooCommerce order ID"),
    ("woocommerce_order_version", "WooCommerce order version"),
    ("woocommerce_order_status", "WooCommerce order status"),
    ("associated_products", "Associated products"),
    ("currency", "Order currency"),  # "Currency" is the label of HubSpot's own deal_currency_code
)


def provision(portal: SimulatedPortal, *, unique_order_id: bool = True) -> SimulatedPortal:
    """Create what `woohub setup` creates.

    With `unique_order_id=False` the order id is not unique, as in an account that was set up by hand.
    """
    for kind, properties in ((CONTACTS, _CONTACT_PROPERTIES), (DEALS, _DEAL_PROPERTIES)):
        portal.schema.create_group(kind, {"name": GROUP, "label": GROUP_LABEL})
        for name, label in properties:
            unique = unique_order_id and name == "woocommerce_order_id"
            _property(portal, kind, name, label, unique=unique)
    stages = [
        {"stageId": key, "label": label, "displayOrder": order, "metadata": {"probability": probability}}
        for order, (key, label, probability) in enumerate(STAGES)
    ]
    pipeline: Json = {"pipelineId": PIPELINE, "label": "E-commerce sales", "displayOrder": 1, "stages": stages}
    portal.schema.create_pipeline(DEALS, pipeline, portal.settings, portal.now())
    return portal


def provision_line_items(portal: SimulatedPortal) -> SimulatedPortal:
    """Create what `woohub setup` creates in addition if line items are switched on."""
    portal.schema.create_group(LINE_ITEMS, {"name": GROUP, "label": GROUP_LABEL})
    _property(portal, LINE_ITEMS, "woocommerce_line_item_id", "WooCommerce line item ID", unique=True)
    _property(portal, DEALS, "woocommerce_line_items", "WooCommerce line items", unique=False)
    _property(portal, DEALS, "woocommerce_line_items_note", "WooCommerce line items note", unique=False)
    return portal


def provision_definitions(portal: SimulatedPortal, definitions: Iterable[Definition]) -> SimulatedPortal:
    """Create the properties of a mapping's definitions that the account lacks, and their groups."""
    for wanted in definitions:
        kind = OBJECT_TYPES[wanted.object_type]
        if wanted.group not in portal.schema.groups[kind.id]:
            portal.schema.create_group(kind, {"name": wanted.group, "label": GROUP_LABEL})
        if wanted.name not in portal.schema.properties[kind.id]:
            body = {"name": wanted.name, "label": wanted.label, "type": wanted.type, "fieldType": wanted.field_type}
            more = {"groupName": wanted.group, "hasUniqueValue": wanted.unique}
            portal.schema.create_property(kind, body | more, portal.settings, portal.now())
    return portal


def _property(portal: SimulatedPortal, kind: ObjectType, name: str, label: str, *, unique: bool) -> None:
    field_type = "textarea" if name == "associated_products" else "text"
    body = {"name": name, "label": label, "type": "string", "fieldType": field_type, "groupName": GROUP}
    portal.schema.create_property(kind, {**body, "hasUniqueValue": unique}, portal.settings, portal.now())
