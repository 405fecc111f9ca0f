"""Read records of a store, in lists and by id. Lists are read without the records that the store cannot show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from woohub.store.answers import Answer
from woohub.store.caller import LIST_POLICY, SMALLEST_PAGE_SIZE, Caller
from woohub.store.requests import StoreRefused, StoreRequest, StoreUnavailable
from woohub.store.rows import Listing, StoreRow
from woohub.store.unreadable import MAX_LEFT_OUT, RECORD_KINDS, Unreadable
from woohub.store.unreadable_search import UnreadableSearch

OFFSET_BEYOND_THE_END = "10000000"  # a list from here on is empty, so the store reads no record for it
NO_PARAMS: Mapping[str, str] = {}
UNKNOWN_ID_CODES = ("woocommerce_rest_shop_order_invalid_id", "wc_user_invalid_id", "woocommerce_rest_invalid_id")


@dataclass
class RecordReader(Caller):
    """Reads the store's resources: "orders", "customers" and "webhooks"."""

    # Why each record, such as "order:123", cannot be read; "" if another client found out.
    _unreadable: dict[str, str] = field(default_factory=dict, init=False)

    def count(self, resource: str, **criteria: str) -> int:
        """Return how many records of a resource meet the criteria, without reading them."""
        listing = self.listing(resource, {"per_page": "1", "_fields": "id", **criteria})
        return len(listing.rows) if listing.total is None else listing.total

    def can_list(self, resource: str) -> bool:
        """Whether the store answers a request for an empty list. The request is sent once."""
        try:
            params = {"per_page": "1", "_fields": "id", "offset": OFFSET_BEYOND_THE_END}
            return self.try_listing(resource, params) is not None
        except (StoreRefused, StoreUnavailable):
            return False

    def listing(self, resource: str, params: Mapping[str, str]) -> Listing:
        """Return a list without the unreadable records.

        Unless `params` has `per_page`, the page is as long as the store can make it.
        """
        size, narrowed = self.page_size, False
        while True:
            readable = self.without_unreadable(resource, params)
            try:
                return self._listing(resource, readable, sized="per_page" not in params)
            except StoreUnavailable as error:
                if error.retry_after:  # the whole store is down
                    raise
                left_out = self._leave_out_failing(resource, readable, error)
                if not left_out and narrowed:
                    raise
                narrowed, self.page_size = True, size if left_out else SMALLEST_PAGE_SIZE

    def listings(self, resource: str, params: Mapping[str, str]) -> Iterator[Listing]:
        """Yield the pages of a list, by offset."""
        offset, last = 0, False
        while not last:
            listing = self.listing(resource, {**params, "offset": str(offset)})
            yield listing
            offset += listing.places
            last = listing.ends_at(offset)

    def _listing(self, resource: str, params: Mapping[str, str], *, sized: bool) -> Listing:
        def request() -> StoreRequest:
            size = {"per_page": str(self.page_size)} if sized else {}
            return StoreRequest("GET", f"wc/v3/{resource}", {**params, **size})

        return self.retry(request, LIST_POLICY).listing()

    def try_listing(self, resource: str, params: Mapping[str, str]) -> Listing | None:
        """Ask for a list once; None if the store fails on it. Raises StoreUnavailable if the store asks to wait."""
        try:
            return self.call(StoreRequest("GET", f"wc/v3/{resource}", params)).listing()
        except StoreUnavailable as error:
            if error.retry_after:
                raise
            return None

    def record(self, resource: str, record_id: int, params: Mapping[str, str] = NO_PARAMS) -> StoreRow | None:
        """Return the record with this id; None if the store has none.

        Raises Unreadable if the store answers other requests, but cannot show this record.
        """
        try:
            return self._row_or_none(self.read, StoreRequest("GET", f"wc/v3/{resource}/{record_id}", params))
        except StoreUnavailable as error:
            if error.retry_after or not self.can_list(resource):
                raise
            name = f"{RECORD_KINDS[resource]}:{record_id}"
            raise Unreadable(f"the store lists {resource}, but cannot show {name}: {error}") from None

    def read_once_more(self, name: str) -> StoreRow | None:
        """Read a record that could not be read before, such as "order:123", with one call; None if it is deleted."""
        kind, _, record_id = name.partition(":")
        resource = next(resource for resource, known in RECORD_KINDS.items() if known == kind)
        return self._row_or_none(self.call, StoreRequest("GET", f"wc/v3/{resource}/{record_id}"))

    def _row_or_none(self, send: Callable[[StoreRequest], Answer], request: StoreRequest) -> StoreRow | None:
        try:
            return send(request).row()
        except StoreRefused as error:
            if error.status == 404 and error.code in UNKNOWN_ID_CODES:  # other 404s are not about the record
                return None
            raise

    def records_by_id(self, resource: str, ids: Iterable[int], params: Mapping[str, str]) -> dict[int, StoreRow]:
        """Return the records with these ids that the store lists, by id; 100 per call."""
        rows: dict[int, StoreRow] = {}
        pending = list(dict.fromkeys(ids))
        while pending := [record_id for record_id in pending if record_id not in self.left_out_ids(resource)]:
            batch, pending = pending[: self.page_size], pending[self.page_size :]
            # `per_page` keeps the page from getting smaller than the batch: records that do not fit would look deleted.
            listing = self.listing(resource, {**params, "include": joined(batch), "per_page": str(len(batch))})
            rows |= {row.id: row for row in listing.rows}
            missing = [record_id for record_id in batch if record_id not in rows]
            if len(missing) < len(batch) and not listing.ends_at(len(listing.rows)):  # the store gave only a part
                pending = missing + pending
        return rows

    def leave_out(self, names: Iterable[str]) -> None:
        """Leave these records, such as "order:123", out of all lists."""
        self._unreadable = dict.fromkeys(names, "") | self._unreadable

    def leaves_out(self, kind: str, record_id: int) -> bool:
        """Whether this record is left out of lists."""
        return f"{kind}:{record_id}" in self._unreadable

    def left_out_ids(self, resource: str) -> list[int]:
        """Return the ids that are left out of lists of this resource."""
        names = (name.partition(":") for name in self._unreadable)
        return [int(record_id) for kind, _, record_id in names if kind == RECORD_KINDS[resource]]

    @property
    def unreadable(self) -> dict[str, str]:
        """The records that this client itself could not read, such as "order:123", each with the reason."""
        return {name: reason for name, reason in self._unreadable.items() if reason}

    def without_unreadable(self, resource: str, params: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters for the same list without the unreadable records."""
        left_out = self.left_out_ids(resource)
        if "include" in params:  # "0" instead of an empty list, which would mean all records
            ids = [record_id for record_id in params["include"].split(",") if int(record_id) not in left_out]
            return {**params, "include": ",".join(ids) or "0"}
        return {**params, "exclude": joined(left_out)} if left_out else dict(params)

    def _leave_out_failing(self, resource: str, params: Mapping[str, str], error: StoreUnavailable) -> bool:
        """Find the records that break this list, and leave them out. Return whether there are any.

        Raises `error` if the store fails on other lists, too.
        """
        left_out = False
        for record_id in UnreadableSearch(self, resource, params, error).failing_ids():
            if not self.can_list(resource):
                raise error
            self._leave_out(f"{RECORD_KINDS[resource]}:{record_id}", error)
            left_out = True
        return left_out

    def _leave_out(self, name: str, error: StoreUnavailable) -> None:
        if len(self._unreadable) >= MAX_LEFT_OUT:
            raise StoreUnavailable(f"more than {MAX_LEFT_OUT} records cannot be read, {name} is the next: {error}")
        self._unreadable[name] = str(error)
        self.warn("store_record_unreadable", record=name, error=str(error))


def joined(ids: Iterable[int]) -> str:
    """Return ids as the value of a store's parameter."""
    return ",".join(map(str, ids))
