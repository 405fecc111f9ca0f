"""Read the value of a property from an order or customer, in the shape the property has in HubSpot."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping

from woohub import dates
from woohub.mapping.rows import PLACEHOLDER, DealRow
from woohub.store.payload_types import MONEY, number_text
from woohub.store.payloads import Order, Payload

MAX_TEXT_CHARACTERS = 65_536  # of one text property in HubSpot
MAX_EMAIL_CHARACTERS = 254  # RFC 5321, as corrected by erratum 1690
ADDRESS = re.compile(r'(".+"|[^@]+)@[^@.]+(\.[^@.]+)+')  # a name, an @ in it in quotes only, and a domain with a dot
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
SEPARATORS = " -\N{EN DASH}\N{EM DASH}:;,/|"  # that a text may have left at its ends when a name is missing
NO_CHARACTER = "\N{REPLACEMENT CHARACTER}"  # what `&#0;` and its like stand for
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
PERSONAL = ("billing", "shipping")  # what an eraser overwrites with words such as "[deleted]"

Value = Callable[[Payload], str]  # reads a property's value from an order or customer; "" when there is none


def usable_email(text: str) -> bool:
    """False only for what is surely no e-mail address; HubSpot judges the rest."""
    short_enough = len(text) <= MAX_EMAIL_CHARACTERS
    return short_enough and text.isprintable() and " " not in text and bool(ADDRESS.fullmatch(text))


def read_values(table: Mapping[str, Value], source: Payload) -> dict[str, str]:
    """All values of an order or customer, without blanks."""
    return {name: text for name, value in table.items() if (text := value(source))}


def value_reader(sources: tuple[str, ...], row: DealRow) -> Value:
    """How to read the value of a row of mapping.toml: from its text, or from the first of `sources` that has one."""
    if row.text:
        return _from_text(row.text)
    shape = SHAPES[row.shape]
    paths = [tuple(source.split(".")) for source in sources]

    def read(source: Payload) -> str:
        return next((text for path in paths if (text := shape(_look_up(source, path)))), "")

    return read


def _from_text(text: str) -> Value:
    pieces = PLACEHOLDER.split(text)  # fixed words and fields in turn
    words = pieces[::2]
    paths = [tuple(name.split(".")) for name in pieces[1::2]]

    def read(source: Payload) -> str:
        fields = [_words(_look_up(source, path)) for path in paths]
        if isinstance(source, Order) and source.is_anonymised:
            fields = ["" if path[0] in PERSONAL else field for path, field in zip(paths, fields, strict=True)]
        return _cut(" ".join(_filled(words, fields).split()))

    return read


def _filled(words: list[str], fields: list[str]) -> str:
    """The text without the separators that are left at its ends where fields are empty; a field keeps its own."""
    filled = [number for number, field in enumerate(fields) if field]
    if not filled:
        return "".join(words).strip(SEPARATORS)
    first, last = filled[0], filled[-1]
    before, after = "".join(words[: first + 1]).lstrip(SEPARATORS), "".join(words[last + 1 :]).rstrip(SEPARATORS)
    between = (field + word for field, word in zip(fields[first:last], words[first + 1 : last + 1], strict=True))
    return before + "".join(between) + fields[last] + after


def _look_up(source: object, path: tuple[str, ...]) -> object:
    """Follow a path; of a list, such as the line items, everything that it leads to."""
    for depth, name in enumerate(path):
        if isinstance(source, list | tuple):
            return [_look_up(item, path[depth:]) for item in source]
        source = source.get(name) if isinstance(source, Payload | dict) else None
    return source


def _raw(value: object) -> str:
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return number_text(value) if isinstance(value, int | float) else ""


def _words(value: object) -> str:
    """Text for people: WooCommerce stores some of it HTML-escaped. Lists are joined by commas."""
    if isinstance(value, list | tuple):
        return ", ".join(words for item in value if (words := _words(item)))
    text = _raw(value)
    return _clean(ENTITY.sub(_unescaped, text)) if "&" in text else text


def _unescaped(entity: re.Match[str]) -> str:
    return html.unescape(entity[0]).replace(NO_CHARACTER, "")


def _clean(text: str) -> str:
    """Without control characters and halves of characters, which no CRM shows and some refuse; lines stay lines."""
    return (text if text.isprintable() else UNPRINTABLE.sub("", text)).strip()


def _cut(text: str) -> str:
    return text[:MAX_TEXT_CHARACTERS].strip()


def as_text(value: object) -> str:
    return _cut(_words(value))


def _email(value: object) -> str:
    """Without the invisible characters that come with pasted text: no address has any."""
    return _cut(INVISIBLE.sub("", _raw(value)).lower())


def _id(value: object) -> str:
    text = _cut(_raw(value))
    return "" if text == "0" else text


def _number(value: object) -> str:
    text = _raw(value)
    return text if MONEY.fullmatch(text) else ""


def _datetime(value: object) -> str:
    try:
        return dates.to_utc(_raw(value)) + "Z"  # HubSpot accepts no date without a zone
    except ValueError:
        return ""


def _date(value: object) -> str:
    return _datetime(value)[:10]


SHAPES: Mapping[str, Callable[[object], str]] = {
    "text": as_text,
    "number": _number,
    "date": _date,
    "datetime": _datetime,
    "email": _email,
    "id": _id,
}
