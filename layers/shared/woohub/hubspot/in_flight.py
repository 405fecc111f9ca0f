"""Limit how many calls to HubSpot are in flight at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from woohub.concurrency import MOST_AT_ONCE, Concurrency

SLOW_DOWN = (423, 429)  # with these statuses HubSpot asks for fewer calls


class InFlight:
    """Allows at most eight calls at once; half as many after each 429 or 423, and one more each time all are answered.

    Others have seen HubSpot refuse twelve calls at once on its smaller plans, and accept ten. After a 5xx or a call
    without a response, `is_answered` is False until a call is answered: callers then make one call before several.
    """

    def __init__(self, concurrency: Concurrency) -> None:
        self.limit = float(MOST_AT_ONCE)
        self.is_answered = True
        self._used = 0
        self._changed = concurrency.condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait until another call is allowed, and count the call inside the `with` block as in flight."""
        with self._changed:
            self._changed.wait_for(lambda: self._used < int(self.limit))
            self._used += 1
        try:
            yield
        finally:
            with self._changed:
                self._used -= 1
                self._changed.notify_all()

    def record(self, status: int) -> None:
        """Adapt the limit to the status of a response; 0 means that there was no response."""
        with self._changed:
            self.is_answered = 0 < status < 500
            if status in SLOW_DOWN:
                self.limit = max(1.0, self.limit / 2)
            elif self.is_answered:
                self.limit = min(float(MOST_AT_ONCE), self.limit + 1 / self.limit)
                self._changed.notify_all()
