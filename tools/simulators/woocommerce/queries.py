"""What a list of orders, customers or webhooks is asked for, with every way a real store has of understanding it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .bodies import Customer, Order
from .errors import invalid
from .hooks import Webhook
from .shop import DRAFTS, STATUSES, SimulatedShop
from .zones import Zone, epoch

T = TypeVar("T")
Query = Mapping[str, str]

MOST = 100
_DATE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True)
class Listed:
    """One page: the things on it, and how many there are in all."""

    things: list[Any]
    total: int
    pages: int
    page: int


def orders(shop: SimulatedShop, query: Query) -> Listed:
    """GET /orders."""
    found = list(shop.orders.values())
    for condition in (_status(shop, query), *_dated(shop, query)):
        found = [order for order in found if condition(order)]
    if "customer" in query:
        found = [order for order in found if order.customer_id == _number(query, "customer", 0)]
    if query.get("search"):
        found = [order for order in found if _mentions(order, query["search"].lower())]
    found = _in_or_out(found, query)
    allowed = ["date", "id", "include", "title", "slug", *([] if shop.old else ["modified"])]
    keys: dict[str, Callable[[Order], Any]] = {
        "date": lambda order: _sortable(shop, order.created),
        "modified": lambda order: _sortable(shop, order.modified),
        "include": lambda order: _ids(query, "include").index(order.id) if "include" in query else 0,
    }
    orderby = _one_of(query, "orderby", allowed, "date")
    found.sort(key=lambda order: order.id)  # ties come in any order in MySQL; here by id, descending or not
    return _page(_sorted(found, keys.get(orderby, lambda order: order.id), query, orderby, "desc"), query)


def _status(shop: SimulatedShop, query: Query) -> Callable[[Order], bool]:
    """`any` wins over whatever stands beside it, and has neither trash nor drafts nor what no plugin registers."""
    asked = [part.removeprefix("wc-") for part in query.get("status", "any").split(",") if part]
    known = (*STATUSES, *DRAFTS, "trash", "any")
    for number, one in enumerate(asked):
        if one in shop.unregistered or (one not in known and not one.startswith("awaiting-")):
            raise invalid(f"status[{number}]", f"status[{number}] is not one of {', '.join(known)}.")
    if "any" in asked or not asked:
        return lambda order: order.status not in ("trash", *DRAFTS, *shop.unregistered)
    return lambda order: order.status in asked


def _dated(shop: SimulatedShop, query: Query) -> Iterable[Callable[[Order], bool]]:
    """`after` and `before` exclude the second they name; stores of before 5.8 do not know the `modified_` ones."""
    gmt = query.get("dates_are_gmt", "").lower() in ("true", "1", "yes") and not shop.old
    for name in ("after", "before", *(() if shop.old else ("modified_after", "modified_before"))):
        if name in query:
            yield _condition(name, _moment(name, query[name], gmt, shop.zone))


def _condition(name: str, at: float) -> Callable[[Order], bool]:
    def dated(order: Order) -> float:
        return order.modified if name.startswith("modified") else order.created

    return (lambda order: dated(order) > at) if name.endswith("after") else (lambda order: dated(order) < at)


def _moment(name: str, text: str, gmt: bool, zone: Zone) -> float:
    """Without a zone it is the shop's own, or GMT if said so; with both, the shop's offset is added once too often."""
    if not _DATE.fullmatch(text):
        raise invalid(name, "Invalid date.")
    at = epoch(text)
    if re.search(r"(Z|[+-]\d\d:?\d\d)$", text):
        return at + zone.offset(at) if gmt else at
    return at if gmt else zone.epoch(text[:19])


def _sortable(shop: SimulatedShop, at: float) -> Any:
    """Without HPOS the column sorted by is the local one: when clocks go back, two hours come mixed."""
    return at if shop.hpos else shop.zone.local(at)


def _mentions(order: Order, text: str) -> bool:
    return (
        text
        in " ".join(
            [str(order.id), order.number, *order.billing.values(), *(item.name for item in order.items)]
        ).lower()
    )


def customers(shop: SimulatedShop, query: Query) -> Listed:
    """GET /customers: there is no filter by date, and none by change; asking for one is no error."""
    role = query.get("role", "customer")
    found = [one for one in shop.customers.values() if role in ("all", one.role)]
    if query.get("email"):
        found = [one for one in found if one.email.lower() == query["email"].lower()]
    if query.get("search"):
        text = query["search"].lower()
        found = [one for one in found if text in f"{one.email} {one.first_name} {one.last_name}".lower()]
    found = _in_or_out(found, query)
    orderby = _one_of(query, "orderby", ["id", "include", "name", "registered_date"], "name")
    keys: dict[str, Callable[[Customer], Any]] = {
        "name": lambda one: (one.email.partition("@")[0], one.id),
        "registered_date": lambda one: (one.created, one.id),
        "include": lambda one: _ids(query, "include").index(one.id) if "include" in query else 0,
    }
    return _page(_sorted(found, keys.get(orderby, lambda one: one.id), query, orderby, "asc"), query)


def webhooks(shop: SimulatedShop, query: Query) -> Listed:
    """GET /webhooks."""
    status = _one_of(query, "status", ["all", "active", "paused", "disabled"], "all")
    found: list[Webhook] = [one for one in shop.hooks.webhooks.values() if status in ("all", one.status)]
    orderby = _one_of(query, "orderby", ["date", "id", "title"], "date")
    return _page(_sorted(_in_or_out(found, query), lambda one: one.id, query, orderby, "desc"), query)


def _in_or_out(found: list[T], query: Query) -> list[T]:
    if "include" in query:
        wanted = set(_ids(query, "include"))
        found = [record for record in found if record.id in wanted]  # type: ignore[attr-defined]
    if "exclude" in query:
        unwanted = set(_ids(query, "exclude"))
        found = [record for record in found if record.id not in unwanted]  # type: ignore[attr-defined]
    return found


def _sorted(found: list[T], key: Callable[[T], Any], query: Query, orderby: str, default: str) -> list[T]:
    order = _one_of(query, "order", ["asc", "desc"], default)
    return sorted(found, key=key, reverse=order == "desc" and orderby != "include")


def _page(found: list[Any], query: Query) -> Listed:
    """A page, or from `offset` on. Beyond the end there is nothing, not even a total."""
    size = _number(query, "per_page", 10)
    if not 1 <= size <= MOST:
        raise invalid("per_page", f"per_page must be between 1 (inclusive) and {MOST} (inclusive)")
    page = _number(query, "page", 1)
    if page < 1:
        raise invalid("page", "page must be greater than or equal to 1")
    start = _number(query, "offset", 0) if "offset" in query else (page - 1) * size
    total = len(found) if start < len(found) else 0
    return Listed(found[start : start + size], total, -(-total // size), page)


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
