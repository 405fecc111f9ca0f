"""Read periods and moments from the command line: 3d, 2h, a date, a date and time; all in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from woohub.dates import utc_from_ms
from woohub_cli.cli_errors import WrongUsage

EVER = "1970-01-01T00:00:00"
DATE_FORMAT = "%Y-%m-%dT%H:%M:%S"  # as WooCommerce writes UTC
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
AGO = re.compile(r"(\d+)([smhd])")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
SECOND = timedelta(seconds=1)

FromOption = Annotated[
    str, typer.Option("--from", metavar="WHEN", help="The start: how long ago (90m, 3d), or a date or time in UTC.")
]
ToOption = Annotated[
    str, typer.Option("--to", metavar="WHEN", help="The end, in the same forms; a date includes that whole day.")
]


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both included, as WooCommerce writes UTC. An empty `until` means now."""

    since: str = EVER
    until: str = ""

    def __str__(self) -> str:
        began = "the beginning" if self.since == EVER else self.since
        return f"from {began} to {self.until or 'now'}"

    def holds(self, moment: str) -> bool:
        """Whether a moment (as WooCommerce writes UTC) is within the period."""
        return self.since <= moment and (not self.until or moment <= self.until)

    def facts(self) -> dict[str, str | None]:
        since, until = (f"{text}Z" if text else None for text in ("" if self.since == EVER else self.since, self.until))
        return {"from": since, "to": until}


def period(since: str, until: str, now: datetime) -> Period:
    """Return the period that --from and --to name. Raises WrongUsage if one is no time, or --to is before --from."""
    asked = Period(beginning("--from", since, now) if since else EVER, _end(until, now) if until else "")
    if asked.until and asked.until < asked.since:
        raise WrongUsage(f"--to {until} is before --from {since}")
    return asked


def last_days(days: int, now: datetime) -> Period:
    """Return the period of the last `days` days."""
    return Period((now - timedelta(days=days)).strftime(DATE_FORMAT))


def beginning(option: str, text: str, now: datetime) -> str:
    """Return a moment as `moment` does. Raises WrongUsage if it is in the future: nothing can have happened since."""
    start = moment(option, text, now)
    if start > now.strftime(DATE_FORMAT):
        raise WrongUsage(f"{option} {text} is in the future; times are UTC")
    return start


def moment(option: str, text: str, now: datetime) -> str:
    """Return a date, time or age such as 3d as WooCommerce writes UTC. Raises WrongUsage if it is none."""
    return parsed_moment(option, text, now).strftime(DATE_FORMAT)


def parsed_moment(option: str, text: str, now: datetime) -> datetime:
    """Return a date or time (UTC unless it has a zone), or now minus an age such as 90m, 2h or 3d.

    Raises WrongUsage if the text is none of these.
    """
    try:
        if ago := AGO.fullmatch(text.strip()):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        date = datetime.fromisoformat(text.strip())
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise WrongUsage(f"{option} {text} is not a time: write 90m, 2h, 3d, 2026-11-24 or 2026-11-24T08:30") from error


def _end(text: str, now: datetime) -> str:
    begins = moment("--to", text, now)
    if not DATE.fullmatch(text.strip()):
        return begins
    return (datetime.fromisoformat(begins) + timedelta(days=1) - SECOND).strftime(DATE_FORMAT)


def utc(ms: float) -> str | None:
    """Return epoch milliseconds as ISO 8601 in UTC; None for 0, which means never."""
    return f"{utc_from_ms(int(ms))}Z" if ms else None


def shifted(text: str, by: timedelta) -> str:
    """Return a moment (as WooCommerce writes UTC) moved by a duration."""
    return (datetime.fromisoformat(text) + by).strftime(DATE_FORMAT)
