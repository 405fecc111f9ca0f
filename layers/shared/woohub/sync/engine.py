"""Sync one batch of deliveries: group what they say by record, write each kind after those it needs, report.

Kinds run together: each reads HubSpot at once, and waits for those it needs before it plans anything. Then come the
parts of records, and last the summaries of records.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial

from woohub.clock import Timer
from woohub.concurrency import Condition
from woohub.delivery.delivery import Delivery
from woohub.erasures import NOBODY, ErasedPeople
from woohub.errors import InternalError, TransientError
from woohub.hubspot.call_stats import CallStats
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, Warn
from woohub.sync.batch_writer import write_all
from woohub.sync.grouping import Batch, grouped
from woohub.sync.lookup import BySearch, ByUniqueKey, Lookup, RecentCreates
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.parts import write_parts
from woohub.sync.record_set import KindRecordSet
from woohub.sync.records import Kinds, RecordKind, RecordResult, Ref, Results
from woohub.sync.summaries import write_summary
from woohub.sync.verdicts import Written, outcomes


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

    `current_kinds` is asked at each batch, with the names of its stores, since the mapping may have changed, and
    `current_erasures`, since people may have been erased; while one raises a TransientError, all messages are to be
    tried again.
    """

    def __init__(
        self,
        hubspot: HubSpot,
        catalog: PropertyCatalog,
        current_kinds: Callable[[Collection[str]], Kinds],
        timer: Timer,
        warn: Warn,
        current_erasures: Callable[[], ErasedPeople] = lambda: NOBODY,
    ) -> None:
        self._hubspot = hubspot
        self._catalog = catalog
        self._current_kinds = current_kinds
        self._timer = timer
        self._warn = warn
        self._current_erasures = current_erasures
        self._recent: dict[ObjectType, RecentCreates] = {}

    def sync(self, messages: Iterable[Message]) -> list[Outcome]:
        """Bring HubSpot up to date with these messages; one outcome each, none raised."""
        messages = list(messages)
        try:
            kinds, erased = self._current_kinds(_stores(messages)), self._current_erasures()
        except TransientError as error:
            return [Outcome(message, Verdict.RETRY, error) for message in messages]
        batch = grouped(messages, kinds.records, erased, self._warn)
        return outcomes(batch, self._written(kinds, batch), self._warn)

    def call_stats(self) -> CallStats:
        """How batch calls went, since the client was made."""
        return self._hubspot.stats.copy()

    def _written(self, kinds: Kinds, batch: Batch) -> Written:
        results = self._write_records(kinds, batch)
        for parts in kinds.parts:
            written = write_parts(parts, batch.facts, results, self._hubspot, self._catalog, self._timer)
            results |= {ref: _unfinished(results[ref], result) for ref, result in written.items() if result.error}
        summaries = {
            summary: write_summary(summary, results, self._hubspot, self._catalog, self._timer)
            for summary in kinds.summaries
        }
        return Written(kinds, results, summaries)

    def _write_records(self, kinds: Kinds, batch: Batch) -> dict[Ref, RecordResult]:
        results: dict[Ref, RecordResult] = {}
        progress = Progress(self._hubspot.caller.concurrency.condition())
        present = [kind for kind in kinds.records if batch.keys(kind.type)]
        self._hubspot.caller.concurrency.run([partial(self._write, kind, batch, results, progress) for kind in present])
        return results

    def _write(self, kind: RecordKind, batch: Batch, results: dict[Ref, RecordResult], progress: Progress) -> None:
        """Add the results of one kind; records that need one that failed wait with its error."""
        needs = [object_type for object_type in kind.needs if batch.keys(object_type)]

        @cache
        def held() -> Mapping[str, RecordResult]:
            progress.wait_for(needs)
            return dict(_held(kind, batch, results))

        with progress.of(kind):
            # While HubSpot does not answer, records that need others are not even read before those are written.
            waits = progress.have_ended(needs) or not self._hubspot.caller.in_flight.is_answered
            known = held() if waits else {}
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
            schema = self._catalog.schema(kind.type, kind.properties)
        except TransientError as error:
            return dict.fromkeys(keys, RecordResult(error=error))
        facts = {key: batch.facts[Ref(kind.type, key)] for key in keys}
        lookup = self._lookup(kind, is_unique=schema.is_unique(kind.type.key))
        records = KindRecordSet(kind, facts, results, self._hubspot, self._catalog, schema, lookup, self._warn)
        is_answered = self._hubspot.caller.in_flight.is_answered
        written = write_all(records, keys, self._timer, self._hubspot.caller.concurrency, held, is_answered=is_answered)
        return {
            key: replace(result, properties=records.properties(key), is_new=records.is_new(key))
            for key, result in written.items()
        }

    def _lookup(self, kind: RecordKind, *, is_unique: bool) -> Lookup:
        if is_unique or kind.type.has_standard_key:
            return ByUniqueKey(self._hubspot, kind.type, kind.properties)
        recent = self._recent.setdefault(kind.type, RecentCreates())
        return BySearch(self._hubspot, kind.type, kind.properties, recent, self._timer, self._warn)


def _stores(messages: Iterable[Message]) -> set[str]:
    """The stores whose messages these are."""
    return {message.delivery.store for message in messages if isinstance(message.delivery, Delivery)}


def _held(kind: RecordKind, batch: Batch, results: Results) -> Iterator[tuple[str, RecordResult]]:
    """The keys of records that need one that failed, and its result."""
    for concern in batch.concerns:
        needed = [results[ref] for ref in concern.refs if ref.type in kind.needs and ref in results]
        holding = [result for result in needed if result.error and not kind.goes_without(result)]
        if holding:
            yield from ((ref.key, holding[-1]) for ref in concern.refs if ref.type == kind.type)


def _unfinished(written: RecordResult, parts: RecordResult) -> RecordResult:
    """A record that is written, and whose parts are not."""
    return replace(written, error=parts.error, attempts=parts.attempts, broken_call=parts.broken_call)
