"""Measure line items and customer metrics: their HubSpot calls, and whether they are right."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from html import unescape
from typing import Any

from simulators.hubspot import SimulatedPortal, provision_definitions
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.record_kinds import record_kinds

from . import measures, orders
from .account import Clock
from .measures import WOOHUB, Contender
from .orders import Body
from .woohub_flow import WooHubFlow

LINE_ITEMS, METRICS = "[line_item]\nenabled = true\n", "[contact.metrics]\nenabled = true\n"
PAID = ("processing", "completed")
KINDS = ("missing", "duplicated", "wrong", "orphaned")


Row = tuple[str, float, float]  # the name and value of one of woohub's figures, and its goal: at most so much


def contender(text: str) -> Contender:
    """Return woohub with this overlay of the mapping."""
    mapping = load_mapping(Overlay("mapping.toml", text.encode()))
    kinds = record_kinds(mapping)

    def flow(portal: SimulatedPortal, clock: Clock, seed: int) -> WooHubFlow:
        return WooHubFlow(provision_definitions(portal, mapping.definitions), clock, seed, kinds=kinds)

    return replace(WOOHUB, flow=flow)


def calls_with_metrics() -> Iterator[Row]:
    """Yield HubSpot calls per hundred orders. The goal is at most three more than without metrics."""
    calls = measures.calls(contender(METRICS))
    for kind, most in (("new", 8), ("changed", 6), ("unchanged", 5)):
        yield f"… with customer metrics: {kind}", calls[kind], most


def wrong(*, chaos: bool) -> Iterator[Row]:
    """Yield the number of wrong line items and contacts' metrics after 200 orders and a status change of each."""
    run = contender(LINE_ITEMS + METRICS).start(chaos=chaos)
    created = orders.two_deliveries_each(run.clock.now)
    run.process(created)
    run.clock.sleep(measures.AN_HOUR_S)
    changes = orders.final_status_changes(created.orders, run.clock.now, seed=0)
    run.process(changes)
    items, where = wrong_items(run.portal, changes.orders), " in chaos" if chaos else ""
    for kind in KINDS:
        yield f"line items {kind}{where}", items[kind], 0
    yield f"contacts with wrong metrics{where}", wrong_metrics(run.portal, changes.orders), 0


def wrong_items(portal: SimulatedPortal, bodies: Iterable[Body]) -> Counter[str]:
    """Count line items by what is wrong with them. Orphaned: associated with no deal, or another order's."""
    state = portal.state()
    keys = {deal["id"]: deal["properties"].get("woocommerce_order_id", "") for deal in state["deals"]}
    present: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for item in state["line_items"]:
        present[item["properties"].get("woocommerce_line_item_id", "")].append(item)
    wanted = {f"{body['id']}-{item['id']}": item for body in bodies for item in _items(body)}
    counts = Counter(missing=len(wanted.keys() - present.keys()))
    for key, records in present.items():
        counts["duplicated"] += len(records) - 1
        counts["orphaned"] += sum([keys.get(deal) for deal in item["deals"]] != [key.split("-")[0]] for item in records)
        counts["wrong"] += not (key in wanted and _shows(records[0]["properties"], wanted[key]))
    return counts


def _items(body: Body) -> Iterator[Mapping[str, Any]]:
    """Yield the order's products and shipping as items."""
    yield from body["line_items"]
    for line in body["shipping_lines"]:
        yield line | {"name": f"Shipping: {line['method_title']}", "quantity": 1}


def _shows(properties: Mapping[str, str], item: Mapping[str, Any]) -> bool:
    total = abs(Decimal(properties["amount"]) - Decimal(item["total"])) < Decimal("0.01")
    return (properties["name"], properties["quantity"], total) == (unescape(item["name"]), str(item["quantity"]), True)


def wrong_metrics(portal: SimulatedPortal, bodies: Sequence[Body]) -> int:
    """Count contacts whose number of orders or total paid differs from the store's orders."""
    count, paid = Counter[str](), defaultdict[str, Decimal](Decimal)
    for body in bodies:
        email = body["billing"]["email"]
        count[email] += 1
        paid[email] += Decimal(body["total"]) if body["status"] in PAID else 0
    shown = {row["properties"].get("email", ""): row["properties"] for row in portal.state()["contacts"]}
    return sum(
        Decimal(shown.get(email, {}).get("woocommerce_orders") or -1) != number
        or Decimal(shown[email].get("woocommerce_total_paid") or -1) != paid[email]
        for email, number in count.items()
    )
