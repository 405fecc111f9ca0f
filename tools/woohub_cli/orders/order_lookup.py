"""Find the order with an id or number: in the store, otherwise among HubSpot's deals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from woohub.errors import PermanentError, TransientError
from woohub.store.client import Store
from woohub.store.rows import StoreRow
from woohub_cli.cli_errors import EXPECTED
from woohub_cli.orders import order_names
from woohub_cli.orders.order_names import OrderName, Reference
from woohub_cli.verify.hubspot_records import Crm

UNKNOWN_ORDER = OrderName(0)


@dataclass(frozen=True)
class Lookup:
    """The order that was found. `row` is None if the store does not have it, or `missing` says why it was not read."""

    row: StoreRow | None = None
    name: OrderName = UNKNOWN_ORDER
    other: OrderName | None = None  # another order: its number is the id of `name`, or the reverse
    missing: str = ""
    tried: tuple[str, ...] = ()  # the lookups that were made, in words


def find(store: Store, crm: Crm, asked: Reference) -> Lookup:
    """Find the order in the store. If the store has none or does not answer, find it by its deal in HubSpot."""
    tried: list[str] = []
    try:
        by_id = _by_id(store, asked, tried)
        by_number = _by_number(store, asked, by_id, tried)
    except (PermanentError, TransientError) as error:
        return in_hubspot(crm, asked, str(error), tried)
    rows = (by_number, by_id) if asked.number_first else (by_id, by_number)
    matches = [row for row in rows if row is not None]
    if not matches:
        return in_hubspot(crm, asked, "", tried)
    names = [order_names.of_order(row.fields) for row in matches]
    other = names[1] if len(matches) > 1 and matches[0].id != matches[1].id else None
    return Lookup(matches[0], names[0], other, tried=tuple(tried))


def _by_id(store: Store, asked: Reference, tried: list[str]) -> StoreRow | None:
    if asked.is_too_large:
        tried.append(f"no id, as {order_names.TOO_LARGE}")
    if not asked.order_id:
        return None
    tried.append(f"the store's order with the id {asked.order_id}")
    return store.order(asked.order_id)


def _by_number(store: Store, asked: Reference, by_id: StoreRow | None, tried: list[str]) -> StoreRow | None:
    """Return the order with this number. A failing search does not discard an order found by its id."""
    if not asked.number or (by_id and asked.names(_number(by_id))):
        return by_id
    tried.append(f"the store's search for the number {asked.number}")
    try:
        match = _first_with_number(asked, store.search_orders(asked.number))
    except (PermanentError, TransientError):
        if by_id is None:
            raise
        return None
    return match or _by_trailing_id(store, asked, tried)


def _first_with_number(asked: Reference, rows: Iterable[StoreRow]) -> StoreRow | None:
    return next((row for row in rows if asked.names(_number(row))), None)


def _by_trailing_id(store: Store, asked: Reference, tried: list[str]) -> StoreRow | None:
    """Return the order whose id is at the end of the number, such as `WC-1026`.

    Plugins compute such numbers without storing them, so the store's search does not find them.
    """
    order_id = order_names.digits_at_the_end(asked.number)
    if not order_id or order_id == asked.order_id:
        return None
    tried.append(f"whether the order with the id {order_id} has that number")
    row = store.order(order_id)
    return row if row and asked.names(_number(row)) else None


def in_hubspot(crm: Crm, asked: Reference, missing: str, tried: Sequence[str] = ()) -> Lookup:
    """Find the order by its deal: the key has its id, the name may have its number.

    `missing` says why the store was not read. Raises nothing: the code that reads the deal reports HubSpot's errors.
    """
    tried = (*tried, f"HubSpot's {crm.target.type.name} by {'order id' if asked.order_id else 'name'}")
    try:
        if asked.order_id and (asked.id_only or crm.deals([crm.key(asked.order_id)])):
            return Lookup(None, OrderName(asked.order_id), missing=missing, tried=tried)
        named = crm.orders_named(asked.number) if asked.number else {}
    except EXPECTED:
        named = {}
    order_id = min(named, default=asked.order_id)
    number = asked.number if order_id in named else ""
    return Lookup(None, OrderName(order_id, number, named.get(order_id, "")), missing=missing, tried=tried)


def _number(row: StoreRow) -> str:
    return order_names.of_order(row.fields).number
