"""The tables of mapping.toml, and what is allowed in each of their rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
META = "meta_data"
# Names separated by dots; the key of a meta field may have any characters.
FIELD = re.compile(r"([A-Za-z0-9_-]+\.)*(meta_data\.\S(.*\S)?|[A-Za-z0-9_-]+)")
NUMBERED = re.compile(r"([^{}]*)\{(id|number)\}")  # the beginning of a text that "if-not-renamed" can recognise
FIELD_TYPES = {
    "string": ("text", "textarea"),
    "number": ("number",),
    "date": ("date",),
    "datetime": ("date",),
    "bool": ("booleancheckbox",),
}

As = Literal["text", "number", "date", "datetime", "email", "id", "bool"]
Write = Literal["always", "if-empty", "on-create", "if-not-renamed"]


def _pattern(pattern: str, rule: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("pattern", "{rule}", {"rule": rule})
        return text

    return AfterValidator(check)


def _tenths(chance: float) -> float:
    if chance not in [tenth / 10 for tenth in range(11)]:
        raise PydanticCustomError("probability", "must be between 0.0 and 1.0, in steps of 0.1")
    return chance


Source = Annotated[str, _pattern(FIELD.pattern, 'must be the name of a field, such as "total" or "billing.city"')]
Sources = Annotated[tuple[Source, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
Property = Annotated[str, _pattern("[a-z][a-z0-9_]*", "is no HubSpot property name: lower-case letters, digits and _")]
StageId = Annotated[str, _pattern("[A-Za-z0-9_-]+", "is no stage id: letters, digits, - and _")]
Status = Annotated[str, AfterValidator(lambda status: status.strip().removeprefix("wc-"))]
Label = Annotated[str, _pattern(r"\s*\S.*", "must not be empty")]
Prefix = Annotated[
    str, _pattern("([a-z0-9_.-]*[a-z_.-])?", "must be lower-case letters, digits, -, _ and ., not ending in a digit")
]


class Table(BaseModel):
    """Base of all tables of the file. Keys that are not declared are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class DealRow(Table):
    """The source of one property's value, and when the value is written."""

    order: Sources = ()
    text: str = ""
    shape: As = Field("text", alias="as")
    write: Write = "always"

    @model_validator(mode="after")
    def _check(self) -> DealRow:
        if mistake := next(self._mistakes(), ""):
            raise PydanticCustomError("row", "{mistake}", {"mistake": mistake})
        return self

    @property
    def is_text_asked_for(self) -> bool:
        """Whether the row says `as = "text"` itself: then lists and objects of meta fields become text, too."""
        return self.shape == "text" and "shape" in self.model_fields_set

    def _has_source(self) -> bool:
        return bool(self.order)

    def _mistakes(self) -> Iterator[str]:
        if self._has_source() == bool(self.text):
            yield f"needs either {SOURCES[type(self)]}, or text"
        if self.text and self.shape != "text":
            yield f'"as" is not possible together with text: {self.shape}'
        for name in PLACEHOLDER.findall(self.text):
            if not FIELD.fullmatch(name):
                yield f"the text has {{{name}}}, which is not the name of a field"
        if "{" in PLACEHOLDER.sub("", self.text) or "}" in PLACEHOLDER.sub("", self.text):
            yield "the text has a brace without its partner"
        if self.write == "if-not-renamed" and not NUMBERED.match(self.text):
            yield '"if-not-renamed" needs a text that begins with fixed words and {id} or {number}'


class ContactRow(DealRow):
    """A DealRow for a contact: the value comes from an order, or from a field of the customer's account."""

    customer: Sources = ()

    def _has_source(self) -> bool:
        return bool(self.order or self.customer)

    def _mistakes(self) -> Iterator[str]:
        if self.write == "if-not-renamed":
            yield '"if-not-renamed" is for deals; allowed: always, if-empty, on-create'
        yield from super()._mistakes()


class LineItemRow(DealRow):
    """A DealRow for a line item: the value comes from the item itself, or from its order."""

    item: Sources = ()

    def _has_source(self) -> bool:
        return bool(self.item or self.order)

    def _mistakes(self) -> Iterator[str]:
        if self.write == "if-not-renamed":
            yield '"if-not-renamed" is for deals; allowed: always, if-empty, on-create'
        if self.item and self.order:
            yield "has both item and order, but only one of them is possible"
        yield from super()._mistakes()


SOURCES = {DealRow: "order", ContactRow: "order and customer", LineItemRow: "item or order"}


class OrderStageRow(Table):
    """One stage of HubSpot's orders, and the order statuses that lead to it."""

    label: Label
    state: Literal["OPEN", "CLOSED"]
    statuses: tuple[Status, ...] = ()


class MetricsRow(Table):
    """Which of a customer's deals count as paid, and which of a deal's properties are summed up."""

    enabled: bool = False
    names: Literal["woocommerce", "makewebbetter"] = "woocommerce"
    paid_statuses: tuple[Status, ...] = ("processing", "completed")
    amount: Property | None = None  # None, here and below: the property that the default mapping fills
    date: Property | None = None
    currency: Property | None = None


class PipelineRow(Table):
    """The pipeline of all deals, or of HubSpot's orders."""

    id: StageId
    label: Label
    default_stage: str


class StageRow(Table):
    """One stage of deals, and the order statuses that lead to it."""

    label: Label
    probability: Annotated[float, AfterValidator(_tenths)]
    statuses: tuple[Status, ...] = ()


class PropertyRow(Table):
    """A property that set-up creates."""

    label: Label
    type: Literal["string", "number", "date", "datetime", "bool"]
    field_type: str = Field(alias="fieldType")
    description: Label
    unique: bool = Field(False, alias="hasUniqueValue")

    @model_validator(mode="after")
    def _check(self) -> PropertyRow:
        allowed = FIELD_TYPES[self.type]
        if self.field_type not in allowed:
            choice = " or ".join(allowed)
            raise PydanticCustomError(
                "fieldType", "with type {type}, fieldType must be {choice}", {"type": self.type, "choice": choice}
            )
        return self


class GroupRow(Table):
    """The group of properties in which HubSpot shows them."""

    name: Property
    label: Label


class CreateRows(Table):
    """The group and the properties that set-up creates."""

    group: GroupRow
    contact: dict[Property, PropertyRow]
    deal: dict[Property, PropertyRow]
    order: dict[Property, PropertyRow] = Field(default_factory=dict)
    line_item: dict[Property, PropertyRow] = Field(default_factory=dict)


class MappingFile(Table):
    """The whole of mapping.toml."""

    order_key_prefix: Prefix = ""
    contact: dict[Property, ContactRow]
    deal: dict[Property, DealRow]
    pipeline: PipelineRow
    stages: dict[StageId, StageRow]
    create: CreateRows
    deal_enabled: bool = True  # [deal] enabled in the file, beside the properties
    order: dict[Property, DealRow] = Field(default_factory=dict)
    order_enabled: bool = False
    order_pipeline: PipelineRow | None = None
    order_stages: dict[StageId, OrderStageRow] = Field(default_factory=dict)
    line_item: dict[Property, LineItemRow] = Field(default_factory=dict)
    line_item_enabled: bool = False  # [line_item] enabled in the file, beside the properties
    contact_metrics: MetricsRow = MetricsRow()  # [contact.metrics] in the file, beside the properties

    @model_validator(mode="before")
    @classmethod
    def _take_metrics_out(cls, tables: Any) -> Any:
        contact = tables.get("contact") if isinstance(tables, dict) else None
        if not isinstance(contact, dict) or "metrics" not in contact:
            return tables
        rows = {name: row for name, row in contact.items() if name != "metrics"}
        return {**tables, "contact": rows, "contact_metrics": contact["metrics"]}

    @model_validator(mode="before")
    @classmethod
    def _take_switches_out(cls, tables: Any) -> Any:
        if not isinstance(tables, dict):
            return tables
        for name in ("deal", "order", "line_item"):
            section = tables.get(name)
            if isinstance(section, dict) and "enabled" in section:
                rows = {key: row for key, row in section.items() if key != "enabled"}
                tables = {**tables, name: rows, f"{name}_enabled": section["enabled"]}
        return tables
