"""How batch calls to HubSpot went: what the breaker and the search for poison messages decide by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

from woohub.errors import HubSpotUnavailable, UnknownOutcome


@dataclass(frozen=True)
class CallStats:
    """How batch calls went, by path: answered, or broken (5xx, time-out, an answer that names no record)."""

    answered: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    @property
    def wrote(self) -> bool:
        """Whether HubSpot answered a write."""
        return any(not path.endswith(("/read", "/search")) for path in self.answered)

    def copy(self) -> CallStats:
        """The counts as they are now."""
        return CallStats(self.answered.copy(), self.broken.copy())

    def since(self, earlier: CallStats) -> CallStats:
        """What was counted after an earlier copy."""
        return CallStats(self.answered - earlier.answered, self.broken - earlier.broken)

    @contextmanager
    def counting(self, path: str) -> Iterator[None]:
        """Count how a call ends; one that HubSpot refuses as a whole, or that is not made, is neither."""
        try:
            yield
        except (HubSpotUnavailable, UnknownOutcome):
            self._count(self.broken, path)
            raise
        self._count(self.answered, path)

    def _count(self, calls: Counter[str], path: str) -> None:
        with self._lock:
            calls[path] += 1
