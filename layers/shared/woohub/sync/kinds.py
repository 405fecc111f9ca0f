"""The kinds of records woohub writes: one row each."""

from __future__ import annotations

from woohub.mapping.fields import FieldMapping
from woohub.sync.contacts import ContactKind
from woohub.sync.deals import DealKind
from woohub.sync.records import RecordKind


def record_kinds(mapping: FieldMapping) -> tuple[RecordKind, ...]:
    """In any order: the engine writes each after those it needs."""
    return ContactKind(mapping), DealKind(mapping)
