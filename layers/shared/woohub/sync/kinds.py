"""The kinds of records woohub writes: one row each."""

from __future__ import annotations

from collections.abc import Mapping

from woohub.hubspot.objects import ObjectType
from woohub.mapping.fields import FieldMapping
from woohub.mapping.of_store import with_shared_contacts
from woohub.sync.contacts import ContactKind
from woohub.sync.deals import DealKind
from woohub.sync.kind_of_stores import KindOfStores
from woohub.sync.records import RecordKind


def record_kinds(mapping: FieldMapping) -> tuple[RecordKind, ...]:
    """In any order: the engine writes each after those it needs."""
    return ContactKind(mapping), DealKind(mapping)


def kinds_of_stores(mappings: Mapping[str, FieldMapping]) -> tuple[RecordKind, ...]:
    """The kinds for the mappings by store; see KindOfStores."""
    by_type: dict[ObjectType, dict[str, RecordKind]] = {}
    for store, mapping in with_shared_contacts(mappings).items():
        for kind in record_kinds(mapping):
            by_type.setdefault(kind.type, {})[store] = kind
    return tuple(KindOfStores(by_store) for by_store in by_type.values())
