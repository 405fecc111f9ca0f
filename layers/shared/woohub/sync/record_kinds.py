"""The table of the kinds of records that woohub writes, by the mapping."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from woohub.configuration import Configuration, ConfigurationVersion
from woohub.hubspot.objects import DEALS, ORDERS, ObjectType
from woohub.mapping.fields import FieldMapping
from woohub.mapping.several_stores import with_shared_contacts
from woohub.stores import FIRST
from woohub.sync.contacts import ContactKind
from woohub.sync.customer_metrics import CustomerMetricsSummary
from woohub.sync.deals import DealKind
from woohub.sync.line_items import LineItems
from woohub.sync.records import Kinds, Parts, RecordKind, Summary
from woohub.sync.several_stores import KindOfStores, PartsOfStores


def record_kinds(mapping: FieldMapping) -> Kinds:
    """Return the kinds for a stack with one store."""
    return Kinds(_kinds(mapping), _parts(mapping), _summaries(mapping))


def kinds_of_stores(mappings: Mapping[str, FieldMapping]) -> Kinds:
    """Return the kinds for a stack with several stores, whose mappings are given by store.

    The first store's mapping decides about summaries.
    """
    by_type: dict[ObjectType, dict[str, RecordKind]] = {}
    parts_by_types: dict[tuple[ObjectType, ObjectType], dict[str, Parts]] = {}
    for store, mapping in with_shared_contacts(mappings).items():
        for kind in _kinds(mapping):
            by_type.setdefault(kind.type, {})[store] = kind
        for parts in _parts(mapping):
            parts_by_types.setdefault((parts.type, parts.of), {})[store] = parts
    kinds = [KindOfStores(by_store, mappings.keys()) for by_store in by_type.values()]
    return Kinds(kinds, [PartsOfStores(by_store) for by_store in parts_by_types.values()], _summaries(mappings[FIRST]))


def _kinds(mapping: FieldMapping) -> tuple[RecordKind, ...]:
    deals = (DealKind(mapping),) if mapping.has_deals else ()
    orders = (DealKind(mapping.orders, ORDERS),) if mapping.orders else ()
    return ContactKind(mapping), *deals, *orders


def _parts(mapping: FieldMapping) -> tuple[Parts, ...]:
    """Return the line items, which belong to deals, or to HubSpot's orders if deals are switched off."""
    if mapping.line_items is None:
        return ()
    if mapping.orders and not mapping.has_deals:
        return (LineItems(mapping.line_items, of=ORDERS),)
    return (LineItems(mapping.line_items),)


def _summaries(mapping: FieldMapping) -> tuple[Summary, ...]:
    of = DEALS if mapping.has_deals else ORDERS
    return (CustomerMetricsSummary(mapping.metrics, of),) if mapping.metrics else ()


class KindsOfConfiguration:
    """The kinds by the configuration in force, prepared again only if it has changed."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._version: ConfigurationVersion | None = None
        self._kinds = Kinds(())

    def current(self, stores: Collection[str]) -> Kinds:
        """Return the kinds for all stores, including `stores` if the configuration has them.

        Raises ConfigurationUnreadable.
        """
        version = self._configuration.current(stores)
        if version is not self._version:
            self._kinds, self._version = kinds_of_stores(version.mappings), version
        return self._kinds
