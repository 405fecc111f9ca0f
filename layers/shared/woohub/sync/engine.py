"""Sync one batch of deliveries: group what they say by record, write the records in order, report the outcomes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from woohub.clock import Timer
from woohub.delivery.delivery import Delivery
from woohub.erasures import NOBODY, ErasedPeople
from woohub.errors import TransientError
from woohub.hubspot.call_stats import CallStats
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertyCatalog, PropertySchema, Warn
from woohub.sync.batch_writer import write_all
from woohub.sync.grouping import Batch, grouped
from woohub.sync.kind_record_set import KindRecordSet
from woohub.sync.lookup import BySearch, ByUniqueKey, Lookup, RecentCreates
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.records import Kinds, RecordKind, RecordResult, Ref, Results
from woohub.sync.verdicts import outcomes
from woohub.sync.write_order import RecordWriter, WriteOrder


@dataclass
class Sync:
    """The engine. Between batches it keeps property definitions, and recent creates that search may not find yet.

    `current_kinds`, called with the names of a batch's stores, and `current_erasures` are called for each batch,
    because the mapping may have changed or people may have been erased. If one raises a TransientError, all messages
    of the batch are to be retried.
    """

    hubspot: HubSpot
    catalog: PropertyCatalog
    current_kinds: Callable[[Collection[str]], Kinds]
    timer: Timer
    warn: Warn
    current_erasures: Callable[[], ErasedPeople] = lambda: NOBODY
    _recent: dict[ObjectType, RecentCreates] = field(default_factory=dict, init=False)

    def sync(self, messages: Iterable[Message]) -> list[Outcome]:
        """Bring HubSpot up to date with these messages. Return one outcome for each; nothing is raised."""
        messages = list(messages)
        try:
            kinds, erased = self.current_kinds(_stores(messages)), self.current_erasures()
        except TransientError as error:
            return [Outcome(message, Verdict.RETRY, error) for message in messages]
        batch = grouped(messages, kinds.records, erased, self.warn)
        order = WriteOrder(kinds, batch, self.hubspot, self.catalog, self.timer, self._write_keys)
        return outcomes(batch, order.write(), self.warn)

    def call_stats(self) -> CallStats:
        """Return how batch calls ended since HubSpot's client was made."""
        return self.hubspot.stats.copy()

    def _write_keys(
        self,
        kind: RecordKind,
        keys: Sequence[str],
        batch: Batch,
        results: Results,
        blocked: Callable[[], Mapping[str, RecordResult]],
    ) -> Mapping[str, RecordResult]:
        try:
            schema = self.catalog.schema(kind.type, kind.properties)
        except TransientError as error:
            return dict.fromkeys(keys, RecordResult(error=error))
        facts = {key: batch.facts[Ref(kind.type, key)] for key in keys}
        lookup = self._lookup(kind, schema)
        writer = RecordWriter(kind, self.hubspot, lookup, self.warn)
        records = KindRecordSet(kind, facts, results, self.hubspot, self.catalog, schema, lookup, writer)
        caller = self.hubspot.caller
        is_answered = caller.in_flight.is_answered
        written = write_all(records, keys, self.timer, caller.concurrency, blocked, is_answered=is_answered)
        return {
            key: result._replace(properties=records.properties(key), is_new=records.is_new(key))
            for key, result in written.items()
        }

    def _lookup(self, kind: RecordKind, schema: PropertySchema) -> Lookup:
        if schema.is_unique(kind.type.key) or kind.type.has_standard_key:
            has_changed = partial(self.catalog.key_has_changed, kind.type, schema)
            return ByUniqueKey(self.hubspot, kind.type, kind.properties, has_changed)
        recent = self._recent.setdefault(kind.type, RecentCreates())
        return BySearch(self.hubspot, kind.type, kind.properties, recent, self.timer, self.warn)


def _stores(messages: Iterable[Message]) -> set[str]:
    """Return the names of the stores whose messages these are."""
    return {message.delivery.store for message in messages if isinstance(message.delivery, Delivery)}
