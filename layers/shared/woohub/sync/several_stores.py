"""Combine a kind of record, or of parts, of several stores: each store's own mapping reads the store's events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from woohub.errors import StoreUnknown
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.sync.records import Change, Event, Fact, Parts, PartSet, RecordKind, RecordResult, Remark, Results


@dataclass(frozen=True, slots=True)
class StoreFact:
    """What an event of the named store says about a record."""

    store: str
    fact: Fact


@dataclass(frozen=True)
class KindOfStores:
    """A RecordKind for the events of all stores. `by_store` lacks the stores whose mapping switches the kind off."""

    by_store: Mapping[str, RecordKind]
    stores: Collection[str]  # the names of all stores in the configuration in force

    @property
    def type(self) -> ObjectType:
        return self._any.type

    @property
    def needs(self) -> tuple[ObjectType, ...]:
        return self._any.needs

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that any store's kind reads."""
        return tuple(dict.fromkeys(name for kind in self.by_store.values() for name in kind.properties))

    def facts(self, event: Event) -> Iterable[tuple[str, StoreFact]]:
        """Yield the facts of the event's store. Raises StoreUnknown if the configuration does not have the store."""
        for kind in self._kind_of(event.store):
            yield from ((key, StoreFact(event.store, fact)) for key, fact in kind.facts(event))

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        for kind in self._kind_of(event.store):
            yield from kind.remarks(event, has_facts=has_facts)

    def plan(
        self, facts: Sequence[StoreFact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        """Plan by the mapping of the last fact's store. Only contacts can have facts of several stores."""
        kind = self.by_store[facts[-1].store]
        return kind.plan([fact.fact for fact in facts], current, schema, related)

    def goes_without(self, needed: RecordResult) -> str:
        return self._any.goes_without(needed)

    @property
    def _any(self) -> RecordKind:
        return next(iter(self.by_store.values()))

    def _kind_of(self, store: str) -> Iterator[RecordKind]:
        """Yield the store's kind, unless its mapping has it switched off."""
        if store not in self.stores:
            raise StoreUnknown(store)
        if store in self.by_store:
            yield self.by_store[store]


class PartsOfStores(Parts):
    """The Parts of all stores. `by_store` lacks the stores whose mapping switches them off."""

    def __init__(self, by_store: Mapping[str, Parts]) -> None:
        self._by_store = by_store
        self._any = next(iter(by_store.values()))
        self.type, self.of = self._any.type, self._any.of

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that any store's parts have."""
        return tuple(dict.fromkeys(name for parts in self._by_store.values() for name in parts.properties))

    def wanted(self, key: str, facts: Sequence[StoreFact], properties: Mapping[str, str | None]) -> PartSet | None:
        """Return the parts by the store's mapping. All facts of a record with parts are of one store."""
        parts = self._by_store.get(facts[-1].store)
        return parts.wanted(key, [fact.fact for fact in facts], properties) if parts else None

    def is_part(self, key: str, part: str) -> bool:
        return self._any.is_part(key, part)
