"""Dates as stores, AWS and HubSpot write them.

Inside woohub a date is UTC text of one form, `YYYY-MM-DDTHH:MM:SS`, which sorts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

FORM = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
EARLIEST = "1970-01-02T12:00:00"  # PHP and MySQL write "no date" as zero seconds, in any zone


def to_utc(text: str) -> str:
    """The date in UTC, from `YYYY-MM-DDTHH:MM:SS` with or without a zone; ValueError for anything else.

    WooCommerce writes no zone: `*_gmt` fields are UTC, the others the store's local time, which is kept as it is.
    """
    form = FORM.fullmatch(text)
    if not form:
        raise ValueError("not a date of the form YYYY-MM-DDTHH:MM:SS")
    plain = f"{form[1]}T{form[2]}"
    parsed = datetime.fromisoformat(plain + (form[3] or ""))  # the calendar has the day
    if not form[3]:
        return plain
    try:
        return parsed.astimezone(UTC).replace(tzinfo=None).isoformat()
    except OverflowError:
        raise ValueError("a date before year 1 or after year 9999") from None


def usable(value: object) -> str:
    """A date the store sent, in UTC; "" for anything that is no date: null, false, `0000-00-00`, 1970, another form.

    It need not be true: a date may lie in the future.
    """
    try:
        date = to_utc(value.strip()) if isinstance(value, str) else ""
    except ValueError:
        return ""
    return date if date >= EARLIEST else ""


@lru_cache(maxsize=4096)  # a batch asks for the receipts of its 1,000 messages at each comparison of two versions
def utc_from_ms(epoch_ms: int) -> str:
    """Epoch milliseconds as UTC text."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).isoformat()[: len(EARLIEST)]


def ms_from_utc(text: str) -> int:
    """UTC text as epoch milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def seconds_between(earlier: str, later: str) -> float:
    """Seconds from one UTC text to another; negative when `later` is the earlier one."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def moved(text: str, seconds: float) -> str:
    """A date of woohub's form, later by whole seconds (earlier if negative); OverflowError beyond the calendar."""
    return (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat()


def shifted(text: str, by: timedelta) -> str:
    """A date, later by `by` (earlier if negative); without a zone it is read as UTC. ValueError if it is no date."""
    try:
        return to_utc((datetime.fromisoformat(whole_seconds(text)) + by).isoformat())
    except OverflowError:
        raise ValueError("a date before year 1 or after year 9999") from None


def whole_seconds(text: str) -> str:
    """Any ISO 8601 date in UTC and whole seconds; without a zone it is read as UTC. ValueError if it is no date."""
    return to_utc(datetime.fromisoformat(text).isoformat(timespec="seconds"))
