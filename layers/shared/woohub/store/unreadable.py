"""Find the records that make a store fail on every page that holds them, so that lists can be read without them.

If a plugin fails on one order, the whole page fails: 500, 502, a PHP notice before the JSON, or no answer in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from woohub.store.requests import StoreUnavailable

RECORD_KINDS = {"orders": "order", "customers": "customer", "webhooks": "webhook"}  # by resource; used in logs
MAX_LEFT_OUT = 50  # records; if more cannot be read, the store itself fails
PARTS = (
    10  # a page is split into so many parts, so that few calls fail for one record: each may take until its time-out
)
IDS_PER_CALL = 100  # WooCommerce's largest page
MAX_ID_CALLS = 40  # calls with IDS_PER_CALL ids each, to find a record that cannot even be listed

CanRead = Callable[[Sequence[int]], bool]


class Unreadable(StoreUnavailable):
    """The store cannot show this record, while it answers other requests."""


def failing_ids(ids: Sequence[int], can_read: CanRead) -> Iterator[int]:
    """Yield the ids for which a list of `ids` fails. `can_read(some_ids)` says whether a list of those can be read."""
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
    """Yield ranges of ids in which an unlistable record may be: near its neighbours, then from the newest id down."""
    tops = [max(near) + IDS_PER_CALL] if near else []
    calls = MAX_ID_CALLS // (len(tops) + 1)
    for top in [*tops, newest + IDS_PER_CALL]:
        for high in range(top, max(0, top - calls * IDS_PER_CALL), -IDS_PER_CALL):
            yield range(max(1, high - IDS_PER_CALL + 1), high + 1)
