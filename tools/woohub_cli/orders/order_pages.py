"""Walk through the orders made in a period, also in stores of before WooCommerce 5.8."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import timedelta

from woohub.store.client import Store
from woohub.store.cursors import ByDate, Cursor, Page
from woohub.store.pagination import CREATED, CREATED_LOCAL
from woohub_cli.period import Period, shifted

FUTURE = "2100-01-01T00:00:00"
A_DAY = timedelta(days=1)  # more than any zone is off


def is_old(store: Store) -> bool:
    """Whether it ignores `modified_after`: it then returns orders even for a date in the far future."""
    return store.count("orders", modified_after=FUTURE, dates_are_gmt="true") > 0


def left_out(unreadable: Collection[str]) -> str:
    """For people: which records the store could not show, and what to do."""
    return (
        f"The store could not show {', '.join(unreadable)}: left out ({len(unreadable)}). A plugin of the store fails "
        "on them: open them in the store's admin, look into its PHP error log, save them there. See "
        "StoreRecordUnreadableAlarm in docs/operations.md."
    )


def start(period: Period, *, old: bool) -> ByDate:
    """Where a walk through the period begins."""
    return ByDate(shifted(period.since, -A_DAY) if old else period.since)


def made(store: Store, position: Cursor, period: Period, status: str, *, old: bool) -> Iterator[Page[Cursor]]:
    """Orders made in the period, from that place on; an old store gives some of the days before and after, too."""
    until = shifted(period.until, A_DAY) if old and period.until else period.until
    return store.orders(position, by=CREATED_LOCAL if old else CREATED, status=status, until=until)
