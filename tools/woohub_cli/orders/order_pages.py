"""List the orders of a period, also in stores whose WooCommerce is older than 5.8."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from woohub.store.client import Store
from woohub.store.cursors import ByDate, Cursor, Page
from woohub.store.pagination import CREATED, CREATED_LOCAL
from woohub_cli.period import Period, shifted

FUTURE = "2100-01-01T00:00:00"
A_DAY = timedelta(days=1)  # more than the offset of any time zone


def is_old(store: Store) -> bool:
    """Whether the store ignores `modified_after`: it then returns orders even for a date in the far future."""
    return store.count("orders", modified_after=FUTURE, dates_are_gmt="true") > 0


def left_out(unreadable: Collection[str]) -> str:
    """Return a text on records that the store could not return, and what to do about them."""
    return (
        f"The store could not return {', '.join(unreadable)}: left out ({len(unreadable)}). A plugin of the store "
        "fails on these records: look into the store's PHP error log, open each record in the store's admin and save "
        "it there. See StoreRecordUnreadableAlarm in docs/operations.md."
    )


def start(period: Period, *, old: bool) -> ByDate:
    """Return the cursor at which a listing of the period starts."""
    return ByDate(shifted(period.since, -A_DAY) if old else period.since)


def made(store: Store, position: Cursor, period: Period, status: str, *, old: bool) -> Iterator[Page[Cursor]]:
    """Yield the orders created in the period, from `position` on.

    An old store also returns some of the day before and after.
    """
    until = shifted(period.until, A_DAY) if old and period.until else period.until
    return store.orders(position, by=CREATED_LOCAL if old else CREATED, status=status, until=until)
