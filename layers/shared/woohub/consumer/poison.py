"""Who is to blame when HubSpot does not answer: the one record in the call, or HubSpot.

A record that breaks every call it is in looks like an outage of that kind of call, and only how the same calls go for
others tells them apart. It is enough to remember what this process has seen: a cold start costs the record two tries.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from woohub.hubspot.client import CallStats

MEMORY = 1800.0  # seconds: longer than the longest delay of a message
OTHERS = 2  # batches in which it must have gone well, for each in which it did not


@dataclass(frozen=True)
class _Batch:
    at: float
    stats: CallStats
    breaking: Set[str]  # records that broke a call by themselves


class Blame:
    """Remembers how the batches of the last half hour went."""

    def __init__(self) -> None:
        self._batches: list[_Batch] = []

    def note(self, now: float, stats: CallStats, breaking: Set[str]) -> None:
        """Take in how the calls of a batch went, and which records broke one by themselves."""
        self._batches = [one for one in self._batches if now - one.at < MEMORY]
        self._batches.append(_Batch(now, stats, breaking))

    def falls_on(self, record: str, call: str) -> bool:
        """Whether, since the record's try before this one, this kind of call went well in the batches without it."""
        tries = [number for number, batch in enumerate(self._batches) if record in batch.breaking]
        since = self._batches[tries[-2] + 1 :] if len(tries) > 1 else []
        ill = sum(batch.stats.broken[call] > 0 for batch in since)
        well = sum(batch.stats.answered[call] > 0 and not batch.stats.broken[call] for batch in since)
        return well >= OTHERS * ill > 0
