"""Deals: found by the order's id, created with their contact or updated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from woohub import plans
from woohub.errors import Problem, Refused, Unavailable, UnknownOutcome
from woohub.hubspot import DEAL_TO_CONTACT, HubSpot, Record
from woohub.mapping import Mapping as FieldMapping
from woohub.mapping_file import DEAL_VERSION
from woohub.portal import Portal, Warn
from woohub.rounds import Answer, Plan, Write, answered, holder_of, read_apart, traced
from woohub.woocommerce import OrderEvent, OrderTrashed

DEALS = "deals"
NOT_SET_UP = Problem(404, "The portal has no property that identifies orders: run `woohub setup`", "NOT_SET_UP")
INDEX_LAG = 60.0  # seconds after which a created deal is surely in the search index


class DealDesk:
    """Settles deals by the value of `woocommerce_order_id`.

    In a portal where that property is not unique, deals are found by search, which lags behind writes: `written`
    (order key to record id) remembers what this process created, and a create whose outcome is unknown waits for the
    index instead of being repeated.
    """

    def __init__(
        self,
        hubspot: HubSpot,
        portal: Portal,
        mapping: FieldMapping,
        events: Mapping[str, Sequence[OrderEvent | OrderTrashed]],
        contacts: Mapping[str, str],
        written: dict[str, str],
        warn: Warn,
    ) -> None:
        self._hubspot = hubspot
        self._portal = portal
        self._mapping = mapping
        self._events = events
        self._contacts = contacts
        self._written = written
        self._warn = warn

    def plan(self, keys: Sequence[str], hints: Mapping[str, str]) -> Plan:
        """One write per order; a trashed order HubSpot has never seen makes nothing."""
        if not self._portal.has(DEALS, self._mapping.key_property):
            return Plan(refused=dict.fromkeys(keys, NOT_SET_UP))
        found, refused = self._find(keys, hints)
        plan = Plan(refused=refused)
        for key in keys:
            if key not in refused:
                self._plan_one(key, found.get(key), plan)
        return plan

    def _plan_one(self, key: str, record: Record | None, plan: Plan) -> None:
        current = record.properties if record else None
        same = partial(self._portal.unchanged, DEALS)
        needed = plans.deal(self._events[key], current, self._contacts, self._mapping, same)
        properties = self._portal.writable(DEALS, needed.properties) if needed else {}
        record_id = record.id if record else ""
        if needed and (properties or needed.attach):
            plan.writes.append(Write((key,), properties, record_id, needed.attach, needed.detach, needed.notice))
        else:
            plan.done[key] = record_id

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Create with the association inline, which is atomic; or give notice, associate, then update.

        In this order a crash in between is seen by the next try, even if that is another change of the contact.
        """
        if not writes[0].record_id:
            return self._create(writes)
        moving = [replace(write, properties={DEAL_VERSION: write.notice}) for write in writes if write.notice]
        noted = self._update(moving)
        stuck = {write.keys[0] for write in moving if not isinstance(noted.get(write.keys[0]), str)}
        free = [write for write in writes if write.keys[0] not in stuck]
        self._associate(free)
        problems = {key: answer for key, answer in noted.items() if key in stuck}
        unchanged = {write.keys[0]: write.record_id for write in free if not write.properties}
        return problems | unchanged | self._update([write for write in free if write.properties])

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
            answer = self._hubspot.create(DEALS, traced(writes, _inline))
            return answered(writes, answer, self._mapping.key_property)
        try:
            answers = answered(writes, self._hubspot.create(DEALS, traced(writes, _inline)), self._mapping.key_property)
        except UnknownOutcome as lost:
            raise Unavailable(f"{lost}; the search index will tell", retry_after=INDEX_LAG) from lost
        self._written |= {key: answer for key, answer in answers.items() if isinstance(answer, str)}
        if len(answers) < len(writes):
            raise Unavailable("HubSpot did not say whether deals were created", retry_after=INDEX_LAG)
        return answers

    def _associate(self, writes: Sequence[Write]) -> None:
        attach = [(write.record_id, write.attach) for write in writes if write.attach]
        detach = [(write.record_id, one) for write in writes for one in write.detach]
        if attach:
            self._hubspot.associate(attach)
        try:
            if detach:
                self._hubspot.dissociate(detach)
        except Refused as refused:  # a contact merged or deleted meanwhile: the deal has its right one already
            self._warn("old_contact_not_taken_off", deals=len(detach), error=str(refused))

    def _unique(self) -> bool:
        return self._portal.is_unique(DEALS, self._mapping.key_property)

    def _find(self, keys: Sequence[str], hints: Mapping[str, str]) -> tuple[dict[str, Record], dict[str, Problem]]:
        read = partial(self._hubspot.read, DEALS, properties=self._mapping.deal_properties)
        if self._unique():
            records, refused = read_apart(partial(read, id_property=self._mapping.key_property), keys)
        else:
            self._warn("order_id_not_unique_in_hubspot", property=self._mapping.key_property)
            ids = self._searched(keys)
            records, refused = (read(ids) if ids else []), {}
        found = self._by_key(records)
        hinted = [hints[key] for key in keys if key in hints and key not in found]
        return (found | self._by_key(read(hinted)) if hinted else found), refused

    def _searched(self, keys: Sequence[str]) -> list[str]:
        """The record ids of keys: those this process made, and for the others what the index knows."""
        unknown = [key for key in keys if key not in self._written]
        searched = self._hubspot.search(DEALS, self._mapping.key_property, unknown) if unknown else []
        return [self._written[key] for key in keys if key in self._written] + [
            one.id for one in self._by_key(searched).values()
        ]

    def _by_key(self, records: Sequence[Record]) -> dict[str, Record]:
        """The oldest record of each key: of duplicates somebody made, one is kept up to date."""
        found: dict[str, Record] = {}
        for record in sorted(records, key=lambda one: int(one.id)):
            found.setdefault(record.properties.get(self._mapping.key_property) or "", record)
        return found


def _inline(write: Write) -> dict[str, object]:
    to = [{"to": {"id": write.attach}, "types": [DEAL_TO_CONTACT]}] if write.attach else []
    return {"associations": to}
