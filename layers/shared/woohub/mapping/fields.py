"""Turn orders and customers into HubSpot properties, by the table in mapping.toml. Pure: no network, no clock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from woohub.mapping import mapping_file, personal
from woohub.mapping.customer_metrics import FIELD_TYPES, NET_TOTAL, CustomerMetrics
from woohub.mapping.line_items import DEAL_PROPERTIES, KEY_PROPERTY, LineItemMapping
from woohub.mapping.mapping_file import CONTACT_VERSION, DEAL_VERSION, ITEM_KEY, KEY, STATUS
from woohub.mapping.overlay import Overlay
from woohub.mapping.rows import NUMBERED, DealRow, MappingFile, PropertyRow
from woohub.mapping.values import SEPARATORS, Value, as_text, read_values, value_reader
from woohub.mapping.write_rule import WriteRule
from woohub.store.payloads import TRASH, Customer, Order

DEAL_STAGE, ORDER_STAGE = ("dealstage", "pipeline"), ("hs_pipeline_stage", "hs_pipeline")
NET_TOTAL_ROW = DealRow.model_validate({"order": "net_total", "as": "number"})
NET_TOTAL_PROPERTY = PropertyRow.model_validate(
    {
        "label": "WooCommerce net total",
        "type": "number",
        "fieldType": "number",
        "description": "The order's total less refunds. Written by woohub, which sums up the customer's orders by it.",
    }
)
NUMBER_AS_WRITTEN = {"id": r"[0-9]+", "number": r"\S+"}


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipeline of all deals."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the pipeline and the order statuses that lead to it."""

    id: str
    label: str
    probability: float  # 0.0 to 1.0
    statuses: tuple[str, ...]
    state: str = ""  # OPEN or CLOSED, of HubSpot's orders, which have it in place of a probability

    @property
    def is_closed(self) -> bool:
        """HubSpot: a stage is closed when its deals are surely won or lost."""
        return self.probability in (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """Under which heading HubSpot shows the properties; the same for contacts and deals."""

    name: str
    label: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A property that HubSpot must have and does not have by itself; one of `other_type` will do as well."""

    object_type: str  # "contacts", "deals", "orders" or "line_items"
    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str
    unique: bool
    other_type: str = ""


@dataclass(frozen=True)
class FieldMapping:
    """The table, ready to use."""

    order_key_prefix: str
    pipeline: Pipeline
    stages: tuple[Stage, ...]
    default_stage: str
    group: Group
    definitions: tuple[Definition, ...]
    contact_rules: Mapping[str, WriteRule]
    deal_rules: Mapping[str, WriteRule]
    metrics: CustomerMetrics | None  # None: switched off
    has_deals: bool
    orders: FieldMapping | None  # the same for HubSpot's orders in place of deals; None: there are none
    stage_properties: tuple[str, str]  # which properties of a deal have its stage and its pipeline
    line_items: LineItemMapping | None  # None: switched off
    personal: tuple[str, ...]  # properties of a deal that may hold a person's words, besides its name
    status_properties: tuple[str, ...]  # … and those whose row shows the order's status: the trash has no other field
    _from_order: Mapping[str, Value]
    _from_customer: Mapping[str, Value]
    _deal: Mapping[str, Value]
    _stage_of: Mapping[str, str]

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
        return read_values(self._deal, order) | self._state(order.status) | {KEY: self.deal_key(order.id)}

    def trashed(self) -> dict[str, str]:
        """What a deal becomes when its order is moved to the trash."""
        return dict.fromkeys(self.status_properties, TRASH) | self._state(TRASH)

    def deal_key(self, order_id: int) -> str:
        """The value of `key_property` for an order."""
        return f"{self.order_key_prefix}{order_id}"

    def order_id(self, key: str) -> int:
        """The order that a value of `key_property` is for; 0 for one of another store, or none of ours."""
        digits = key.removeprefix(self.order_key_prefix)
        ours = digits.isascii() and digits.isdigit() and self.deal_key(int(digits)) == key
        return int(digits) if ours else 0

    def stage(self, status: str) -> str:
        """The id of the stage for an order status, the default stage for one the table does not know."""
        return self._stage_of.get(status, self.default_stage)

    def is_known(self, status: str) -> bool:
        """Whether the table has a stage for this status; if not, somebody should decide on one."""
        return status in self._stage_of

    def _state(self, status: str) -> dict[str, str]:
        stage, pipeline = self.stage_properties
        return {pipeline: self.pipeline.id, stage: self.stage(status), STATUS: as_text(status)}


def load_mapping(*overlays: Overlay, path: Path = mapping_file.DEFAULT) -> FieldMapping:
    """woohub's own mapping.toml, or the one at `path`, with overlays over it; raises InvalidMapping."""
    return field_mapping(mapping_file.read(overlays, path))


def field_mapping(file: MappingFile) -> FieldMapping:
    """The table out of a file that was checked."""
    metrics = CustomerMetrics.of(file.contact_metrics, has_deals=file.deal_enabled)
    file = _with_net_total(file) if metrics and metrics.is_net else file
    stages = [Stage(name, row.label, row.probability, row.statuses) for name, row in file.stages.items()]
    mapping = FieldMapping(
        order_key_prefix=file.order_key_prefix,
        pipeline=Pipeline(file.pipeline.id, file.pipeline.label),
        stages=tuple(stages),
        default_stage=file.pipeline.default_stage,
        group=Group(file.create.group.name, file.create.group.label),
        definitions=(
            *_definitions("contacts", file.create.contact, file),
            *(_definitions("deals", file.create.deal, file) if file.deal_enabled else ()),
            *(_definitions("orders", file.create.order, file) if file.order_enabled else ()),
            *_metrics_definitions(metrics, file.create.group.name),
            *_line_item_definitions(file),
        ),
        contact_rules=MappingProxyType({name: _rule(row) for name, row in file.contact.items()}),
        deal_rules=_order_rules(file.deal, DEAL_STAGE),
        metrics=metrics,
        has_deals=file.deal_enabled,
        orders=None,
        stage_properties=DEAL_STAGE,
        line_items=LineItemMapping.of(file.line_item) if file.line_item_enabled else None,
        personal=personal.of_orders(file.deal),
        status_properties=_of_status(file.deal),
        _from_order=MappingProxyType({name: value_reader(row.order, row) for name, row in file.contact.items()}),
        _from_customer=MappingProxyType({name: value_reader(row.customer, row) for name, row in file.contact.items()}),
        _deal=MappingProxyType({name: value_reader(row.order, row) for name, row in file.deal.items()}),
        _stage_of=_stage_of(stages),
    )
    return replace(mapping, orders=_orders(mapping, file)) if file.order_enabled else mapping


def _with_net_total(file: MappingFile) -> MappingFile:
    """What is summed up has the total less refunds, beside the amount."""
    kind = "deal" if file.deal_enabled else "order"
    rows, created = getattr(file, kind), getattr(file.create, kind)
    create = file.create.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_PROPERTY, **created}})
    return file.model_copy(update={kind: {NET_TOTAL: NET_TOTAL_ROW, **rows}, "create": create})


def _orders(mapping: FieldMapping, file: MappingFile) -> FieldMapping:
    """The same with the section [order] in place of [deal]."""
    stages = [Stage(name, row.label, 0.0, row.statuses, row.state) for name, row in file.order_stages.items()]
    pipeline = file.order_pipeline
    return replace(
        mapping,
        pipeline=Pipeline(pipeline.id, pipeline.label) if pipeline else mapping.pipeline,
        stages=tuple(stages),
        default_stage=pipeline.default_stage if pipeline else "",
        deal_rules=_order_rules(file.order, ORDER_STAGE),
        stage_properties=ORDER_STAGE,
        line_items=None if file.deal_enabled else mapping.line_items,  # they belong to one record only
        personal=personal.of_orders(file.order),
        status_properties=_of_status(file.order),
        _deal=MappingProxyType({name: value_reader(row.order, row) for name, row in file.order.items()}),
        _stage_of=_stage_of(stages),
    )


def _order_rules(rows: Mapping[str, DealRow], stage: tuple[str, str]) -> Mapping[str, WriteRule]:
    always = {name: WriteRule("always") for name in (*stage, KEY, STATUS)}
    return MappingProxyType({name: _rule(row) for name, row in rows.items()} | always)


def _of_status(rows: Mapping[str, DealRow]) -> tuple[str, ...]:
    return tuple(name for name, row in rows.items() if row.order == ("status",))


def _stage_of(stages: Sequence[Stage]) -> Mapping[str, str]:
    return MappingProxyType({status: stage.id for stage in stages for status in stage.statuses})


def _definitions(object_type: str, rows: Mapping[str, PropertyRow], file: MappingFile) -> list[Definition]:
    group = file.create.group.name
    return [
        Definition(object_type, name, row.label, row.type, row.field_type, group, row.description, row.unique)
        for name, row in rows.items()
    ]


def _metrics_definitions(metrics: CustomerMetrics | None, group: str) -> list[Definition]:
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
    return [*_definitions(owner, DEAL_PROPERTIES, file), *_definitions("line_items", of_items, file)]


def _rule(row: DealRow) -> WriteRule:
    start = NUMBERED.match(row.text)
    if row.write != "if-not-renamed" or not start:
        return WriteRule(row.write)
    words = re.sub(r"\s+", " ", start[1]).lstrip(SEPARATORS)
    return WriteRule(row.write, re.compile(re.escape(words) + NUMBER_AS_WRITTEN[start[2]]))
