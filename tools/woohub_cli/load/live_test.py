"""A live test of a stack: place orders at a rate, wait for them in HubSpot, compare, and remove them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from woohub.dates import utc_from_ms
from woohub.errors import UnknownOutcome
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import CONTACTS, LINE_ITEMS, ObjectType
from woohub.store.payloads import OrderEvent
from woohub.sync.contacts import ContactSnapshot, snapshot_of
from woohub_cli.load.latency import epoch, percentile
from woohub_cli.load.synthetic import Run
from woohub_cli.verify import comparison
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.hubspot_records import Crm

SENDER_THREADS = 32  # orders on their way at once
POLL_S = 1.0  # seconds between two looks at HubSpot or the queue
QUIET_POLLS = 2  # polls in a row that must find the queue empty: SQS counts approximately
MAX_CLEANUP_ROUNDS = 3  # the next round finds what a write without an answer has left

Advance = Callable[[int], None]  # called with how many more are done
Pause = Callable[[float], None]
Clock = Callable[[], float]  # epoch seconds


@dataclass(frozen=True)
class Placed:
    """One placed order.

    `at` is when its first delivery was sent (epoch seconds). `statuses` are the responses to its deliveries, 0 for
    none.
    """

    order_id: int
    at: float
    statuses: tuple[int, ...]

    @property
    def accepted(self) -> bool:
        """Whether the stack accepted a delivery of the order."""
        return any(200 <= status < 300 for status in self.statuses)


def place(
    order_ids: Sequence[int],
    rate: float,
    send: Callable[[int], Placed],
    advance: Advance,
    *,
    clock: Clock,
    pause: Pause,
) -> list[Placed]:
    """Send the orders, `rate` per second, in threads, so that a late response does not delay the others."""
    started = clock()
    senders = ThreadPoolExecutor(SENDER_THREADS)
    try:
        waiting = []
        for number, order_id in enumerate(order_ids):
            pause(max(0.0, started + number / rate - clock()))
            waiting.append(senders.submit(send, order_id))
            waiting[-1].add_done_callback(lambda _done: advance(1))
        return [future.result() for future in waiting]
    finally:
        senders.shutdown(cancel_futures=True)


@dataclass
class Arrivals:
    """Which orders HubSpot has, and since when, by the creation date of the deal."""

    crm: Crm
    placed: Sequence[Placed]
    clock: Clock
    arrived: dict[int, float] = field(default_factory=dict)  # order: epoch seconds
    _next: int = 0

    @property
    def awaited(self) -> list[Placed]:
        """The accepted orders that HubSpot does not have yet, the oldest first."""
        return [order for order in self.placed if order.accepted and order.order_id not in self.arrived]

    def wait(self, seconds: float, advance: Advance, pause: Pause) -> None:
        """Poll until all orders are there or the time is up, the oldest first: they arrive in about that order."""
        until = self.clock() + seconds
        while self.awaited:
            new, all_of_them = self.look()
            advance(new)
            if all_of_them:
                continue
            if self.clock() >= until:
                return
            pause(POLL_S)

    def look(self) -> tuple[int, bool]:
        """Read one batch of deals. Return how many of them were there, and whether all were."""
        awaited = self.awaited
        self._next = self._next if self._next < len(awaited) else 0
        chunk = {self.crm.key(order.order_id): order for order in awaited[self._next : self._next + BATCH]}
        deals = self.crm.deals(list(chunk))
        seen = self.clock()
        for key, records in deals.items():
            made = epoch(records[0].properties.get("createdate")) or seen
            self.arrived[chunk[key].order_id] = min(max(made, chunk[key].at), seen)  # the two clocks may differ
        if not deals:
            self._next += BATCH  # do not let a few that never come hide the others
        return len(deals), len(deals) == len(chunk)


@dataclass(frozen=True)
class LoadReport:
    run: Run
    placed: Sequence[Placed]
    arrived: dict[int, float]
    mismatches: Sequence[Mismatch]

    @property
    def seconds(self) -> list[float]:
        """The seconds from the store to HubSpot of every order that arrived, sorted."""
        return sorted(
            self.arrived[order.order_id] - order.at for order in self.placed if order.order_id in self.arrived
        )

    @property
    def refused(self) -> Counter[int]:
        """The number of responses other than 2xx, by status."""
        statuses = Counter(status for order in self.placed for status in order.statuses)
        return Counter({status: count for status, count in statuses.items() if not 200 <= status < 300})

    @property
    def sending_s(self) -> float:
        """The seconds from the first to the last order sent."""
        moments = [order.at for order in self.placed]
        return max(moments) - min(moments)

    @property
    def whole_s(self) -> float:
        """The seconds from the first order sent to the last one that arrived."""
        return max(self.arrived.values()) - min(order.at for order in self.placed) if self.arrived else 0.0

    @property
    def failed(self) -> bool:
        """Whether a delivery was refused, or a record in HubSpot is missing or wrong."""
        return bool(self.refused or self.mismatches)

    def count(self, record: str, *kinds: MismatchKind) -> int:
        """Return the number of mismatches of these kinds in deals or contacts ("": both)."""
        return sum(mismatch.kind in kinds and mismatch.record.startswith(record) for mismatch in self.mismatches)

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json. Rates are null if the time was too short for one."""
        seconds = self.seconds
        deliveries = sum(len(order.statuses) for order in self.placed)
        return {
            "run": self.run.name,
            "orders": len(self.placed),
            "deliveries": deliveries,
            "refused": {str(status): count for status, count in sorted(self.refused.items())},
            "arrived": len(self.arrived),
            "sent_orders_per_s": _rate(len(self.placed) - 1, self.sending_s),
            "orders_per_s": _rate(len(self.arrived), self.whole_s),
            "seconds": round(self.whole_s, 1),
            "latency": {f"p{percent}_s": percentile(seconds, percent) for percent in (50, 95, 99)}
            | {"max_s": percentile(seconds, 100)},
            "missing": self.count("deal", MismatchKind.MISSING),
            "missing_contacts": self.count("contact", MismatchKind.MISSING),
            "duplicate": self.count("", MismatchKind.DUPLICATE),
            "differing": self.count("", MismatchKind.DIFFERING),
            "unassociated": self.count("", MismatchKind.UNASSOCIATED, MismatchKind.WRONG_CONTACT),
            "findings": [mismatch.facts() for mismatch in self.mismatches],
        }


def _rate(number: int, seconds: float) -> float | None:
    return round(number / seconds, 1) if seconds > 0 and number > 0 else None


def mismatches(crm: Crm, run: Run, now: float) -> list[Mismatch]:
    """Return the deals and contacts that HubSpot lacks, has twice or has with other values.

    `now` is in epoch seconds.
    """
    table = crm.target.table
    events = [run.event(order_id, round(now * 1000)) for order_id in run.order_ids]
    contacts = crm.contacts(run.emails)
    result = [mismatch for chunk in chunks(events, BATCH) for mismatch in _order_mismatches(crm, run, chunk, contacts)]
    snapshots: dict[str, list[ContactSnapshot]] = {}
    for event in events:
        snapshots.setdefault(run.email(event.order.id), []).append(snapshot_of(event, table))
    moment = utc_from_ms(round(now * 1000))
    for email, seen in snapshots.items():
        result += comparison.contact_mismatches(email, seen, contacts.get(email), table, crm.contact_schema, moment)
    return result


def _order_mismatches(
    crm: Crm, run: Run, events: Sequence[OrderEvent], contacts: Mapping[str, Record]
) -> Iterator[Mismatch]:
    deals = crm.deals([crm.key(event.order.id) for event in events])
    has = crm.contacts_of([record.id for records in deals.values() for record in records])
    for event in events:
        records = deals.get(crm.key(event.order.id), [])
        yield from comparison.deal_mismatches(event, records, crm.target, crm.deal_schema)
        contact = contacts.get(run.email(event.order.id))
        if records and contact:
            linked = has.get(records[0].id, set())
            yield from comparison.association_mismatches(event.order.id, records[0], contact.id, linked, crm.target)


@dataclass(frozen=True)
class Cleaned:
    """The numbers of archived deals and contacts, and of the run's records that remain."""

    deals: int
    contacts: int
    left: int


def clean(hubspot: HubSpot, crm: Crm, run: Run, advance: Advance) -> Cleaned:
    """Archive the run's records, which are found by their keys: no other record has such keys."""
    done: dict[ObjectType, set[str]] = defaultdict(set)
    for _ in range(MAX_CLEANUP_ROUNDS):
        there = _record_ids(crm, run)
        if not any(there.values()):
            break
        for kind, ids in there.items():
            for chunk in chunks(sorted(ids), BATCH):
                _archive(hubspot, kind, chunk)
                advance(len(set(chunk) - done[kind]))
            done[kind] |= ids
    left = sum(len(ids) for ids in _record_ids(crm, run).values())
    return Cleaned(len(done[crm.target.type]), len(done[CONTACTS]), left)


def _record_ids(crm: Crm, run: Run) -> dict[ObjectType, set[str]]:
    """Return the ids of the run's records by object, with line items and HubSpot's orders beside the deals.

    A contact counts only if its primary address is the run's, not an additional one.
    """
    emails = set(run.emails)
    contacts = {
        contact.id for contact in crm.contacts(emails).values() if contact.properties.get(CONTACTS.key) in emails
    }
    written = {each.target.type: _ids(each, run) for each in (crm, crm.orders_beside()) if each}
    of_deals = crm.line_items_of(sorted(written[crm.target.type]))
    items = {item.id for of_deal in of_deals.values() for item in of_deal}
    return {LINE_ITEMS: items, **written, CONTACTS: contacts}  # items first: they are found by their deals


def _ids(crm: Crm, run: Run) -> set[str]:
    keys = {crm.key(order_id) for order_id in run.order_ids}
    return {deal.id for key, records in crm.deals(sorted(keys)).items() if key in keys for deal in records}


def _archive(hubspot: HubSpot, kind: ObjectType, ids: Sequence[str]) -> None:
    with suppress(UnknownOutcome):  # the next round finds what is left
        hubspot.archive(kind, ids)


def drained(waiting: Callable[[], int], seconds: float, *, clock: Clock, pause: Pause) -> bool:
    """Whether the queue stays empty for several polls: a delivery after the cleaning would undo it."""
    until, quiet = clock() + seconds, 0
    while quiet < QUIET_POLLS:
        quiet = 0 if waiting() else quiet + 1
        if clock() >= until:
            return False
        pause(POLL_S)
    return True
