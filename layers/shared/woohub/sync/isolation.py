"""Isolate a record that HubSpot refuses, or does not have: halve its call, until it is alone in one.

A record that breaks calls, so that there is no answer at all, is isolated by smaller calls: see `ROUNDS` of the batch
writer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from woohub.errors import HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.record_set import Answer, Reading, Write


def bisect(
    send: Callable[[Sequence[Write]], dict[str, Answer]], writes: Sequence[Write], answers: dict[str, Answer]
) -> None:
    """Send; when HubSpot refuses the whole batch, send the halves, down to the record that is refused."""
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
    """Read; when HubSpot rejects the whole call, read the halves, down to the key that is rejected."""
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
    """The records of these keys, without those that HubSpot does not have.

    HubSpot may answer a call as a whole with 404 because of one of them, or of all. `unknown` are such statuses.
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
