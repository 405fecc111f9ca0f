"""Check whether the store given to `setup` is the one that the stack, and HubSpot's deals, belong to.

Order ids of two stores collide: the second store's order 1234 would overwrite the first one's deal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from woohub.errors import InvalidPayload
from woohub.hubspot.answers import Record
from woohub.store.client import Store
from woohub.store.cursors import ByDate
from woohub.store.pagination import CREATED
from woohub.store.rows import StoreRow
from woohub_cli.check_result import Result, Step
from woohub_cli.load import synthetic
from woohub_cli.orders.store_deliveries import order_event
from woohub_cli.period import EVER
from woohub_cli.verify.hubspot_records import Crm

SAMPLE_DEALS = 100  # of HubSpot's latest deals are compared
MIN_FOREIGN_DEALS = 5  # fewer deals whose orders the store does not have may be of test orders or deleted orders
USUAL_PORTS = (None, 80, 443)


class StoreRelation(StrEnum):
    SAME = "same"
    MOVED = "moved"  # the same orders at another address: the shop moved, or this is a copy of it
    OTHER = "other"
    UNKNOWN = "unknown"  # another address, and nothing in HubSpot to compare


@dataclass(frozen=True)
class Overlap:
    """What samples of the store's orders and of HubSpot's deals have in common.

    Deals are HubSpot's orders if the mapping writes those instead; if it writes both, an order needs both.
    """

    orders: int  # in the store
    looked_up: int = 0  # of these, the oldest ones
    with_deal: int = 0  # of those looked up
    alike: int = 0  # deals that show the store's order of their id
    different: tuple[int, ...] = ()  # ids of orders that HubSpot has with another date and another name
    unknown: int = 0  # HubSpot's latest deals whose orders the store does not have
    records: str = "deals"  # the objects that the mapping writes for an order: deals, orders, or both

    @property
    def foreign(self) -> bool:
        """Whether most of HubSpot's deals belong to another store."""
        others = len(self.different) + self.unknown
        return others > self.alike and (bool(self.different) or others >= MIN_FOREIGN_DEALS)

    @property
    def lacks_history(self) -> bool:
        """Whether HubSpot has fewer than half of the store's oldest orders."""
        return self.with_deal * 2 < self.looked_up

    def facts(self) -> dict[str, Any]:
        return {
            "orders_in_store": self.orders,
            "orders_looked_up": self.looked_up,
            "orders_with_deal": self.with_deal,
            "deals_alike": self.alike,
            "deals_different": len(self.different),
            "deals_of_unknown_orders": self.unknown,
        }


def look(store: Store, crm: Crm) -> Overlap:
    """Compare the store's oldest orders and HubSpot's latest deals. Raises the clients' errors."""
    total = store.count("orders")
    first = next(store.orders(ByDate(EVER), by=CREATED), None)
    oldest = {row.id: row for row in (first.rows if first else ())}
    beside = crm.orders_beside()
    written = [crm, beside] if beside else [crm]
    records = " and ".join(each.target.type.name for each in written)
    by_order, *others = [_records_by_order(each, oldest) for each in written]
    complete = set(by_order).intersection(*others)
    counted = Overlap(total, len(oldest), len(complete), records=records)
    if crm.lacks:  # this HubSpot was never set up, so it has no deal of any order
        return counted
    latest = {
        number: deal for deal in crm.latest(SAMPLE_DEALS) if 0 < (number := _order_id(deal, crm)) < synthetic.FIRST_ID
    }
    rows = oldest | store.orders_by_id(number for number in latest if number not in oldest)
    return _with_verdicts(counted, rows, latest | by_order, crm)


def _records_by_order(crm: Crm, numbers: Iterable[int]) -> dict[int, Record]:
    """Return HubSpot's record of each order, by order id; orders without one are left out."""
    if crm.lacks:
        return {}
    deals = crm.deals([crm.key(number) for number in numbers])
    return {number: records[0] for key, records in deals.items() if (number := crm.order_id(key))}


def _order_id(deal: Record, crm: Crm) -> int:
    return crm.order_id(deal.properties.get(crm.target.table.key_property) or "")


def _with_verdicts(counted: Overlap, rows: Mapping[int, StoreRow], deals: Mapping[int, Record], crm: Crm) -> Overlap:
    verdicts = {number: _alike(rows[number], deals[number], crm) for number in deals if number in rows}
    return replace(
        counted,
        alike=sum(verdicts.values()),
        different=tuple(sorted(number for number, alike in verdicts.items() if not alike)),
        unknown=len(deals) - len(verdicts),
    )


def _alike(row: StoreRow, deal: Record, crm: Crm) -> bool:
    """Whether the deal shows this order, or cannot be compared with it.

    The order's date to the second and the customer's name are compared: in two stores both differ.
    """
    target = crm.target
    with suppress(InvalidPayload):
        if event := order_event(row, 0):
            wanted = target.table.deal(event.order)
            names = [name for name in (target.date, target.name) if name in wanted] or [target.amount]
            schema = crm.deal_schema
            return any(schema.equal(name, deal.properties.get(name), wanted.get(name, "")) for name in names)
    return True


def shop_of(url: str) -> tuple[str, int | None, str]:
    """Return host, port and path of an address. Scheme, "www." and a slash at the end do not distinguish shops."""
    parts = urlsplit(url if "://" in url else f"https://{url}")
    port = None if parts.port in USUAL_PORTS else parts.port
    return (parts.hostname or "").removeprefix("www."), port, parts.path.rstrip("/").lower()


SECOND_STACK = (
    "for a second store run `woohub store add`: its orders get keys of their own (order_key_prefix; "
    "docs/operations.md, Add a second store)"
)
FIXES = {
    StoreRelation.MOVED: "if the shop has moved there: `woohub setup --yes`; for a copy of it, such as staging, use a "
    "separate stack and HubSpot account",
    StoreRelation.OTHER: f"{SECOND_STACK}; only if those records may be overwritten: `woohub setup --yes`",
    StoreRelation.UNKNOWN: f"if it is the same shop at another address: `woohub setup --yes`; {SECOND_STACK}",
}
QUESTIONS = {
    StoreRelation.MOVED: "Has the shop moved there? Then the stack reads it from now on.",
    StoreRelation.OTHER: "Use it for this stack anyway, and have those records overwritten?",
    StoreRelation.UNKNOWN: "Is it the same shop? Then the stack reads it from now on.",
}


@dataclass(frozen=True)
class Change:
    """The store that `setup` is given, compared with the stored one.

    `stored_url` is "" if there was none before.
    """

    stored_url: str
    url: str
    overlap: Overlap | None
    missing: str = ""  # why `overlap` is None: the error of the store or HubSpot

    @property
    def other_address(self) -> bool:
        """Whether the address is another shop's than the stored one."""
        return bool(self.stored_url) and shop_of(self.stored_url) != shop_of(self.url)

    @property
    def kind(self) -> StoreRelation:
        if self.overlap and self.overlap.foreign:
            return StoreRelation.OTHER
        if not self.other_address:
            return StoreRelation.SAME
        return StoreRelation.MOVED if self.overlap and self.overlap.alike else StoreRelation.UNKNOWN

    @property
    def detail(self) -> str:
        known = f"the stack is set up for {self.stored_url}, and {self.url} is another address"
        if self.kind is StoreRelation.OTHER and self.overlap:
            subject = known if self.other_address else f"HubSpot's {self.overlap.records} are not of {self.url}"
            return f"{subject}: {_evidence(self.overlap)}. {COLLISION.capitalize()}"
        if self.kind is StoreRelation.MOVED and self.overlap:
            compared = self.overlap.alike + len(self.overlap.different) + self.overlap.unknown
            shown = f"{self.overlap.alike} of {compared} {self.overlap.records} compared show them"
            return f"{known} with the same orders: {shown}"
        why = f"could not be compared with HubSpot's ({self.missing})" if self.missing else "are not in HubSpot yet"
        return f"{known}; its orders {why}. If it is another shop: {COLLISION}"

    @property
    def question(self) -> str:
        """The question for a person at the terminal."""
        return f"{self.detail}.\n{FIXES[self.kind]}.\n{QUESTIONS[self.kind]}"

    def step(self, outcome: Result) -> Step:
        """Return the step for a run that cannot ask anybody."""
        return Step("store", outcome, self.detail, FIXES.get(self.kind, ""))


COLLISION = (
    "order ids of two stores collide: an order would overwrite what HubSpot has of the other store's order of the same "
    "id"
)


def _evidence(overlap: Overlap) -> str:
    parts = [f"of the {overlap.records} compared, {overlap.alike} with its orders"]
    if overlap.different:
        example = overlap.different[0]
        parts.append(f"{len(overlap.different)} with another date and customer (order {example}, for example)")
    if overlap.unknown:
        parts.append(f"{overlap.unknown} of orders it does not have")
    return ", ".join(parts)
