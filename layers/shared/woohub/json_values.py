"""JSON as stores write it: bodies, ids and whole numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_DIGITS = re.compile(r"[0-9]{1,20}")
_EXACT_FLOATS = 2**53  # from here on, floats skip whole numbers


def read_json(body: bytes) -> Any:
    """The JSON value in a body; ValueError if it is none, or holds NaN, or is nested too deeply."""
    try:
        return json.loads(body.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def object_in(text: str) -> dict[str, Any] | None:
    """The JSON object in a text; None if it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def identifier(content: Mapping[str, Any]) -> int:
    """The id of an order or customer; 0 if there is none."""
    return whole_number(content.get("id")) or 0


def is_numbered(value: object) -> bool:
    """Whether an object is a list with gaps: where rows were removed from a list, PHP writes {"0": …, "2": …}."""
    return isinstance(value, dict) and bool(value) and all(name.isdecimal() for name in value)


def whole_number(value: object) -> int | None:
    """The number that 12, 12.0, "12" and " 12 " mean, as plugins write it; None for any other value.

    It is at least 0 and less than 2**64, the end of WordPress's ids (BIGINT UNSIGNED).
    """
    number = value
    if isinstance(value, str):
        number = int(value) if _DIGITS.fullmatch(value.strip()) else None
    elif isinstance(value, float) and value.is_integer() and value < _EXACT_FLOATS:
        number = int(value)
    return number if type(number) is int and 0 <= number < 2**64 else None
