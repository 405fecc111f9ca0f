"""The page for people: deals by stage, contacts, the latest requests and the used budget."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import jinja2

from .definitions import CONTACTS, DEALS, LINE_ITEMS, ORDERS, ObjectType, Pipeline
from .portal import SimulatedPortal
from .records import Record

CARDS = 12  # per column, the newest
CONTACT_ROWS = 40
REQUEST_ROWS = 40
FRESH_S = 6.0  # how long a change stays marked

_TEMPLATES = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)


def render(portal: SimulatedPortal, *, fragment: bool) -> str:
    """Return the account as HTML; with `fragment`, only the part that changes."""
    template = _TEMPLATES.get_template("page.html")
    return template.render(
        fragment=fragment,
        settings=portal.settings,
        counters=portal.counters(),
        used=portal.limits.used_in_window(),
        faults=portal.faults.json(),
        totals={"contacts": len(_all(portal, CONTACTS.id)), "deals": len(_all(portal, DEALS.id))},
        boards=[*_boards(portal, OF_DEALS), *(_boards(portal, OF_ORDERS) if _all(portal, ORDERS.id) else ())],
        contacts=[_contact(portal, record) for record in _newest(_all(portal, CONTACTS.id), CONTACT_ROWS)],
        requests=[_request(entry) for entry in islice(reversed(portal.requests), REQUEST_ROWS)],
    )


@dataclass(frozen=True)
class Shown:
    """The properties of an object that the page shows."""

    kind: ObjectType
    pipeline: str
    stage: str
    name: str
    amount: str
    currencies: tuple[str, ...]
    date: str


OF_DEALS = Shown(DEALS, "pipeline", "dealstage", "dealname", "amount", ("deal_currency_code", "currency"), "closedate")
OF_ORDERS = Shown(
    ORDERS,
    "hs_pipeline",
    "hs_pipeline_stage",
    "hs_order_name",
    "hs_total_price",
    ("hs_currency_code", "woocommerce_currency"),
    "hs_external_created_date",
)


def _boards(portal: SimulatedPortal, shown: Shown) -> list[dict[str, Any]]:
    """Return a board for every pipeline in use, the shop's own first."""
    by_stage: dict[tuple[str, str], list[Record]] = {}
    for record in _all(portal, shown.kind.id):
        place = record.properties.get(shown.pipeline, "default"), record.properties.get(shown.stage, "")
        by_stage.setdefault(place, []).append(record)
    pipelines = list(portal.schema.pipelines[shown.kind.id].values())
    used = [p for p in pipelines if any(place[0] == p.id for place in by_stage)] or pipelines[-1:]
    return [
        {"label": pipeline.label, "columns": _columns(portal, shown, pipeline, by_stage)}
        for pipeline in sorted(used, key=lambda p: p.id == "default")
    ]


def _columns(
    portal: SimulatedPortal, shown: Shown, pipeline: Pipeline, by_stage: dict[tuple[str, str], list[Record]]
) -> list[dict[str, Any]]:
    columns = [
        _column(portal, shown, stage.label, _tone(stage.probability), by_stage.get((pipeline.id, stage.id), []))
        for stage in sorted(pipeline.stages.values(), key=lambda stage: stage.order)
    ]
    without = by_stage.get((pipeline.id, ""), [])
    return [_column(portal, shown, "No stage", "open", without), *columns] if without else columns


def _column(portal: SimulatedPortal, shown: Shown, label: str, tone: str, records: list[Record]) -> dict[str, Any]:
    """Return a stage with its newest deals; `tone` is open, won or lost."""
    sums: dict[str, Decimal] = {}
    for record in records:
        code = _currency(record, shown)
        sums[code] = sums.get(code, Decimal(0)) + Decimal(record.properties.get(shown.amount) or 0)
    cards = [_card(portal, record, shown) for record in _newest(records, CARDS)]
    totals = [f"{total:,.2f} {code}".strip() for code, total in sums.items()]
    return {"label": label, "tone": tone, "count": len(records), "sums": totals, "cards": cards}


def _card(portal: SimulatedPortal, record: Record, shown: Shown) -> dict[str, Any]:
    contacts = portal.objects.records[CONTACTS.id]
    amount = record.properties.get(shown.amount)
    return {
        "name": record.properties.get(shown.name) or f"{shown.kind.singular.capitalize()} {record.id}",
        "amount": f"{Decimal(amount):,.2f} {_currency(record, shown)}" if amount else "",
        "contacts": [_name(contacts[i]) for i in portal.links.ids((shown.kind.id, record.id), CONTACTS.id)],
        "products": _items(portal, record) or record.properties.get("associated_products", ""),
        "closed": _day(record.properties.get(shown.date, "")),
        "fresh": _is_fresh(portal, record),
    }


def _items(portal: SimulatedPortal, record: Record) -> str:
    """Return the line items of a deal or order as text: `2 x Mug, 1 x Shipping: DHL`."""
    items = portal.objects.records[LINE_ITEMS.id]
    rows = [items[key].properties for key in portal.links.ids((record.kind.id, record.id), LINE_ITEMS.id)]
    return ", ".join(f"{row.get('quantity', '1')} x {row.get('name', '')}" for row in rows)


def _contact(portal: SimulatedPortal, contact: Record) -> dict[str, Any]:
    place = [contact.properties.get(name, "") for name in ("zip", "city", "state", "country")]
    return {
        "name": _name(contact),
        "email": contact.properties.get("email", ""),
        "phone": contact.properties.get("phone", ""),
        "place": " ".join(part for part in place if part),
        "customer": contact.properties.get("woocommerce_customer_id", ""),
        "deals": portal.links.count((CONTACTS.id, contact.id), DEALS.id),
        "metrics": _metrics(contact),
        "fresh": _is_fresh(portal, contact),
    }


def _metrics(contact: Record) -> str:
    """Return the contact's customer metrics as text; "" if woohub writes none."""
    has = contact.properties.get
    orders, total = has("woocommerce_orders"), has("woocommerce_total_paid")
    paid = f"{total} {has('woocommerce_metrics_currency', '')}".strip() + " paid" if total else ""
    return ", ".join(text for text in (orders and f"{orders} order{'s' * (orders != '1')}", paid) if text)


def _request(entry: dict[str, Any]) -> dict[str, Any]:
    status = entry["status"]
    tone = "bad" if status == 0 or status >= 500 else "warn" if status >= 400 or status == 207 else "good"
    return {**entry, "time": entry["at"][11:19], "tone": tone, "shown": status or entry["cut"]}


def _all(portal: SimulatedPortal, kind: str) -> Any:
    return portal.objects.records[kind].values()


def _newest(records: Iterable[Record], count: int) -> list[Record]:
    return sorted(records, key=lambda record: (record.updated, int(record.id)), reverse=True)[:count]


def _name(contact: Record) -> str:
    names = [contact.properties.get(name, "") for name in ("firstname", "lastname")]
    return " ".join(name for name in names if name) or contact.properties.get("email", f"Contact {contact.id}")


def _currency(record: Record, shown: Shown) -> str:
    return next((code for name in shown.currencies if (code := record.properties.get(name))), "")


def _day(when: str) -> str:
    return f"{datetime.fromisoformat(when):%-d %b}" if when else ""


def _tone(probability: str) -> str:
    return {"1.0": "won", "0.0": "lost"}.get(probability, "open")


def _is_fresh(portal: SimulatedPortal, record: Record) -> bool:
    return portal.clock() - datetime.fromisoformat(record.updated).timestamp() < FRESH_S
