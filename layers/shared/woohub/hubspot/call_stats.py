"""Count how batch calls to HubSpot ended, for the circuit breaker and the search for poison messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from woohub.errors import HubSpotUnavailable, UnknownOutcome


@dataclass(frozen=True)
class CallStats:
    """How many batch calls were answered and how many broke, by path.

    A call breaks if HubSpot answers 5xx, does not answer in time, or answers without naming any record.
    """

    answered: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def wrote(self) -> bool:
        """Whether HubSpot answered at least one write."""
        return any(not path.endswith(("/read", "/search")) for path in self.answered)

    def copy(self) -> CallStats:
        """Return a copy of the counts."""
        return CallStats(self.answered.copy(), self.broken.copy())

    def since(self, earlier: CallStats) -> CallStats:
        """Return what was counted since `earlier`, a copy."""
        return CallStats(self.answered - earlier.answered, self.broken - earlier.broken)

    @contextmanager
    def counting(self, path: str) -> Iterator[None]:
        """Count how the call inside the `with` block ends, unless HubSpot refuses all of it, or it is not made."""
        try:
            yield
        except (HubSpotUnavailable, UnknownOutcome):
            self._count(self.broken, path)
            raise
        self._count(self.answered, path)

    def _count(self, calls: Counter[str], path: str) -> None:
        with self._lock:
            calls[path] += 1
