"""Woohub's rules, removed from the running code one at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmark.measures import recovery
from tests.model import bad_requests
from tests.model.gate import CALLS_PER_100, ROUGH, run
from tests.model.shop_day import HOUR, MINUTE, FullShopDay
from tests.model.shop_history import Scale
from tests.model.traffic import DeliveryConditions
from tests.support.reconcile import ReconcileFixture
from woohub.consumer.poison import PoisonDetector
from woohub.delivery import ingest
from woohub.delivery.delivery import Delivery
from woohub.errors import HubSpotRejected
from woohub.mapping.mapping_file import CONTACT_VERSION
from woohub.store import payloads
from woohub.store.lists import RecordReader
from woohub.store.requests import StoreUnavailable
from woohub.sync import (
    batch_calls,
    batch_writer,
    call_size,
    contacts,
    deals,
    engine,
    line_items,
    lookup,
    parts,
    verdicts,
    versions,
)
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.record_set import Answer, Write
from woohub.sync.records import Change

Patch = pytest.MonkeyPatch


@dataclass(frozen=True)
class Gate:
    """A gate that takes some seconds."""

    scale: Scale
    conditions: DeliveryConditions = ROUGH
    fault_factor: float = 1.0
    most_calls: float = CALLS_PER_100
    crash_chance: float = 0.02
    commerce: bool = False

    def violations(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """The violations of one run for each seed."""
        chances = {"fault_factor": self.fault_factor, "crash_chance": self.crash_chance}
        for seed in seeds:
            made = run(seed, self.scale, self.conditions, commerce=self.commerce, **chances, **stack)
            yield from made.violations(self.most_calls)


SMALL = Gate(Scale(orders=300, customers=100, seconds=90.0, changes=4, moves=1, span=30))
# A third of it is enough for most rules; its batches are smaller and so take more calls.
BRIEF = Gate(Scale(orders=90, customers=30, seconds=40.0, changes=4, moves=1, span=30), most_calls=50.0)
# Enough for the number of calls, which any batch shows.
TINY = Gate(Scale(orders=30, customers=10, seconds=15.0, changes=4, moves=1, span=12), most_calls=80.0)
# Every order changes three times within seconds, without faults: for races between two writers.
BURST = Gate(
    Scale(orders=300, customers=100, seconds=15.0, changes=3, moves=0, span=4, same_second=0),
    DeliveryConditions(queue=0.5, late=0.1, latest=10.0),
    fault_factor=0.0,
)

# Orders whose items change, are removed and come back, with metrics and HubSpot's orders, and more crashes.
COMMERCE = Gate(
    Scale(orders=80, customers=30, seconds=120.0, changes=4, moves=0, span=60),
    crash_chance=0.5,
    commerce=True,
    most_calls=8 * CALLS_PER_100,
)


@dataclass(frozen=True)
class FailingCall:
    """An hour of a shop in which one kind of call fails."""

    path: str

    def violations(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """The violations of one such day for each seed."""
        for seed in seeds:
            day = FullShopDay(gap=60, seed=seed, **stack)
            day.calls_during_fault(HOUR, status=503, path=self.path)
            dead = sorted(message.texts["entity"] for message in day.stack.dead_letters.messages())
            if dead:
                yield f"healthy, but in the dead-letter queue: {dead[:3]}"


@dataclass(frozen=True)
class FailingRecord:
    """An hour of a shop in which one of forty simultaneous orders fails every call that contains `sign`."""

    sign: bytes

    def violations(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """The violations of one such hour for each seed."""
        for seed in seeds:
            day = FullShopDay(gap=15, seed=seed, fails_on=self.sign, **stack)
            for number in range(1, 40):
                day.shop.place(number, f"shopper{number}@mail.example")
                day.stack.post(day.shop.request("order.created", number))
            day.stack.post(day.shop.signed("order.created", bad_requests.order(90_050)))
            day.simulation.sleep(MINUTE)
            keys = {row["properties"]["woocommerce_order_id"] for row in day.stack.portal.state()["deals"]}
            if not {str(number) for number in range(1, 40)} <= keys:
                yield "the other orders wait"
            day.simulation.sleep(HOUR)
            dead = sorted(message.texts["entity"] for message in day.stack.dead_letters.messages())
            if dead != ["order:90050"]:
                yield f"not only the failing record is in the dead-letter queue: {dead[:3]}"


@dataclass(frozen=True)
class UnreadableRecord:
    """A store in which one of thirty orders and one of ten accounts fail every page that contains them, for a while."""

    def violations(self, seeds: Iterable[int]) -> Iterator[str]:
        """The violations of one such store for each seed."""
        for seed in seeds:
            dice, fixture = random.Random(seed), ReconcileFixture(seed=seed).with_webhooks()  # noqa: S311
            fixture.run()
            fixture.sqs.messages.clear()  # so that only reconcile queues messages
            accounts, orders = [fixture.shop.register() for _ in range(10)], [fixture.shop.place() for _ in range(30)]
            fixture.sqs.messages.clear()
            bad = {f"order:{dice.choice(orders)}", f"customer:{dice.choice(accounts)}"}
            for name in bad:
                fixture.shop.damage(name, dice.choice(("500", "502", "notice")), ids_too=dice.random() < 0.5)
            yield from self._found(fixture, bad)
            for name in bad:
                fixture.shop.repair(name)
            yield from self._found(fixture, set())

    def _found(self, fixture: ReconcileFixture, bad: set[str]) -> Iterator[str]:
        """What is wrong after a run during which `bad` cannot be read."""
        fixture.pass_time(HOUR)
        report = fixture.run(customers="all")
        fixture.drain()
        names = {":".join(difference.split()[:2]) for difference in fixture.differences()}
        if not report.complete or names - bad:
            yield f"not reconciled: {sorted(names - bad)[:3]} {report.stopped}"
        if set(report.unreadable) != bad:
            yield f"reported as unreadable: {sorted(report.unreadable)}, not {sorted(bad)}"


@dataclass(frozen=True)
class Outage:
    """A backlog that waited for the end of an outage."""

    seconds: float

    def violations(self, seeds: Iterable[int]) -> Iterator[str]:
        """The violations of one run, which does not depend on the seed."""
        calls = recovery(self.seconds, count=400)[1] if seeds else 0
        if calls > 6:
            yield f"{calls:.1f} calls for 100 orders after the outage"


AnyGate = Gate | FailingCall | FailingRecord | UnreadableRecord | Outage


@dataclass(frozen=True)
class Mutation:
    """How to remove a rule, the stack and gate for it, and a part of the violation that must follow."""

    violation: str
    apply: Callable[[Patch], None] = lambda _: None
    stack: Mapping[str, Any] = field(default_factory=dict)
    gate: AnyGate = BRIEF


def deals_without_version_check(patch: Patch) -> None:
    """The order state received last wins."""
    patch.setattr(versions.OrderState, "supersedes", lambda *_: True)


def contacts_without_version_check(patch: Patch) -> None:
    """The capture received last wins."""
    original = contacts.plan

    def mutated(snapshots: Any, current: Any, *rest: Any) -> Change:
        return original(snapshots, None if current is None else {**current, CONTACT_VERSION: None}, *rest)

    patch.setattr(contacts, "plan", mutated)


def address_dated_by_last_change(patch: Patch) -> None:
    """An order's customer data is dated by the order's last change instead of its creation."""
    proper = versions.ContactVersion.of
    patch.setattr(
        versions.ContactVersion,
        "of",
        lambda _, modified_at, received_ms: proper(modified_at, modified_at, received_ms),
    )


def one_message_at_a_time(patch: Patch) -> None:
    """Each message is processed alone."""
    original = Sync.sync

    def mutated(self: Sync, messages: Iterable[Message]) -> list[Outcome]:
        return [outcome for message in messages for outcome in original(self, [message])]

    patch.setattr(Sync, "sync", mutated)


def deduplication_by_delivery_id(patch: Patch) -> None:
    """A message with a delivery id that was seen before counts as done."""
    original, seen = Sync.sync, dict[str, str]()

    def mutated(self: Sync, messages: Iterable[Message]) -> list[Outcome]:
        messages = list(messages)
        fresh = [message for message in messages if seen.setdefault(_delivery_id(message), message.id) == message.id]
        skipped = [Outcome(message, Verdict.DONE) for message in messages if message not in fresh]
        return skipped + original(self, fresh)

    patch.setattr(Sync, "sync", mutated)


def _delivery_id(message: Message) -> str:
    delivery = message.delivery
    return (delivery.delivery_id if isinstance(delivery, Delivery) else "") or message.id


class NoRecentCreates(lookup.RecentCreates):
    """Forgets every create."""

    def created(self, answers: Mapping[str, Answer]) -> None: ...

    def unanswered(self, keys: Iterable[str], now: float) -> None: ...


def search_then_create(patch: Patch) -> None:
    """Deals are found by the lagging search index, and a create without response is repeated."""
    patch.setattr(engine, "RecentCreates", NoRecentCreates)


def unknown_outcome_is_done(patch: Patch) -> None:
    """A message with an unknown outcome counts as done."""
    patch.setattr(verdicts, "outcome_of", lambda concern, *_: Outcome(concern.message, Verdict.DONE))


def rejected_batches_are_not_bisected(patch: Patch) -> None:
    """A batch that HubSpot rejects is not bisected, and inputs have no trace ids that would name the rejected one."""

    def untraced(writes: Any, extra: Any) -> list[dict[str, Any]]:
        return [{"properties": dict(write.change.properties), **extra(write)} for write in writes]

    def whole(send: Any, writes: Any, answers: dict[str, Any]) -> None:
        try:
            answers |= send(writes)
        except HubSpotRejected as refused:
            answers |= {write.key: refused.problem for write in writes}

    patch.setattr(batch_calls, "traced", untraced)
    patch.setattr(batch_writer, "bisect", whole)


def every_failing_record_is_poison(patch: Patch) -> None:
    """A record whose calls fail is poison, even if the same kind of call fails for other records too."""
    patch.setattr(PoisonDetector, "is_poison", lambda _self, _record, call, _waiting_s: bool(call))


def no_record_is_poison(patch: Patch) -> None:
    """A record whose calls fail waits as in an outage."""
    patch.setattr(PoisonDetector, "is_poison", lambda *_: False)


def failed_reads_are_not_bisected(patch: Patch) -> None:
    """A batch read that fails is not bisected."""
    apart = batch_writer.BatchRun._read

    def original(self: Any, keys: Any) -> Any:
        reading = apart(self, keys)
        self._reads_break = False
        return reading

    patch.setattr(batch_writer.BatchRun, "_read", original)


def every_date_is_trusted(patch: Patch) -> None:
    """A date counts, however far it is after its receipt."""
    patch.setattr(versions.Stamp, "is_comparable", lambda *_: True)


def swept_orders_count_by_date_only(patch: Patch) -> None:
    """An order read from the store counts by its date only."""
    patch.setattr(payloads.OrderEvent, "read", property(lambda _: False, lambda *_: None), raising=False)


def anonymised_orders_are_not_recognised(patch: Patch) -> None:
    """An anonymised order is treated as any other."""
    patch.setattr(payloads.Order, "is_anonymised", False)


def deliveries_of_other_sites_are_queued(patch: Patch) -> None:
    """Every delivery signed with the store's secret is queued."""
    patch.setattr(ingest, "is_from_another_site", lambda *_: False)


def unreadable_records_are_not_isolated(patch: Patch) -> None:
    """The record that fails a page of the store is not searched for."""

    def give_up(_reader: RecordReader, _resource: str, _asked: Any, error: StoreUnavailable) -> bool:
        raise error

    patch.setattr(RecordReader, "_leave_out_failing", give_up)


def calls_stay_small(patch: Patch) -> None:
    """After an outage, calls stay as small as before its end."""
    patch.setattr(call_size.CallSize, "answered", lambda _: None)


def calls_stay_large(patch: Patch) -> None:
    """A call that fails is repeated at its full size."""
    patch.setattr(call_size.CallSize, "broke", lambda *_: False)


def removed_items_are_not_archived(patch: Patch) -> None:
    """Items removed from their order are not archived."""
    patch.setattr(parts.PartSets, "_leaving", lambda *_: [])


def items_are_marked_before_they_are_written(patch: Patch) -> None:
    """The deal is marked as having its items before they are written."""
    original = parts.PartSets.send

    def mutated(self: Any, writes: Any) -> Any:
        self._finish(writes)
        return original(self, writes)

    patch.setattr(parts.PartSets, "send", mutated)


def stale_orders_change_items(patch: Patch) -> None:
    """A stale order changes items too."""

    def last(self: deals.History, **_: Any) -> Any:
        return next((event.order for event in (*self.stale, *self.fresh[::-1])), None)

    patch.setattr(deals.History, "order_shown", last)


def existing_items_are_not_read(patch: Patch) -> None:
    """An existing deal is treated as having no items."""
    patch.setattr(parts.PartSets, "_read_associated", lambda *_: None)


def archived_items_keep_their_keys(patch: Patch) -> None:
    """A removed item keeps its key, which HubSpot may never free, and gets another one when it comes back."""
    patch.setattr(parts.PartSets, "_freed", lambda _self, record: Write(("",), Change(), record.id))


def amounts_are_left_to_hubspot(patch: Patch) -> None:
    """A deal's amount is what HubSpot computes from its items."""
    patch.setattr(line_items, "AMOUNT", "no_such_property")


NO_CREATES = FailingCall(r"/deals/batch/create")
UNWRITABLE, UNREADABLE = FailingRecord(b"Order #90050"), FailingRecord(b'"90050"')
UNREADABLE_RECORD, OUTAGE = UnreadableRecord(), Outage(20.0)
GATES: dict[str, AnyGate] = {
    **{"tiny": TINY, "brief": BRIEF},
    **{"small": SMALL, "burst": BURST, "no creates": NO_CREATES, "unwritable": UNWRITABLE, "unreadable": UNREADABLE},
    **{"unreadable record of the store": UNREADABLE_RECORD, "outage": OUTAGE, "commerce": COMMERCE},
}

MUTATIONS: dict[str, Mutation] = {
    "deals without version check": Mutation("before reconcile", deals_without_version_check),
    "contacts without version check": Mutation("before reconcile", contacts_without_version_check),
    "address dated by the order's last change": Mutation("reconcile", address_dated_by_last_change),
    "one message at a time": Mutation("HubSpot calls for 100 messages", one_message_at_a_time, gate=TINY),
    "deduplication by delivery id": Mutation("before reconcile", deduplication_by_delivery_id),
    "search, then create": Mutation("duplicated", search_then_create, {"unique": False}),
    "two writers": Mutation("before reconcile", stack={"writers": 2}, gate=BURST),
    "unknown outcome is done": Mutation("poison without its reason", unknown_outcome_is_done),
    "rejected batches are not bisected": Mutation(
        "healthy, but in the dead-letter queue", rejected_batches_are_not_bisected
    ),
    "every failing record is poison": Mutation("healthy", every_failing_record_is_poison, gate=NO_CREATES),
    "no record is poison": Mutation("not only the failing record", no_record_is_poison, gate=UNWRITABLE),
    "failed reads are not bisected": Mutation("the other orders wait", failed_reads_are_not_bisected, gate=UNREADABLE),
    "every date is trusted": Mutation("before reconcile", every_date_is_trusted),
    "swept orders count by date only": Mutation("after reconcile", swept_orders_count_by_date_only),
    "anonymised orders are not recognised": Mutation("before reconcile", anonymised_orders_are_not_recognised),
    "deliveries of other sites are queued": Mutation("before reconcile", deliveries_of_other_sites_are_queued),
    "unreadable records are not isolated": Mutation(
        "not reconciled", unreadable_records_are_not_isolated, gate=UNREADABLE_RECORD
    ),
    "calls stay small": Mutation("calls for 100 orders", calls_stay_small, gate=OUTAGE),
    "calls stay large": Mutation("the other orders wait", calls_stay_large, gate=UNWRITABLE),
    "removed items are not archived": Mutation("before reconcile", removed_items_are_not_archived, gate=COMMERCE),
    "items are marked before they are written": Mutation(
        "before reconcile", items_are_marked_before_they_are_written, gate=COMMERCE
    ),
    "stale orders change items": Mutation("before reconcile", stale_orders_change_items, gate=COMMERCE),
    "existing items are not read": Mutation("reconcile", existing_items_are_not_read, gate=COMMERCE),
    "archived items keep their keys": Mutation("before reconcile", archived_items_keep_their_keys, gate=COMMERCE),
    "amounts are left to HubSpot": Mutation("before reconcile", amounts_are_left_to_hubspot, gate=COMMERCE),
}
