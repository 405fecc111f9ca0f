"""Turn orders and customers into HubSpot properties, by the table in mapping.toml. Pure: no network, no clock."""

from __future__ import annotations

import html
import re
from collections import abc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from woohub import dates
from woohub.mapping import mapping_file
from woohub.mapping.mapping_file import CONTACT_VERSION, DEAL_VERSION, KEY, STATUS, InvalidMapping
from woohub.store.payloads import MONEY, TRASH, Customer, Order, Payload, plain

__all__ = [
    "Definition",
    "Group",
    "InvalidMapping",
    "Mapping",
    "Pipeline",
    "Stage",
    "WriteRule",
    "load_mapping",
    "usable_email",
]

LONGEST = 65_536  # characters HubSpot takes in one text property
LONGEST_EMAIL = 254  # RFC 5321, as corrected by erratum 1690
ADDRESS = re.compile(r'(".+"|[^@]+)@[^@.]+(\.[^@.]+)+')  # a name, an @ in it in quotes only, and a domain with a dot
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
DANGLING = " -\N{EN DASH}\N{EM DASH}:;,/|"  # separators a text may end up with at its ends when a name is missing
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
PERSONAL = ("billing", "shipping")  # what an eraser overwrites with words such as "[deleted]"
NUMBER_AS_WRITTEN = {"id": r"[0-9]+", "number": r"\S+"}

Value = Callable[[Payload], str]  # reads one property's value from an order or customer; "" when there is none


@dataclass(frozen=True, slots=True)
class WriteRule:
    """When a property may be written; whether the value differs at all is for the caller to see."""

    mode: str
    beginning: re.Pattern[str] | None = None  # of a text we made, up to the order's number

    def writes(self, current: str | None, new: str, *, creating: bool) -> bool:
        """Whether `new` may replace `current`, HubSpot's value; `creating`: the record is being made."""
        if not new.strip():
            return False
        if creating or self.mode == "always":
            return True
        if self.mode == "on-create":
            return False
        return not (current or "").strip() or (self.mode == "if-not-renamed" and self._is_ours(current or "", new))

    def _is_ours(self, current: str, new: str) -> bool:
        ours = self.beginning.match(new) if self.beginning else None
        if not ours or not current.startswith(ours[0]):
            return False
        return not current[len(ours[0]) :][:1].isalnum()  # order 12 is not order 123


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
    """A property that HubSpot must have and does not have by itself."""

    object_type: str  # "contacts" or "deals"
    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str
    unique: bool


@dataclass(frozen=True)
class Mapping:
    """The table, ready to use."""

    order_key_prefix: str
    pipeline: Pipeline
    stages: tuple[Stage, ...]
    default_stage: str
    group: Group
    definitions: tuple[Definition, ...]
    contact_rules: abc.Mapping[str, WriteRule]
    deal_rules: abc.Mapping[str, WriteRule]
    _from_order: abc.Mapping[str, Value]
    _from_customer: abc.Mapping[str, Value]
    _deal: abc.Mapping[str, Value]
    _stage_of: abc.Mapping[str, str]

    @property
    def key_property(self) -> str:
        """The deal property that identifies an order."""
        return KEY

    @property
    def contact_properties(self) -> tuple[str, ...]:
        """What has to be read of a contact before it can be compared."""
        return (*self.contact_rules, CONTACT_VERSION)

    @property
    def deal_properties(self) -> tuple[str, ...]:
        """What has to be read of a deal before it can be compared."""
        return (*self.deal_rules, DEAL_VERSION)

    def contact_from_order(self, order: Order) -> dict[str, str]:
        """The contact an order names; without blanks, and without `email` when it names no address."""
        return _values(self._from_order, order)

    def email(self, order: Order) -> str:
        """The `email` of that contact alone; "" when the order names no address."""
        return self._from_order["email"](order)

    def contact_from_customer(self, customer: Customer) -> dict[str, str]:
        """The contact of a customer's account; without blanks, and without `email` when it has no address."""
        return _values(self._from_customer, customer)

    def deal(self, order: Order) -> dict[str, str]:
        """The deal of an order, without blanks."""
        return _values(self._deal, order) | self._state(order.status) | {KEY: self.deal_key(order.id)}

    def trashed(self) -> dict[str, str]:
        """What a deal becomes when its order is moved to the trash."""
        return self._state(TRASH)

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
        return {"pipeline": self.pipeline.id, "dealstage": self.stage(status), STATUS: _text(status)}


def load_mapping(path: Path | None = None) -> Mapping:
    """Read and check mapping.toml, woohub's own if no path is given; raises InvalidMapping."""
    file = mapping_file.read(path)
    always = {name: WriteRule("always") for name in ("pipeline", "dealstage", KEY, STATUS)}
    stages = [Stage(name, row.label, row.probability, row.statuses) for name, row in file.stages.items()]
    return Mapping(
        order_key_prefix=file.order_key_prefix,
        pipeline=Pipeline(file.pipeline.id, file.pipeline.label),
        stages=tuple(stages),
        default_stage=file.pipeline.default_stage,
        group=Group(file.create.group.name, file.create.group.label),
        definitions=(
            *_definitions("contacts", file.create.contact, file),
            *_definitions("deals", file.create.deal, file),
        ),
        contact_rules=MappingProxyType({name: _rule(row) for name, row in file.contact.items()}),
        deal_rules=MappingProxyType({name: _rule(row) for name, row in file.deal.items()} | always),
        _from_order=MappingProxyType({name: _value(row.order, row) for name, row in file.contact.items()}),
        _from_customer=MappingProxyType({name: _value(row.customer, row) for name, row in file.contact.items()}),
        _deal=MappingProxyType({name: _value(row.order, row) for name, row in file.deal.items()}),
        _stage_of=MappingProxyType({status: stage.id for stage in stages for status in stage.statuses}),
    )


def usable_email(text: str) -> bool:
    """False only for what is surely no e-mail address; HubSpot judges the rest."""
    return len(text) <= LONGEST_EMAIL and text.isprintable() and " " not in text and bool(ADDRESS.fullmatch(text))


def _definitions(
    object_type: str, rows: abc.Mapping[str, mapping_file.PropertyRow], file: mapping_file.MappingFile
) -> list[Definition]:
    group = file.create.group.name
    return [
        Definition(object_type, name, row.label, row.type, row.field_type, group, row.description, row.unique)
        for name, row in rows.items()
    ]


def _rule(row: mapping_file.DealRow) -> WriteRule:
    start = mapping_file.NUMBERED.match(row.text)
    if row.write != "if-not-renamed" or not start:
        return WriteRule(row.write)
    words = re.sub(r"\s+", " ", start[1]).lstrip(DANGLING)
    return WriteRule(row.write, re.compile(re.escape(words) + NUMBER_AS_WRITTEN[start[2]]))


def _values(table: abc.Mapping[str, Value], source: Payload) -> dict[str, str]:
    return {name: text for name, value in table.items() if (text := value(source))}


def _value(sources: tuple[str, ...], row: mapping_file.DealRow) -> Value:
    if row.text:
        return _from_text(row.text)
    shape = SHAPES[row.shape]
    paths = [tuple(source.split(".")) for source in sources]

    def value(source: Payload) -> str:
        return next((text for path in paths if (text := shape(_look_up(source, path)))), "")

    return value


def _from_text(text: str) -> Value:
    pieces = mapping_file.PLACEHOLDER.split(text)  # fixed words and fields in turn
    words = pieces[::2]
    paths = [tuple(name.split(".")) for name in pieces[1::2]]

    def value(source: Payload) -> str:
        fields = [_words(_look_up(source, path)) for path in paths]
        if isinstance(source, Order) and source.is_anonymised:
            fields = ["" if path[0] in PERSONAL else field for path, field in zip(paths, fields, strict=True)]
        return _cut(" ".join(_filled(words, fields).split()))

    return value


def _filled(words: list[str], fields: list[str]) -> str:
    """The text without the separators that are left at its ends where fields are empty; a field keeps its own."""
    full = [number for number, field in enumerate(fields) if field]
    if not full:
        return "".join(words).strip(DANGLING)
    first, last = full[0], full[-1]
    before, after = "".join(words[: first + 1]).lstrip(DANGLING), "".join(words[last + 1 :]).rstrip(DANGLING)
    between = (field + word for field, word in zip(fields[first:last], words[first + 1 : last + 1], strict=True))
    return before + "".join(between) + fields[last] + after


def _look_up(source: object, path: tuple[str, ...]) -> object:
    """Follow a path; of a list, such as the line items, everything that it leads to."""
    for depth, name in enumerate(path):
        if isinstance(source, list | tuple):
            return [_look_up(one, path[depth:]) for one in source]
        source = source.get(name) if isinstance(source, Payload | dict) else None
    return source


def _raw(value: object) -> str:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return plain(value) if isinstance(value, int | float) else ""


def _words(value: object) -> str:
    """Text for people: WooCommerce stores some of it HTML-escaped. Lists are joined by commas."""
    if isinstance(value, list | tuple):
        return ", ".join(words for one in value if (words := _words(one)))
    text = _raw(value)
    return _clean(ENTITY.sub(lambda entity: html.unescape(entity[0]), text)) if "&" in text else text


def _clean(text: str) -> str:
    """Without control characters and halves of characters, which no CRM shows and some refuse; lines stay lines."""
    return (text if text.isprintable() else UNPRINTABLE.sub("", text)).strip()


def _cut(text: str) -> str:
    return text[:LONGEST].strip()


def _text(value: object) -> str:
    return _cut(_words(value))


def _email(value: object) -> str:
    return _cut(_raw(value).lower())


def _id(value: object) -> str:
    text = _cut(_raw(value))
    return "" if text == "0" else text


def _number(value: object) -> str:
    text = _raw(value)
    return text if MONEY.fullmatch(text) else ""


def _datetime(value: object) -> str:
    try:
        return dates.to_utc(_raw(value)) + "Z"  # HubSpot takes no date without a zone
    except ValueError:
        return ""


def _date(value: object) -> str:
    return _datetime(value)[:10]


SHAPES: abc.Mapping[str, Callable[[object], str]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "id": _id,
}
