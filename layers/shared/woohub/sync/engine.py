"""Sync one batch of deliveries: parse, group by record, write each kind of record after those it needs, report.

Kinds run together: each reads HubSpot at once, and waits for those it needs before it plans anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache, partial
from graphlib import TopologicalSorter

from woohub.clock import Timer
from woohub.concurrency import Condition
from woohub.erasures import NOBODY, ErasedPeople
from woohub.errors import HubSpotRejected, InternalError, InvalidMessage, InvalidPayload, StoreUnknown, TransientError
from woohub.hubspot.client import CallStats, HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, Warn
from woohub.store import payloads
from woohub.store.payloads import Ignored
from woohub.sync.batch_writer import write_all
from woohub.sync.erased import PERSON_ERASED, must_not_return, without_person
from woohub.sync.lookup import BySearch, ByUniqueKey, Lookup, RecentCreates
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.parts import write_parts
from woohub.sync.record_set import KindRecordSet
from woohub.sync.records import Event, Fact, Kinds, Parts, RecordKind, RecordResult, Ref, Results, Summary
from woohub.sync.summaries import failures, write_summary

SUMMARY_REFUSED = "summary_refused_by_hubspot"
Summaries = Mapping[Summary, Mapping[str, RecordResult]]


@dataclass
class Batch:
    """What a batch of messages says, by record, and the records each message concerns."""

    outcomes: list[Outcome] = field(default_factory=list)  # of messages that concern no record
    facts: dict[Ref, list[Fact]] = field(default_factory=dict)
    concerns: list[tuple[Message, tuple[Ref, ...]]] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)  # by message

    def keys(self, object_type: ObjectType) -> list[str]:
        """The keys of one object's records."""
        return [ref.key for ref in self.facts if ref.type == object_type]


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


class Sync:
    """The engine. It keeps across batches: property definitions, and recent creates where search must find them.

    `current_kinds` is asked at each batch, since the mapping may have changed, and `current_erasures`, since people may
    have been erased; while one raises a TransientError, all messages are to be tried again.
    """

    def __init__(
        self,
        hubspot: HubSpot,
        catalog: PropertyCatalog,
        current_kinds: Callable[[], Kinds],
        timer: Timer,
        warn: Warn,
        current_erasures: Callable[[], ErasedPeople] = lambda: NOBODY,
    ) -> None:
        self._hubspot = hubspot
        self._catalog = catalog
        self._current_kinds = current_kinds
        self._kinds: Sequence[RecordKind] = ()  # of the batch
        self._parts: Sequence[Parts] = ()
        self._summaries: Sequence[Summary] = ()
        self._timer = timer
        self._warn = warn
        self._current_erasures = current_erasures
        self._erased = NOBODY  # of the batch
        self._recent: dict[ObjectType, RecentCreates] = {}

    def sync(self, messages: Iterable[Message]) -> list[Outcome]:
        """Bring HubSpot up to date with these messages; one outcome each, none raised."""
        messages = list(messages)
        try:
            kinds = self._current_kinds()
            self._erased = self._current_erasures()
        except TransientError as error:
            return [Outcome(message, Verdict.RETRY, error) for message in messages]
        self._kinds = in_order_of_need([kind for kind in kinds if not isinstance(kind, Parts | Summary)])
        self._parts = [kind for kind in kinds if isinstance(kind, Parts)]
        self._summaries = [kind for kind in kinds if isinstance(kind, Summary)]
        batch = Batch()
        for message in messages:
            self._read(message, batch)
        results: dict[Ref, RecordResult] = {}
        progress = Progress(self._hubspot.concurrency.condition())
        present = [kind for kind in self._kinds if batch.keys(kind.type)]
        self._hubspot.concurrency.run([partial(self._write, kind, batch, results, progress) for kind in present])
        for parts in self._parts:
            written = write_parts(parts, batch.facts, results, self._hubspot, self._catalog, self._timer)
            results |= {ref: _unfinished(results[ref], result) for ref, result in written.items() if result.error}
        summaries = {
            summary: write_summary(summary, results, self._hubspot, self._catalog, self._timer)
            for summary in self._summaries
        }
        outcomes = [self._outcome(message, refs, results, summaries) for message, refs in batch.concerns]
        return batch.outcomes + [replace(outcome, note=batch.notes.get(outcome.message.id, "")) for outcome in outcomes]

    def call_stats(self) -> CallStats:
        """How batch calls went, since the client was made."""
        return self._hubspot.stats.copy()

    def _read(self, message: Message, batch: Batch) -> None:
        try:
            event = _event(message)
            if isinstance(event, Ignored):
                batch.outcomes.append(Outcome(message, Verdict.IGNORED, note=event.reason))
            else:
                self._group(message, event, batch)
        except (InvalidMessage, InvalidPayload) as error:
            batch.outcomes.append(Outcome(message, Verdict.REJECTED, error))
        except StoreUnknown as error:
            batch.outcomes.append(Outcome(message, Verdict.RETRY, error))

    def _group(self, message: Message, event: Event, batch: Batch) -> None:
        """Group facts by record, so that each record is written once per batch."""
        facts = self._facts(event)
        if self._erased and must_not_return(event, (key for pairs in facts.values() for key, _ in pairs), self._erased):
            event = without_person(event)
            facts = self._facts(event)
            batch.notes[message.id] = PERSON_ERASED
        remarks = [remark for kind in self._kinds for remark in kind.remarks(event, has_facts=bool(facts[kind.type]))]
        for remark in remarks:
            if remark.is_warning:
                self._warn(remark.name, **message.names, **remark.fields)
        concerns = [(Ref(object_type, key), fact) for object_type, pairs in facts.items() for key, fact in pairs]
        for ref, fact in concerns:
            batch.facts.setdefault(ref, []).append(fact)
        if concerns:
            batch.concerns.append((message, tuple(dict.fromkeys(ref for ref, _ in concerns))))
        else:
            note = remarks[0].name if remarks else "no_record"
            batch.outcomes.append(Outcome(message, Verdict.IGNORED, note=batch.notes.get(message.id, note)))

    def _facts(self, event: Event) -> dict[ObjectType, list[tuple[str, Fact]]]:
        return {kind.type: list(kind.facts(event)) for kind in self._kinds}

    def _write(self, kind: RecordKind, batch: Batch, results: dict[Ref, RecordResult], progress: Progress) -> None:
        """Add the results of one kind; records that need one that failed wait with its error."""
        needs = [object_type for object_type in kind.needs if batch.keys(object_type)]

        @cache
        def held() -> Mapping[str, RecordResult]:
            progress.wait_for(needs)
            return dict(self._held(kind, batch, results))

        with progress.of(kind):
            known = held() if progress.have_ended(needs) else {}  # then these are not even read
            keys = [key for key in batch.keys(kind.type) if key not in known]
            written = self._write_keys(kind, keys, batch, results, held) if keys else {}
            results |= {Ref(kind.type, key): result for key, result in {**written, **held()}.items()}

    def _write_keys(
        self,
        kind: RecordKind,
        keys: Sequence[str],
        batch: Batch,
        results: Results,
        held: Callable[[], Mapping[str, RecordResult]],
    ) -> Mapping[str, RecordResult]:
        try:
            schema = self._catalog.schema(kind.type)
        except TransientError as error:
            return dict.fromkeys(keys, RecordResult(error=error))
        facts = {key: batch.facts[Ref(kind.type, key)] for key in keys}
        lookup = self._lookup(kind, is_unique=schema.is_unique(kind.type.key))
        records = KindRecordSet(kind, facts, results, self._hubspot, self._catalog, schema, lookup, self._warn)
        written = write_all(records, keys, self._timer, self._hubspot.concurrency, held)
        return {
            key: replace(result, properties=records.properties(key), is_new=records.is_new(key))
            for key, result in written.items()
        }

    def _lookup(self, kind: RecordKind, *, is_unique: bool) -> Lookup:
        if is_unique or kind.type.has_standard_key:
            return ByUniqueKey(self._hubspot, kind.type, kind.properties)
        recent = self._recent.setdefault(kind.type, RecentCreates())
        return BySearch(self._hubspot, kind.type, kind.properties, recent, self._timer, self._warn)

    def _held(
        self, kind: RecordKind, batch: Batch, results: Mapping[Ref, RecordResult]
    ) -> Iterator[tuple[str, RecordResult]]:
        for _, refs in batch.concerns:
            failed = [results[ref] for ref in refs if ref.type in kind.needs and ref in results and results[ref].error]
            holding = [result for result in failed if not kind.goes_without(result)]
            if holding:
                yield from ((ref.key, holding[-1]) for ref in refs if ref.type == kind.type)

    def _outcome(
        self, message: Message, refs: Sequence[Ref], results: Mapping[Ref, RecordResult], summaries: Summaries
    ) -> Outcome:
        """A message ends as the records that no other of its records needs, and the summaries it concerns.

        What HubSpot refuses of a summary is no reason to reject the message: its own records are written.
        """
        unsummed = [result for summary in summaries for result in failures(summary, refs, results, summaries[summary])]
        refused = [result.error for result in unsummed if isinstance(result.error, HubSpotRejected)]
        for error in refused[:1]:
            self._warn(SUMMARY_REFUSED, entity=message.entity, property=", ".join(error.problem.properties))
        waiting = [result for result in unsummed if isinstance(result.error, TransientError)]
        final = _worst([*(results[ref] for ref in self._last(refs)), *waiting])
        for name in dict.fromkeys(self._written_without(refs, results)):
            self._warn(name, **message.names)
        return Outcome(
            message,
            _verdict(final),
            final.error,
            final.attempts,
            broken_call=final.broken_call,
            record_ids=self._record_ids(refs, results),
        )

    def _last(self, refs: Sequence[Ref]) -> list[Ref]:
        types = {ref.type for ref in refs}
        needed = {object_type for kind in self._kinds if kind.type in types for object_type in kind.needs}
        return [ref for ref in refs if ref.type not in needed]

    def _written_without(self, refs: Sequence[Ref], results: Mapping[Ref, RecordResult]) -> Iterator[str]:
        """The warnings of records that were written although one they need failed."""
        types = {ref.type for ref in refs}
        for kind in self._kinds:
            needed = [results[ref] for ref in refs if ref.type in kind.needs and kind.type in types]
            yield from filter(None, (kind.goes_without(result) for result in needed if result.error))

    def _record_ids(self, refs: Sequence[Ref], results: Mapping[Ref, RecordResult]) -> dict[str, str]:
        ids = {f"{kind.type.singular}_id": "" for kind in self._kinds}
        return ids | {f"{ref.type.singular}_id": results[ref].record_id for ref in refs}


def in_order_of_need(kinds: Sequence[RecordKind]) -> list[RecordKind]:
    """Each kind after those it needs; graphlib.CycleError where that cannot be."""
    by_type = {kind.type: kind for kind in kinds}
    order = TopologicalSorter({kind.type: kind.needs for kind in kinds}).static_order()
    return [by_type[object_type] for object_type in order if object_type in by_type]


def _unfinished(written: RecordResult, parts: RecordResult) -> RecordResult:
    """A record that is written, and whose parts are not."""
    return replace(written, error=parts.error, attempts=parts.attempts, broken_call=parts.broken_call)


def _worst(results: Sequence[RecordResult]) -> RecordResult:
    """What has to be tried again counts before what was rejected, and that before what was written."""
    return min(results, key=lambda result: (not isinstance(result.error, TransientError), result.error is None))


def _verdict(result: RecordResult) -> Verdict:
    if result.error is None:
        return Verdict.DONE
    return Verdict.REJECTED if isinstance(result.error, HubSpotRejected) else Verdict.RETRY


def _event(message: Message) -> Event | Ignored:
    if isinstance(message.delivery, InvalidMessage):
        raise message.delivery
    return payloads.parse(message.delivery)
