"""The properties that set-up creates in HubSpot: those in [create] of mapping.toml, metrics, line items. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from woohub.mapping.customer_metrics import FIELD_TYPES, CustomerMetrics
from woohub.mapping.line_items import DEAL_PROPERTIES, KEY_PROPERTY
from woohub.mapping.mapping_file import ITEM_KEY
from woohub.mapping.rows import MappingFile, PropertyRow


@dataclass(frozen=True, slots=True)
class Group:
    """The heading under which HubSpot shows the properties, the same for all objects."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A property that set-up creates. An existing property of the type `other_type` is accepted, too."""

    object_type: str  # "contacts", "deals", "orders" or "line_items"
    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str
    unique: bool
    other_type: str = ""


def definitions(file: MappingFile, metrics: CustomerMetrics | None) -> tuple[Definition, ...]:
    """Return the properties to create, of all objects that the file switches on."""
    return (
        *_row_definitions("contacts", file.create.contact, file),
        *(_row_definitions("deals", file.create.deal, file) if file.deal_enabled else ()),
        *(_row_definitions("orders", file.create.order, file) if file.order_enabled else ()),
        *_metric_definitions(metrics, file.create.group.name),
        *_line_item_definitions(file),
    )


def _row_definitions(object_type: str, rows: Mapping[str, PropertyRow], file: MappingFile) -> list[Definition]:
    group = file.create.group.name
    return [
        Definition(object_type, name, row.label, row.type, row.field_type, group, row.description, row.unique)
        for name, row in rows.items()
    ]


def _metric_definitions(metrics: CustomerMetrics | None, group: str) -> list[Definition]:
    rows = metrics.definitions if metrics else {}
    return [
        Definition(
            "contacts", name, row.label, row.type, FIELD_TYPES[row.type], group, row.description, False, row.type_there
        )
        for name, row in rows.items()
    ]


def _line_item_definitions(file: MappingFile) -> list[Definition]:
    if not file.line_item_enabled:
        return []
    of_items = {ITEM_KEY: KEY_PROPERTY, **file.create.line_item}
    owner = "deals" if file.deal_enabled else "orders"
    return [*_row_definitions(owner, DEAL_PROPERTIES, file), *_row_definitions("line_items", of_items, file)]
