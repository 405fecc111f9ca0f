"""The context that the parts of a reconcile run share: store, queue, watermark and report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from woohub.dates import utc_from_ms
from woohub.delivery.delivery import Delivery
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.metrics import SWEEP_QUEUED
from woohub.reconcile.report import RunReport
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub.store.client import Store
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT
from woohub.store.rows import StoreRow

TOPICS_OF_ROWS = {"order": ORDER_SWEPT, "customer": CUSTOMER_SWEPT}

T = TypeVar("T")


@dataclass
class Run:
    """One run. Its watermark moves only past records that the queue has accepted."""

    store: Store
    queue: DeliveryQueue
    parameter: WatermarkParameter
    mark: Watermark
    count: Callable[[str, int], None]  # a metric and its value
    log: Callable[..., None]
    clock: Callable[[], float]  # epoch seconds
    report: RunReport = field(default_factory=RunReport)

    def keep(self, mark: Watermark) -> None:
        """Store a new watermark. All records before it must be on the queue."""
        if mark != self.mark:
            self.parameter.write(mark)
            self.mark = mark

    def timed(self, pages: Iterator[T]) -> Iterator[tuple[int, T]]:
        """Yield each page with the time just before its request, in epoch ms: later changes are not in the page."""
        while True:
            asked_ms = self.now_ms()
            page = next(pages, None)
            if page is None:
                return
            yield asked_ms, page

    def enqueue_rows(self, counted_as: str, kind: str, rows: Iterable[StoreRow], received_ms: int) -> None:
        """Queue orders or customers (`kind`: "order" or "customer") as they were read from the store.

        The report counts them under `counted_as`.
        """
        topic = TOPICS_OF_ROWS[kind]
        self.enqueue(counted_as, (self.delivery(topic, row.body, f"{kind}:{row.id}", received_ms) for row in rows))

    def enqueue(self, counted_as: str, deliveries: Iterable[Delivery]) -> None:
        """Queue deliveries, and count them in the report under `counted_as`."""
        sent = self.queue.send(deliveries)
        self.report.queued[counted_as] += sent
        if sent:
            self.count(SWEEP_QUEUED, sent)

    def delivery(self, topic: str, body: bytes, entity: str, received_ms: int) -> Delivery:
        """Return a record read from the store as a delivery."""
        source = f"{self.store.credentials.url}/"
        return Delivery(topic, body, received_ms, entity, source, ahead_s=self.store.ahead_s)

    def now_ms(self) -> int:
        """Return the current time in epoch milliseconds."""
        return int(self.clock() * 1000)

    def now(self) -> str:
        """Return the current time as a UTC text."""
        return utc_from_ms(self.now_ms())

    def left_out(self) -> tuple[str, ...]:
        """Return the records that are left out of lists, such as "order:123"."""
        return tuple(dict.fromkeys((*self.mark.unreadable, *self.store.unreadable)))
