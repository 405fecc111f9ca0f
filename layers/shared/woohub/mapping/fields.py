"""Turn orders and customers into HubSpot properties, by the table in mapping.toml. Pure: no network, no clock."""

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
    """The table, ready to use."""

    order_key_prefix: str
    pipeline: Pipeline
    group: Group
    definitions: tuple[Definition, ...]
    contact_rules: Mapping[str, WriteRule]
    deal_rules: Mapping[str, WriteRule]
    metrics: CustomerMetrics | None  # None: switched off
    has_deals: bool
    orders: FieldMapping | None  # the same for HubSpot's orders in place of deals; None: there are none
    line_items: LineItemMapping | None  # None: switched off
    personal: tuple[str, ...]  # properties of a deal that may hold a person's words, besides its name
    status_properties: tuple[str, ...]  # … and those whose row shows the order's status: the trash has no other field
    _from_order: Mapping[str, Value]
    _from_customer: Mapping[str, Value]
    _deal: Mapping[str, Value]

    @property
    def key_property(self) -> str:
        """The deal property that identifies an order."""
        return KEY

    @property
    def contact_properties(self) -> tuple[str, ...]:
        """What has to be read of a contact before it can be compared."""
        return (*self.contact_rules, CONTACT_VERSION, *(self.metrics.names if self.metrics else ()))

    @property
    def deal_properties(self) -> tuple[str, ...]:
        """What has to be read of a deal before it can be compared."""
        return (*self.deal_rules, DEAL_VERSION, *(DEAL_PROPERTIES if self.line_items else ()))

    def contact_from_order(self, order: Order) -> dict[str, str]:
        """The contact an order names; without blanks, and without `email` when it names no address."""
        return read_values(self._from_order, order)

    def email(self, order: Order) -> str:
        """The `email` of that contact alone; "" when the order names no address."""
        return self._from_order["email"](order)

    def contact_from_customer(self, customer: Customer) -> dict[str, str]:
        """The contact of a customer's account; without blanks, and without `email` when it has no address."""
        return read_values(self._from_customer, customer)

    def deal(self, order: Order) -> dict[str, str]:
        """The deal of an order, without blanks."""
        return read_values(self._deal, order) | self.pipeline.properties(order.status) | {KEY: self.deal_key(order.id)}

    def trashed(self) -> dict[str, str]:
        """What a deal becomes when its order is moved to the trash."""
        return dict.fromkeys(self.status_properties, TRASH) | self.pipeline.properties(TRASH)

    def deal_key(self, order_id: int) -> str:
        """The value of `key_property` for an order."""
        return f"{self.order_key_prefix}{order_id}"

    def order_id(self, key: str) -> int:
        """The order that a value of `key_property` is for; 0 for one of another store, or none of ours."""
        digits = key.removeprefix(self.order_key_prefix)
        ours = digits.isascii() and digits.isdigit() and self.deal_key(int(digits)) == key
        return int(digits) if ours else 0


def load_mapping(*overlays: Overlay, path: Path = mapping_file.DEFAULT) -> FieldMapping:
    """woohub's own mapping.toml, or the one at `path`, with overlays over it; raises InvalidMapping."""
    return field_mapping(mapping_file.read(overlays, path))


def field_mapping(file: MappingFile) -> FieldMapping:
    """The table out of a file that was checked."""
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
        personal=personal.of_orders(file.deal),
        status_properties=_of_status(file.deal),
        _from_order=_from_order(file.contact),
        _from_customer=MappingProxyType({name: value_reader(row.customer, row) for name, row in file.contact.items()}),
        _deal=_from_order(file.deal),
    )
    if file.order_enabled and file.order_pipeline:
        return replace(mapping, orders=_orders(mapping, file, file.order_pipeline))
    return mapping


def _orders(mapping: FieldMapping, file: MappingFile, row: PipelineRow) -> FieldMapping:
    """The same with the section [order] in place of [deal]."""
    pipeline = order_pipeline(row, file.order_stages)
    return replace(
        mapping,
        pipeline=pipeline,
        deal_rules=_deal_rules(file.order, pipeline),
        line_items=None if file.deal_enabled else mapping.line_items,  # they belong to one record only
        personal=personal.of_orders(file.order),
        status_properties=_of_status(file.order),
        _deal=_from_order(file.order),
    )


def _rules(rows: Mapping[str, DealRow], filled: Iterable[str] = ()) -> Mapping[str, WriteRule]:
    """Those of the rows, and of the properties that woohub fills itself."""
    always = {name: WriteRule("always") for name in filled}
    return MappingProxyType({name: WriteRule.of(row) for name, row in rows.items()} | always)


def _deal_rules(rows: Mapping[str, DealRow], pipeline: Pipeline) -> Mapping[str, WriteRule]:
    return _rules(rows, (pipeline.stage_property, pipeline.id_property, KEY, STATUS))


def _from_order(rows: Mapping[str, DealRow]) -> Mapping[str, Value]:
    return MappingProxyType({name: value_reader(row.order, row) for name, row in rows.items()})


def _of_status(rows: Mapping[str, DealRow]) -> tuple[str, ...]:
    return tuple(name for name, row in rows.items() if row.order == ("status",))
