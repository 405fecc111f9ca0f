"""Turn orders and accounts read from the store into deliveries, and into the events that the engine reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from woohub.delivery.delivery import Delivery
from woohub.erasures import ErasedPeople
from woohub.mapping.fields import FieldMapping
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT, CustomerEvent, OrderEvent, parse
from woohub.store.rows import StoreRow
from woohub.sync.erased import forgotten_at, without_person


def as_deliveries(topic: str, rows: Sequence[StoreRow], asked_ms: int, url: str, ahead_s: int) -> list[Delivery]:
    """Return rows read from the store as the deliveries that reconcile would queue.

    The store's clock is `ahead_s` seconds ahead.
    """
    kind = topic.partition(".")[0]
    return [Delivery(topic, row.body, asked_ms, f"{kind}:{row.id}", f"{url}/", ahead_s=ahead_s) for row in rows]


def order_event(row: StoreRow, asked_ms: int, ahead_s: int = 0) -> OrderEvent | None:
    """Return the event that the engine reads from an order; None for a draft.

    Raises InvalidPayload if the order cannot be read.
    """
    event = parse(as_deliveries(ORDER_SWEPT, [row], asked_ms, "", ahead_s)[0])
    return event if isinstance(event, OrderEvent) else None


def customer_event(row: StoreRow, asked_ms: int, ahead_s: int = 0) -> CustomerEvent | None:
    """Return the event that the engine reads from an account; None if its role is not customer.

    Raises InvalidPayload if the account cannot be read.
    """
    event = parse(as_deliveries(CUSTOMER_SWEPT, [row], asked_ms, "", ahead_s)[0])
    return event if isinstance(event, CustomerEvent) else None


def without_erased(event: OrderEvent, table: FieldMapping, people: ErasedPeople) -> tuple[OrderEvent, int]:
    """Return the order without a person who was erased since, and when that was (epoch ms; 0: never)."""
    at_ms = forgotten_at(event, table.email(event.order), people) or 0
    return (cast("OrderEvent", without_person(event)), at_ms) if at_ms else (event, 0)
