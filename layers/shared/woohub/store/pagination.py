"""Read a store's orders in the order of a date: what to ask for, and where to continue after a page.

Pages shift while orders change, so a list is read by date and not by page number. It is read by offset only where dates
do not help: within one second, in hours that come mixed, and where no row has a usable date.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from woohub.counted import counted
from woohub.dates import shifted, usable
from woohub.store.cursors import CENTURY_S, ByDate, ByOffset, Cursor, Page
from woohub.store.requests import StoreUnavailable
from woohub.store.rows import Listing

MIXED_HOURS_S = 7200  # the two hours that have the same local times when clocks go back

_SECOND = timedelta(seconds=1)


class StoreTooOld(Exception):
    """The store does not know `modified_after` (before WooCommerce 5.8): it refused, or gave other orders."""


@dataclass(frozen=True)
class DateField:
    """A date to sort and filter by: the store's parameters for it, and the field that holds it.

    `gmt`: the parameters are said to be in UTC by `dates_are_gmt`; a date with a `Z` would be shifted by the store's
    offset. `since_5_8`: stores before WooCommerce 5.8 cannot filter by it.
    """

    after: str
    before: str
    orderby: str
    field: str
    gmt: bool = True
    since_5_8: bool = False

    def from_moment(self, moment: str, until: str = "") -> dict[str, str]:
        """Parameters for orders dated from `moment` to `until`, both included: the store excludes both."""
        params = {self.after: shifted(moment, -_SECOND)}
        if until:
            params[self.before] = shifted(until, _SECOND)
        return params | self._zone()

    def within(self, moment: str, seconds: int) -> dict[str, str]:
        """Parameters for orders dated within so many seconds from `moment` on."""
        end = shifted(moment, timedelta(seconds=seconds))
        return {self.after: shifted(moment, -_SECOND), self.before: end} | self._zone()

    def _zone(self) -> dict[str, str]:
        return {"dates_are_gmt": "true"} if self.gmt else {}


CHANGED = DateField("modified_after", "modified_before", "modified", "date_modified_gmt", since_5_8=True)
CREATED = DateField("after", "before", "date", "date_created_gmt")
CREATED_LOCAL = DateField("after", "before", "date", "date_created", gmt=False)  # for stores without dates_are_gmt


def page_by_date(cursor: ByDate, listing: Listing, by: DateField, latest_possible: str) -> Page[Cursor]:
    """A page of orders sorted by date, and where to continue; StoreTooOld where the store did not filter by date."""
    dates = [date for row in listing.rows if (date := usable(row.fields.get(by.field)))]
    too_early = sum(date < cursor.moment for date in dates)
    if by.since_5_8 and too_early > len(dates) / 2:  # a plugin may have given a few a date of their own
        raise StoreTooOld
    # A date outside the range asked for is another than the one the store sorts by: not to be continued from.
    dates = [date for date in dates if cursor.moment <= date <= latest_possible]
    rows = tuple(listing.rows)
    if listing.ends_at(listing.places):
        return Page(rows, ByDate(max(dates, default=cursor.moment)), last=True)
    if not rows:
        raise StoreUnavailable(
            f"the store counts {counted(listing.total or 0, 'order')} from {cursor.moment} on, but shows none"
        )
    return Page(rows, _after_dates(cursor, dates, dates[:-1] if len(rows) > 1 else dates))


def _after_dates(cursor: ByDate, dates: list[str], confirmed: list[str]) -> Cursor:
    """Where to continue after rows with these dates, in the order of the list.

    Only a date that the next row's date confirms is continued from. Nothing confirms the last row's: it may be another
    than the one the store sorts by, and continuing from there could skip orders. So the next page begins a row earlier.
    """
    if not confirmed:
        return ByOffset(0, cursor.moment, seconds=CENTURY_S)
    backwards = [later for earlier, later in pairwise(dates) if later < earlier]
    if backwards:  # without HPOS a store sorts by local time: when clocks go back, two hours come mixed
        return ByOffset(0, min(backwards), seconds=MIXED_HOURS_S)
    return ByDate(confirmed[-1]) if confirmed[-1] > cursor.moment else ByOffset(0, cursor.moment)


def page_by_offset(cursor: ByOffset, listing: Listing) -> Page[Cursor]:
    """A page of the orders of some seconds, sorted by id, and where to continue: by date after the last."""
    rows = tuple(listing.rows)
    if cursor.is_last(listing):
        return Page(rows, ByDate(shifted(cursor.moment, timedelta(seconds=cursor.seconds))))
    return Page(rows, cursor.next(listing))
