"""Line items: a mapping that writes them, orders whose items add up, and the line items of a portal."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from simulators.hubspot import SimulatedPortal
from tests.support.orders import order
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.parts import usual_key

WITH_ITEMS = load_mapping(Overlay("mapping.toml", b"[line_item]\nenabled = true\n"))


def item(number: int, name: str = "Mug", quantity: int = 2, total: str = "20.00", **more: Any) -> dict[str, Any]:
    """A line item of an order."""
    return {"id": number, "name": name, "quantity": quantity, "subtotal": total, "total": total, "sku": "MUG"} | more


def order_of(number: int, items: Iterable[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """An order of these items, without tax."""
    rows = list(items)
    total = sum((Decimal(row["total"]) for row in rows), Decimal(0))
    return order(number, line_items=rows, total=f"{total:.2f}", **changes)


def items_by_key(portal: SimulatedPortal) -> dict[str, dict[str, str]]:
    """The properties of every line item, each associated with its own deal only; AssertionError otherwise."""
    state = portal.state()
    orders = {row["id"]: row["properties"].get("woocommerce_order_id") for row in state["deals"]}
    rows = {row["properties"].get("woocommerce_line_item_id", row["id"]): row for row in state["line_items"]}
    assert len(rows) == len(state["line_items"])
    for key, row in rows.items():
        assert [orders[deal] for deal in row["deals"]] == [usual_key(key).rpartition("-")[0]], key
    return {key: row["properties"] for key, row in rows.items()}


def line_item_sums(portal: SimulatedPortal) -> dict[str, Decimal]:
    """The sum of the line items of each order, by the order's key."""
    total: dict[str, Decimal] = {}
    for key, properties in items_by_key(portal).items():
        order_key = usual_key(key).rpartition("-")[0]
        total[order_key] = total.get(order_key, Decimal(0)) + Decimal(properties["amount"])
    return total
