"""How many calls to HubSpot may be in flight at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from woohub.concurrency import MOST_AT_ONCE, Concurrency

SLOW_DOWN = (423, 429)  # statuses by which HubSpot asks for fewer calls


class InFlight:
    """At most eight calls: half as many after each 429 or 423, and one more for every full set that is answered.

    Others have seen HubSpot refuse twelve at once on its smaller plans, and ten pass. After one that came to nothing
    (5xx, no response) `is_answered` is False until a call is answered: who would make several calls makes one first.
    """

    def __init__(self, concurrency: Concurrency) -> None:
        self.limit = float(MOST_AT_ONCE)
        self.is_answered = True
        self._used = 0
        self._changed = concurrency.condition()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a free slot and hold it."""
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
        """Adapt to the status of a response; 0: there was none."""
        with self._changed:
            self.is_answered = 0 < status < 500
            if status in SLOW_DOWN:
                self.limit = max(1.0, self.limit / 2)
            elif self.is_answered:
                self.limit = min(float(MOST_AT_ONCE), self.limit + 1 / self.limit)
                self._changed.notify_all()
