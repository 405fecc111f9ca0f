"""Read JSON as stores write it: bodies, ids and whole numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_DIGITS = re.compile(r"[0-9]{1,20}")
_EXACT_FLOATS = 2**53  # from here on, floats skip whole numbers


def read_json(body: bytes) -> Any:
    """Return the JSON value in a body. Raises ValueError if the body is not JSON, holds NaN or is nested too deeply."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def object_in(text: str) -> dict[str, Any] | None:
    """Return the JSON object in a text; None if the text is anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def identifier(content: Mapping[str, Any]) -> int:
    """Return the id of an order or customer; 0 if it has no usable id."""
    return whole_number(content.get("id")) or 0


def is_numbered(value: object) -> bool:
    """Whether a value is a list from which rows were removed, which PHP writes as an object: {"0": …, "2": …}."""
    return isinstance(value, dict) and bool(value) and all(name.isdecimal() for name in value)


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list, also in one with gaps, which PHP writes as an object; [] for anything else."""
    rows = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [row for row in rows if isinstance(row, dict)]


def whole_number(value: object) -> int | None:
    """Read a whole number as plugins write it: 12, 12.0, "12" or " 12 ". Return None for any other value.

    The number must be at least 0 and less than 2**64, because WordPress's ids are BIGINT UNSIGNED.
    """
    number = value
    if isinstance(value, str):
        number = int(value) if _DIGITS.fullmatch(value.strip()) else None
    elif isinstance(value, float) and value.is_integer() and value < _EXACT_FLOATS:
        number = int(value)
    return number if type(number) is int and 0 <= number < 2**64 else None
