"""Read a store's customers. A store lists them by id only: nobody can ask it for changed accounts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from woohub.store.cursors import FIRST, ByOffset, Page
from woohub.store.lists import RecordReader
from woohub.store.rows import StoreRow


class CustomerReader(RecordReader):
    """Reads customers' accounts."""

    def customers(self, start: ByOffset = FIRST) -> Iterator[Page[ByOffset]]:
        """Yield all accounts with the role customer, sorted by id."""
        cursor, last = start, False
        while not last:
            listing = self.listing("customers", {"orderby": "id", "order": "asc", "offset": str(cursor.offset)})
            cursor, last = cursor.next(listing), cursor.is_last(listing)
            yield Page(tuple(listing.rows), cursor, last)

    def newest_customers(self, above: int) -> Iterator[tuple[StoreRow, ...]]:
        """Yield the accounts whose id is greater than `above`, newest first, page by page."""
        for listing in self.listings("customers", {"orderby": "id", "order": "desc"}):
            if new := tuple(row for row in listing.rows if row.id > above):
                yield new
            if len(new) < len(listing.rows):
                return

    def newest_customer_id(self) -> int:
        """Return the highest id of a customer; 0 if the store has no customers."""
        newest = {"orderby": "id", "order": "desc", "per_page": "1", "_fields": "id"}
        return max((row.id for row in self.listing("customers", newest).rows), default=0)

    def customer(self, customer_id: int) -> StoreRow | None:
        """Return the account with this id, whatever its role; None if the store has none."""
        return self.record("customers", customer_id)

    def customers_by_id(self, ids: Iterable[int]) -> dict[int, StoreRow]:
        """Return the accounts with these ids that the store has, by id and whatever their roles; 100 per call."""
        return self.records_by_id("customers", ids, {"role": "all"})
