"""Deals: found by the order's id, created with their contact or updated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from woohub import plans
from woohub.answers import Record, holder_of
from woohub.errors import Problem, Refused, TransientError, Unavailable, UnknownOutcome
from woohub.hubspot import DEAL_TO_CONTACT, HubSpot
from woohub.mapping import Mapping as FieldMapping
from woohub.mapping_file import DEAL_VERSION
from woohub.portal import Portal, Warn
from woohub.rounds import Answer, Plan, Write, answered, read_apart, traced
from woohub.throttle import Timer
from woohub.woocommerce import OrderEvent, OrderTrashed

DEALS = "deals"
NOT_SET_UP = Problem(404, "The portal has no property that identifies orders: run `woohub setup`", "NOT_SET_UP")
INDEX_LAG = 60.0  # seconds after which a created deal is surely in the search index


@dataclass
class Written:
    """What this process knows of deals that search does not show yet: only where order ids are not unique.

    `ids` of the deals it created, by order key; `unsure`, the keys of creates whose answer was lost, with the moment
    at which the index will surely tell: until then nobody may create them again.
    """

    ids: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, float] = field(default_factory=dict)

    def settled(self, answers: Mapping[str, Answer]) -> None:
        """Keep the ids of what was created."""
        self.ids |= {key: answer for key, answer in answers.items() if isinstance(answer, str)}
        self.unsure = {key: until for key, until in self.unsure.items() if key not in answers}

    def lost(self, keys: Iterable[str], now: float) -> None:
        """Keep that nobody knows whether these were created."""
        self.unsure |= dict.fromkeys(keys, now + INDEX_LAG)

    def waits(self, key: str, now: float) -> float:
        """Seconds until the index tells about this key; 0 when it may be written."""
        return max(0.0, self.unsure.get(key, 0.0) - now)


class DealDesk:
    """Settles deals by the value of `woocommerce_order_id`.

    In a portal where that property is not unique, deals are found by search, which lags behind writes; `written`
    fills the gap.
    """

    def __init__(
        self,
        hubspot: HubSpot,
        portal: Portal,
        mapping: FieldMapping,
        events: Mapping[str, Sequence[OrderEvent | OrderTrashed]],
        contacts: Mapping[str, str],
        written: Written,
        timer: Timer,
        warn: Warn,
    ) -> None:
        self._hubspot = hubspot
        self._portal = portal
        self._mapping = mapping
        self._events = events
        self._contacts = contacts
        self._written = written
        self._timer = timer
        self._warn = warn

    def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
        """One write per order; a trashed order HubSpot has never seen makes nothing."""
        if not self._portal.has(DEALS, self._mapping.key_property):
            return Plan(refused=dict.fromkeys(keys, NOT_SET_UP))
        held = {} if self._unique() else self._held(keys)
        keys = [key for key in keys if key not in held]
        found, refused = self._find(keys, hints) if keys else ({}, {})
        plan = Plan(refused=refused, held=held)
        for key in keys:
            if key not in refused:
                self._plan_one(key, found.get(key), plan)
        return plan

    def _held(self, keys: Sequence[str]) -> dict[str, TransientError]:
        waits = {key: self._written.waits(key, self._timer.now()) for key in keys}
        return {
            key: Unavailable("whether this deal was created, the search index will tell", retry_after=seconds)
            for key, seconds in waits.items()
            if seconds
        }

    def _plan_one(self, key: str, record: Record | None, plan: Plan) -> None:
        current = record.properties if record else None
        same = partial(self._portal.unchanged, DEALS)
        needed = plans.deal(self._events[key], current, self._contacts, self._mapping, same)
        properties = self._portal.writable(DEALS, needed.properties) if needed else {}
        record_id = record.id if record else ""
        if needed and (properties or needed.attach):
            alone = not record_id and key in self._written.unsure  # two in a call would be lost together once more
            plan.writes.append(Write((key,), properties, record_id, needed.attach, needed.detach, needed.notice, alone))
        else:
            plan.done[key] = record_id

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Create with the association inline, which is atomic; or give notice, take off, associate, then update.

        In this order a crash in between is seen by the next try, even if that is another change of the contact.
        """
        if not writes[0].record_id:
            return self._create(writes)
        noted = self._update([replace(one, properties={DEAL_VERSION: one.notice}) for one in writes if one.notice])
        refused = {key: answer for key, answer in noted.items() if isinstance(answer, Problem)}
        ready = [write for write in writes if not write.notice or isinstance(noted.get(write.key), str)]
        self._associate(ready)
        only_associated = {write.key: write.record_id for write in ready if not write.properties}
        return refused | only_associated | self._update([write for write in ready if write.properties])

    def _update(self, writes: Sequence[Write]) -> dict[str, Answer]:
        if not writes:
            return {}
        answer = self._hubspot.update(DEALS, traced(writes, lambda write: {"id": write.record_id}))
        return answered(writes, answer, self._mapping.key_property)

    def conflict(self, problem: Problem) -> str | None:
        """Somebody created the deal meanwhile."""
        return holder_of(problem, (self._mapping.key_property,))

    def adapt(self, problem: Problem, write: Write) -> bool:
        """See Desk."""
        return self._portal.learn(DEALS, problem, write.properties)

    def _create(self, writes: Sequence[Write]) -> dict[str, Answer]:
        if self._unique():
            return self._created(writes)
        keys = [write.key for write in writes]
        try:
            answers = self._created(writes)
        except UnknownOutcome:
            self._written.lost(keys, self._timer.now())
            raise
        self._written.settled(answers)
        self._written.lost([key for key in keys if key not in answers], self._timer.now())
        return answers

    def _created(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return answered(writes, self._hubspot.create(DEALS, traced(writes, _inline)), self._mapping.key_property)

    def _associate(self, writes: Sequence[Write]) -> None:
        attach = [(write.record_id, write.attach) for write in writes if write.attach]
        detach = [(write.record_id, one) for write in writes for one in write.detach]
        try:
            if detach:  # first: the id of a contact merged into the new one means the new one by now
                self._hubspot.dissociate(detach)
        except Refused as refused:
            if len(writes) > 1:
                raise  # which of them it means shows when each is sent by itself
            # a contact deleted meanwhile is off the deal already
            self._warn("old_contact_not_taken_off", deals=len(detach), error=str(refused))
        if attach:
            self._hubspot.associate(attach)

    def _unique(self) -> bool:
        return self._portal.is_unique(DEALS, self._mapping.key_property)

    def _find(self, keys: Sequence[str], hints: Mapping[str, str]) -> tuple[dict[str, Record], dict[str, Problem]]:
        read = partial(self._hubspot.read, DEALS, properties=self._mapping.deal_properties, patient=False)
        if self._unique():
            records, refused = read_apart(partial(read, id_property=self._mapping.key_property), keys)
        else:
            self._warn("order_id_not_unique_in_hubspot", property=self._mapping.key_property)
            records, refused = read_apart(lambda some: self._searched(some, read), keys)
        found = self._by_key(records)
        hinted = [hints[key] for key in keys if key in hints and key not in found]
        holders, _ = read_apart(read, hinted) if hinted else ([], {})
        return found | self._by_key(holders), refused

    def _searched(self, keys: Sequence[str], read: Callable[[Sequence[str]], list[Record]]) -> list[Record]:
        """The deals of keys: those this process made, and for the others what the index knows."""
        ids = self._written.ids
        unknown = [key for key in keys if key not in ids]
        name = self._mapping.key_property
        searched = self._hubspot.search(DEALS, name, unknown, patient=False) if unknown else []
        known = [ids[key] for key in keys if key in ids] + [one.id for one in self._by_key(searched).values()]
        return read(known) if known else []

    def _by_key(self, records: Sequence[Record]) -> dict[str, Record]:
        """The oldest record of each key: of duplicates somebody made, one is kept up to date."""
        found: dict[str, Record] = {}
        for record in sorted(records, key=lambda one: (len(one.id), one.id)):  # ids are numbers
            found.setdefault(record.properties.get(self._mapping.key_property) or "", record)
        return found


def _inline(write: Write) -> dict[str, object]:
    to = [{"to": {"id": write.attach}, "types": [DEAL_TO_CONTACT]}] if write.attach else []
    return {"associations": to}
