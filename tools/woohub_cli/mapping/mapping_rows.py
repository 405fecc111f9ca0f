"""The rows of a mapping as text, their origins, and the differences between two mappings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from woohub.mapping import mapping_file
from woohub.mapping.overlay import Overlay, Tables

WOOHUBS_OWN = "woohub"
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Change:
    """A row before and after, as TOML; "" if there is none."""

    place: str
    now: str
    then: str

    @property
    def writes(self) -> bool:
        """Whether the row writes something afterwards: it is neither removed nor switched off."""
        return self.then not in ("", "false") and not self.then.startswith("{ enabled = false")


def rows(tables: Tables) -> dict[str, str]:
    """Return each row as TOML by its place, such as `deal.amount`."""
    return {".".join(path): _value(value) for path, value in _rows(tables, ())}


def _rows(tables: Tables, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in tables.items():
        if isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values()):
            yield from _rows(value, (*path, key))
        elif value != {}:
            yield (*path, key), value


def changes(before: Tables, after: Tables) -> list[Change]:
    """Return the rows that differ, in the order of the file."""
    now, then = rows(before), rows(after)
    places = dict.fromkeys((*now, *then))
    return [
        Change(place, now.get(place, ""), then.get(place, "")) for place in places if now.get(place) != then.get(place)
    ]


def own() -> Tables:
    return mapping_file.tables_and_file()[0]


def origins(overlays: Sequence[Overlay]) -> dict[str, str]:
    """Return, for each row, the name of the last file that changed it. Rows of woohub's own mapping are left out."""
    known = own()
    named: dict[str, str] = {}
    for number, overlay in enumerate(overlays, start=1):
        after = mapping_file.tables_and_file(overlays[:number])[0]
        named |= {change.place: overlay.name for change in changes(known, after)}
        known = after
    return named


def toml(tables: Tables) -> str:
    """Return the tables as a TOML file: rows as inline tables, `create` as sections."""
    return "\n".join([*_lines(tables, nested=False), *_sections(tables, ())]).strip() + "\n"


def _lines(table: Tables, *, nested: bool) -> list[str]:
    rows = table.items()
    return [f"{_key(key)} = {_value(value)}" for key, value in rows if nested or not isinstance(value, Mapping)]


def _sections(tables: Tables, path: tuple[str, ...]) -> Iterator[str]:
    for key, value in tables.items():
        if not isinstance(value, Mapping):
            continue
        here = (*path, key)
        is_section = here[0] == "create" and any(isinstance(inner, Mapping) for inner in value.values())
        if lines := _lines(value, nested=not is_section):
            yield "\n".join(["", f"[{'.'.join(map(_key, here))}]", *lines])
        if here[0] == "create":
            yield from _sections(value, here)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(inner) for inner in value) + "]"
    return json.dumps(value, ensure_ascii=False)
