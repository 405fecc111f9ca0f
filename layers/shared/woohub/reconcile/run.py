"""Bring to the queue what webhooks never told: read from the store what changed, and keep its webhooks alive.

A run goes on where the last one stopped. The watermark moves only past what the queue has taken, and it is made of the
store's own dates: whatever happened while a webhook was disabled, or deliveries were lost, is dated later than the
watermark, and so is read by the next run. The same order may be queued twice; the version guard makes that harmless.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from woohub.dates import shifted, utc_from_ms, whole_seconds
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.delivery.webhooks import Delivery
from woohub.errors import DeadlineExceeded, InvalidPayload, PermanentError, SecretUnavailable, TransientError
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import Mapping as FieldMapping
from woohub.metrics import (
    STORE_RECORD_UNREADABLE,
    STORE_UNAVAILABLE,
    SWEEP_ALIVE,
    SWEEP_COMPLETED,
    SWEEP_FAILED,
    SWEEP_QUEUED,
    WEBHOOK_DISABLED,
    WEBHOOK_REPAIRED,
)
from woohub.reconcile import deleted_orders
from woohub.reconcile.watermark import DealCheck, Reached, Scan, Watermark, WatermarkParameter, beginning
from woohub.store import subscriptions
from woohub.store.client import Store
from woohub.store.pagination import FIRST, Position, Stored
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT
from woohub.store.requests import StoreRefused, StoreUnavailable

OVERLAP = timedelta(minutes=10)  # a store's writes become visible some time after the date they carry
CUSTOMER_OVERLAP = timedelta(days=1)  # accounts are compared with our clock: the store's may be far off
SHARE_OF_TIME = 0.8  # of an invocation; the rest is for the last page and for logs
RETRIED_PER_RUN = 3  # records that could not be read: each may take until its time-out
SURELY_BEHIND = 60  # seconds; less may be the time an answer takes
LOOKED_UP_AT_ONCE = 10  # orders, between two writes of the watermark
MANY_NEW_PAGES = 10  # pages of new accounts in one run: an import, left to a scan

Log = Callable[..., None]
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """What a run is asked for beyond going on: the event of the function.

    `since`: read everything changed since that moment once more. `customers`: "changed" or "all" scans all accounts
    now. `deleted`: "check" looks for orders deleted for good now, "all" even if they are many.
    """

    since: str = ""
    customers: str = ""
    deleted: str = ""

    @classmethod
    def from_event(cls, event: object) -> Request:
        """From an event; a schedule's asks for nothing. InvalidPayload names what cannot be."""
        asked = event if isinstance(event, dict) else {}
        since, customers, deleted = (str(asked.get(name) or "") for name in ("since", "customers", "deleted"))
        if customers not in ("", "changed", "all") or deleted not in ("", "check", "all"):
            raise InvalidPayload('customers is "changed" or "all", deleted is "check" or "all"')
        try:
            return cls(whole_seconds(since) if since else "", customers, deleted)
        except ValueError:
            raise InvalidPayload("since is no date such as 2026-11-23T08:00:00Z") from None


@dataclass
class Report:
    """What a run did. `complete`: everything asked for is on the queue; else the next run goes on."""

    queued: Counter[str] = field(default_factory=Counter)  # orders, trash, customers, deleted
    webhooks: list[str] = field(default_factory=list)  # "disabled order.updated: mended"
    complete: bool = False
    stopped: str = ""  # "out of time: …", or why the first part that failed did
    failed: dict[str, str] = field(default_factory=dict)  # part of the run → why it failed; the other parts went on
    unreadable: dict[str, str] = field(default_factory=dict)  # "order:123" → why it was left out

    def facts(self) -> dict[str, Any]:
        """For the log and the caller."""
        return {
            "queued": dict(self.queued),
            "webhooks": self.webhooks,
            "complete": self.complete,
            "stopped": self.stopped,
            "failed": self.failed,
            "unreadable": self.unreadable,
        }


@dataclass(frozen=True)
class Hooks:
    """What is needed to keep the store's webhooks alive."""

    stack: str
    url: str
    secret: Callable[[], str]  # the webhooks' current secret
    may_create: bool = True


class Reconcile:
    """What the reconcile function does.

    `count(metric, value)` and `log(event, **fields)` tell about it; `clock` gives epoch seconds.
    """

    def __init__(
        self,
        store: Store,
        queue: DeliveryQueue,
        parameter: WatermarkParameter,
        hubspot: HubSpot,
        mapping: FieldMapping,
        hooks: Hooks,
        *,
        count: Callable[[str, int], None],
        log: Log,
        clock: Callable[[], float],
        night_hour: int = 2,
    ) -> None:
        self._store = store
        self._queue = queue
        self._parameter = parameter
        self._hubspot = hubspot
        self._mapping = mapping
        self._hooks = hooks
        self._count = count
        self._log = log
        self._clock = clock
        self._night_hour = night_hour
        self._report = Report()
        self._mark: Watermark

    def run(self, request: Request = Request()) -> Report:
        """Do what is due within the time; raises botocore's errors and InvalidParameter, nothing else."""
        self._report = Report()
        began = utc_from_ms(self._now_ms())
        self._mark = self._begin(request)
        self._store.leave_out(self._mark.unreadable)
        try:
            self._run_parts(began)
        except DeadlineExceeded as error:
            self._stopped("out of time", error)
        except _StoreDown:
            pass  # the part that met it has said why
        self._report_unreadable()
        self._report.complete = not self._report.stopped
        return self._report

    def _run_parts(self, began: str) -> None:
        """Everything a run does. A part that fails is reported, and the others go on."""
        self._part("webhooks", self._keep_webhooks_alive)
        self._read_clock()
        changes = [
            self._part("orders", lambda: self._sweep_orders("orders", "any")),
            self._part("trash", lambda: self._sweep_orders("trash", "trash")),
            self._part("accounts", self._sweep_new_accounts),
        ]
        if all(changes):
            self._keep(completed=began, behind=self._behind())
            self._count(SWEEP_COMPLETED, 1)
            self._count(SWEEP_ALIVE, 1)
        self._part("scan", self._scan_customers)
        self._part("deal_check", self._check_deals)
        with suppress(DeadlineExceeded):  # nothing is lost: they are remembered
            self._part("unreadable", self._retry_unreadable)

    def _part(self, name: str, do: Callable[[], None]) -> bool:
        """Do a part of the run; whether it came through. _StoreDown where the others cannot either."""
        try:
            do()
            return True
        except DeadlineExceeded:
            raise
        except StoreUnavailable as error:
            if not any(reason.startswith(UNAVAILABLE) for reason in self._report.failed.values()):
                self._count(STORE_UNAVAILABLE, 1)  # once a run
            self._failed(name, UNAVAILABLE, error)
            if error.retry_after or not self._store_answers():
                raise _StoreDown from None
        except (PermanentError, TransientError) as error:
            self._count(SWEEP_FAILED, 1)
            self._failed(name, "failed", error)
            if isinstance(error, StoreRefused) and not self._store_answers():
                raise _StoreDown from None
        return False

    def _failed(self, name: str, reason: str, error: Exception) -> None:
        self._report.failed[name] = f"{reason}: {error}"
        self._stopped(reason, error, part=name)

    def _store_answers(self) -> bool:
        return any(self._store.lists(resource) for resource in ("orders", "customers"))

    def _stopped(self, reason: str, error: Exception, part: str = "") -> None:
        if not self._report.stopped or isinstance(error, DeadlineExceeded):  # the command line runs it again for that
            self._report.stopped = f"{reason}: {error}"
        self._log("sweep_stopped", reason=reason, error=str(error), part=part)

    # Records that cannot be read

    def _retry_unreadable(self) -> None:
        """Ask once more for some that could not be read before: their dates are past the watermark."""
        for name in self._mark.unreadable[:RETRIED_PER_RUN]:
            asked_ms, rest = self._now_ms(), tuple(other for other in self._mark.unreadable if other != name)
            try:
                row = self._store.read_once_more(name)
            except StoreUnavailable as error:
                if error.retry_after:
                    raise
                self._report.unreadable[name] = str(error)
                self._keep(unreadable=(*rest, name))  # the next run asks for others first
                continue
            kind = name.partition(":")[0]
            if row is not None and kind in SWEPT_TOPICS:
                self._queue_up(f"{kind}s", _swept(kind, [row], asked_ms, self._source))
            self._keep(unreadable=rest)

    def _left_out(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self._mark.unreadable, *self._store.unreadable)))

    def _report_unreadable(self) -> None:
        """Name what was left out, and remember it: it may become readable without a new date."""
        self._keep(unreadable=self._left_out())
        reasons = self._store.unreadable | self._report.unreadable
        self._report.unreadable = {name: reasons.get(name, NOT_ASKED_AGAIN) for name in self._mark.unreadable}
        if self._report.unreadable:
            self._count(STORE_RECORD_UNREADABLE, len(self._report.unreadable))
            self._log("records_left_out", records=self._report.unreadable)

    # Where to begin

    def _begin(self, request: Request) -> Watermark:
        """The watermark with the work that is due, stored at once: what was asked for outlives this run."""
        stored, tonight = self._parameter.read(), self._tonight()
        mark = beginning(stored, tonight) if isinstance(stored, str) else stored
        mark = replace(_asked(mark, request, nightly=mark.night != tonight), night=tonight)
        if mark != stored:
            self._parameter.write(mark)
        return mark

    def _tonight(self) -> str:
        now = datetime.fromtimestamp(self._clock(), UTC)
        return (now - timedelta(hours=self._night_hour)).date().isoformat()

    def _keep(self, **changes: Any) -> None:
        """Move the watermark: what it leaves behind is on the queue."""
        mark = replace(self._mark, **changes)
        if mark != self._mark:
            self._parameter.write(mark)
            self._mark = mark

    # Webhooks

    def _keep_webhooks_alive(self) -> None:
        """Mend the store's webhooks, before the sweep: what happens meanwhile then comes one way or the other."""
        if not self._hooks.url:
            return
        try:
            found = subscriptions.findings(self._store.webhooks(), stack=self._hooks.stack, url=self._hooks.url)
        except (StoreRefused, StoreUnavailable) as error:  # orders may be open to us where webhooks are not
            if isinstance(error, StoreUnavailable) and error.retry_after:  # the whole store is down
                raise
            self._count(SWEEP_FAILED, 1)
            self._report.failed["webhooks"] = f"failed: {error}"
            self._log("webhooks_unreadable", error=str(error))
            return
        for finding in found:
            self._mend(finding)

    def _mend(self, finding: subscriptions.Finding) -> None:
        done = self._mended(finding)
        self._report.webhooks.append(f"{finding.problem} {finding.topic}: {done}")
        if finding.stops_events:
            self._count(WEBHOOK_DISABLED, 1)
        self._log("webhook", problem=finding.problem, topic=finding.topic, done=done, note=NOTES[finding.problem])

    def _mended(self, finding: subscriptions.Finding) -> str:
        if not finding.mendable or (finding.webhook is None and not self._hooks.may_create):
            return "left as it is"
        if finding.webhook is None and any(name.startswith("webhook:") for name in self._left_out()):
            return "left as it is: one of the store's webhooks cannot be read, and may be it"
        try:
            secret = self._hooks.secret()
            if not secret:
                return "left as it is: no webhook secret is stored"
            subscriptions.mend(self._store, finding, stack=self._hooks.stack, url=self._hooks.url, secret=secret)
        except (StoreRefused, StoreUnavailable, SecretUnavailable) as error:  # a firewall may let nobody write
            return f"not mended: {error}"
        self._count(WEBHOOK_REPAIRED, 1)
        if finding.topic.startswith("customer.") and self._mark.scan is None:
            # What was missed meanwhile: orders are found by their dates, changed accounts only by looking at all.
            self._keep(scan=_widest(self._mark, self._mark.scanned))
        return "mended"

    # Orders

    def _read_clock(self) -> None:
        """Have the store's clock from an answer, also where its webhooks are not read."""
        if not self._hooks.url:
            self._store.lists("orders")

    def _behind(self) -> int:
        """Seconds that the store's clock is behind ours."""
        return int(self._store.behind) if self._store.behind >= SURELY_BEHIND else 0

    def _start(self, reached: Reached) -> Position:
        """Where to begin reading; a clock that stepped back dates changes before what was reached already."""
        start, behind = _start(reached), max(self._behind(), self._mark.behind)
        if reached.resume or not behind:
            return start
        since_last_run = shifted(self._mark.completed or self._mark.since, -OVERLAP - timedelta(seconds=behind))
        return Position(min(start.moment, since_last_run))

    def _sweep_orders(self, name: str, status: str) -> None:
        """Queue the orders of this status that have changed; `name` is the watermark's and the report's for them."""
        before: Reached = getattr(self._mark, name)
        began = before.began or utc_from_ms(self._now_ms())
        for received_ms, step in self._timed(self._store.orders(self._start(before), status=status)):
            self._queue_up(name, _swept("order", step.found, received_ms, self._source))
            newest = max((row.modified_at for row in step.found), default="")
            # Never into the future: an order dated there would hide all that changes until then.
            reached = max(getattr(self._mark, name).moment, min(newest, utc_from_ms(received_ms)))
            walking = Reached(reached, before.settled, step.then, began)
            settled = shifted(began, -OVERLAP - timedelta(seconds=self._store.behind))
            self._keep(**{name: Reached(reached, settled) if step.last else walking})

    # Customers

    def _sweep_new_accounts(self) -> None:
        """Accounts made since the last run: every 15 minutes only these, since nobody can say which changed."""
        known, since = self._mark.accounts, shifted(self._mark.since, -OVERLAP)
        highest = self._store.newest_customer_id() if known is None else known
        for number, (received_ms, rows) in enumerate(self._timed(self._store.newest_customers(known or 0)), 1):
            new = [row for row in rows if known is not None or not row.created_at or row.created_at >= since]
            self._queue_up("customers", _swept("customer", new, received_ms, self._source))
            highest = max([highest, *(row.id for row in new)])
            if len(new) < len(rows):
                break
            if number == MANY_NEW_PAGES:  # imported, perhaps with dates of long ago: look at all
                self._keep(scan=_widest(self._mark, ""))
                break
        self._keep(accounts=highest)

    def _scan_customers(self) -> None:
        """All accounts, to find the changed ones; a scan too long for one run goes on in the next."""
        scan = self._mark.scan
        if scan is None:
            return
        began = scan.began or utc_from_ms(self._now_ms())
        for received_ms, step in self._timed(self._store.customers(scan.position)):
            changed = [row for row in step.found if not row.modified_at or row.modified_at >= scan.changed_since]
            self._queue_up("customers", _swept("customer", changed, received_ms, self._source))
            self._keep(scan=replace(scan, position=step.then, began=began))
        self._keep(scan=None, scanned=began)

    # Orders deleted for good

    def _check_deals(self) -> None:
        try:
            self._list_suspects()
            self._settle_suspects()
        except (StoreUnavailable, DeadlineExceeded):
            raise
        except TransientError as error:  # HubSpot's trouble is the breaker's; the check goes on another time
            self._log("deal_check_postponed", error=str(error))
            self._report.failed["deal_check"] = f"postponed: {error}"
            self._report.stopped = self._report.stopped or f"deal check postponed: {error}"

    def _list_suspects(self) -> None:
        while (check := self._mark.check) is not None and (check.unlisted or check.after is not None):
            if check.unlisted:
                self._look_up(check)
            else:
                ids, after = deleted_orders.live_orders(self._hubspot, self._mapping, check.after or "")
                unlisted = deleted_orders.unknown(self._store, ids)
                self._keep(check=replace(check, after=after, unlisted=tuple(unlisted)))

    def _look_up(self, check: DealCheck) -> None:
        """Ask for some of the unlisted orders by id: those of a status that no plugin registers any more are there."""
        gone = list(check.suspects)
        some, rest = check.unlisted[:LOOKED_UP_AT_ONCE], check.unlisted[LOOKED_UP_AT_ONCE:]
        for order_id in some:
            if not self._store.has_order(order_id):
                gone.append(order_id)
            if check.limit is not None and len(gone) > check.limit:
                self._keep(check=None)
                raise PermanentError(TOO_MANY.format(limit=check.limit))
        if check.limit is None:
            self._delete(gone)
            gone = []
        self._keep(check=replace(check, unlisted=rest, suspects=tuple(gone)))

    def _settle_suspects(self) -> None:
        while (check := self._mark.check) is not None and check.suspects:
            self._delete(check.suspects[:1])
            self._keep(check=replace(check, suspects=check.suspects[1:]))
        self._keep(check=None)

    def _delete(self, order_ids: Iterable[int]) -> None:
        """Tell the queue of those that are gone indeed: not in the store in any status."""
        for order_id in order_ids:
            received_ms = self._now_ms()
            if not self._store.has_order(order_id):
                body = json.dumps({"id": order_id}, separators=(",", ":")).encode()
                gone = Delivery("order.deleted", body, received_ms, f"order:{order_id}", self._source)
                self._queue_up("deleted", [gone])

    # Common to all

    def _timed(self, pages: Iterator[T]) -> Iterator[tuple[int, T]]:
        """Each page with the moment before it was asked for: what changes later is not in it."""
        while True:
            asked_ms = self._now_ms()
            page = next(pages, None)
            if page is None:
                return
            yield asked_ms, page

    def _queue_up(self, kind: str, deliveries: Iterable[Delivery]) -> None:
        sent = self._queue.send(deliveries)
        self._report.queued[kind] += sent
        if sent:
            self._count(SWEEP_QUEUED, sent)

    @property
    def _source(self) -> str:
        return f"{self._store.access.url}/"

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


TOO_MANY = (
    "more than {limit} orders in HubSpot are unknown to the store, so nothing was changed. Is it the right store? "
    "If they were deleted on purpose: woohub reconcile --deleted all"
)
UNAVAILABLE = "store unavailable"
NOT_ASKED_AGAIN = "not asked for again in this run"
SWEPT_TOPICS = {"order": ORDER_SWEPT, "customer": CUSTOMER_SWEPT}
NOTES: Mapping[str, str] = {
    "disabled": "more than five deliveries in a row failed (the next failure does it again), or a person disabled it",
    "missing": "somebody removed it from the store",
    "paused": "somebody paused it in the store; set it to active there, or remove it",
    "wrong_url": "it delivered to another address",
    "wrong_topic": "somebody changed its topic",
    "duplicate": "every event is delivered twice; remove one",
}


class _StoreDown(Exception):
    """No other part of the run would come further."""


def _swept(kind: str, rows: Iterable[Stored], received_ms: int, source: str) -> list[Delivery]:
    topic = SWEPT_TOPICS[kind]
    return [Delivery(topic, row.body, received_ms, f"{kind}:{row.id}", source) for row in rows]


def _start(reached: Reached) -> Position:
    """Where to begin reading: a little earlier than was reached, except for what was read late enough."""
    if reached.resume:
        return reached.resume
    settled = min(reached.settled, shifted(reached.moment, timedelta(seconds=1)))
    return Position(max(settled, shifted(reached.moment, -OVERLAP)))


def _asked(mark: Watermark, request: Request, *, nightly: bool) -> Watermark:
    """The watermark with what the request, or the night, adds to going on: going back, a scan, a check."""
    if request.since:
        mark = _set_back(mark, request.since)
    if nightly or request.customers:
        mark = replace(mark, scan=_widest(mark, "" if request.customers == "all" else mark.scanned))
    if request.deleted or (nightly and mark.check is None):
        mark = replace(mark, check=DealCheck(limit=None if request.deleted == "all" else deleted_orders.AT_ONCE))
    return mark


def _set_back(mark: Watermark, since: str) -> Watermark:
    """The watermark at an earlier moment, never at a later one: that would skip something."""
    orders, trash = (one if one.moment < since else Reached(since) for one in (mark.orders, mark.trash))
    return replace(mark, orders=orders, trash=trash, scan=_widest(mark, since))


def _widest(mark: Watermark, since: str) -> Scan:
    """A scan from the start, of all that changed since then; also for what a running one was for."""
    changed_since = shifted(since, -CUSTOMER_OVERLAP) if since else ""
    return Scan(FIRST, min(changed_since, mark.scan.changed_since) if mark.scan else changed_since)
