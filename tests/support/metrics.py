"""A mapping with contact metrics, and the right metrics, computed from a portal without woohub's code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from fractions import Fraction
from typing import Any

from simulators.hubspot import SimulatedPortal, definitions
from woohub.mapping.customer_metrics import FIELD_TYPES, NET_TOTAL, CustomerMetrics
from woohub.mapping.fields import FieldMapping, load_mapping
from woohub.mapping.overlay import Overlay
from woohub.mapping.rows import MetricsRow

PAID = ("processing", "completed")
OTHER_PLUGINS = {"last_order_status": "enumeration", "first_order_date": "date", "last_order_date": "date"}
STATUS_OPTIONS = [{"label": text.title(), "value": f"wc-{text}"} for text in ("processing", "completed")]
Numbers = dict[str, Any]


def mapping_with_metrics(**row: Any) -> FieldMapping:
    """woohub's own mapping with `[contact.metrics] enabled = true`."""
    metrics = CustomerMetrics.of(MetricsRow(enabled=True, **row))
    return replace(load_mapping(Overlay("x", b"[contact.metrics]\nenabled = true\n")), metrics=metrics)


def provision_metrics(portal: SimulatedPortal, mapping: FieldMapping, **types: str) -> None:
    """Create the properties of the metrics as set-up does; `types` are those of properties that exist already."""
    for name, metric in mapping.metrics.definitions.items() if mapping.metrics else ():
        kind = types.get(name, metric.type)
        body: dict[str, Any] = {
            "name": name,
            "label": metric.label,
            "type": kind,
            "fieldType": FIELD_TYPES.get(kind, "date"),
        }
        body |= {"fieldType": "select", "options": STATUS_OPTIONS} if kind == "enumeration" else {}
        portal.schema.create_property(
            definitions.CONTACTS, body | {"groupName": "woocommerce"}, portal.settings, portal.now()
        )
    if mapping.metrics and mapping.has_deals:
        net = {"name": NET_TOTAL, "label": NET_TOTAL, "type": "number", "fieldType": "number"}
        portal.schema.create_property(
            definitions.DEALS, net | {"groupName": "woocommerce"}, portal.settings, portal.now()
        )


def wrong_metrics(portal: SimulatedPortal, paid: Collection[str] = PAID) -> dict[str, str]:
    """The contacts whose metrics do not equal the sums of their deals, with the difference."""
    state = portal.state()
    deals = {row["id"]: row["properties"] for row in state["deals"]}
    of_contact: dict[str, list[dict[str, str]]] = defaultdict(list)
    for association in state["associations"]:
        of_contact[association["contact"]].append(deals[association["deal"]])
    wrong = {}
    for row in state["contacts"]:
        has, wanted = _shown(row["properties"]), _wanted(of_contact[row["id"]], paid)
        if has != wanted and (wanted["woocommerce_orders"] or "woocommerce_orders" in row["properties"]):
            wrong[row["properties"]["email"]] = f"has {has}, not {wanted}"
    return wrong


def _shown(properties: dict[str, str]) -> Numbers:
    numbers = ("orders", "total_paid", "average_order")
    texts = ("first_order_date", "last_order_date", "metrics_currency")
    return {f"woocommerce_{name}": _number(properties.get(f"woocommerce_{name}")) for name in numbers} | {
        f"woocommerce_{name}": properties.get(f"woocommerce_{name}", "") for name in texts
    }


def _number(text: str | None) -> Fraction | None:
    return round(Fraction(text), 2) if text else None


def _wanted(deals: list[dict[str, str]], paid_statuses: Collection[str]) -> Numbers:
    placed = [deal for deal in deals if deal.get("woocommerce_order_status") != "trash"]
    paid = [deal for deal in placed if deal.get("woocommerce_order_status") in paid_statuses]
    currencies = {deal.get("currency", "") for deal in paid or placed} - {""}
    total, is_one = (
        sum((Fraction(deal.get(NET_TOTAL) or deal.get("amount", "0")) for deal in paid), Fraction(0)),
        len(currencies) < 2,
    )
    dates = sorted(deal["closedate"] for deal in placed if deal.get("closedate"))
    return {
        "woocommerce_orders": Fraction(len(placed)),
        "woocommerce_total_paid": round(total, 2) if is_one else None,
        "woocommerce_average_order": _number(f"{round(total / len(paid) + Fraction(1, 10**6), 2)}")
        if is_one and paid
        else None,
        "woocommerce_first_order_date": dates[0] if dates else "",
        "woocommerce_last_order_date": dates[-1] if dates else "",
        "woocommerce_metrics_currency": "".join(currencies) if is_one else "",
    }
