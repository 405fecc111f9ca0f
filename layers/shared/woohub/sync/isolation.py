"""Isolate a record that HubSpot refuses: send or read the halves of its call, until it is alone in one.

A record that breaks calls, so that there is no answer at all, is isolated by smaller calls: see `ROUNDS` of the batch
writer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from woohub.errors import HubSpotProblem, HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.record_set import Answer, Write


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


def read_apart(
    read: Callable[[Sequence[str]], list[Record]], keys: Sequence[str]
) -> tuple[list[Record], dict[str, HubSpotProblem]]:
    """Read the keys; when HubSpot refuses them as a whole, in halves, down to the key that is refused."""
    try:
        return read(keys), {}
    except HubSpotRejected as refused:
        if len(keys) == 1:
            return [], {keys[0]: refused.problem}
    middle = len(keys) // 2
    left, refused_left = read_apart(read, keys[:middle])
    right, refused_right = read_apart(read, keys[middle:])
    return left + right, refused_left | refused_right
