"""How long it took from the store to HubSpot: what can be told from dates that are kept anyway."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

HISTORY = 86_400.0  # seconds after which a state came by a backfill, and its way says nothing about deliveries


@dataclass(frozen=True)
class Lag:
    """One state of an order, in epoch seconds. The store's dates have whole seconds only."""

    happened: float  # in the store
    received: float  # by woohub
    arrived: float  # in HubSpot: when the deal was made, or last changed by anyone

    @property
    def delivery(self) -> float:
        """From the store to woohub."""
        return max(0.0, self.received - self.happened)

    @property
    def whole(self) -> float:
        """From the store to HubSpot."""
        return max(0.0, self.arrived - self.happened)


@dataclass
class Lags:
    """Those that tell something, and how many came from history."""

    found: list[Lag] = field(default_factory=list)
    history: int = 0

    def add(self, lag: Lag) -> None:
        """Take one in."""
        if lag.delivery > HISTORY:
            self.history += 1
        else:
            self.found.append(lag)

    def seconds(self, of: Callable[[Lag], float]) -> list[float]:
        """In order."""
        return sorted(of(lag) for lag in self.found)

    def facts(self) -> dict[str, object]:
        """For --json, in seconds; null where nothing is known."""
        whole, delivery = self.seconds(lambda lag: lag.whole), self.seconds(lambda lag: lag.delivery)
        return {
            "store_to_hubspot": summary(whole),
            "store_to_woohub": summary(delivery),
            "from_history": self.history,
        }


def summary(seconds: Sequence[float]) -> dict[str, float | None]:
    """Of sorted values."""
    return {
        "orders": len(seconds),
        "p50_s": percentile(seconds, 50),
        "p95_s": percentile(seconds, 95),
        "max_s": percentile(seconds, 100),
    }


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """The smallest value that at least so many percent do not exceed; None of nothing."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 1)


def epoch(text: str | None) -> float | None:
    """HubSpot's dates, ISO 8601 or epoch milliseconds, in epoch seconds."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text) / 1000
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
