"""The rules that make woohub exact, taken out of the running product one at a time."""

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
    """A gate of some seconds."""

    scale: Scale
    conditions: DeliveryConditions = ROUGH
    trouble: float = 1.0
    most_calls: float = CALLS_PER_100
    crash_chance: float = 0.02
    commerce: bool = False

    def complaints(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """Of runs with these seeds, one run after the other."""
        troubles = {"trouble": self.trouble, "crash_chance": self.crash_chance}
        for seed in seeds:
            made = run(seed, self.scale, self.conditions, commerce=self.commerce, **troubles, **stack)
            yield from made.complaints(self.most_calls)


SMALL = Gate(Scale(orders=300, customers=100, seconds=90.0, changes=4, moves=1, span=30))
# A third of it shows whether most of the rules are there; its batches are smaller, and so take more calls.
BRIEF = Gate(Scale(orders=90, customers=30, seconds=40.0, changes=4, moves=1, span=30), most_calls=50.0)
# Enough for what shows in any batch: how many calls it takes.
TINY = Gate(Scale(orders=30, customers=10, seconds=15.0, changes=4, moves=1, span=12), most_calls=80.0)
# Every order changes three times within seconds, on a HubSpot in good health: for the races of two writers.
BURST = Gate(
    Scale(orders=300, customers=100, seconds=15.0, changes=3, moves=0, span=4, same_second=0),
    DeliveryConditions(queue=0.5, late=0.1, latest=10.0),
    trouble=0.0,
)

# Orders whose items change, leave and come back, with metrics and HubSpot's orders, and more crashes than usual.
COMMERCE = Gate(
    Scale(orders=80, customers=30, seconds=120.0, changes=4, moves=0, span=60),
    crash_chance=0.5,
    commerce=True,
    most_calls=8 * CALLS_PER_100,
)


@dataclass(frozen=True)
class Without:
    """An hour of a shop's day without one kind of call."""

    path: str

    def complaints(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """Of such days with these seeds."""
        for seed in seeds:
            day = FullShopDay(gap=60, seed=seed, **stack)
            day.trouble(HOUR, status=503, path=self.path)
            dead = sorted(message.texts["entity"] for message in day.stack.dead_letters.messages())
            if dead:
                yield f"healthy, but in the dead-letter queue: {dead[:3]}"


@dataclass(frozen=True)
class Culprit:
    """A shop's hour in which one of forty orders that come at once breaks every call that has this sign of it."""

    sign: bytes

    def complaints(self, seeds: Iterable[int], **stack: Any) -> Iterator[str]:
        """Of such hours with these seeds."""
        for seed in seeds:
            day = FullShopDay(gap=15, seed=seed, chokes_on=self.sign, **stack)
            for number in range(1, 40):
                day.shop.place(number, f"shopper{number}@mail.example")
                day.stack.post(day.shop.request("order.created", number))
            day.stack.post(day.shop.signed("order.created", bad_requests.order(90_050)))
            day.simulation.sleep(MINUTE)
            keys = {row["properties"]["woocommerce_order_id"] for row in day.stack.portal.state()["deals"]}
            if not {str(number) for number in range(1, 40)} <= keys:
                yield "its neighbours wait"
            day.simulation.sleep(HOUR)
            dead = sorted(message.texts["entity"] for message in day.stack.dead_letters.messages())
            if dead != ["order:90050"]:
                yield f"not the culprit is in the dead-letter queue, but {dead[:3]}"


@dataclass(frozen=True)
class UnreadableRecord:
    """A store in which one of thirty orders, and one of ten accounts, breaks every page that holds it, for a while."""

    def complaints(self, seeds: Iterable[int]) -> Iterator[str]:
        """Of such stores with these seeds."""
        for seed in seeds:
            dice, lab = random.Random(seed), ReconcileFixture(seed=seed).with_webhooks()  # noqa: S311
            lab.run()
            lab.sqs.messages.clear()  # so that only reconcile brings anything
            accounts, orders = [lab.shop.register() for _ in range(10)], [lab.shop.place() for _ in range(30)]
            lab.sqs.messages.clear()
            bad = {f"order:{dice.choice(orders)}", f"customer:{dice.choice(accounts)}"}
            for name in bad:
                lab.shop.damage(name, dice.choice(("500", "502", "notice")), ids_too=dice.random() < 0.5)
            yield from self._found(lab, bad)
            for name in bad:
                lab.shop.repair(name)
            yield from self._found(lab, set())

    def _found(self, lab: ReconcileFixture, bad: set[str]) -> Iterator[str]:
        """What is wrong after a run, when these cannot be read."""
        lab.pass_time(HOUR)
        report = lab.run(customers="all")
        lab.drain()
        names = {":".join(difference.split()[:2]) for difference in lab.differences()}
        if not report.complete or names - bad:
            yield f"not reconciled: {sorted(names - bad)[:3]} {report.stopped}"
        if set(report.unreadable) != bad:
            yield f"named as unreadable: {sorted(report.unreadable)}, not {sorted(bad)}"


@dataclass(frozen=True)
class Outage:
    """A backlog that waited behind 503s."""

    seconds: float

    def complaints(self, seeds: Iterable[int]) -> Iterator[str]:
        """Once is enough: nothing is left to chance."""
        calls = recovery(self.seconds, count=400)[1] if seeds else 0
        if calls > 6:
            yield f"{calls:.1f} calls for 100 orders after the outage"


AnyGate = Gate | Without | Culprit | UnreadableRecord | Outage


@dataclass(frozen=True)
class Mutation:
    """How to take a rule out, other conditions it takes, and a word of the complaint it must lead to."""

    complaint: str
    apply: Callable[[Patch], None] = lambda _: None
    stack: Mapping[str, Any] = field(default_factory=dict)
    gate: AnyGate = BRIEF


def no_deal_guard(patch: Patch) -> None:
    """The order that comes last wins."""
    patch.setattr(versions.OrderState, "supersedes", lambda *_: True)


def no_contact_guard(patch: Patch) -> None:
    """The capture that comes last wins."""
    careful = contacts.plan

    def careless(snapshots: Any, current: Any, *rest: Any) -> Change:
        return careful(snapshots, None if current is None else {**current, CONTACT_VERSION: None}, *rest)

    patch.setattr(contacts, "plan", careless)


def captured_when_modified(patch: Patch) -> None:
    """An order's customer is dated by the order's last change instead of its creation."""
    proper = versions.ContactVersion.of
    patch.setattr(
        versions.ContactVersion,
        "of",
        lambda _, modified_at, received_ms: proper(modified_at, modified_at, received_ms),
    )


def no_coalescing(patch: Patch) -> None:
    """Each message for itself."""
    together = Sync.sync

    def one_by_one(self: Sync, messages: Iterable[Message]) -> list[Outcome]:
        return [outcome for message in messages for outcome in together(self, [message])]

    patch.setattr(Sync, "sync", one_by_one)


def delivery_id_deduplication(patch: Patch) -> None:
    """What carries a delivery id seen before is taken for done."""
    patient, seen = Sync.sync, dict[str, str]()

    def hasty(self: Sync, messages: Iterable[Message]) -> list[Outcome]:
        messages = list(messages)
        fresh = [message for message in messages if seen.setdefault(_delivery_id(message), message.id) == message.id]
        skipped = [Outcome(message, Verdict.DONE) for message in messages if message not in fresh]
        return skipped + patient(self, fresh)

    patch.setattr(Sync, "sync", hasty)


def _delivery_id(message: Message) -> str:
    delivery = message.delivery
    return (delivery.delivery_id if isinstance(delivery, Delivery) else "") or message.id


class Forgetful(lookup.RecentCreates):
    """Remembers nothing."""

    def created(self, answers: Mapping[str, Answer]) -> None: ...

    def unanswered(self, keys: Iterable[str], now: float) -> None: ...


def search_then_create(patch: Patch) -> None:
    """Deals are looked up in the lagging index, and a create whose answer was lost is repeated."""
    patch.setattr(engine, "RecentCreates", Forgetful)


def success_before_it_is_certain(patch: Patch) -> None:
    """What has an unknown outcome counts as done."""
    patch.setattr(verdicts, "outcome_of", lambda concern, *_: Outcome(concern.message, Verdict.DONE))


def all_share_a_refusal(patch: Patch) -> None:
    """What HubSpot refuses as a whole is not taken apart, and inputs carry no trace ids that would name the culprit."""

    def untraced(writes: Any, extra: Any) -> list[dict[str, Any]]:
        return [{"properties": dict(write.change.properties), **extra(write)} for write in writes]

    def whole(send: Any, writes: Any, answers: dict[str, Any]) -> None:
        try:
            answers |= send(writes)
        except HubSpotRejected as refused:
            answers |= {write.key: refused.problem for write in writes}

    patch.setattr(batch_calls, "traced", untraced)
    patch.setattr(batch_writer, "bisect", whole)


def whoever_breaks_calls_is_poison(patch: Patch) -> None:
    """However the same kind of call goes for others: HubSpot writes something, so it is well."""
    patch.setattr(PoisonDetector, "is_poison", lambda _self, _record, call, _waiting_s: bool(call))


def nobody_is_poison(patch: Patch) -> None:
    """A record that breaks calls waits as in an outage."""
    patch.setattr(PoisonDetector, "is_poison", lambda *_: False)


def reads_are_not_taken_apart(patch: Patch) -> None:
    """What cannot be read together cannot be read at all."""
    apart = batch_writer.BatchRun._read

    def together(self: Any, keys: Any) -> Any:
        reading = apart(self, keys)
        self._reads_break = False
        return reading

    patch.setattr(batch_writer.BatchRun, "_read", together)


def dates_are_always_compared(patch: Patch) -> None:
    """However far a date lies after its receipt."""
    patch.setattr(versions.Stamp, "is_comparable", lambda *_: True)


def a_read_is_a_delivery_as_any_other(patch: Patch) -> None:
    """What was read from the store counts by its date only."""
    patch.setattr(payloads.OrderEvent, "read", property(lambda _: False, lambda *_: None), raising=False)


def the_erased_are_people(patch: Patch) -> None:
    """An anonymised order is treated as any other."""
    patch.setattr(payloads.Order, "is_anonymised", False)


def any_source_will_do(patch: Patch) -> None:
    """Whatever is signed with the store's secret counts."""
    patch.setattr(ingest, "is_from_another_site", lambda *_: False)


def a_page_is_read_or_not(patch: Patch) -> None:
    """What breaks a page of the store is not looked for."""

    def give_up(_reader: RecordReader, _resource: str, _asked: Any, error: StoreUnavailable) -> bool:
        raise error

    patch.setattr(RecordReader, "_leave_out_failing", give_up)


def calls_stay_small(patch: Patch) -> None:
    """After an outage a round goes on with as few records in a call as before its end."""
    patch.setattr(call_size.CallSize, "answered", lambda _: None)


def calls_stay_large(patch: Patch) -> None:
    """A full call that came to nothing is tried again and again."""
    patch.setattr(call_size.CallSize, "broke", lambda *_: False)


def what_leaves_stays(patch: Patch) -> None:
    """Items that left their order are not archived."""
    patch.setattr(parts.PartSets, "_leaving", lambda *_: [])


def finished_before_it_is(patch: Patch) -> None:
    """The deal says that its items are in place, and then they are written."""
    careful = parts.PartSets.send

    def hasty(self: Any, writes: Any) -> Any:
        self._finish(writes)
        return careful(self, writes)

    patch.setattr(parts.PartSets, "send", hasty)


def items_of_whichever_comes_last(patch: Patch) -> None:
    """A stale order changes items, too."""

    def last(self: deals.History, **_: Any) -> Any:
        return next((event.order for event in (*self.stale, *self.fresh[::-1])), None)

    patch.setattr(deals.History, "order_shown", last)


def nothing_is_read_before_items_are_made(patch: Patch) -> None:
    """A deal that HubSpot had already is taken to have no items."""
    patch.setattr(parts.PartSets, "_read_associated", lambda *_: None)


def keys_are_kept(patch: Patch) -> None:
    """An item that leaves keeps its key, which HubSpot may never free: if it comes back, it has another key."""
    patch.setattr(parts.PartSets, "_freed", lambda _self, record: Write(("",), Change(), record.id))


def amounts_are_hubspots(patch: Patch) -> None:
    """A deal's amount is left to what HubSpot computes from its items."""
    patch.setattr(line_items, "AMOUNT", "no_such_property")


NO_CREATES = Without(r"/deals/batch/create")
UNWRITABLE, UNREADABLE = Culprit(b"Order #90050"), Culprit(b'"90050"')
UNREADABLE_RECORD, OUTAGE = UnreadableRecord(), Outage(20.0)
GATES: dict[str, AnyGate] = {
    **{"tiny": TINY, "brief": BRIEF},
    **{"small": SMALL, "burst": BURST, "no creates": NO_CREATES, "unwritable": UNWRITABLE, "unreadable": UNREADABLE},
    **{"unreadable record of the store": UNREADABLE_RECORD, "outage": OUTAGE, "commerce": COMMERCE},
}

MUTATIONS: dict[str, Mutation] = {
    "no version guard of deals": Mutation("before reconcile", no_deal_guard),
    "no version guard of contacts": Mutation("before reconcile", no_contact_guard),
    "an order's customer dated by its change": Mutation("reconcile", captured_when_modified),
    "no coalescing": Mutation("HubSpot calls for 100 messages", no_coalescing, gate=TINY),
    "deduplication by delivery id": Mutation("before reconcile", delivery_id_deduplication),
    "search, then create": Mutation("duplicated", search_then_create, {"unique": False}),
    "two writers": Mutation("before reconcile", stack={"writers": 2}, gate=BURST),
    "success before it is certain": Mutation("poison without its reason", success_before_it_is_certain),
    "all share a refusal": Mutation("healthy, but in the dead-letter queue", all_share_a_refusal),
    "whoever breaks calls is poison": Mutation("healthy", whoever_breaks_calls_is_poison, gate=NO_CREATES),
    "nobody is poison": Mutation("not the culprit", nobody_is_poison, gate=UNWRITABLE),
    "reads are not taken apart": Mutation("neighbours", reads_are_not_taken_apart, gate=UNREADABLE),
    "dates are always compared": Mutation("before reconcile", dates_are_always_compared),
    "a read is a delivery as any other": Mutation("after reconcile", a_read_is_a_delivery_as_any_other),
    "the erased are people": Mutation("before reconcile", the_erased_are_people),
    "any source will do": Mutation("before reconcile", any_source_will_do),
    "a page is read or not": Mutation("not reconciled", a_page_is_read_or_not, gate=UNREADABLE_RECORD),
    "calls stay small": Mutation("calls for 100 orders", calls_stay_small, gate=OUTAGE),
    "calls stay large": Mutation("wait", calls_stay_large, gate=UNWRITABLE),
    "what leaves stays": Mutation("before reconcile", what_leaves_stays, gate=COMMERCE),
    "items are said to be in place too early": Mutation("before reconcile", finished_before_it_is, gate=COMMERCE),
    "items of whichever comes last": Mutation("before reconcile", items_of_whichever_comes_last, gate=COMMERCE),
    "nothing is read before items are made": Mutation(
        "reconcile", nothing_is_read_before_items_are_made, gate=COMMERCE
    ),
    "keys of archived items are kept": Mutation("before reconcile", keys_are_kept, gate=COMMERCE),
    "amounts are HubSpot's": Mutation("before reconcile", amounts_are_hubspots, gate=COMMERCE),
}
