"""The RecordSet of one kind's records in a batch: read by key, and planned by the kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from woohub.errors import HubSpotProblem
from woohub.hubspot.answers import Record
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, PropertySchema
from woohub.sync.conflicts import holder_of, read_holders
from woohub.sync.lookup import Lookup, by_key, not_set_up
from woohub.sync.record_set import Answer, Reading, RoundPlan, Write
from woohub.sync.records import Change, Fact, RecordKind, Results
from woohub.sync.write_order import RecordWriter


@dataclass
class KindRecordSet:
    """A RecordSet for any RecordKind. `facts` are what the batch says, by key; `related` are other kinds' results."""

    kind: RecordKind
    facts: Mapping[str, Sequence[Fact]]
    related: Results
    hubspot: HubSpot
    catalog: PropertyCatalog
    schema: PropertySchema
    lookup: Lookup
    writer: RecordWriter
    _properties: dict[str, Mapping[str, str | None]] = field(default_factory=dict, init=False)  # by key
    _new: set[str] = field(default_factory=set, init=False)  # keys of records that HubSpot did not have

    def properties(self, key: str) -> Mapping[str, str | None]:
        """Return the record's properties, as far as they were read or written."""
        return self._properties.get(key, {})

    def is_new(self, key: str) -> bool:
        """Whether HubSpot did not have the record when it was last read."""
        return key in self._new

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        if not (self.schema.has(self._type.key) or self._type.has_standard_key):
            return Reading(refused=dict.fromkeys(keys, not_set_up(self._type)))
        waiting = self.lookup.waiting(keys)
        free = [key for key in keys if key not in waiting]
        records = self.lookup.find(free) if free else []
        known = by_key(self._type, records, keys)
        unseen = {key: holders[key] for key in free if key in holders and key not in known}
        return Reading(known | (self._holders(unseen, free) if unseen else {}), waiting=waiting)

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """Plan one write for each record, even if it has two keys: HubSpot refuses a batch that has an id twice."""
        by_record: dict[str, list[str]] = {}
        for key in keys:
            record = reading.records.get(key)
            by_record.setdefault(record.id if record else key, []).append(key)
        plan = RoundPlan()
        for together in by_record.values():
            self._plan_record(together, reading.records.get(together[0]), plan)
        return plan

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return self.writer.write(writes)

    def conflict(self, problem: HubSpotProblem) -> str | None:
        return holder_of(problem, (self._type.key, *self._type.aliases))

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        learned = self.catalog.learn(self._type, problem, write.change.properties)
        self.schema = learned or self.schema
        return learned is not None

    @property
    def _type(self) -> ObjectType:
        return self.kind.type

    def _holders(self, holders: Mapping[str, str], keys: Sequence[str]) -> dict[str, Record]:
        read = partial(self.hubspot.read, self._type, properties=self.kind.properties, retry=False)
        return read_holders(read, self._type, holders, keys)

    def _plan_record(self, keys: Sequence[str], record: Record | None, plan: RoundPlan) -> None:
        facts = [fact for key in keys for fact in self.facts[key]]
        change = self.kind.plan(facts, record, self.schema, self.related)
        change = _accepted(change, self.schema) if change else Change()
        self.catalog.warn_left_out(self._type, change.left_out)
        known = {**(record.properties if record else {}), **change.properties}
        self._properties |= dict.fromkeys(keys, known)
        (self._new.difference_update if record else self._new.update)(keys)
        record_id = record.id if record else ""
        if change.is_empty:
            plan.done |= dict.fromkeys(keys, record_id)
        else:
            exclusive = not record_id and self.lookup.must_be_alone(keys[0])
            plan.writes.append(Write(tuple(keys), change, record_id, exclusive))


def _accepted(change: Change, schema: PropertySchema) -> Change:
    properties, left_out = schema.divided(change.properties)
    return change._replace(properties=properties, left_out={**change.left_out, **left_out}) if left_out else change
