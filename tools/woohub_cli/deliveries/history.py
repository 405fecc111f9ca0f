"""A shop's history, from the store to the queue: page by page, no faster than HubSpot accepts it, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from woohub.clock import Timer
from woohub.counted import counted
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.store.client import Store
from woohub.store.cursors import FIRST, ByOffset, Cursor, Page
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT
from woohub.store.rows import StoreRow
from woohub_cli.cli_errors import Trouble
from woohub_cli.orders import order_pages
from woohub_cli.orders.store_deliveries import as_deliveries
from woohub_cli.period import EVER, SECOND, Period, shifted

# Messages on the queue at most: the more, the faster where HubSpot is slow, and the longer a delivery waits for the
# batch in hand. With 600 at a second a call, 10,000 orders take about two minutes, a delivery a second longer at most.
MAX_QUEUE_DEPTH = 600
POLL_S = 1.0  # seconds
STALLED_AFTER_S = 900.0  # seconds without the queue getting shorter, after which it is no use waiting
ORDERS, TRASHED, CUSTOMERS = "orders", "trash", "customers"
PHASES = (ORDERS, TRASHED, CUSTOMERS)
TOPICS = {ORDERS: ORDER_SWEPT, TRASHED: ORDER_SWEPT, CUSTOMERS: CUSTOMER_SWEPT}


class Stalled(Trouble):
    """The queue does not shrink: HubSpot accepts nothing, or the consumer does not run."""


@dataclass(frozen=True)
class BackfillRequest:
    """What a backfill is asked for, as on the command line; the same options resume an unfinished one."""

    store: str
    since: str = ""
    until: str = ""
    status: str = "any"
    customers: bool = False


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill has come: all before `position` is on the queue, and so are `recent` (ids)."""

    wanted: BackfillRequest
    period: Period
    began: str
    position: Cursor
    phase: str = ORDERS
    recent: tuple[int, ...] = ()
    orders: int = 0
    customers: int = 0
    old: bool = False  # the store: its dates are local, see order_pages
    trash: int = 0  # orders in the trash
    unreadable: tuple[str, ...] = ()  # records the store could not show, such as "order:123"; they were left out

    @property
    def queued(self) -> int:
        """Orders, those in the trash, and accounts together."""
        return self.orders + self.trash + self.customers


def begin(wanted: BackfillRequest, period: Period, began: str, *, old: bool = False) -> BackfillProgress:
    """At the start; `old`: the store is one of before WooCommerce 5.8."""
    return BackfillProgress(wanted, period, began, order_pages.start(period, old=old), old=old)


PROGRESS = TypeAdapter(BackfillProgress)


@dataclass(frozen=True)
class StateFile:
    """Where an interrupted backfill resumes: dates, ids and counts, no personal data."""

    path: Path

    def read(self) -> BackfillProgress | None:
        """None if there is none; Trouble if it cannot be read."""
        try:
            return PROGRESS.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise Trouble(f"{self.path} cannot be read ({type(error).__name__}): remove it, or --restart") from None

    def write(self, progress: BackfillProgress) -> None:
        """Replace it as a whole: a crash leaves the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(PROGRESS.dump_json(progress, indent=2).decode() + "\n", encoding="utf-8")
        draft.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Pace:
    """Keeps the queue short. `_depth` counts its messages, those in flight too; `_waits` is called while it waits."""

    _depth: Callable[[], int]
    _timer: Timer
    _waits: Callable[[int], None] = lambda _depth: None

    def make_room(self, coming: int) -> None:
        """Return when the queue is short enough for so many more; Stalled when it does not get there."""
        shortest, since = self._depth(), self._timer.now()
        depth = shortest
        while depth and depth + coming > MAX_QUEUE_DEPTH:
            if depth < shortest:
                shortest, since = depth, self._timer.now()
            if self._timer.now() - since > STALLED_AFTER_S:
                minutes = f"{STALLED_AFTER_S / 60:.0f} minutes"
                raise Stalled(f"{counted(depth, 'message')} on the queue, which has not shrunk for {minutes}")
            self._waits(depth)
            self._timer.sleep(POLL_S)
            depth = self._depth()


@dataclass(frozen=True)
class Backfill:
    """Brings a shop's history to the queue. `_on_saved` is called each time the state file was written."""

    _store: Store
    _queue: DeliveryQueue
    _pace: Pace
    _file: StateFile
    _clock: Callable[[], float]
    _on_saved: Callable[[BackfillProgress], None] = lambda _begin: None

    def run(self, progress: BackfillProgress, limit: int | None = None) -> tuple[BackfillProgress, bool]:
        """Continue from there with at most `limit` more; returns how far it came, and whether that is the end."""
        last = None if limit is None else progress.queued + limit
        self._store.leave_out(progress.unreadable)
        for phase, following in zip(PHASES, (*PHASES[1:], CUSTOMERS), strict=True):
            if progress.phase != phase:
                continue
            for asked_ms, step in self._timed(self._walk(progress)):
                progress, whole = self._take(progress, step, asked_ms, last)
                self._file.write(progress)
                self._on_saved(progress)
                if not whole or progress.queued == last:
                    return progress, False
            progress = replace(progress, phase=following, position=_beginning_of(following, progress), recent=())
        self._file.remove()
        return progress, True

    def _walk(self, progress: BackfillProgress) -> Iterator[Page[Cursor]]:
        status = progress.wanted.status
        if progress.phase == ORDERS:
            yield from order_pages.made(self._store, progress.position, progress.period, status, old=progress.old)
        elif progress.phase == TRASHED and status == "any":  # as reconcile does
            yield from order_pages.made(self._store, progress.position, progress.period, TRASHED, old=progress.old)
        elif progress.phase == CUSTOMERS and progress.wanted.customers:
            yield from self._store.customers(progress.position if isinstance(progress.position, ByOffset) else FIRST)

    def _take(
        self, progress: BackfillProgress, step: Page[Cursor], asked_ms: int, last: int | None
    ) -> tuple[BackfillProgress, bool]:
        """Queue what is new of a step; how far that is, and whether it was the whole step."""
        new = [row for row in step.rows if row.id not in progress.recent and _in_period(progress, row)]
        wanted_rows = new if last is None else new[: last - progress.queued]
        self._pace.make_room(len(wanted_rows))
        url, ahead_s = self._store.credentials.url, self._store.ahead_s
        self._queue.send(as_deliveries(TOPICS[progress.phase], wanted_rows, asked_ms, url, ahead_s))
        left_out = tuple(dict.fromkeys((*progress.unreadable, *self._store.unreadable)))
        counted = replace(
            progress, **{progress.phase: getattr(progress, progress.phase) + len(wanted_rows), "unreadable": left_out}
        )
        if len(wanted_rows) == len(new):
            return replace(counted, position=step.next, recent=_ids(step.rows)), True
        return replace(counted, recent=(*progress.recent, *_ids(wanted_rows))), False

    def _timed(self, steps: Iterator[Page[Cursor]]) -> Iterator[tuple[int, Page[Cursor]]]:
        """Each with the moment before it was asked for: what changes later is not in it."""
        while True:
            asked_ms = int(self._clock() * 1000)
            step = next(steps, None)
            if step is None:
                return
            yield asked_ms, step


def count(store: Store, wanted: BackfillRequest, period: Period) -> tuple[int, int]:
    """How many orders there are, and how many accounts have to be looked at."""
    asked = {"status": wanted.status, "dates_are_gmt": "true"}
    if period.since != EVER:
        asked["after"] = shifted(period.since, -SECOND)
    if period.until:
        asked["before"] = shifted(period.until, SECOND)
    return store.count(ORDERS, **asked), store.count(CUSTOMERS) if wanted.customers else 0


def facts(progress: BackfillProgress) -> dict[str, Any]:
    counts = {"orders": progress.orders, "trash": progress.trash, "customers": progress.customers}
    return (
        counts | {"status": progress.wanted.status, "unreadable": list(progress.unreadable)} | progress.period.facts()
    )


def _beginning_of(phase: str, progress: BackfillProgress) -> Cursor:
    return FIRST if phase == CUSTOMERS else order_pages.start(progress.period, old=progress.old)


def _in_period(progress: BackfillProgress, row: StoreRow) -> bool:
    """Accounts cannot be asked for by date, and orders of old stores only roughly; a row without a date counts."""
    by_date = progress.phase != CUSTOMERS and not progress.old
    return by_date or not row.created_at or progress.period.holds(row.created_at)


def _ids(rows: Sequence[StoreRow]) -> tuple[int, ...]:
    return tuple(row.id for row in rows)
