"""Find the records that make a store fail on every page that holds them, so that lists can be read without them.

A plugin's exception or PHP notice about one order breaks the whole page: 500, 502, no JSON, or no answer in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from woohub.store.requests import StoreUnavailable

RECORD_KINDS = {"orders": "order", "customers": "customer", "webhooks": "webhook"}  # by resource; as logs name records
MAX_LEFT_OUT = 50  # records; if there are more, it is not single records that fail, but the store
PARTS = 10  # a page is split into so many: few calls fail for one record, as each may take until its time-out
IDS_PER_CALL = 100  # the most a store lists
MAX_ID_CALLS = 40  # when a record cannot even be listed, so many times IDS_PER_CALL ids are tried

CanRead = Callable[[Sequence[int]], bool]


class Unreadable(StoreUnavailable):
    """The store cannot give this one record, while it answers otherwise."""


def failing_ids(ids: Sequence[int], can_read: CanRead) -> Iterator[int]:
    """Those of `ids`, which cannot be read together, that are the reason; `can_read` says whether these can be."""
    size = -(-len(ids) // PARTS) or 1
    for start in range(0, len(ids), size):
        part = ids[start : start + size]
        if can_read(part):
            continue
        if len(part) == 1:
            yield part[0]
        else:
            yield from failing_ids(part, can_read)


def id_ranges(near: Sequence[int], newest: int) -> Iterator[range]:
    """Where the id of a record that cannot be listed may be: near its neighbours, then from the newest id downwards."""
    tops = [max(near) + IDS_PER_CALL] if near else []
    calls = MAX_ID_CALLS // (len(tops) + 1)
    for top in [*tops, newest + IDS_PER_CALL]:
        for high in range(top, max(0, top - calls * IDS_PER_CALL), -IDS_PER_CALL):
            yield range(max(1, high - IDS_PER_CALL + 1), high + 1)
