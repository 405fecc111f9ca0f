"""Write the parts of records, such as a deal's line items. The parts of a record are a set that is replaced as a whole.

The record's own properties say which set HubSpot shall have, and whether all of it is written. The record's own write
marks the set as pending, and the last call made here removes the mark. So a crash at any call is noticed, and a record
whose parts are all written costs no call.

A part is found by its key among the parts that are associated with its record. If HubSpot says that another record has
the key, that record was archived by hand or has lost its association. Then it is archived, and the part gets the key
with the other record's id added, because nobody knows whether archived records release their unique values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from woohub.clock import Timer
from woohub.errors import HubSpotProblem, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, PropertySchema
from woohub.sync.batch_calls import create_records, update_records
from woohub.sync.batch_writer import write_all
from woohub.sync.conflicts import holder_of
from woohub.sync.isolation import bisect
from woohub.sync.lookup import associated_records, by_key, not_set_up
from woohub.sync.record_set import Answer, Reading, RoundPlan, Write
from woohub.sync.records import Change, Fact, Link, Parts, PartSet, RecordResult, Ref, Results
from woohub.sync.values import changed, forgotten

AFTER = "-after-"  # stands between a part's usual key and the id of the other record that has the usual key
MAX_TIMES_DELETED = 10  # how many records that somebody archived by hand may have the key of the same part
_AFTER = re.compile(rf"{AFTER}\d+$")


def usual_key(key: str) -> str:
    """Return the key that a part would have if no other record had it: `11-2` for `11-2-after-40017`."""
    return _AFTER.sub("", key)


@dataclass
class PartSets:
    """A RecordSet whose "records" are sets of parts, each under the key of the record it belongs to."""

    parts: Parts
    wanted: Mapping[str, PartSet]
    owners: Mapping[str, RecordResult]
    hubspot: HubSpot
    catalog: PropertyCatalog
    schema: PropertySchema
    _present: dict[str, list[Record]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._may_have_parts = {key for key, owner in self.owners.items() if not owner.is_new}

    def read(self, keys: Sequence[str], _holders: Mapping[str, str]) -> Reading:
        """Read the parts that HubSpot has, except for records that were created in this batch, which have none."""
        if not self.schema.has(self._type.key):
            return Reading(refused=dict.fromkeys(keys, not_set_up(self._type)))
        self._present |= {key: [] for key in keys}
        known = [key for key in keys if key in self._may_have_parts]
        if known:
            self._read_associated(known)
        return Reading()

    def plan(self, keys: Sequence[str], _reading: Reading) -> RoundPlan:
        """Plan one write for each set: what its record gets once all parts are written."""
        finished = {key: self.wanted[key].finished for key in keys}
        return RoundPlan([Write((key,), Change(finished[key]), self.owners[key].record_id) for key in keys])

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Create, update and archive parts, then mark the sets as complete on the records they belong to."""
        self._may_have_parts.update(write.key for write in writes)
        changes = {write.key: self._changes(write.key) for write in writes}
        answers: dict[str, Answer] = {}
        every = list(chain.from_iterable(changes.values()))
        creates = [part for part in every if not part.record_id]
        updates = [part for part in every if part.record_id]
        update = partial(update_records, self.hubspot, self._type)
        self.hubspot.caller.concurrency.run(
            [partial(bisect, self._create, call, answers) for call in chunks(creates, BATCH)]
            + [partial(bisect, update, call, answers) for call in chunks(updates, BATCH)]
        )
        self._create_under_free_keys(creates, answers)
        self._archive(record.id for write in writes for record in self._leaving(write.key))
        refused = dict(_first_problems(changes, answers))
        complete = [
            write
            for write in writes
            if write.key not in refused and all(part.key in answers for part in changes[write.key])
        ]
        return refused | self._finish(complete)

    def conflict(self, problem: HubSpotProblem) -> str | None:
        return holder_of(problem, (self._type.key,))

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        """Learn from a problem with a part, or with the record that it belongs to."""
        values = {name: value for part in self.wanted[write.key].parts.values() for name, value in part.items()}
        learned = self.catalog.learn(self._type, problem, values)
        self.schema = learned or self.schema
        return bool(learned or self.catalog.learn(self.parts.of, problem, write.change.properties))

    @property
    def _type(self) -> ObjectType:
        return self.parts.type

    def _read_associated(self, keys: Sequence[str]) -> None:
        """Read the parts that are associated with these records, and keep them under their usual keys."""
        names = tuple(dict.fromkeys((self._type.key, *self.parts.properties)))
        by_owner = {self.owners[key].record_id: key for key in keys}
        records = associated_records(self.hubspot, self.parts.of, self._type, list(by_owner), names)
        for owner, parts in records.items():
            usual = [_with_key(self._type, part, usual_key(_key(self._type, part))) for part in parts]
            self._present[by_owner[owner]] = usual

    def _changes(self, key: str) -> list[Write]:
        """Return the creates and updates of one set. A part that leaves releases its key, as its item may come back."""
        present = self._staying(key)
        writes = [self._change(part, values, present.get(part), key) for part, values in self.wanted[key].parts.items()]
        freed = [self._freed(record) for record in self._leaving(key)]
        return [write for write in (*writes, *freed) if not write.change.is_empty]

    def _change(self, part: str, values: Mapping[str, str], current: Record | None, key: str) -> Write:
        now = current.properties if current else None
        properties, left_out = changed(values, now, self.wanted[key].rules, self.schema)
        properties |= forgotten(self.wanted[key].personal, values, now)
        self.catalog.warn_left_out(self._type, left_out)
        if current is None:
            properties[self._type.key] = part
        link = Link(self.parts.of, self.owners[key].record_id)
        return Write((part,), Change(properties, associate=() if current else (link,)), current.id if current else "")

    def _freed(self, record: Record) -> Write:
        name = f"{_key(self._type, record)}-left-{record.id}"
        return Write((name,), Change({self._type.key: name}), record.id)

    def _staying(self, key: str) -> dict[str, Record]:
        present = self._present[key]
        return by_key(self._type, present, list(self.wanted[key].parts)) if present else {}

    def _leaving(self, key: str) -> list[Record]:
        """Return the record's parts that woohub created and that are no longer wanted. Those of people stay."""
        ids = {record.id for record in self._staying(key).values()}
        left = [record for record in self._present[key] if record.id not in ids]
        return [record for record in left if self.parts.is_part(key, _key(self._type, record))]

    def _create(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return create_records(self.hubspot, self._type, writes)

    def _create_under_free_keys(self, creates: Sequence[Write], answers: dict[str, Answer]) -> None:
        """Create parts again, under other keys, that HubSpot refused because a record elsewhere has their keys."""
        for _ in range(MAX_TIMES_DELETED):
            holders = {part.key: holder for part in creates if (holder := self._holder(answers.get(part.key)))}
            creates = [self._renamed(part, holders[part.key]) for part in creates if part.key in holders]
            self._archive(holders.values())
            for call in chunks(creates, BATCH):
                bisect(self._create, call, answers)

    def _holder(self, answer: Answer | None) -> str | None:
        return self.conflict(answer) if isinstance(answer, HubSpotProblem) else None

    def _renamed(self, part: Write, holder: str) -> Write:
        free_key = f"{part.key}{AFTER}{holder}"
        properties = {**part.change.properties, self._type.key: free_key}
        return part._replace(keys=(part.key, free_key), change=part.change._replace(properties=properties))

    def _archive(self, ids: Iterable[str]) -> None:
        for chunk in chunks(list(ids), BATCH):
            self.hubspot.archive(self._type, chunk)

    def _finish(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return update_records(self.hubspot, self.parts.of, writes)


def _key(kind: ObjectType, record: Record) -> str:
    return record.properties.get(kind.key) or ""


def _with_key(kind: ObjectType, record: Record, key: str) -> Record:
    return record._replace(properties={**record.properties, kind.key: key})


def _first_problems(
    changes: Mapping[str, Sequence[Write]], answers: Mapping[str, Answer]
) -> Iterable[tuple[str, HubSpotProblem]]:
    for key, parts in changes.items():
        problems = [answer for part in parts if isinstance(answer := answers.get(part.key), HubSpotProblem)]
        if problems:
            yield key, problems[0]


def write_parts(
    parts: Parts,
    facts: Mapping[Ref, Sequence[Fact]],
    results: Results,
    hubspot: HubSpot,
    catalog: PropertyCatalog,
    timer: Timer,
) -> dict[Ref, RecordResult]:
    """Replace the sets that the written records mark as pending. Return how each ended, by the record's Ref."""
    owners = {ref.key: result for ref, result in results.items() if ref.type == parts.of and result.record_id}
    wanted = {
        key: part_set
        for key, owner in owners.items()
        if not owner.error and (part_set := parts.wanted(key, facts[Ref(parts.of, key)], owner.properties))
    }
    if not wanted:
        return {}
    try:
        schema = catalog.schema(parts.type)
    except TransientError as error:
        return {Ref(parts.of, key): RecordResult(error=error) for key in wanted}
    sets = PartSets(parts, wanted, owners, hubspot, catalog, schema)
    written = write_all(sets, list(wanted), timer, hubspot.caller.concurrency)
    return {Ref(parts.of, key): result for key, result in written.items()}
