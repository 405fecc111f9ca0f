"""One kind of record, or of parts, of several stores: each store's events are read by the store's own mapping."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from woohub.errors import StoreUnknown
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.stores import FIRST
from woohub.sync.records import Change, Event, Fact, Parts, PartSet, RecordKind, RecordResult, Remark, Results


@dataclass(frozen=True, slots=True)
class StoreFact:
    """What an event of one store says about a record."""

    store: str
    fact: Fact


@dataclass(frozen=True)
class KindOfStores:
    """A RecordKind for the events of all stores; `by_store` has the kind for each one's mapping."""

    by_store: Mapping[str, RecordKind]

    @property
    def type(self) -> ObjectType:
        """See RecordKind."""
        return self._first.type

    @property
    def needs(self) -> tuple[ObjectType, ...]:
        """See RecordKind."""
        return self._first.needs

    @property
    def properties(self) -> tuple[str, ...]:
        """Those of all stores."""
        return tuple(dict.fromkeys(name for kind in self.by_store.values() for name in kind.properties))

    def facts(self, event: Event) -> Iterable[tuple[str, StoreFact]]:
        """The store's facts; StoreUnknown where the configuration in force does not have the store."""
        for key, fact in self._of(event.store).facts(event):
            yield key, StoreFact(event.store, fact)

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """See RecordKind."""
        return self._of(event.store).remarks(event, has_facts=has_facts)

    def plan(
        self, facts: Sequence[StoreFact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        """By the mapping of the store whose message came last: only contacts have facts of several stores."""
        kind = self._of(facts[-1].store)
        return kind.plan([fact.fact for fact in facts], current, schema, related)

    def goes_without(self, needed: RecordResult) -> str:
        """See RecordKind."""
        return self._first.goes_without(needed)

    @property
    def _first(self) -> RecordKind:
        return self.by_store[FIRST]

    def _of(self, store: str) -> RecordKind:
        if store not in self.by_store:
            raise StoreUnknown(store)
        return self.by_store[store]


class PartsOfStores(Parts):
    """Parts of the records of all stores that have them; `by_store` has those by each one's mapping."""

    def __init__(self, by_store: Mapping[str, Parts]) -> None:
        self._by_store = by_store
        self._any = next(iter(by_store.values()))
        self.type, self.of = self._any.type, self._any.of

    @property
    def properties(self) -> tuple[str, ...]:
        """Those of all stores."""
        return tuple(dict.fromkeys(name for parts in self._by_store.values() for name in parts.properties))

    def wanted(self, key: str, facts: Sequence[StoreFact], properties: Mapping[str, str | None]) -> PartSet | None:
        """By the store's mapping: all facts of a record that has parts are of one store."""
        parts = self._by_store.get(facts[-1].store)
        return parts.wanted(key, [fact.fact for fact in facts], properties) if parts else None

    def is_part(self, key: str, part: str) -> bool:
        """See Parts."""
        return self._any.is_part(key, part)
