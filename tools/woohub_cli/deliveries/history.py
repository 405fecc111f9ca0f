"""Queue a shop's history page by page, no faster than HubSpot accepts it; an interrupted backfill resumes."""

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

# At most so many messages on the queue. More make a backfill faster if HubSpot is slow, but a delivery waits longer for
# the current batch. With 600 and a second per call, 10,000 orders take two minutes, and a delivery a second longer.
MAX_QUEUE_DEPTH = 600
POLL_S = 1.0
STALLED_AFTER_S = 900.0  # if the queue does not get shorter for so long, waiting is useless
ORDERS, TRASHED, CUSTOMERS = "orders", "trash", "customers"
PHASES = (ORDERS, TRASHED, CUSTOMERS)
TOPICS = {ORDERS: ORDER_SWEPT, TRASHED: ORDER_SWEPT, CUSTOMERS: CUSTOMER_SWEPT}


class Stalled(Trouble):
    """The queue does not get shorter: HubSpot accepts nothing, or the consumer does not run."""


@dataclass(frozen=True)
class BackfillRequest:
    """The options of a backfill. The same options resume an unfinished one."""

    store: str
    since: str = ""
    until: str = ""
    status: str = "any"
    customers: bool = False


@dataclass(frozen=True)
class BackfillProgress:
    """How far a backfill has come.

    All rows before `position` are on the queue, and so are the rows with the ids in `recent`.
    """

    wanted: BackfillRequest
    period: Period
    began: str
    position: Cursor
    phase: str = ORDERS
    recent: tuple[int, ...] = ()
    orders: int = 0
    customers: int = 0
    old: bool = False  # the store's WooCommerce is older than 5.8, so it filters by local dates: see order_pages
    trash: int = 0  # orders in the trash
    unreadable: tuple[str, ...] = ()  # records that the store could not return, such as "order:123"; left out

    @property
    def queued(self) -> int:
        """The number of queued orders, trashed orders and accounts together."""
        return self.orders + self.trash + self.customers


def begin(wanted: BackfillRequest, period: Period, began: str, *, old: bool = False) -> BackfillProgress:
    """Return the progress of a backfill that starts. `old`: the store's WooCommerce is older than 5.8."""
    return BackfillProgress(wanted, period, began, order_pages.start(period, old=old), old=old)


PROGRESS = TypeAdapter(BackfillProgress)


@dataclass(frozen=True)
class StateFile:
    """The file from which an interrupted backfill resumes: dates, ids and counts, no personal data."""

    path: Path

    def read(self) -> BackfillProgress | None:
        """Return the saved progress, or None if there is no file. Raises Trouble if the file cannot be read."""
        try:
            return PROGRESS.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise Trouble(f"{self.path} cannot be read ({type(error).__name__}): remove it, or use --restart") from None

    def write(self, progress: BackfillProgress) -> None:
        """Replace the file atomically: after a crash it is either the old one or the new one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        draft = self.path.with_suffix(".new")
        draft.write_text(PROGRESS.dump_json(progress, indent=2).decode() + "\n", encoding="utf-8")
        draft.replace(self.path)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Pace:
    """Keeps the queue short.

    `_depth` counts all messages of the queue, those in flight too. `_waits` is called with that number while it waits.
    """

    _depth: Callable[[], int]
    _timer: Timer
    _waits: Callable[[int], None] = lambda _depth: None

    def make_room(self, coming: int) -> None:
        """Wait until the queue has room for `coming` more messages. Raises Stalled if it does not get shorter."""
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
    """Puts a shop's history on the queue. `_on_saved` is called after each write of the state file."""

    _store: Store
    _queue: DeliveryQueue
    _pace: Pace
    _file: StateFile
    _clock: Callable[[], float]
    _on_saved: Callable[[BackfillProgress], None] = lambda _progress: None

    def run(self, progress: BackfillProgress, limit: int | None = None) -> tuple[BackfillProgress, bool]:
        """Continue from `progress`, with at most `limit` more messages.

        Returns the new progress, and whether the backfill is complete.
        """
        last = None if limit is None else progress.queued + limit
        self._store.leave_out(progress.unreadable)
        for phase, following in zip(PHASES, (*PHASES[1:], CUSTOMERS), strict=True):
            if progress.phase != phase:
                continue
            for asked_ms, step in self._with_request_times(self._pages(progress)):
                progress, whole = self._queue_page(progress, step, asked_ms, last)
                self._file.write(progress)
                self._on_saved(progress)
                if not whole or progress.queued == last:
                    return progress, False
            progress = replace(progress, phase=following, position=_first_cursor(following, progress), recent=())
        self._file.remove()
        return progress, True

    def _pages(self, progress: BackfillProgress) -> Iterator[Page[Cursor]]:
        status = progress.wanted.status
        if progress.phase == ORDERS:
            yield from order_pages.made(self._store, progress.position, progress.period, status, old=progress.old)
        elif progress.phase == TRASHED and status == "any":  # "any" leaves out the trash, as in reconcile
            yield from order_pages.made(self._store, progress.position, progress.period, TRASHED, old=progress.old)
        elif progress.phase == CUSTOMERS and progress.wanted.customers:
            yield from self._store.customers(progress.position if isinstance(progress.position, ByOffset) else FIRST)

    def _queue_page(
        self, progress: BackfillProgress, step: Page[Cursor], asked_ms: int, last: int | None
    ) -> tuple[BackfillProgress, bool]:
        """Queue the new rows of a page, up to `last` messages in all.

        Returns the new progress, and whether the whole page is on the queue.
        """
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

    def _with_request_times(self, steps: Iterator[Page[Cursor]]) -> Iterator[tuple[int, Page[Cursor]]]:
        """Yield each page with the time (epoch ms) before it was requested: later changes are not in it."""
        while True:
            asked_ms = int(self._clock() * 1000)
            step = next(steps, None)
            if step is None:
                return
            yield asked_ms, step


def count(store: Store, wanted: BackfillRequest, period: Period) -> tuple[int, int]:
    """Return how many orders the backfill concerns, and how many accounts it has to read."""
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


def _first_cursor(phase: str, progress: BackfillProgress) -> Cursor:
    return FIRST if phase == CUSTOMERS else order_pages.start(progress.period, old=progress.old)


def _in_period(progress: BackfillProgress, row: StoreRow) -> bool:
    """Whether the row is in the period, or has no date.

    WooCommerce cannot filter accounts by date, and old stores filter orders only roughly.
    """
    by_date = progress.phase != CUSTOMERS and not progress.old
    return by_date or not row.created_at or progress.period.holds(row.created_at)


def _ids(rows: Sequence[StoreRow]) -> tuple[int, ...]:
    return tuple(row.id for row in rows)
