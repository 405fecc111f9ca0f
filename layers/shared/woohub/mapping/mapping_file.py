"""Read mapping.toml and check it. Each mistake is reported with its property and with what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from woohub.errors import WooHubError
from woohub.mapping.customer_metrics import CustomerMetrics
from woohub.mapping.overlay import Overlay, Tables, merged
from woohub.mapping.rows import (
    ContactRow,
    CreateRows,
    DealRow,
    GroupRow,
    LineItemRow,
    MappingFile,
    MetricsRow,
    OrderStageRow,
    PipelineRow,
    PropertyRow,
    StageRow,
    Table,
)
from woohub.store.payloads import TRASH

DEFAULT = Path(__file__).with_name("mapping.toml")

KEY = "woocommerce_order_id"
STATUS = "woocommerce_order_status"
DEAL_VERSION = "woocommerce_order_version"
CONTACT_VERSION = "woocommerce_customer_version"
ITEM_KEY = "woocommerce_line_item_id"
ITEMS_STATE = "woocommerce_line_items"  # a deal's property: which line items HubSpot has
ITEMS_NOTE = "woocommerce_line_items_note"  # a deal's property: what is not among the line items
FILLED_BY_WOOHUB = {
    "contact": (CONTACT_VERSION,),
    "deal": (KEY, "pipeline", "dealstage", STATUS, DEAL_VERSION, ITEMS_STATE, ITEMS_NOTE),
    "order": (KEY, "hs_pipeline", "hs_pipeline_stage", STATUS, DEAL_VERSION, ITEMS_STATE, ITEMS_NOTE),
    "line_item": (ITEM_KEY,),
}
TO_BE_CREATED = {
    "contact": (CONTACT_VERSION,),
    "deal": (KEY, STATUS, DEAL_VERSION),
    "order": (KEY, STATUS, DEAL_VERSION),
    "line_item": (),
}

# The values of `as` that fit a property's type; for other types, only the type's own name.
SHAPES_OF_TYPE = {"string": ("text", "email", "id", "bool"), "number": ("number", "id")}


class InvalidMapping(WooHubError):
    """mapping.toml cannot be used. The text lists every mistake; `of_the_whole`: there is one, about the whole file."""

    def __init__(self, file: str, mistakes: Sequence[str], *, of_the_whole: bool = False) -> None:
        super().__init__(f"{file}{mistakes[0]}" if of_the_whole else "\n  ".join([f"{file}:", *mistakes]))
        self.file, self.mistakes = file, tuple(mistake.lstrip(": ") for mistake in mistakes)


def read(overlays: Sequence[Overlay] = (), path: Path = DEFAULT) -> MappingFile:
    """Read the default file, and merge each overlay over the result of those before it.

    Raises InvalidMapping, which names the first overlay whose result cannot be used.
    """
    return tables_and_file(overlays, path)[1]


def tables_and_file(overlays: Sequence[Overlay] = (), path: Path = DEFAULT) -> tuple[Tables, MappingFile]:
    """Read as `read` does, and return the merged TOML tables as well."""
    tables, file = _default(Overlay(path.name, _content(path)))
    for overlay in overlays:
        tables, file = _checked(overlay, tables)
    return tables, file


@lru_cache(maxsize=1)
def _default(file: Overlay) -> tuple[Tables, MappingFile]:
    """Read the default file, once for the mappings of all stores: it takes longer than to read overlays."""
    return _checked(file, {})


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidMapping(path.name, [f" cannot be read: {error}"], of_the_whole=True) from error


def _checked(overlay: Overlay, base: Tables) -> tuple[Tables, MappingFile]:
    try:
        tables = merged(base, tables_of(overlay))
        file = MappingFile.model_validate(tables)
    except ValidationError as error:
        raise InvalidMapping(
            overlay.name, [_shape_mistake(mistake) for mistake in error.errors(include_url=False)]
        ) from error
    if mistakes := [*_stage_mistakes(file), *_property_mistakes(file)]:
        raise InvalidMapping(overlay.name, mistakes)
    return tables, file


def tables_of(overlay: Overlay) -> dict[str, Any]:
    """Return the TOML tables of one file alone, unchecked. Raises InvalidMapping if it is no TOML in UTF-8."""
    try:
        text = overlay.content.decode("utf-8-sig")  # editors on Windows may begin a file with a byte order mark
        return tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise InvalidMapping(
            overlay.name, [f" cannot be read: save it as UTF-8 ({error})"], of_the_whole=True
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidMapping(overlay.name, [f": {error}{_line(text, str(error))}"], of_the_whole=True) from error


def _line(text: str, message: str) -> str:
    """Return the line that tomllib's message names by its number: this shows which key is there twice, for example."""
    number = re.search(r"at line (\d+)", message)
    return f": {text.splitlines()[int(number[1]) - 1].strip()}" if number else ""


SECTIONS = {  # names in the file of fields of MappingFile
    "contact_metrics": "contact.metrics",
    "deal_enabled": "deal.enabled",
    "order_enabled": "order.enabled",
    "line_item_enabled": "line_item.enabled",
}
RULES = {  # woohub's texts by pydantic's error type
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
    place = ".".join(SECTIONS.get(str(part), str(part)) for part in error["loc"] if part != "[key]")
    if error["type"] == "extra_forbidden":
        return f"{place}: unknown; allowed here: {', '.join(_allowed_keys(error['loc']))}"
    if error["type"] == "literal_error":
        return f"{place}: {error['input']!r} is not possible; allowed: {error['ctx']['expected']}"
    return f"{place}: {RULES.get(error['type'], error['msg'])}"


# The place of each table in the file; "*" stands for the name of a property or stage.
PLACES: tuple[tuple[tuple[str, ...], type[Table]], ...] = (
    ((), MappingFile),
    (("contact", "*"), ContactRow),
    (("contact_metrics",), MetricsRow),
    (("deal", "*"), DealRow),
    (("order", "*"), DealRow),
    (("order_pipeline",), PipelineRow),
    (("order_stages", "*"), OrderStageRow),
    (("create", "order", "*"), PropertyRow),
    (("line_item", "*"), LineItemRow),
    (("pipeline",), PipelineRow),
    (("stages", "*"), StageRow),
    (("create",), CreateRows),
    (("create", "group"), GroupRow),
    (("create", "contact", "*"), PropertyRow),
    (("create", "deal", "*"), PropertyRow),
    (("create", "line_item", "*"), PropertyRow),
)


def _allowed_keys(place: tuple[int | str, ...]) -> list[str]:
    """Return the keys that are allowed in the table that holds the key at this place."""
    table = next(table for pattern, table in PLACES if _fits(place[:-1], pattern))
    return [field.alias or SECTIONS.get(name, name) for name, field in table.model_fields.items()]


def _fits(place: tuple[int | str, ...], pattern: tuple[str, ...]) -> bool:
    return len(place) == len(pattern) and all(part in ("*", name) for name, part in zip(place, pattern, strict=True))


def _stage_mistakes(file: MappingFile) -> Iterator[str]:
    yield from _mistakes_of_stages("", file.pipeline, file.stages)
    if file.order_enabled and file.order_pipeline:
        yield from _mistakes_of_stages("order_", file.order_pipeline, file.order_stages)
    elif file.order_enabled:
        yield "order_pipeline: is missing"


def _mistakes_of_stages(
    prefix: str, pipeline: PipelineRow, stages: Mapping[str, StageRow | OrderStageRow]
) -> Iterator[str]:
    if pipeline.default_stage not in stages:
        yield f"{prefix}pipeline.default_stage: {pipeline.default_stage!r} is not a stage; allowed: {', '.join(stages)}"
    stage_of_status: dict[str, str] = {}
    stage_of_label: dict[str, str] = {}
    for name, stage in stages.items():
        for status in stage.statuses:
            if (other := stage_of_status.setdefault(status, name)) != name:
                yield f"{prefix}stages.{name}: the status {status!r} leads to {other} already"
        if (other := stage_of_label.setdefault(stage.label.casefold(), name)) != name:
            yield f"{prefix}stages.{name}: the label {stage.label!r} is that of {other} already"
    if TRASH not in stage_of_status:
        yield f'{prefix}stages: none of them lists the status "{TRASH}", for orders moved to the trash'


def _property_mistakes(file: MappingFile) -> Iterator[str]:
    rows: tuple[tuple[str, Mapping[str, DealRow], Mapping[str, PropertyRow]], ...] = (
        ("contact", file.contact, file.create.contact),
        ("deal", file.deal, file.create.deal),
        *((("order", file.order, file.create.order),) if file.order_enabled else ()),
        ("line_item", file.line_item, file.create.line_item),
    )
    for kind, mapped, created in rows:
        for name in FILLED_BY_WOOHUB[kind]:
            if name in mapped:
                yield f"{kind}.{name}: is filled by woohub itself; take it out"
        for name in TO_BE_CREATED[kind]:
            if name not in created:
                yield f"create.{kind}.{name}: is missing; woohub cannot work without this property"
        yield from _definition_mistakes(kind, mapped, created)
    yield from _key_mistakes(file)
    yield from _metrics_mistakes(file)


def _definition_mistakes(kind: str, mapped: Mapping[str, DealRow], created: Mapping[str, PropertyRow]) -> Iterator[str]:
    property_of_label: dict[str, str] = {}
    for name, row in created.items():
        if (other := property_of_label.setdefault(row.label.casefold(), name)) != name:
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
    for kind, created in (("deal", file.create.deal), ("order", file.create.order)):
        if KEY in created and not created[KEY].unique:
            yield f"create.{kind}.{KEY}: must have hasUniqueValue = true, or one order could get two {kind}s"


def _metrics_mistakes(file: MappingFile) -> Iterator[str]:
    """Check that deals, or else HubSpot's orders, have the properties that the customer metrics sum up."""
    metrics = CustomerMetrics.of(file.contact_metrics, has_deals=file.deal_enabled)
    kind, rows = ("deal", file.deal) if file.deal_enabled else ("order", file.order)
    if metrics and not (file.deal_enabled or file.order_enabled):
        yield "contact.metrics.enabled: there are neither deals nor orders to sum up"
    for name in ("amount", "date", "currency") if metrics else ():
        if (summed_up := getattr(metrics, name)) not in rows:
            yield f"contact.metrics.{name}: {summed_up!r} is not listed under [{kind}], so no {kind} has it"
