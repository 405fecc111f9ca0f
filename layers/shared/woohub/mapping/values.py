"""Read a property's value from an order or customer, in the form that HubSpot expects."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from woohub import dates
from woohub.json_values import is_numbered, objects
from woohub.mapping.computed import COMPUTED
from woohub.mapping.rows import META, PLACEHOLDER, DealRow
from woohub.store.payload_types import decimal_text, number_text
from woohub.store.payloads import LOCAL_DATES, Dated, Order, Payload, value_of

MAX_TEXT_CHARACTERS = 65_536  # of one text property in HubSpot
MAX_EMAIL_CHARACTERS = 254  # RFC 5321, as corrected by erratum 1690
ADDRESS = re.compile(r'(".+"|[^@]+)@[^@.]+(\.[^@.]+)+')  # a name, with @ only in quotes, and a domain with a dot
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
SEPARATORS = " -\N{EN DASH}\N{EM DASH}:;,/|"  # removed from a text's ends if a field there is empty
NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"  # the result of unescaping `&#0;` and the like
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
PERSONAL = ("billing", "shipping")  # WooCommerce's eraser overwrites these with texts such as "[deleted]"

Source = Payload | dict[str, object]  # an order, a customer, or the fields of a line item
Value = Callable[[Source], str]  # reads a property's value from a source; "" if it has none


def usable_email(text: str) -> bool:
    """Whether a text may be an e-mail address. Only what surely is none is refused; HubSpot decides about the rest."""
    short_enough = len(text) <= MAX_EMAIL_CHARACTERS
    return short_enough and text.isprintable() and " " not in text and bool(ADDRESS.fullmatch(text))


def read_values(table: Mapping[str, Value], source: Source) -> dict[str, str]:
    """Read all values of a table from an order or customer, without blanks."""
    return {name: text for name, value in table.items() if (text := value(source))}


def value_reader(sources: tuple[str, ...], row: DealRow) -> Value:
    """Return the function that reads a row's value: from the row's text, or the first of `sources` with a value."""
    if row.text:
        return _from_text(row.text)
    shape = all_as_text if row.is_text_asked_for else SHAPES[row.shape]
    readers = [_reader(source, row.shape) for source in sources]
    if len(readers) == 1:
        get = readers[0]
        return lambda source: shape(get(source))

    def read(source: Source) -> str:
        for get in readers:
            if text := shape(get(source)):
                return text
        return ""

    return read


def _from_text(text: str) -> Value:
    pieces = PLACEHOLDER.split(text)  # fixed words and names of fields alternate
    words = pieces[::2]
    paths = [tuple(name.split(".")) for name in pieces[1::2]]
    getters = [_getter(path) for path in paths]

    def read(source: Source) -> str:
        fields = [_words(get(source)) for get in getters]
        if isinstance(source, Order) and source.is_anonymised:
            fields = ["" if path[0] in PERSONAL else field for path, field in zip(paths, fields, strict=True)]
        return _cut(" ".join(_filled(words, fields).split()))

    return read


def _filled(words: list[str], fields: list[str]) -> str:
    """Join words and fields, without separators at the ends where fields are empty. Fields are not changed."""
    filled = [number for number, field in enumerate(fields) if field]
    if not filled:
        return "".join(words).strip(SEPARATORS)
    first, last = filled[0], filled[-1]
    before, after = "".join(words[: first + 1]).lstrip(SEPARATORS), "".join(words[last + 1 :]).rstrip(SEPARATORS)
    between = (field + word for field, word in zip(fields[first:last], words[first + 1 : last + 1], strict=True))
    return before + "".join(between) + fields[last] + after


def _reader(name: str, shape: str) -> Callable[[Source], object]:
    """Return the function that reads a source. It reads zeros or 1970, in one of the store's own dates, as no date.

    As a `datetime`, such a date is in UTC, whichever of its two fields is named; as a `date`, it is the field's day.
    """
    get = _getter(tuple(name.split(".")))
    local = name.removesuffix("_gmt")
    if local not in LOCAL_DATES or shape not in ("date", "datetime"):
        return get
    if shape == "date":
        return lambda source: dates.usable(get(source))
    return lambda source: source.in_utc(local) if isinstance(source, Dated) else get(source)


def _getter(path: tuple[str, ...]) -> Callable[[Source], object]:
    """Return the function that follows a path in an order or customer. It is chosen once, and used for every order."""
    name, rest = path[0], path[1:]
    if rest:
        return _path_getter(name, rest)
    computed = COMPUTED.get(name)
    if computed is None:
        return lambda source: source.get(name)
    return lambda source: computed(source) if isinstance(source, Order) else source.get(name)


def _path_getter(name: str, rest: tuple[str, ...]) -> Callable[[Source], object]:
    if name == META:
        return lambda source: _meta(source, rest)
    if len(rest) == 1:  # most paths are like `billing.city`
        return lambda source: _field(source.get(name), rest[0])
    return lambda source: _look_up(source.get(name), rest)


def _field(source: object, name: str) -> object:
    """Return a field of an object; if `source` is a list, such as the line items, the field of each."""
    if isinstance(source, Payload) or (isinstance(source, dict) and name in source):  # nearly always
        return source.get(name)
    rows = _rows(source, name)
    return None if rows is None else [_field(row, name) for row in rows]


def _look_up(source: object, path: tuple[str, ...]) -> object:
    """Follow a path; in a list, such as the line items, follow the rest of the path in each item."""
    for depth, name in enumerate(path):
        rows = _rows(source, name)
        if rows is not None:
            return [_look_up(row, path[depth:]) for row in rows]
        if name == META and path[depth + 1 :]:
            return _meta(source, path[depth + 1 :])
        source = value_of(source, name)
    return source


def _rows(source: object, name: str) -> list[object] | None:
    """Return the items of a list, also of one with gaps (unless `name` is one of its keys); None for anything else."""
    if isinstance(source, dict) and name not in source and is_numbered(source):
        return list(source.values())
    return source if isinstance(source, list) else None


def _meta(source: object, path: tuple[str, ...]) -> object:
    """Return the value of a meta field, the first with its key. A key may have dots, so the longest match counts.

    The path after the key leads into the value: `_tracking.number`. Without it, a list or object is a `MetaValue`.
    """
    values: dict[str, object] = {}
    for row in objects(value_of(source, META)):
        if isinstance(key := row.get("key"), str):
            values.setdefault(key, row.get("value"))
    for length in range(len(path), 0, -1):
        if (key := ".".join(path[:length])) in values:
            rest, value = path[length:], values[key]
            return _look_up(value, rest) if rest else _whole(value)
    return None


@dataclass(frozen=True, slots=True)
class MetaValue:
    """A list or object in a meta field. It becomes text only if a row asks for it."""

    content: object


def _whole(value: object) -> object:
    return MetaValue(value) if isinstance(value, list | dict) else value


def _raw(value: object) -> str:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else ""


def _words(value: object) -> str:
    """Return a value as text for people. WooCommerce stores some texts HTML-escaped. Lists are joined by commas."""
    if isinstance(value, list):
        return ", ".join(words for item in value if (words := _words(item)))
    text = _raw(value)
    return _clean(ENTITY.sub(_unescaped, text)) if "&" in text else text


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0]).replace(NO_CHARACTER, "")


def _clean(text: str) -> str:
    """Remove control characters, which no CRM shows, and halves of characters, which some refuse. Line ends stay."""
    return (text if text.isprintable() else UNPRINTABLE.sub("", text)).strip()


def _cut(text: str) -> str:
    return text[:MAX_TEXT_CHARACTERS].strip()


def as_text(value: object) -> str:
    if isinstance(value, str) and "&" not in value and value.isprintable() and len(value) <= MAX_TEXT_CHARACTERS:
        return value.strip()  # a shortcut, which is enough for nearly all values
    return _cut(_words(value))


def all_as_text(value: object) -> str:
    """Return a value as text, also a list or object of a meta field: joined by commas, or as JSON."""
    if isinstance(value, list):
        return _cut(", ".join(text for item in value if (text := all_as_text(item))))
    content = value.content if isinstance(value, MetaValue) else value
    if isinstance(content, dict) and is_numbered(content):
        content = list(content.values())
    if isinstance(content, dict) or (
        isinstance(content, list) and any(isinstance(item, list | dict) for item in content)
    ):
        return as_text(json.dumps(content, ensure_ascii=False))
    return as_text(content)


def _email(value: object) -> str:
    """Return an address in lower case, without the invisible characters that come with pasted text.

    WordPress stores the `&` of an account's address as `&amp;`, so it is unescaped.
    """
    text = _words(value)
    return _cut((text if text.isprintable() else INVISIBLE.sub("", text)).lower())


def _id(value: object) -> str:
    text = _cut(_raw(value))
    return "" if text == "0" else text


def _datetime(value: object) -> str:
    try:
        return dates.whole_seconds(_raw(value)) + "Z"  # HubSpot accepts no date without a zone
    except ValueError:
        return ""


def _date(value: object) -> str:
    return _datetime(value)[:10]


TRUE, FALSE = ("1", "yes", "true", "on"), ("0", "no", "false", "off")


def _bool(value: object) -> str:
    """Return "true" or "false", as HubSpot writes a checkbox, for the words that plugins use; "" for any other."""
    text = _raw(value).lower()
    return "true" if text in TRUE else "false" if text in FALSE else ""


SHAPES: Mapping[str, Callable[[object], str]] = {
    "text": as_text,
    "number": decimal_text,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "id": _id,
    "bool": _bool,
}
