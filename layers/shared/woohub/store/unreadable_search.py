"""Find the records because of which a store cannot give a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from woohub.store.caller import PATIENT, SLOW_CALLS_S, SMALLEST_PAGE_SIZE
from woohub.store.requests import StoreUnavailable
from woohub.store.rows import Listing
from woohub.store.unreadable import CanRead, failing_ids, id_ranges

if TYPE_CHECKING:
    from woohub.store.lists import RecordReader

PLACE_PARAMS = ("orderby", "order", "offset", "per_page", "include", "exclude")  # which part of a list, in which order
ONLY_ID = {"per_page": "1", "_fields": "id"}


@dataclass(frozen=True)
class UnreadableSearch:
    """A search in the list with these `params`, on which the store failed with `error`."""

    store: RecordReader
    resource: str
    params: Mapping[str, str]
    error: StoreUnavailable

    def failing_ids(self) -> Iterator[int]:
        """Return the ids of the records that break the list. Raises `error` if the store fails on other lists, too."""
        if "include" in self.params:
            ids = [int(record_id) for record_id in self.params["include"].split(",")]
            return failing_ids(ids, self._can_read(self._criteria))
        size = int(self.params.get("per_page", self.store.page_size))  # read first: backing off makes pages smaller
        self._back_off(PATIENT.pauses_s[-2])
        began = self.store.timer.now()
        listing = self.store.try_listing(self.resource, {**self.params, "per_page": str(size), "_fields": "id"})
        if listing is not None:
            return failing_ids([row.id for row in listing.rows], self._can_read(self._criteria))
        slow = self.store.timer.now() - began > SLOW_CALLS_S
        self._back_off(PATIENT.pauses_s[-1])
        if not self.store.can_list(self.resource):
            raise self.error
        return self._unlistable_ids(0 if slow else min(size, SMALLEST_PAGE_SIZE))

    @property
    def _criteria(self) -> dict[str, str]:
        return {name: text for name, text in self.params.items() if name not in PLACE_PARAMS}

    def _back_off(self, pause_s: float) -> None:
        self.store.back_off(self.error, pause_s, self.store.timer.now())

    def _unlistable_ids(self, neighbours: int) -> Iterator[int]:
        """Find records that cannot even be listed by id alone, by asking for ranges of ids.

        The ids next to such a record tell where to begin. `neighbours` is the number of places of the list that are
        read one by one to find them; 0 if each call takes long.
        """
        first = int(self.params.get("offset", "0"))
        listings = [self._place(first + place) for place in range(neighbours)]
        near = [row.id for listing in listings if listing for row in listing.rows]
        missing = sum(listing is None for listing in listings) or 1
        can_read = self._can_read({**self._criteria, "_fields": "id"})
        for candidates in id_ranges(near, self._newest_id()):
            left_out = self.store.left_out_ids(self.resource)
            ids = [record_id for record_id in candidates if record_id not in left_out]
            for record_id in failing_ids(ids, can_read) if not neighbours or not can_read(ids) else ():
                missing -= 1
                yield record_id
            if missing <= 0:
                return

    def _place(self, offset: int) -> Listing | None:
        return self.store.try_listing(self.resource, {**self.params, **ONLY_ID, "offset": str(offset)})

    def _newest_id(self) -> int:
        """Return the highest id that can be listed; 0 if there is none."""
        newest = {"orderby": "id", "order": "desc", **ONLY_ID}
        places = range(SMALLEST_PAGE_SIZE)
        listings = (self.store.try_listing(self.resource, {**newest, "offset": str(place)}) for place in places)
        return next((row.id for listing in listings if listing for row in listing.rows), 0)

    def _can_read(self, criteria: Mapping[str, str]) -> CanRead:
        """Return a function that says whether the records with some ids can be read; it tries a single one twice."""

        def can_read(ids: Sequence[int]) -> bool:
            params = {**criteria, "include": ",".join(map(str, ids)), "per_page": str(len(ids))}
            began = self.store.timer.now()
            if self.store.try_listing(self.resource, params) is not None:
                return True
            if len(ids) > 1 or self.store.timer.now() - began > SLOW_CALLS_S:
                return False
            self.store.timer.sleep(PATIENT.pauses_s[0])
            return self.store.try_listing(self.resource, params) is not None

        return can_read
