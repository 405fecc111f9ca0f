"""The mappings of several stores. Each store has its own order keys and customer id; the contacts are shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TypeVar

from woohub.mapping.fields import FieldMapping
from woohub.mapping.rows import MappingFile
from woohub.stores import FIRST, StoreSettings

CUSTOMER_ID = "woocommerce_customer_id"  # the first store's; each further store has its own property

Row = TypeVar("Row")


def order_key_prefix(store: str, settings: StoreSettings) -> str:
    """Return the prefix of a further store's order keys."""
    return settings.order_key_prefix or f"{store}-"


def customer_id_property(store: str, settings: StoreSettings) -> str:
    """Return the contact's property that holds the number of the customer's account in a further store."""
    return settings.customer_id_property or f"{CUSTOMER_ID}_{store.replace('-', '_')}"


def mapping_of_store(file: MappingFile, store: str, settings: StoreSettings) -> MappingFile:
    """Return a further store's mapping: the file with the store's own order key prefix and customer id property."""
    own = customer_id_property(store, settings)
    created = {
        name: row.model_copy(update={"label": f"{row.label} ({store})"}) if name == CUSTOMER_ID else row
        for name, row in file.create.contact.items()
    }
    return file.model_copy(
        update={
            "order_key_prefix": order_key_prefix(store, settings),
            "contact": _renamed(file.contact, CUSTOMER_ID, own),
            "create": file.create.model_copy(update={"contact": _renamed(created, CUSTOMER_ID, own)}),
        }
    )


def _renamed(rows: Mapping[str, Row], old: str, new: str) -> dict[str, Row]:
    return {new if name == old else name: row for name, row in rows.items()}


def with_shared_contacts(mappings: Mapping[str, FieldMapping]) -> dict[str, FieldMapping]:
    """Return the mappings by store, each with the contact rules of all stores and the first store's metrics.

    A contact is one person, whose orders may come from several stores: each store's mapping can compare and write it.
    """
    metrics = mappings[FIRST].metrics
    rules = {name: rule for mapping in mappings.values() for name, rule in mapping.contact_rules.items()}
    return {
        store: replace(
            mapping,
            contact_rules=MappingProxyType({**rules, **mapping.contact_rules}),
            metrics=metrics,
            orders=replace(mapping.orders, metrics=metrics) if mapping.orders else None,
        )
        for store, mapping in mappings.items()
    }
