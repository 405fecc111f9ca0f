"""Convert orders and customers to HubSpot properties, by the table in mapping.toml. Pure: no network, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from woohub.mapping import mapping_file, personal
from woohub.mapping.customer_metrics import CustomerMetrics, with_net_total
from woohub.mapping.definitions import Definition, Group, definitions
from woohub.mapping.line_items import DEAL_PROPERTIES, LineItemMapping
from woohub.mapping.mapping_file import CONTACT_VERSION, DEAL_VERSION, KEY, STATUS
from woohub.mapping.overlay import Overlay
from woohub.mapping.rows import DealRow, MappingFile, PipelineRow
from woohub.mapping.stages import Pipeline, deal_pipeline, order_pipeline
from woohub.mapping.values import Value, read_values, value_reader
from woohub.mapping.write_rule import WriteRule
from woohub.store.payloads import TRASH, Customer, Order


@dataclass(frozen=True)
class FieldMapping:
    """The table in mapping.toml, ready to use."""

    order_key_prefix: str
    pipeline: Pipeline
    group: Group
    definitions: tuple[Definition, ...]
    contact_rules: Mapping[str, WriteRule]
    deal_rules: Mapping[str, WriteRule]
    metrics: CustomerMetrics | None  # None: switched off
    has_deals: bool
    orders: FieldMapping | None  # the mapping with HubSpot's orders in place of deals; None: switched off
    line_items: LineItemMapping | None  # None: switched off
    personal: tuple[str, ...]  # properties of a deal that may hold a person's words, besides its name
    status_properties: tuple[str, ...]  # properties of a deal that show the order's status
    _from_order: Mapping[str, Value]
    _from_customer: Mapping[str, Value]
    _deal: Mapping[str, Value]

    @property
    def key_property(self) -> str:
        """The deal's property that identifies its order."""
        return KEY

    @property
    def contact_properties(self) -> tuple[str, ...]:
        """The properties of a contact that must be read before it can be compared."""
        return (*self.contact_rules, CONTACT_VERSION, *(self.metrics.names if self.metrics else ()))

    @property
    def deal_properties(self) -> tuple[str, ...]:
        """The properties of a deal that must be read before it can be compared."""
        return (*self.deal_rules, DEAL_VERSION, *(DEAL_PROPERTIES if self.line_items else ()))

    def contact_from_order(self, order: Order) -> dict[str, str]:
        """Return the values of the contact that an order names, without blanks: `email` may be missing."""
        return read_values(self._from_order, order)

    def email(self, order: Order) -> str:
        """Return only the `email` of the contact that an order names; "" if it names none."""
        return self._from_order["email"](order)

    def contact_from_customer(self, customer: Customer) -> dict[str, str]:
        """Return the values of the contact of a customer's account, without blanks: `email` may be missing."""
        return read_values(self._from_customer, customer)

    def deal(self, order: Order) -> dict[str, str]:
        """Return the values of an order's deal, without blanks."""
        return read_values(self._deal, order) | self.pipeline.properties(order.status) | {KEY: self.deal_key(order.id)}

    def trashed(self) -> dict[str, str]:
        """Return the values that a deal gets when its order is moved to the trash."""
        return dict.fromkeys(self.status_properties, TRASH) | self.pipeline.properties(TRASH)

    def deal_key(self, order_id: int) -> str:
        """Return the value of `key_property` for an order."""
        return f"{self.order_key_prefix}{order_id}"

    def order_id(self, key: str) -> int:
        """Return the id of the order that a value of `key_property` stands for; 0 if it is not this store's."""
        digits = key.removeprefix(self.order_key_prefix)
        ours = digits.isascii() and digits.isdigit() and self.deal_key(int(digits)) == key
        return int(digits) if ours else 0


def load_mapping(*overlays: Overlay, path: Path = mapping_file.DEFAULT) -> FieldMapping:
    """Read the default mapping.toml, or the one at `path`, and merge overlays over it. Raises InvalidMapping."""
    return field_mapping(mapping_file.read(overlays, path))


def field_mapping(file: MappingFile) -> FieldMapping:
    """Prepare the mapping from a file that was checked."""
    metrics = CustomerMetrics.of(file.contact_metrics, has_deals=file.deal_enabled)
    file = with_net_total(file) if metrics and metrics.is_net else file
    pipeline = deal_pipeline(file.pipeline, file.stages)
    mapping = FieldMapping(
        order_key_prefix=file.order_key_prefix,
        pipeline=pipeline,
        group=Group(file.create.group.name, file.create.group.label),
        definitions=definitions(file, metrics),
        contact_rules=_rules(file.contact),
        deal_rules=_deal_rules(file.deal, pipeline),
        metrics=metrics,
        has_deals=file.deal_enabled,
        orders=None,
        line_items=LineItemMapping.of(file.line_item) if file.line_item_enabled else None,
        personal=personal.properties_of_orders(file.deal),
        status_properties=_status_properties(file.deal),
        _from_order=_from_order(file.contact),
        _from_customer=MappingProxyType({name: value_reader(row.customer, row) for name, row in file.contact.items()}),
        _deal=_from_order(file.deal),
    )
    if file.order_enabled and file.order_pipeline:
        return replace(mapping, orders=_orders(mapping, file, file.order_pipeline))
    return mapping


def _orders(mapping: FieldMapping, file: MappingFile, row: PipelineRow) -> FieldMapping:
    """Return the mapping with the section [order] in place of [deal]."""
    pipeline = order_pipeline(row, file.order_stages)
    return replace(
        mapping,
        pipeline=pipeline,
        deal_rules=_deal_rules(file.order, pipeline),
        line_items=None if file.deal_enabled else mapping.line_items,  # a line item may belong to one record only
        personal=personal.properties_of_orders(file.order),
        status_properties=_status_properties(file.order),
        _deal=_from_order(file.order),
    )


def _rules(rows: Mapping[str, DealRow], filled: Iterable[str] = ()) -> Mapping[str, WriteRule]:
    """Return the rules of the rows, and those of the properties `filled` by woohub itself."""
    always = {name: WriteRule("always") for name in filled}
    return MappingProxyType({name: WriteRule.of(row) for name, row in rows.items()} | always)


def _deal_rules(rows: Mapping[str, DealRow], pipeline: Pipeline) -> Mapping[str, WriteRule]:
    return _rules(rows, (pipeline.stage_property, pipeline.id_property, KEY, STATUS))


def _from_order(rows: Mapping[str, DealRow]) -> Mapping[str, Value]:
    return MappingProxyType({name: value_reader(row.order, row) for name, row in rows.items()})


def _status_properties(rows: Mapping[str, DealRow]) -> tuple[str, ...]:
    return tuple(name for name, row in rows.items() if row.order == ("status",))
