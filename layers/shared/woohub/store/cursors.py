"""Cursors: where to continue reading a store's list, by date, or by offset if records have the same date.

Cursors are stored as JSON, in the watermark and in the state file of a backfill, so their fields are checked when they
are read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, Discriminator, Field, Tag

from woohub.dates import whole_seconds
from woohub.store.rows import Listing, StoreRow

CENTURY_S = 100 * 365 * 86_400  # no store has existed for longer, so this reaches the end of every list
LAST_YEAR = "2200"  # later dates are mistakes, and date arithmetic with them may overflow


def valid_date(text: str) -> str:
    """Convert a date that people wrote to UTC `YYYY-MM-DDTHH:MM:SS`.

    Raises ValueError if the text is no date, or lies before 1900 or after 2199, which nobody can mean.
    """
    try:
        date = whole_seconds(text)
    except (ValueError, OverflowError):
        date = ""
    if not "1900" <= date < LAST_YEAR:
        raise ValueError("must be a date such as 2026-11-23T08:00:00Z")
    return date


Date = Annotated[str, AfterValidator(valid_date)]  # read from any ISO 8601 date
DateOrEmpty = Annotated[str, AfterValidator(lambda text: valid_date(text) if text else "")]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[int, Field(ge=0, le=CENTURY_S)]


@dataclass(frozen=True)
class ByDate:
    """Everything dated before `moment` has been read."""

    moment: Date


@dataclass(frozen=True)
class ByOffset:
    """The first `offset` of `total` records of a list sorted by id have been read.

    Of orders, the list has those dated within `seconds` from `moment` on, because orders of one second have the same
    date. Of customers, which cannot be listed by date, the list has all, and `moment` is "".
    """

    offset: Count
    moment: DateOrEmpty = ""
    total: Count = 0
    seconds: Seconds = 1

    def next(self, listing: Listing) -> ByOffset:
        """Return the cursor after this page of the list.

        If the list has become shorter since, the records still to be read have moved up, so the cursor moves back by as
        many places.
        """
        total = self.total if listing.total is None else listing.total
        if total < self.total:
            return replace(self, offset=max(0, self.offset - (self.total - total)), total=total)
        return replace(self, offset=self.offset + listing.places, total=total)

    def is_last(self, listing: Listing) -> bool:
        """Whether this is the last page of the list."""
        shrunk = listing.total is not None and listing.total < self.total
        return not shrunk and listing.ends_at(self.offset + listing.places)


def _kind(stored: Any) -> str:
    offset = stored.get("offset") if isinstance(stored, dict) else getattr(stored, "offset", None)
    return "by date" if offset is None else "by offset"


Cursor = Annotated[
    Annotated[ByDate, Tag("by date")] | Annotated[ByOffset, Tag("by offset")],
    Discriminator(_kind),
]
FIRST = ByOffset(0)  # the beginning of a list that is read by offset


AnyCursor = TypeVar("AnyCursor", bound=ByDate | ByOffset, covariant=True)


@dataclass(frozen=True)
class Page(Generic[AnyCursor]):
    """Some orders or customers of a list.

    `next` is where to continue once these are on the queue; `last` says that no page follows.
    """

    rows: tuple[StoreRow, ...]
    next: AnyCursor
    last: bool = False
