"""Read and move dates as stores, AWS and HubSpot write them.

Inside woohub a date is a text in UTC of the form `YYYY-MM-DDTHH:MM:SS`, so dates can be compared as texts.
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
    """Convert `YYYY-MM-DDTHH:MM:SS` with or without a zone to UTC. Raises ValueError for any other text.

    A date without a zone is returned unchanged. WooCommerce writes none: its `*_gmt` fields are in UTC, the others in
    the store's local time.
    """
    form = FORM.fullmatch(text)
    if not form:
        raise ValueError("not a date of the form YYYY-MM-DDTHH:MM:SS")
    plain = f"{form[1]}T{form[2]}"
    parsed = datetime.fromisoformat(plain + (form[3] or ""))  # ValueError for a day such as 30 February
    if not form[3]:
        return plain
    try:
        return parsed.astimezone(UTC).replace(tzinfo=None).isoformat()
    except OverflowError:
        raise ValueError("a date before year 1 or after year 9999") from None


def usable(value: object) -> str:
    """Return a date that the store sent, in UTC; "" for null, false, `0000-00-00`, 1970 or a text of another form.

    The date may still be wrong, for example lie in the future.
    """
    try:
        date = to_utc(value.strip()) if isinstance(value, str) else ""
    except ValueError:
        return ""
    return date if date >= EARLIEST else ""


@lru_cache(maxsize=4096)  # a batch of 1,000 messages converts each receipt for every comparison of two versions
def utc_from_ms(epoch_ms: int) -> str:
    """Convert epoch milliseconds to a UTC text."""
    return datetime.fromtimestamp(epoch_ms // 1000, UTC).isoformat()[: len(EARLIEST)]


def ms_from_utc(text: str) -> int:
    """Convert a UTC text to epoch milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one UTC text to the other; negative if `later` comes before `earlier`."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def moved(text: str, seconds: float) -> str:
    """Move a UTC text by whole seconds, back if negative. Raises OverflowError before year 1 and after year 9999."""
    return (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat()


def shifted(text: str, by: timedelta) -> str:
    """Move an ISO 8601 date by `by`, back if negative, and return it in UTC; a date without a zone counts as UTC.

    Raises ValueError if the text is no date, or the result lies before year 1 or after year 9999.
    """
    try:
        return to_utc((datetime.fromisoformat(whole_seconds(text)) + by).isoformat())
    except OverflowError:
        raise ValueError("a date before year 1 or after year 9999") from None


def whole_seconds(text: str) -> str:
    """Convert an ISO 8601 date to UTC and whole seconds; a date without a zone counts as UTC. Raises ValueError."""
    return to_utc(datetime.fromisoformat(text).isoformat(timespec="seconds"))
