"""Compute the time from a change in the store to HubSpot, from dates that the records have anyway."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from woohub.counted import counted

MAX_DELIVERY_LAG_S = 600.0  # without a log, a later state counts as read by reconcile, which runs every 15 minutes
MAX_SHARED_LAG_S = 60.0  # the same for states that were received at the same moment as others
LOG_MATCH_S = 60.0  # at most between the receipt of a delivery and its line in the log
BACKFILL_LAG_S = 86_400.0  # a later state came by a backfill and says nothing about deliveries


@dataclass(frozen=True)
class Lag:
    """The times (epoch seconds) of one state of an order. The store's dates have whole seconds only."""

    happened: float  # in the store
    received: float  # by woohub
    arrived: float  # in HubSpot: when the deal was made, or last changed by anyone
    entity: str = ""

    @property
    def delivery(self) -> float:
        """The seconds from the store to woohub."""
        return max(0.0, self.received - self.happened)

    @property
    def whole(self) -> float:
        """The seconds from the store to HubSpot."""
        return max(0.0, self.arrived - self.happened)


Deliveries = Mapping[str, Sequence[float]]  # by entity: when ingest queued a delivery of it, in epoch seconds


@dataclass
class Lags:
    """The times of many orders. Only webhook deliveries measure latency: reads from the store happen on request.

    `deliveries` comes from ingest's log. Without it, the dates decide: a state that was received late, or at the same
    moment as others, counts as read from the store by reconcile or a backfill.
    """

    states: list[Lag] = field(default_factory=list)
    deliveries: Deliveries | None = None

    def add(self, lag: Lag) -> None:
        self.states.append(lag)

    @property
    def delivered(self) -> list[Lag]:
        """The states that a webhook delivered."""
        together = Counter(lag.received for lag in self.states)  # orders read from the store are received in pages
        return [lag for lag in self.states if self._was_delivered(lag, alone=together[lag.received] == 1)]

    def _was_delivered(self, lag: Lag, *, alone: bool) -> bool:
        if lag.delivery > BACKFILL_LAG_S:
            return False
        if self.deliveries is not None:
            return any(abs(at - lag.received) <= LOG_MATCH_S for at in self.deliveries.get(lag.entity, ()))
        return lag.delivery <= (MAX_DELIVERY_LAG_S if alone else MAX_SHARED_LAG_S)

    @property
    def history(self) -> int:
        """The number of states that reached woohub a day or more after they happened."""
        return sum(lag.delivery > BACKFILL_LAG_S for lag in self.states)

    def seconds(self, of: Callable[[Lag], float]) -> list[float]:
        return sorted(of(lag) for lag in self.delivered)

    @property
    def means(self) -> str:
        """What the figures count, for people."""
        share = f"{len(self.delivered)} of {counted(len(self.states), 'order')}: those that a webhook"
        if self.deliveries is not None:
            return f"{share} delivered, by ingest's log"
        minutes = f"{MAX_DELIVERY_LAG_S / 60:.0f} minutes"
        return f"{share} may have delivered, by dates alone: received within {minutes} of their last change"

    def facts(self) -> dict[str, object]:
        """Return the facts for --json, in seconds; null if nothing is known."""
        whole, delivery = self.seconds(lambda lag: lag.whole), self.seconds(lambda lag: lag.delivery)
        return {
            "store_to_hubspot": summary(whole),
            "store_to_woohub": summary(delivery),
            "from_history": self.history,
            "orders": len(self.states),
            "delivered": len(whole),
            "evidence": "dates" if self.deliveries is None else "log",
            "means": self.means,
        }


def summary(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return the number, the percentiles and the maximum of sorted values."""
    return {
        "orders": len(seconds),
        "p50_s": percentile(seconds, 50),
        "p95_s": percentile(seconds, 95),
        "max_s": percentile(seconds, 100),
    }


def percentile(ordered: Sequence[float], percent: float) -> float | None:
    """Return the smallest value that at least `percent` percent do not exceed; None for no values."""
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)], 1)


def epoch(text: str | None) -> float | None:
    """Convert a date of HubSpot's (ISO 8601 or epoch milliseconds) to epoch seconds; None if the text is no date."""
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text) / 1000
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
