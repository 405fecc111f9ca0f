"""Which property values HubSpot accepts, and how it stores them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from .definitions import PropertyDefinition

MAX_TEXT = 65_536
_EMAIL = re.compile(r"[^\s@,;<>()\[\]\\\"]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z][a-z0-9-]*[a-z0-9])", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})", re.ASCII)


class InvalidValue(Exception):
    """HubSpot does not accept this value; `code` is its error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def iso(epoch_s: float) -> str:
    """Return epoch seconds as HubSpot writes a point in time."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def email(value: str, unknown_tlds: Collection[str]) -> str:
    """Return the address as HubSpot stores it: trimmed and in lower case. Raises InvalidValue."""
    address = value.strip().lower()
    match = _EMAIL.fullmatch(address)
    if match is None or match[1] in unknown_tlds:
        raise InvalidValue("INVALID_EMAIL", f"Email address {value} is invalid")
    return address


def normalise(definition: PropertyDefinition, value: str, options: Collection[str]) -> str:
    """Return the value as HubSpot stores it; `options` are the choices of an enumeration. Raises InvalidValue."""
    if definition.type == "enumeration" and definition.source != "any":
        return _choice(definition, value, options)
    return _BY_TYPE.get(definition.type, _text)(value)


def _text(value: str) -> str:
    if len(value) > MAX_TEXT:
        raise InvalidValue("PROPERTY_TOO_LARGE", f"Property value exceeds the maximum of {MAX_TEXT} characters")
    return value


def _choice(definition: PropertyDefinition, value: str, options: Collection[str]) -> str:
    chosen = value.split(";") if definition.field_type == "checkbox" else [value]
    for choice in chosen:
        if choice and choice not in options:
            allowed = ", ".join(options)
            raise InvalidValue("INVALID_OPTION", f"{choice} was not one of the allowed options: [{allowed}]")
    return value


def _number(value: str) -> str:
    text = value.strip()
    if _NUMBER.fullmatch(text) is None:
        raise InvalidValue("INVALID_INTEGER", f"{value} was not a valid number.")
    return text


def _datetime(value: str) -> str:
    when = moment(value)
    text = when.strftime("%Y-%m-%dT%H:%M:%S")
    millis = when.microsecond // 1000
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


def _date(value: str) -> str:
    when = moment(value)
    if when.hour or when.minute or when.second or when.microsecond:
        clock = f"{when.hour}:{when.minute}:{when.second}.{when.microsecond // 1000}"
        raise InvalidValue("INVALID_DATE", f"{value} is at {clock} UTC, not midnight!")
    return f"{when:%Y-%m-%d}"


def moment(value: str) -> datetime:
    """Parse epoch milliseconds, a date, or ISO 8601 with a zone.

    Raises InvalidValue, also for a time without a zone.
    """
    text = value.strip()
    try:
        if re.fullmatch(r"-?\d+", text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if _ZONED.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass  # a calendar date that does not exist, or a year out of range: refused like any other text
    raise InvalidValue("INVALID_LONG", f"{value} was not a valid long.")


def _bool(value: str) -> str:
    if value.lower() not in ("true", "false"):
        raise InvalidValue("INVALID_BOOLEAN", f"{value} was not a valid boolean.")
    return value.lower()


_BY_TYPE: dict[str, Callable[[str], str]] = {
    "datetime": _datetime,
    "date": _date,
    "bool": _bool,
    "number": _number,
}
