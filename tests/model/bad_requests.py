"""Requests that write nothing, and records that must become dead letters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from simulators.hubspot import SimulatedPortal
from simulators.hubspot.definitions import DEALS, option
from simulators.hubspot.settings import RequiredProperties
from tests.model.shop import Request, Shop
from tests.support import orders

FIRST_ID = 80_000  # of bad requests; the store's own ids are lower

Body = dict[str, Any]


PAT = {"first_name": "Pat", "last_name": "Poe", "address_1": "1 Side St", "phone": ""}


def order(number: int, **changes: Any) -> Body:
    """A guest's order; `billing` changes are merged into the address."""
    billing = PAT | {"email": f"badrequest{number}@mail.example"} | changes.pop("billing", {})
    items = [{"id": 1, "name": "Anvil"}]
    return orders.order(number, **{"total": "10.00", "customer_id": 0, "line_items": items} | changes, billing=billing)


def customer(number: int, **changes: Any) -> Body:
    """A customer's account."""
    billing = PAT | {"email": f"badrequest{number}@mail.example"}
    account = {"first_name": "Pat", "last_name": "Poe", "email": billing["email"]}
    return orders.customer(number, **account | changes, billing=billing)


def noise(shop: Shop) -> list[tuple[Request, str]]:
    """Requests that write nothing, each with its kind."""
    view = {"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot…", "data": {"status": 401}}
    gone = {"code": "woocommerce_rest_shop_order_invalid_id", "message": "Invalid ID.", "data": {"status": 404}}
    ping = Request({"Content-Type": "application/x-www-form-urlencoded"}, b"webhook_id=3")
    cut = shop.request_of_bytes("order.updated", shop.signed("order.updated", order(80_001)).body[:-20])
    return [
        (ping, "noise"),
        (shop.signed("order.updated", view), "noise"),
        (shop.signed("order.updated", gone), "noise"),
        (cut, "noise"),
        (shop.signed("action.woocommerce_anything", {"action": "woocommerce_anything", "arg": 1}), "noise"),
        (shop.signed("order.updated", order(80_002, status="checkout-draft")), "noise"),
        (shop.signed("customer.created", customer(80_003, role="editor")), "noise"),
        (shop.signed("order.deleted", {"id": 80_004}), "noise"),
        (replace(ping, body=b"webhook_id=3&more=1"), "stranger"),
    ]


@dataclass(frozen=True)
class Poison:
    """A record that cannot be written while its cause lasts, and a word that its dead letter's reason must contain."""

    entity: str
    topic: str
    body: Body
    reason_word: str


def invalid_payloads() -> list[Poison]:
    """Bodies that a store or a plugin sends with invalid fields."""
    return [
        Poison("order:90001", "order.created", order(90_001, total="12,50"), "total"),
        Poison("order:90002", "order.created", order(90_002, status=" "), "status"),
        Poison("order:90003", "order.created", order(90_003, total="1e3"), "total"),
        Poison("order:90004", "order.created", order(90_004, total="free"), "total"),
        Poison("customer:90005", "customer.created", customer(90_005, email="not an address"), "email"),
    ]


def rejected_records() -> list[Poison]:
    """Records that a portal with `add_rejection_rules` rejects."""
    return [
        Poison("order:90011", "order.created", order(90_011, currency="XTS"), "description"),
        Poison("order:90012", "order.created", order(90_012, total="0.01"), "dealtype"),
        Poison("order:90013", "order.created", order(90_013, billing={"country": "AQ"}), "company"),
        Poison("order:90014", "order.created", order(90_014, billing={"city": "Erewhon"}), "jobtitle"),
        Poison("order:90015", "order.created", order(90_015, billing={"state": "ZZ"}), "mobilephone"),
        Poison("customer:90016", "customer.created", customer(90_016, email="pat@shop.invalid"), "address"),
        Poison("order:90017", "order.created", order(90_017, currency="XAF"), "XAF"),
        Poison("order:90018", "order.created", order(90_018, status="lent"), "hubspot_owner_id"),
        Poison("order:90019", "order.created", order(90_019, billing={"last_name": "Null"}), "lifecyclestage"),
        Poison("order:90020", "order.created", order(90_020, line_items=[{"name": "Zeppelin"}]), "hs_priority"),
    ]


RULES = (
    RequiredProperties("deals", ("description",), {"currency": "XTS"}),
    RequiredProperties("deals", ("dealtype",), {"amount": "0.01"}),
    RequiredProperties("deals", ("hubspot_owner_id",), {"woocommerce_order_status": "lent"}),
    RequiredProperties("deals", ("hs_priority",), {"associated_products": "Zeppelin"}),
    RequiredProperties("contacts", ("company",), {"country": "AQ"}),
    RequiredProperties("contacts", ("jobtitle",), {"city": "Erewhon"}),
    RequiredProperties("contacts", ("mobilephone",), {"state": "ZZ"}),
    RequiredProperties("contacts", ("lifecyclestage",), {"lastname": "Null"}),
)
CURRENCIES = ("USD", "EUR", "GBP", "XTS")


def add_rejection_rules(portal: SimulatedPortal) -> None:
    """Add an administrator's rules, and make `currency` a property with options."""
    portal.change_settings({"rules": RULES})
    _currencies(portal, *CURRENCIES)


def remove_rejection_rules(portal: SimulatedPortal) -> None:
    """Undo `add_rejection_rules`, and make HubSpot accept a new top-level domain."""
    portal.change_settings({"rules": (), "unknown_tlds": ()})
    _currencies(portal, *CURRENCIES, "XAF")


def _currencies(portal: SimulatedPortal, *codes: str) -> None:
    definition = portal.schema.properties[DEALS.id]["currency"]
    definition.type, definition.field_type = "enumeration", "select"
    definition.options = [option(code, code) for code in codes]
