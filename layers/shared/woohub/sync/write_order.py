"""In which order HubSpot is written, so that what a record needs is there, and a crash at any call can be repeated.

1. Kinds of records, each after those it needs (`needs` of its RecordKind): contacts, then deals.
2. Parts of records, such as a deal's line items: they are created, updated and archived, then their record says that
   all are in place (`parts.py`).
3. Summaries, such as a contact's metrics: from what HubSpot has by then (`summaries.py`).

Within one record: see RecordWriter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial

from woohub.clock import Timer
from woohub.concurrency import Condition
from woohub.errors import HubSpotProblem, HubSpotRejected, InternalError, UnknownOutcome
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, Warn
from woohub.sync.batch_calls import create_records, update_records
from woohub.sync.grouping import Batch
from woohub.sync.lookup import Lookup
from woohub.sync.parts import write_parts
from woohub.sync.record_set import Answer, Write
from woohub.sync.records import Change, Kinds, RecordKind, RecordResult, Ref, Results
from woohub.sync.summaries import write_summary
from woohub.sync.verdicts import Written

ByKey = Mapping[str, RecordResult]
WriteKeys = Callable[[RecordKind, Sequence[str], Batch, Results, Callable[[], ByKey]], ByKey]


@dataclass(frozen=True)
class WriteOrder:
    """Writes what a batch says, in order.

    `write_keys` writes records of one kind; it has what was written before, and a function that waits for all they
    need, and then gives the keys that must not be written.
    """

    kinds: Kinds
    batch: Batch
    hubspot: HubSpot
    catalog: PropertyCatalog
    timer: Timer
    write_keys: WriteKeys

    def write(self) -> Written:
        """How everything ended."""
        results = self._write_kinds()
        for parts in self.kinds.parts:
            written = write_parts(parts, self.batch.facts, results, self.hubspot, self.catalog, self.timer)
            results |= {ref: _unfinished(results[ref], result) for ref, result in written.items() if result.error}
        summaries = {
            summary: write_summary(summary, results, self.hubspot, self.catalog, self.timer)
            for summary in self.kinds.summaries
        }
        return Written(self.kinds, results, summaries)

    def _write_kinds(self) -> dict[Ref, RecordResult]:
        """Together: each kind reads HubSpot at once, and waits for those it needs before it plans anything."""
        results: dict[Ref, RecordResult] = {}
        concurrency = self.hubspot.caller.concurrency
        progress = Progress(concurrency.condition())
        present = [kind for kind in self.kinds.records if self.batch.keys(kind.type)]
        concurrency.run([partial(self._write_kind, kind, results, progress) for kind in present])
        return results

    def _write_kind(self, kind: RecordKind, results: dict[Ref, RecordResult], progress: Progress) -> None:
        """Add the results of one kind; records that need one that failed wait with its error."""
        needs = [object_type for object_type in kind.needs if self.batch.keys(object_type)]

        @cache
        def held() -> ByKey:
            progress.wait_for(needs)
            return dict(_held(kind, self.batch, results))

        with progress.of(kind):
            # While HubSpot does not answer, records that need others are not even read before those are written.
            waits = progress.have_ended(needs) or not self.hubspot.caller.in_flight.is_answered
            known = held() if waits else {}
            keys = [key for key in self.batch.keys(kind.type) if key not in known]
            written = self.write_keys(kind, keys, self.batch, results, held) if keys else {}
            results |= {Ref(kind.type, key): result for key, result in {**written, **held()}.items()}


class Progress:
    """Which kinds of records have ended in a batch, for the kinds that need them."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._ended: dict[ObjectType, bool] = {}  # and whether well

    @contextmanager
    def of(self, kind: RecordKind) -> Iterator[None]:
        """While a kind is written; an exception, which can only be a bug, ends the kinds that need it as well."""
        well = False
        try:
            yield
            well = True
        finally:
            with self._condition:
                self._ended[kind.type] = well
                self._condition.notify_all()

    def have_ended(self, types: Iterable[ObjectType]) -> bool:
        """Whether all of these have."""
        return all(object_type in self._ended for object_type in types)

    def wait_for(self, types: Sequence[ObjectType]) -> None:
        """Until all of these have ended."""
        with self._condition:
            self._condition.wait_for(lambda: self.have_ended(types))
        if not all(self._ended[object_type] for object_type in types):
            raise InternalError("records that these need could not be written")


def _held(kind: RecordKind, batch: Batch, results: Results) -> Iterator[tuple[str, RecordResult]]:
    """The keys of records that need one that failed, and its result."""
    for concern in batch.concerns:
        needed = [results[ref] for ref in concern.refs if ref.type in kind.needs and ref in results]
        holding = [result for result in needed if result.error and not kind.goes_without(result)]
        if holding:
            yield from ((ref.key, holding[-1]) for ref in concern.refs if ref.type == kind.type)


def _unfinished(written: RecordResult, parts: RecordResult) -> RecordResult:
    """A record that is written, and whose parts are not."""
    return written._replace(error=parts.error, attempts=parts.attempts, broken_call=parts.broken_call)


@dataclass(frozen=True)
class RecordWriter:
    """Writes records of one kind, and their associations.

    A new record: one create with the associations inline, which is atomic. A known one: the interim version, the
    associations, then the values with the version that says so, so that a retry after a crash sees what was under way.
    """

    kind: RecordKind
    hubspot: HubSpot
    lookup: Lookup
    warn: Warn

    def write(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Answers by `Write.key` to at most 100 writes, which are all of new records or all of known ones."""
        return self._write_known(writes) if writes[0].record_id else self._create(writes)

    def _create(self, writes: Sequence[Write]) -> dict[str, Answer]:
        keys = [write.key for write in writes]
        try:
            answers = create_records(self.hubspot, self.kind.type, writes)
        except UnknownOutcome:
            self.lookup.unanswered(keys)
            raise
        self.lookup.created(answers)
        self.lookup.unanswered([key for key in keys if key not in answers])
        return answers

    def _write_known(self, writes: Sequence[Write]) -> dict[str, Answer]:
        interim = self._update([_with_interim(write) for write in writes if write.change.interim])
        refused = {key: answer for key, answer in interim.items() if isinstance(answer, HubSpotProblem)}
        ready = [write for write in writes if not write.change.interim or isinstance(interim.get(write.key), str)]
        self._change_associations(ready)
        only_associated = {write.key: write.record_id for write in ready if not write.change.properties}
        return refused | only_associated | self._update([write for write in ready if write.change.properties])

    def _update(self, writes: Sequence[Write]) -> dict[str, Answer]:
        return update_records(self.hubspot, self.kind.type, writes)

    def _change_associations(self, writes: Sequence[Write]) -> None:
        for other in self.kind.needs:
            self._disassociate(writes, other)
            come = [(w.record_id, link.record_id) for w in writes for link in w.change.associate if link.type == other]
            if come:
                self.hubspot.associate(self.kind.type, other, come)

    def _disassociate(self, writes: Sequence[Write], other: ObjectType) -> None:
        """Before the new ones come: the id of a record merged into the new one means the new one by now."""
        go = [(w.record_id, link.record_id) for w in writes for link in w.change.disassociate if link.type == other]
        try:
            if go:
                self.hubspot.disassociate(self.kind.type, other, go)
        except HubSpotRejected as refused:
            if len(writes) > 1:
                raise  # which of them it means shows when each is sent by itself
            # a record deleted meanwhile is disassociated already
            self.warn(f"old_{other.singular}_not_taken_off", **{self.kind.type.name: len(go)}, error=str(refused))


def _with_interim(write: Write) -> Write:
    return write._replace(change=Change(write.change.interim))
