"""Read a store's orders: by date, by id, or by a text in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from woohub.dates import shifted, utc_from_ms
from woohub.store.cursors import ByDate, ByOffset, Cursor, Page
from woohub.store.lists import RecordReader
from woohub.store.pagination import (
    CHANGED,
    CREATED_LOCAL,
    DateField,
    StoreTooOld,
    page_by_date,
    page_by_offset,
)
from woohub.store.requests import StoreRefused
from woohub.store.rows import Listing, StoreRow
from woohub.store.unreadable import Unreadable

MAX_SEARCH_RESULTS = 300  # orders; a short text may occur in many addresses and telephone numbers
OLD_STORE_DAYS = 7  # of a store that cannot list changed orders, those created in so many days before are read


@dataclass
class OrderReader(RecordReader):
    """Reads orders.

    Live stores showed this: a date without a zone counts as local, so requests use UTC with `dates_are_gmt`;
    `modified_after` excludes the second that it names; `status=any` leaves out the trash.
    """

    _too_old: bool = field(default=False, init=False)

    def orders(
        self, start: Cursor, *, by: DateField = CHANGED, status: str = "any", until: str = ""
    ) -> Iterator[Page[Cursor]]:
        """Yield the orders changed (or created) from `start.moment` to `until`, both included, oldest first.

        `status` "any" has neither trash nor drafts; the trash has the status "trash". A reader may stop after any page,
        and continue later from the page's `next`. Some orders may come twice, but none is left out.
        """
        if not (self._too_old and by.since_5_8):
            try:
                yield from self._pages(start, by, status, until)
                return
            except StoreTooOld:
                self._too_old = True
                self.warn("store_cannot_tell_what_changed", days=OLD_STORE_DAYS)
        yield from self._recent_orders(start.moment, status)

    def _pages(self, cursor: Cursor, by: DateField, status: str, until: str) -> Iterator[Page[Cursor]]:
        previous = frozenset[StoreRow]()
        while True:
            match cursor:
                case ByDate():
                    page = self._page_by_date(cursor, by, status, until)
                case ByOffset():
                    page = self._page_by_offset(cursor, by, status)
            yield Page(tuple(row for row in page.rows if row not in previous), page.next, page.last)
            if page.last:
                return
            cursor, previous = page.next, frozenset(page.rows)

    def _page_by_date(self, cursor: ByDate, by: DateField, status: str, until: str) -> Page[Cursor]:
        params = {"orderby": by.orderby, "order": "asc", "status": status}
        listing = self._dated(by, by.from_moment(cursor.moment, until) | params)
        return page_by_date(cursor, listing, by, self._latest_possible(by))

    def _dated(self, by: DateField, params: Mapping[str, str]) -> Listing:
        try:
            return self.listing("orders", params)
        except StoreRefused as error:
            if by.since_5_8 and error.code == "rest_invalid_param":
                raise StoreTooOld from None
            raise

    def _page_by_offset(self, cursor: ByOffset, by: DateField, status: str) -> Page[Cursor]:
        """Read a page of the orders of a few seconds, sorted by id: orders with the same date have no fixed order."""
        params = {"orderby": "id", "order": "asc", "offset": str(cursor.offset), "status": status}
        return page_by_offset(cursor, self.listing("orders", by.within(cursor.moment, cursor.seconds) | params))

    def _latest_possible(self, by: DateField) -> str:
        """Return the latest date that can be true now. A local date may be a day ahead of UTC."""
        ahead = timedelta(minutes=1) if by.gmt else timedelta(days=1)
        return shifted(utc_from_ms(int(self.wall_clock() * 1000)), ahead)

    def _recent_orders(self, since: str, status: str) -> Iterator[Page[Cursor]]:
        """Yield recent changes from a store before WooCommerce 5.8: of all orders created in the last days."""
        start, latest = ByDate(since), since
        created_since = shifted(since, -timedelta(days=OLD_STORE_DAYS))
        for page in self.orders(ByDate(created_since), by=CREATED_LOCAL, status=status):
            rows = tuple(row for row in page.rows if not row.modified_at or row.modified_at >= since)
            latest = max([latest, *(row.modified_at for row in rows)])
            yield Page(rows, ByDate(latest) if page.last else start, page.last)

    def order(self, order_id: int) -> StoreRow | None:
        """Return the order with this id, in any status and also from the trash; None if the store has none.

        Raises Unreadable if the store lists orders, but cannot show this one.
        """
        return self.record("orders", order_id)

    def has_order(self, order_id: int) -> bool:
        """Whether the store has the order, in any status. True if it cannot show it; then it counts as unreadable."""
        try:
            return self.record("orders", order_id, {"_fields": "id"}) is not None
        except Unreadable as error:
            self._unreadable[f"order:{order_id}"] = str(error)
            return True

    def orders_by_id(self, ids: Iterable[int]) -> dict[int, StoreRow]:
        """Return the orders with these ids that the store has, by id, with the trash, without drafts; 100 per call."""
        wanted = list(dict.fromkeys(ids))
        rows = self.records_by_id("orders", wanted, {"status": "any"})
        missing = [order_id for order_id in wanted if order_id not in rows]
        return rows | self.records_by_id("orders", missing, {"status": "trash"})

    def search_orders(self, text: str) -> Iterator[StoreRow]:
        """Yield the orders in which the store finds a text, the trash last. Its plugins decide which fields count."""
        for status in ("any", "trash"):
            seen = 0
            for listing in self.listings("orders", {"search": text, "status": status}):
                yield from listing.rows
                seen += listing.places
                if seen >= MAX_SEARCH_RESULTS:
                    break
