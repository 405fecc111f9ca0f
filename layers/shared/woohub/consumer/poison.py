"""Detect poison messages: records that break every call to HubSpot they are in.

The record's own calls alone look like an outage of HubSpot. Only the same kind of call for other records shows the
difference. So suspects, which broke a call recently, are synced apart from other records, whose calls they would break;
how the suspects' calls end is not counted. All this is kept in the memory of the process: after a cold start the record
needs two more attempts.

In a quiet shop no other record may need such a call. A record that has waited for days then counts as the cause if it
broke its call while it was alone in it, and no other record's call broke. It is still received only if HubSpot answers
the governor's probes, because else the breaker is open. No partial outage of HubSpot is known that lasted so long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from woohub.clock import is_within
from woohub.consumer.retries import MEMORY_S
from woohub.hubspot.call_stats import CallStats

MOST_BY_CHANCE = 0.01  # a record is the cause only if its broken calls would be less probable than this by chance
LONGEST_WAIT_S = 3 * 86_400.0  # how long to wait for other records' calls; messages may wait ten days
SUCCESSES_PER_FAILURE = 2  # for each batch in which the call failed, it must have succeeded in so many


@dataclass(frozen=True)
class _Batch:
    ended_at: float
    stats: CallStats
    breaking: Mapping[str, str]  # the path of the call that a record broke while it was alone in it, by record


class PoisonDetector:
    """Finds poison messages from how the calls of the last half hour's batches ended."""

    def __init__(self) -> None:
        self._batches: list[_Batch] = []

    def record_batch(self, now: float, stats: CallStats, breaking: Mapping[str, str]) -> None:
        """Note how a batch's calls ended. `now` is in seconds.

        `breaking` has the records that broke a call while they were alone in it, with its path. For suspects, which are
        synced apart, `stats` is empty.
        """
        self._batches = [batch for batch in self._batches if is_within(MEMORY_S, batch.ended_at, now)]
        self._batches.append(_Batch(now, stats, breaking))

    @property
    def suspects(self) -> Set[str]:
        """The records that recently broke a call while they were alone in it."""
        return frozenset().union(*(batch.breaking for batch in self._batches))

    def is_poison(self, record: str, call: str, waiting_s: float) -> bool:
        """Whether the record itself breaks this kind of call. Its message was received `waiting_s` seconds ago."""
        return self._succeeds_for_others(record, call) or (
            bool(call) and waiting_s >= LONGEST_WAIT_S and not self._breaks_for_others(record, call)
        )

    def _breaks_for_others(self, record: str, call: str) -> bool:
        return any(batch.stats.broken[call] > 0 and batch.breaking.keys() != {record} for batch in self._batches)

    def _succeeds_for_others(self, record: str, call: str) -> bool:
        """Whether this kind of call has succeeded for other records since the record's previous attempt.

        Other records' calls must also have broken so rarely that the record's calls cannot all have broken by chance.
        """
        attempts = [number for number, batch in enumerate(self._batches) if record in batch.breaking]
        if len(attempts) < 2:
            return False
        goes_well = _succeeds_often(call, self._batches[attempts[-2] + 1 :])
        return goes_well and _probability(record, call, self._batches[attempts[0] :]) <= MOST_BY_CHANCE


def _succeeds_often(call: str, batches: Sequence[_Batch]) -> bool:
    failures = sum(batch.stats.broken[call] > 0 for batch in batches)
    successes = sum(batch.stats.answered[call] > 0 and not batch.stats.broken[call] for batch in batches)
    return successes >= SUCCESSES_PER_FAILURE * max(failures, 1)


def _probability(record: str, call: str, batches: Sequence[_Batch]) -> float:
    """Return how probable it is that the record's calls broke each time, if they break as often as others' calls."""
    others = [batch.stats for batch in batches if record not in batch.breaking]
    broken = sum(stats.broken[call] for stats in others)
    answered = sum(stats.answered[call] for stats in others)
    times = sum(batch.breaking.get(record) == call for batch in batches)
    return float((broken / max(broken + answered, 1)) ** times)
