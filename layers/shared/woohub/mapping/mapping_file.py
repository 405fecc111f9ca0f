"""Read mapping.toml and check it: every mistake is named with its property and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from woohub.errors import WooHubError
from woohub.store.payloads import TRASH

DEFAULT = Path(__file__).with_name("mapping.toml")

KEY = "woocommerce_order_id"
STATUS = "woocommerce_order_status"
DEAL_VERSION = "woocommerce_order_version"
CONTACT_VERSION = "woocommerce_customer_version"
FILLED_BY_WOOHUB = {"contact": (CONTACT_VERSION,), "deal": (KEY, "pipeline", "dealstage", STATUS, DEAL_VERSION)}
TO_BE_CREATED = {"contact": (CONTACT_VERSION,), "deal": (KEY, STATUS, DEAL_VERSION)}

PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
FIELD = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")
NUMBERED = re.compile(r"([^{}]*)\{(id|number)\}")  # how a text begins that "if-not-renamed" can recognise
FIELD_TYPES = {"string": ("text", "textarea"), "number": ("number",), "date": ("date",), "datetime": ("date",)}
SHAPES_OF_TYPE = {"string": ("text", "email", "id"), "number": ("number", "id")}  # date and datetime: their own name

As = Literal["text", "number", "date", "datetime", "email", "id"]
Write = Literal["always", "if-empty", "on-create", "if-not-renamed"]


class InvalidMapping(WooHubError):
    """mapping.toml cannot be used; the message lists every mistake."""


def _pattern(pattern: str, rule: str) -> AfterValidator:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("pattern", "{rule}", {"rule": rule})
        return text

    return AfterValidator(check)


def _step(chance: float) -> float:
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
    """Base of all parts of the file: other keys than the declared ones are mistakes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class DealRow(Table):
    """Where the value of one property comes from, and when it is written."""

    order: Sources = ()
    text: str = ""
    shape: As = Field("text", alias="as")
    write: Write = "always"

    @model_validator(mode="after")
    def _check(self) -> DealRow:
        for mistake in self._mistakes():
            raise PydanticCustomError("row", "{mistake}", {"mistake": mistake})
        return self

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
    """The same, with the field of the customer's account beside the order's."""

    customer: Sources = ()

    def _has_source(self) -> bool:
        return bool(self.order or self.customer)

    def _mistakes(self) -> Iterator[str]:
        if self.write == "if-not-renamed":
            yield '"if-not-renamed" is for deals; allowed: always, if-empty, on-create'
        yield from super()._mistakes()


SOURCES = {DealRow: "order", ContactRow: "order and customer"}


class PipelineRow(Table):
    """The pipeline of all deals."""

    id: StageId
    label: Label
    default_stage: str


class StageRow(Table):
    """One stage and the order statuses that lead to it."""

    label: Label
    probability: Annotated[float, AfterValidator(_step)]
    statuses: tuple[Status, ...] = ()


class PropertyRow(Table):
    """One property that set-up creates."""

    label: Label
    type: Literal["string", "number", "date", "datetime"]
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
    """Where HubSpot shows the properties."""

    name: Property
    label: Label


class CreateRows(Table):
    """What set-up creates."""

    group: GroupRow
    contact: dict[Property, PropertyRow]
    deal: dict[Property, PropertyRow]


class MappingFile(Table):
    """The whole file."""

    order_key_prefix: Prefix = ""
    contact: dict[Property, ContactRow]
    deal: dict[Property, DealRow]
    pipeline: PipelineRow
    stages: dict[StageId, StageRow]
    create: CreateRows


def read(path: Path | None = None) -> MappingFile:
    """Read and check the file, woohub's own if none is given; raises InvalidMapping."""
    path = path or DEFAULT
    try:
        text = path.read_text("utf-8")
        file = MappingFile.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidMapping(f"{path.name} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidMapping(f"{path.name}: {error}{_line(text, str(error))}") from error
    except ValidationError as error:
        raise _invalid(path, [_shape_mistake(one) for one in error.errors(include_url=False)]) from error
    if mistakes := [*_stage_mistakes(file), *_property_mistakes(file)]:
        raise _invalid(path, mistakes)
    return file


def _invalid(path: Path, mistakes: list[str]) -> InvalidMapping:
    return InvalidMapping("\n  ".join([f"{path.name}:", *mistakes]))


def _line(text: str, message: str) -> str:
    """tomllib names a line by its number only; a key that is there twice is found faster by its text."""
    found = re.search(r"at line (\d+)", message)
    return f": {text.splitlines()[int(found[1]) - 1].strip()}" if found else ""


RULES = {
    "missing": "is missing",
    "string_type": "must be a text in quotes",
    "tuple_type": 'must be a name in quotes or a list of them: ["first", "second"]',
    "model_type": "must be written in braces, { … }, or be a section of its own",
    "dict_type": "must be a section of its own",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
}


def _shape_mistake(error: ErrorDetails) -> str:
    place = ".".join(str(part) for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown; allowed here: {', '.join(_allowed(error['loc']))}"
    if error["type"] == "literal_error":
        return f"{place}: {error['input']!r} is not possible; allowed: {error['ctx']['expected']}"
    return f"{place}: {RULES.get(error['type'], error['msg'])}"


def _allowed(place: tuple[int | str, ...]) -> list[str]:
    tables: dict[tuple[int | str, ...], type[Table]] = {
        (): MappingFile,
        ("contact",): ContactRow,
        ("deal",): DealRow,
        ("pipeline",): PipelineRow,
        ("stages",): StageRow,
        ("create",): CreateRows,
        ("create", "group"): GroupRow,
        ("create", "contact"): PropertyRow,
        ("create", "deal"): PropertyRow,
    }
    # The table itself, or the rows in it, which are named one level below.
    table = tables.get(place[:-1]) or tables[place[:-2]]
    return [field.alias or name for name, field in table.model_fields.items()]


def _stage_mistakes(file: MappingFile) -> Iterator[str]:
    default = file.pipeline.default_stage
    if default not in file.stages:
        yield f"pipeline.default_stage: {default!r} is not a stage; allowed: {', '.join(file.stages)}"
    seen: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name, stage in file.stages.items():
        for status in stage.statuses:
            if (other := seen.setdefault(status, name)) != name:
                yield f"stages.{name}: the status {status!r} leads to {other} already"
        if (other := labels.setdefault(stage.label.casefold(), name)) != name:
            yield f"stages.{name}: the label {stage.label!r} is that of {other} already"
    if TRASH not in seen:
        yield f'stages: none of them lists the status "{TRASH}", for orders moved to the trash'


def _property_mistakes(file: MappingFile) -> Iterator[str]:
    rows: dict[str, Mapping[str, DealRow]] = {"contact": file.contact, "deal": file.deal}
    created = {"contact": file.create.contact, "deal": file.create.deal}
    for kind, mapped in rows.items():
        for name in FILLED_BY_WOOHUB[kind]:
            if name in mapped:
                yield f"{kind}.{name}: is filled by woohub itself; take it out"
        for name in TO_BE_CREATED[kind]:
            if name not in created[kind]:
                yield f"create.{kind}.{name}: is missing; woohub cannot work without this property"
        yield from _definition_mistakes(kind, mapped, created[kind])
    yield from _key_mistakes(file)


def _definition_mistakes(kind: str, mapped: Mapping[str, DealRow], created: Mapping[str, PropertyRow]) -> Iterator[str]:
    labels: dict[str, str] = {}
    for name, row in created.items():
        if (other := labels.setdefault(row.label.casefold(), name)) != name:
            yield f"create.{kind}.{name}: the label {row.label!r} is that of {other} already"
        if name not in mapped and name not in FILLED_BY_WOOHUB[kind]:
            yield f"create.{kind}.{name}: nothing fills it; list it under [{kind}] or take it out here"
        shapes = SHAPES_OF_TYPE.get(row.type, (row.type,))
        if name in mapped and mapped[name].shape not in shapes:
            yield f'{kind}.{name}: is created with type {row.type}, so it needs as = "{shapes[0]}"'


def _key_mistakes(file: MappingFile) -> Iterator[str]:
    email = file.contact.get("email")
    if email is None or not email.order or not email.customer:
        yield "contact.email: is missing or has no order or customer; contacts are found by it"
    elif (email.shape, email.write) != ("email", "on-create"):
        yield 'contact.email: must have as = "email" and write = "on-create", since contacts are found by it'
    order_id = file.create.deal.get(KEY)
    if order_id and not order_id.unique:
        yield f"create.deal.{KEY}: must have hasUniqueValue = true, or one order could get two deals"
