"""Lists of orders, customers or webhooks, with the parameters and peculiarities of a real store."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .bodies import Customer, Order
from .errors import invalid
from .shop import DRAFTS, STATUSES, SimulatedShop
from .zones import Zone, epoch

T = TypeVar("T")
Query = Mapping[str, str]

MOST = 100
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Listed:
    """One page: the records on it, and how many there are in all."""

    records: list[Any]
    total: int
    pages: int
    page: int


def orders(shop: SimulatedShop, query: Query) -> Listed:
    """Return GET /orders."""
    listed = list(shop.orders.values())
    for condition in (_status(shop, query), *_dated(shop, query)):
        listed = [order for order in listed if condition(order)]
    if query.get("search"):
        listed = [order for order in listed if _mentions(order, query["search"].lower())]
    listed = _included(listed, query)
    allowed = ["date", "id", *([] if shop.old else ["modified"])]
    keys: dict[str, Callable[[Order], Any]] = {
        "date": lambda order: _sortable(shop, order.created),
        "modified": lambda order: _sortable(shop, order.modified),
    }
    orderby = _one_of(query, "orderby", allowed, "date")
    listed.sort(key=lambda order: order.id)  # MySQL returns ties in any order; here they are in order of their ids
    return _page(_sorted(listed, keys.get(orderby, lambda order: order.id), query, "desc"), query)


def _status(shop: SimulatedShop, query: Query) -> Callable[[Order], bool]:
    """Return the condition for `status`. `any` overrides other values.

    It leaves out the trash, drafts and statuses that no plugin registers.
    """
    asked = [part.removeprefix("wc-") for part in query.get("status", "any").split(",") if part]
    known = (*STATUSES, *DRAFTS, "trash", "any")
    for number, status in enumerate(asked):
        if status in shop.unregistered or (status not in known and not status.startswith("awaiting-")):
            raise invalid(f"status[{number}]", f"status[{number}] is not one of {', '.join(known)}.")
    if "any" in asked or not asked:
        return lambda order: order.status not in ("trash", *DRAFTS, *shop.unregistered)
    return lambda order: order.status in asked


def _dated(shop: SimulatedShop, query: Query) -> Iterable[Callable[[Order], bool]]:
    """Yield the conditions for dates. `after` and `before` exclude the second they name.

    Stores older than 5.8 do not know `modified_after` and `modified_before`.
    """
    gmt = query.get("dates_are_gmt", "").lower() in ("true", "1", "yes") and not shop.old
    for name in ("after", "before", *(() if shop.old else ("modified_after", "modified_before"))):
        if name in query:
            yield _condition(name, _moment(name, query[name], gmt, shop.zone))


def _condition(name: str, at: float) -> Callable[[Order], bool]:
    def dated(order: Order) -> float:
        return order.modified if name.startswith("modified") else order.created

    return (lambda order: dated(order) > at) if name.endswith("after") else (lambda order: dated(order) < at)


def _moment(name: str, text: str, gmt: bool, zone: Zone) -> float:
    """Return epoch seconds. A date without a zone is the shop's local time, or GMT with `dates_are_gmt`.

    For a date with a zone and `dates_are_gmt`, WooCommerce adds the shop's offset once too often.
    """
    if not _DATE.fullmatch(text):
        raise invalid(name, "Invalid date.")
    at = epoch(text)
    if re.search(r"(Z|[+-]\d\d:?\d\d)$", text):
        return at + zone.offset(at) if gmt else at
    return at if gmt else zone.epoch(text[:19])


def _sortable(shop: SimulatedShop, at: float) -> Any:
    """Return the value to sort by. Without HPOS it is the local time: when clocks go back, two hours get mixed."""
    return at if shop.hpos else shop.zone.local(at)


def _mentions(order: Order, text: str) -> bool:
    words = [str(order.id), order.number, *order.billing.values(), *(item.name for item in order.items)]
    return text in " ".join(words).lower()


def customers(shop: SimulatedShop, query: Query) -> Listed:
    """Return GET /customers. WooCommerce ignores filters by date or change here, without an error."""
    role = query.get("role", "customer")
    listed = [customer for customer in shop.customers.values() if role in ("all", customer.role)]
    if query.get("email"):
        listed = [customer for customer in listed if customer.email.lower() == query["email"].lower()]
    by_name = _one_of(query, "orderby", ["id", "name"], "name") == "name"

    def key(customer: Customer) -> Any:
        return (customer.email.partition("@")[0] if by_name else "", customer.id)

    return _page(_sorted(_included(listed, query), key, query, "asc"), query)


def webhooks(shop: SimulatedShop, query: Query) -> Listed:
    """Return GET /webhooks."""
    listed = _included(list(shop.hooks.webhooks.values()), query)
    return _page(_sorted(listed, lambda webhook: webhook.id, query, "desc"), query)


def _included(listed: list[T], query: Query) -> list[T]:
    if "include" in query:
        wanted = set(_ids(query, "include"))
        listed = [record for record in listed if record.id in wanted]  # type: ignore[attr-defined]
    if "exclude" in query:
        unwanted = set(_ids(query, "exclude"))
        listed = [record for record in listed if record.id not in unwanted]  # type: ignore[attr-defined]
    return listed


def _sorted(listed: list[T], key: Callable[[T], Any], query: Query, default: str) -> list[T]:
    return sorted(listed, key=key, reverse=_one_of(query, "order", ["asc", "desc"], default) == "desc")


def _page(listed: list[Any], query: Query) -> Listed:
    """Return a page, or the records from `offset` on. Beyond the end even the total is 0."""
    size = _number(query, "per_page", 10)
    if not 1 <= size <= MOST:
        raise invalid("per_page", f"per_page must be between 1 (inclusive) and {MOST} (inclusive)")
    page = _number(query, "page", 1)
    if page < 1:
        raise invalid("page", "page must be greater than or equal to 1")
    start = _number(query, "offset", 0) if "offset" in query else (page - 1) * size
    total = len(listed) if start < len(listed) else 0
    return Listed(listed[start : start + size], total, -(-total // size), page)


def _ids(query: Query, name: str) -> list[int]:
    return [int(part) for part in query[name].split(",") if part.strip().isdigit()]


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"-?\d+", text):
        raise invalid(name, f"{name} is not of type integer.")
    return int(text)


def _one_of(query: Query, name: str, allowed: list[str], default: str) -> str:
    value = query.get(name, default)
    if value not in allowed:
        raise invalid(name, f"{name} is not one of {', '.join(allowed)}.")
    return value
