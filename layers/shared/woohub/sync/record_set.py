"""The records of one kind in a batch: read by key, planned by their kind, written with their associations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from woohub.errors import HubSpotProblem, HubSpotRejected, UnknownOutcome
from woohub.hubspot.answers import Record, holder_of
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, PropertySchema
from woohub.sync.batch_writer import Answer, Reading, RoundPlan, Write, answers_by_key, read_apart, traced
from woohub.sync.lookup import Lookup, by_key
from woohub.sync.records import Change, Fact, RecordKind, Results

Warn = Callable[..., None]


class KindRecordSet:
    """A RecordSet (see batch_writer) for any RecordKind; `facts` are what the batch says, by key."""

    def __init__(
        self,
        kind: RecordKind,
        facts: Mapping[str, Sequence[Fact]],
        related: Results,
        hubspot: HubSpot,
        catalog: PropertyCatalog,
        schema: PropertySchema,
        lookup: Lookup,
        warn: Warn,
    ) -> None:
        self._kind = kind
        self._facts = facts
        self._related = related
        self._hubspot = hubspot
        self._catalog = catalog
        self._lookup = lookup
        self._warn = warn
        self._schema = schema
        self._properties: dict[str, Mapping[str, str | None]] = {}  # by key
        self._new: set[str] = set()

    def properties(self, key: str) -> Mapping[str, str | None]:
        """The record's, as far as they were read or are written."""
        return self._properties.get(key, {})

    def is_new(self, key: str) -> bool:
        """Whether HubSpot did not have the record when it was last read."""
        return key in self._new

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        """See RecordSet."""
        if not (self._schema.has(self._type.key) or self._type.has_standard_key):
            return Reading(refused=dict.fromkeys(keys, not_set_up(self._type)))
        waiting = self._lookup.waiting(keys)
        free = [key for key in keys if key not in waiting]
        records, refused = self._lookup.find(free) if free else ([], {})
        known = by_key(self._type, records, keys)
        return Reading(known | self._held(free, holders, known), refused, waiting)

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """Two keys of one record become one write: HubSpot refuses a batch that has an id twice."""
        by_record: dict[str, list[str]] = {}
        for key in keys:
            record = reading.records.get(key)
            by_record.setdefault(record.id if record else key, []).append(key)
        plan = RoundPlan()
        for together in by_record.values():
            self._plan_record(together, reading.records.get(together[0]), plan)
        return plan

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Create with associations inline, which is atomic; or note the interim version, change associations, update.

        Associations change before the version that says so: a retry after a crash sees what was under way.
        """
        if not writes[0].record_id:
            return self._create(writes)
        interim = self._update([_with_interim(write) for write in writes if write.change.interim])
        refused = {key: answer for key, answer in interim.items() if isinstance(answer, HubSpotProblem)}
        ready = [write for write in writes if not write.change.interim or isinstance(interim.get(write.key), str)]
        self._change_associations(ready)
        only_associated = {write.key: write.record_id for write in ready if not write.change.properties}
        return refused | only_associated | self._update([write for write in ready if write.change.properties])

    def conflict(self, problem: HubSpotProblem) -> str | None:
        """See RecordSet."""
        return holder_of(problem, (self._type.key, *self._type.aliases))

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        """See RecordSet."""
        learned = self._catalog.learn(self._type, problem, write.change.properties)
        self._schema = learned or self._schema
        return learned is not None

    @property
    def _type(self) -> ObjectType:
        return self._kind.type

    def _held(self, keys: Sequence[str], holders: Mapping[str, str], known: Mapping[str, Record]) -> dict[str, Record]:
        """Records that conflicts named: made a moment ago, or holding the key as an alias that is not shown."""
        keys_of: dict[str, list[str]] = {}  # of one record there may be several
        for key in keys:
            if key in holders and key not in known:
                keys_of.setdefault(holders[key], []).append(key)
        if not keys_of:
            return {}
        records, _ = read_apart(
            lambda ids: self._hubspot.read(self._type, ids, self._kind.properties, retry=False), list(keys_of)
        )
        by_id = {key: record for record in records for key in keys_of.get(record.id, ())}
        return (by_id if self._type.aliases else {}) | by_key(self._type, records, keys)

    def _plan_record(self, keys: Sequence[str], record: Record | None, plan: RoundPlan) -> None:
        facts = [fact for key in keys for fact in self._facts[key]]
        change = self._kind.plan(facts, record, self._schema, self._related)
        change = _accepted(change, self._schema) if change else Change()
        self._catalog.warn_left_out(self._type, change.left_out)
        known = {**(record.properties if record else {}), **change.properties}
        self._properties |= dict.fromkeys(keys, known)
        (self._new.difference_update if record else self._new.update)(keys)
        record_id = record.id if record else ""
        if change.is_empty:
            plan.done |= dict.fromkeys(keys, record_id)
        else:
            exclusive = not record_id and self._lookup.must_be_alone(keys[0])
            plan.writes.append(Write(tuple(keys), change, record_id, exclusive))

    def _create(self, writes: Sequence[Write]) -> dict[str, Answer]:
        keys = [write.key for write in writes]
        try:
            answers = create_records(self._hubspot, self._type, writes)
        except UnknownOutcome:
            self._lookup.unanswered(keys)
            raise
        self._lookup.created(answers)
        self._lookup.unanswered([key for key in keys if key not in answers])
        return answers

    def _update(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return update_records(self._hubspot, self._type, writes)

    def _change_associations(self, writes: Sequence[Write]) -> None:
        for other in self._kind.needs:
            self._disassociate(writes, other)
            come = [(w.record_id, link.record_id) for w in writes for link in w.change.associate if link.type == other]
            if come:
                self._hubspot.associate(self._type, other, come)

    def _disassociate(self, writes: Sequence[Write], other: ObjectType) -> None:
        """Before the new ones come: the id of a record merged into the new one means the new one by now."""
        go = [(w.record_id, link.record_id) for w in writes for link in w.change.disassociate if link.type == other]
        try:
            if go:
                self._hubspot.disassociate(self._type, other, go)
        except HubSpotRejected as refused:
            if len(writes) > 1:
                raise  # which of them it means shows when each is sent by itself
            # a record deleted meanwhile is disassociated already
            self._warn(f"old_{other.singular}_not_taken_off", **{self._type.name: len(go)}, error=str(refused))


def _accepted(change: Change, schema: PropertySchema) -> Change:
    left_out = {name: value for name, value in change.properties.items() if not schema.accepts(name, value)}
    if not left_out:
        return change
    properties = {name: value for name, value in change.properties.items() if name not in left_out}
    return replace(change, properties=properties, left_out={**change.left_out, **left_out})


def _with_interim(write: Write) -> Write:
    return replace(write, change=Change(write.change.interim))


def inline_associations(kind: ObjectType, write: Write) -> dict[str, object]:
    """What the input of a create says of the record's associations."""
    links = write.change.associate
    return {
        "associations": [{"to": {"id": link.record_id}, "types": [kind.association_to(link.type)]} for link in links]
    }


def create_records(hubspot: HubSpot, kind: ObjectType, writes: Sequence[Write]) -> dict[str, Answer]:
    """Make at most 100 records with their associations; answers by `Write.key`. Raises as HubSpot's client."""
    inputs = traced(writes, partial(inline_associations, kind))
    return answers_by_key(writes, hubspot.create(kind, inputs), kind.key)


def update_records(hubspot: HubSpot, kind: ObjectType, writes: Sequence[Write]) -> dict[str, Answer]:
    """Write the properties of at most 100 records, by id; no call for none. As create_records otherwise."""
    if not writes:
        return {}
    inputs = traced(writes, lambda write: {"id": write.record_id})
    return answers_by_key(writes, hubspot.update(kind, inputs), kind.key)


def not_set_up(kind: ObjectType) -> HubSpotProblem:
    """The portal lacks the property by which records are found."""
    return HubSpotProblem(
        404, f"HubSpot has no property {kind.key} to find {kind.name} by: run `woohub setup`", "NOT_SET_UP"
    )
