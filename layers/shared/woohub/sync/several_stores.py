"""One kind of record, or of parts, of several stores: each store's events are read by the store's own mapping."""

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
    """What an event of one store says about a record."""

    store: str
    fact: Fact


@dataclass(frozen=True)
class KindOfStores:
    """A RecordKind for the events of all stores; `by_store` has the kind for the mapping of each that has it."""

    by_store: Mapping[str, RecordKind]
    stores: Collection[str]  # of the configuration in force; a mapping may switch off what another one has

    @property
    def type(self) -> ObjectType:
        """See RecordKind."""
        return self._any.type

    @property
    def needs(self) -> tuple[ObjectType, ...]:
        """See RecordKind."""
        return self._any.needs

    @property
    def properties(self) -> tuple[str, ...]:
        """Those of all stores."""
        return tuple(dict.fromkeys(name for kind in self.by_store.values() for name in kind.properties))

    def facts(self, event: Event) -> Iterable[tuple[str, StoreFact]]:
        """The store's facts; StoreUnknown where the configuration in force does not have the store."""
        for kind in self._of(event.store):
            yield from ((key, StoreFact(event.store, fact)) for key, fact in kind.facts(event))

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """See RecordKind."""
        for kind in self._of(event.store):
            yield from kind.remarks(event, has_facts=has_facts)

    def plan(
        self, facts: Sequence[StoreFact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        """By the mapping of the store whose message came last: only contacts have facts of several stores."""
        kind = self.by_store[facts[-1].store]
        return kind.plan([fact.fact for fact in facts], current, schema, related)

    def goes_without(self, needed: RecordResult) -> str:
        """See RecordKind."""
        return self._any.goes_without(needed)

    @property
    def _any(self) -> RecordKind:
        return next(iter(self.by_store.values()))

    def _of(self, store: str) -> Iterator[RecordKind]:
        """The store's kind; none where its mapping has it switched off."""
        if store not in self.stores:
            raise StoreUnknown(store)
        if store in self.by_store:
            yield self.by_store[store]


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
