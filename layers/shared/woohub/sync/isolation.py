"""Isolate a record that HubSpot refuses, or does not have: halve its call until it is alone in one.

A record that breaks calls, so that there is no answer at all, is isolated by smaller calls: see `ROUNDS` in
batch_writer.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from woohub.errors import HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.record_set import Answer, Reading, Write


def bisect(
    send: Callable[[Sequence[Write]], dict[str, Answer]], writes: Sequence[Write], answers: dict[str, Answer]
) -> None:
    """Send writes and add their answers. If HubSpot refuses all of them, send halves, down to the refused record."""
    try:
        answers |= send(writes)
    except HubSpotRejected as refused:
        if len(writes) == 1:
            answers[writes[0].key] = refused.problem
            return
        middle = len(writes) // 2
        bisect(send, writes[:middle], answers)
        bisect(send, writes[middle:], answers)


def read_apart(read: Callable[[Sequence[str]], Reading], keys: Sequence[str]) -> Reading:
    """Read keys. If HubSpot rejects the whole call, read halves, down to the rejected key."""
    try:
        return read(keys)
    except HubSpotRejected as rejected:
        if len(keys) == 1:
            return Reading(rejected={keys[0]: rejected.problem})
    middle = len(keys) // 2
    return read_apart(read, keys[:middle]).joined(read_apart(read, keys[middle:]))


def read_known(
    read: Callable[[Sequence[str]], list[Record]], keys: Sequence[str], unknown: Collection[int] = (404,)
) -> list[Record]:
    """Return the records of these keys that HubSpot has.

    HubSpot may answer a whole call with 404 because it lacks one of the records, or all. `unknown` are such statuses.
    """
    try:
        return read(keys)
    except HubSpotRejected as refused:
        if refused.problem.status not in unknown:
            raise
    if len(keys) == 1:
        return []
    middle = len(keys) // 2
    return read_known(read, keys[:middle], unknown) + read_known(read, keys[middle:], unknown)
