"""Read a store's orders sorted by a date: which parameters to send, and where to continue after a page.

Pages shift while orders change, so a list is read by date and not by page number. It is read by offset only if dates do
not help: within one second, in the two hours that clocks repeat, and if no row has a usable date.
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

MIXED_HOURS_S = 7200  # when clocks go back, two hours have the same local times

_SECOND = timedelta(seconds=1)


class StoreTooOld(Exception):
    """The store does not know `modified_after` (before WooCommerce 5.8): it refused it, or ignored it."""


@dataclass(frozen=True)
class DateField:
    """A date to sort and filter orders by: the store's parameters for it, and the field that holds it.

    `gmt`: the dates are in UTC, which `dates_are_gmt` says to the store; it would shift a date with a `Z` by its
    offset. `since_5_8`: stores before WooCommerce 5.8 cannot filter by it.
    """

    after: str
    before: str
    orderby: str
    field: str
    gmt: bool = True
    since_5_8: bool = False

    def from_moment(self, moment: str, until: str = "") -> dict[str, str]:
        """Return the parameters for orders dated from `moment` to `until`, both included; a store excludes both."""
        params = {self.after: shifted(moment, -_SECOND)}
        if until:
            params[self.before] = shifted(until, _SECOND)
        return params | self._zone()

    def within(self, moment: str, seconds: int) -> dict[str, str]:
        """Return the parameters for orders dated within `seconds` from `moment` on."""
        end = shifted(moment, timedelta(seconds=seconds))
        return {self.after: shifted(moment, -_SECOND), self.before: end} | self._zone()

    def _zone(self) -> dict[str, str]:
        return {"dates_are_gmt": "true"} if self.gmt else {}


CHANGED = DateField("modified_after", "modified_before", "modified", "date_modified_gmt", since_5_8=True)
CREATED = DateField("after", "before", "date", "date_created_gmt")
CREATED_LOCAL = DateField("after", "before", "date", "date_created", gmt=False)  # for stores without dates_are_gmt


def page_by_date(cursor: ByDate, listing: Listing, by: DateField, latest_possible: str) -> Page[Cursor]:
    """Make a page of a list sorted by date, with the cursor after it.

    Dates after `latest_possible` are not believed. Raises StoreTooOld if the store did not filter by date.
    """
    dates = [date for row in listing.rows if (date := usable(row.fields.get(by.field)))]
    too_early = sum(date < cursor.moment for date in dates)
    if by.since_5_8 and too_early > len(dates) / 2:  # only a few may be due to a plugin that changes dates
        raise StoreTooOld
    # The store cannot have sorted by a date outside the range it was asked for, so such a date is no place to continue.
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
    """Return where to continue after rows with these `dates`, in the order of the list.

    A date is `confirmed` if another row follows. The last row's date may not be the date that the store sorts by, and
    continuing from it could skip orders. So the next page begins one row earlier.
    """
    if not confirmed:
        return ByOffset(0, cursor.moment, seconds=CENTURY_S)
    backwards = [later for earlier, later in pairwise(dates) if later < earlier]
    if backwards:  # without HPOS a store sorts by local time: when clocks go back, the orders of two hours are mixed
        return ByOffset(0, min(backwards), seconds=MIXED_HOURS_S)
    return ByDate(confirmed[-1]) if confirmed[-1] > cursor.moment else ByOffset(0, cursor.moment)


def page_by_offset(cursor: ByOffset, listing: Listing) -> Page[Cursor]:
    """Make a page of the orders of a few seconds, sorted by id; after the last page, continue by date."""
    rows = tuple(listing.rows)
    if cursor.is_last(listing):
        return Page(rows, ByDate(shifted(cursor.moment, timedelta(seconds=cursor.seconds))))
    return Page(rows, cursor.next(listing))
