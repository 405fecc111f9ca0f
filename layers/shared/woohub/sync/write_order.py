"""Write a batch in an order in which each record's needs are met, and a crash at any call can be made up for.

1. Kinds of records, each after those it needs (`needs` of its RecordKind): contacts, then deals.
2. Parts of records, such as a deal's line items: they are created, updated and archived, then the record they belong
   to notes that all are written (`parts.py`).
3. Summaries, such as a contact's metrics, from what HubSpot has by then (`summaries.py`).

RecordWriter has the order of the calls for one record.
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

    `write_keys` writes records of one kind. It gets the results so far, and a function that waits for all records
    needed and then returns the keys that must not be written, with their results.
    """

    kinds: Kinds
    batch: Batch
    hubspot: HubSpot
    catalog: PropertyCatalog
    timer: Timer
    write_keys: WriteKeys

    def write(self) -> Written:
        """Write the batch, and return how everything ended."""
        results = self._write_kinds()
        for parts in self.kinds.parts:
            written = write_parts(parts, self.batch.facts, results, self.hubspot, self.catalog, self.timer)
            results |= {ref: _with_parts_error(results[ref], result) for ref, result in written.items() if result.error}
        summaries = {
            summary: write_summary(summary, results, self.hubspot, self.catalog, self.timer)
            for summary in self.kinds.summaries
        }
        return Written(self.kinds, results, summaries)

    def _write_kinds(self) -> dict[Ref, RecordResult]:
        """Write all kinds at the same time: each reads HubSpot, then waits for the kinds it needs before it plans."""
        results: dict[Ref, RecordResult] = {}
        concurrency = self.hubspot.caller.concurrency
        progress = Progress(concurrency.condition())
        present = [kind for kind in self.kinds.records if self.batch.keys(kind.type)]
        concurrency.run([partial(self._write_kind, kind, results, progress) for kind in present])
        return results

    def _write_kind(self, kind: RecordKind, results: dict[Ref, RecordResult], progress: Progress) -> None:
        """Write one kind and add its results. A record that needs a failed one gets the error of that one."""
        needs = [object_type for object_type in kind.needs if self.batch.keys(object_type)]

        @cache
        def blocked() -> ByKey:
            progress.wait_for(needs)
            return dict(_blocked(kind, self.batch, results))

        with progress.of(kind):
            # If HubSpot did not answer the last call, records are not read before those that they need are written.
            waits = progress.have_ended(needs) or not self.hubspot.caller.in_flight.is_answered
            known = blocked() if waits else {}
            keys = [key for key in self.batch.keys(kind.type) if key not in known]
            written = self.write_keys(kind, keys, self.batch, results, blocked) if keys else {}
            results |= {Ref(kind.type, key): result for key, result in {**written, **blocked()}.items()}


class Progress:
    """Which kinds of records of a batch are written, for the kinds that need them."""

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._ended: dict[ObjectType, bool] = {}  # whether each kind ended without an exception

    @contextmanager
    def of(self, kind: RecordKind) -> Iterator[None]:
        """Note the end of the kind that is written inside the `with` block.

        An exception can only be a bug. It also ends the kinds that need this one.
        """
        well = False
        try:
            yield
            well = True
        finally:
            with self._condition:
                self._ended[kind.type] = well
                self._condition.notify_all()

    def have_ended(self, types: Iterable[ObjectType]) -> bool:
        """Whether all these kinds have ended."""
        return all(object_type in self._ended for object_type in types)

    def wait_for(self, types: Sequence[ObjectType]) -> None:
        """Wait until all these kinds have ended. Raises InternalError if one of them ended with an exception."""
        with self._condition:
            self._condition.wait_for(lambda: self.have_ended(types))
        if not all(self._ended[object_type] for object_type in types):
            raise InternalError("records that these need could not be written")


def _blocked(kind: RecordKind, batch: Batch, results: Results) -> Iterator[tuple[str, RecordResult]]:
    """Yield the keys of the records that need a failed record, each with the failed record's result."""
    for concern in batch.concerns:
        needed = [results[ref] for ref in concern.refs if ref.type in kind.needs and ref in results]
        holding = [result for result in needed if result.error and not kind.goes_without(result)]
        if holding:
            yield from ((ref.key, holding[-1]) for ref in concern.refs if ref.type == kind.type)


def _with_parts_error(written: RecordResult, parts: RecordResult) -> RecordResult:
    """Return the result of a record that is written while its parts are not."""
    return written._replace(error=parts.error, attempts=parts.attempts, broken_call=parts.broken_call)


@dataclass(frozen=True)
class RecordWriter:
    """Writes records of one kind, and their associations.

    A new record is created with its associations in the same call, which is atomic. For a known record, the interim
    version is written first, then the associations, then the values with the final version. So a retry after a crash
    sees which change was interrupted.
    """

    kind: RecordKind
    hubspot: HubSpot
    lookup: Lookup
    warn: Warn

    def write(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Make at most 100 writes, either all of new records or all of known ones. Return answers by `Write.key`."""
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
            pairs = [(w.record_id, link.record_id) for w in writes for link in w.change.associate if link.type == other]
            if pairs:
                self.hubspot.associate(self.kind.type, other, pairs)

    def _disassociate(self, writes: Sequence[Write], other: ObjectType) -> None:
        """Remove old associations before new ones are made, as the id of a merged record means the record it is now."""
        pairs = [(w.record_id, link.record_id) for w in writes for link in w.change.disassociate if link.type == other]
        try:
            if pairs:
                self.hubspot.disassociate(self.kind.type, other, pairs)
        except HubSpotRejected as refused:
            if len(writes) > 1:
                raise  # `bisect` sends each alone, which shows which of them HubSpot means
            # a record that was deleted meanwhile has no associations any more
            self.warn(f"old_{other.singular}_not_taken_off", **{self.kind.type.name: len(pairs)}, error=str(refused))


def _with_interim(write: Write) -> Write:
    return write._replace(change=Change(write.change.interim))
