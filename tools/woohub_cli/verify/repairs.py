"""Repair mismatches: queue the orders and accounts again, and restore removed associations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.hubspot.client import chunks
from woohub.store.caller import PAGE_SIZE
from woohub.store.client import Store
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT
from woohub.store.rows import StoreRow
from woohub_cli.deliveries.history import Pace
from woohub_cli.orders.store_deliveries import as_deliveries
from woohub_cli.verify import line_items
from woohub_cli.verify.comparison import Mismatch
from woohub_cli.verify.hubspot_records import Crm


@dataclass(frozen=True)
class RepairResult:
    """What a repair did: orders and accounts put on the queue, deals associated at once."""

    orders: int = 0
    customers: int = 0
    associated: int = 0


def repair(
    mismatches: Sequence[Mismatch], store: Store, crm: Crm, queue: DeliveryQueue, pace: Pace, clock: Callable[[], float]
) -> RepairResult:
    """Read the orders and accounts with mismatches again and queue them, no faster than the queue empties.

    Associations that somebody removed in HubSpot are restored here, because the engine considers them done.
    """

    def queued(topic: str, read: Callable[[Iterable[int]], dict[int, StoreRow]]) -> int:
        kind, sent = topic.partition(".")[0], 0
        numbers = {
            mismatch.number for mismatch in mismatches if mismatch.queueable and mismatch.entity.startswith(f"{kind}:")
        }
        for chunk in chunks(sorted(numbers), PAGE_SIZE):
            asked_ms = int(clock() * 1000)
            rows = list(read(chunk).values())
            pace.make_room(len(rows))
            sent += queue.send(as_deliveries(topic, rows, asked_ms, store.credentials.url, store.ahead_s))
        return sent

    pairs = [(mismatch.record_ids[0], mismatch.attach) for mismatch in mismatches if mismatch.attach]
    if pairs:
        crm.associate(pairs)
    crm.doubt_line_items([mismatch.record_ids[0] for mismatch in mismatches if mismatch.record == line_items.RECORD])
    orders, customers = queued(ORDER_SWEPT, store.orders_by_id), queued(CUSTOMER_SWEPT, store.customers_by_id)
    return RepairResult(orders, customers, len(pairs))
