"""Detect poison messages: records that break every call to HubSpot they are in.

By the record's own calls, a poison message looks like an outage of HubSpot. Only how the same calls end for other
records distinguishes the two. So suspects, which broke a call recently, are synced apart from others, whose calls they
would break, and how the calls of suspects end is ignored. The memory of this process suffices for that: a cold start
costs the record two more attempts.

In a quiet shop no other record may need such a call. A record that has waited for days is then treated as the cause if
it broke its call by itself and nobody else's broke. It is received again and again only if HubSpot answers the
governor's probes: else the breaker is open. No partial outage of HubSpot is known that lasted so long.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from woohub.clock import is_within
from woohub.consumer.retries import MEMORY_S
from woohub.hubspot.call_stats import CallStats

MOST_BY_CHANCE = 0.01  # how likely a record's broken calls may be without the record being their cause
LONGEST_WAIT_S = 3 * 86_400.0  # for others to need such a call; less than the ten days that messages may wait
SUCCESSES_PER_FAILURE = 2  # batches in which the call must have succeeded, for each in which it failed


@dataclass(frozen=True)
class _Batch:
    ended_at: float
    stats: CallStats
    breaking: Mapping[str, str]  # records that broke a call by themselves, with its path


class PoisonDetector:
    """Remembers how the calls of the last half hour's batches ended."""

    def __init__(self) -> None:
        self._batches: list[_Batch] = []

    def record_batch(self, now: float, stats: CallStats, breaking: Mapping[str, str]) -> None:
        """Record how a batch's calls ended, and which records broke which call by themselves; `now` in seconds.

        Of suspects that were synced apart, `stats` are empty.
        """
        self._batches = [batch for batch in self._batches if is_within(MEMORY_S, batch.ended_at, now)]
        self._batches.append(_Batch(now, stats, breaking))

    @property
    def suspects(self) -> Set[str]:
        """The records that broke a call by themselves recently."""
        return frozenset().union(*(batch.breaking for batch in self._batches))

    def is_poison(self, record: str, call: str, waiting_s: float) -> bool:
        """Whether it is the record that breaks this kind of call; `waiting_s` since its message was received."""
        return self._succeeds_for_others(record, call) or (
            bool(call) and waiting_s >= LONGEST_WAIT_S and not self._breaks_for_others(record, call)
        )

    def _breaks_for_others(self, record: str, call: str) -> bool:
        return any(batch.stats.broken[call] > 0 and batch.breaking.keys() != {record} for batch in self._batches)

    def _succeeds_for_others(self, record: str, call: str) -> bool:
        """Whether, since the record's previous attempt, this kind of call succeeded in the batches without it.

        And it is no chance that the record's calls broke as often as they did, since others' broke less often.
        """
        attempts = [number for number, batch in enumerate(self._batches) if record in batch.breaking]
        if len(attempts) < 2:
            return False
        goes_well = _goes_well(call, self._batches[attempts[-2] + 1 :])
        return goes_well and _chance(record, call, self._batches[attempts[0] :]) <= MOST_BY_CHANCE


def _goes_well(call: str, batches: Sequence[_Batch]) -> bool:
    failures = sum(batch.stats.broken[call] > 0 for batch in batches)
    successes = sum(batch.stats.answered[call] > 0 and not batch.stats.broken[call] for batch in batches)
    return successes >= SUCCESSES_PER_FAILURE * max(failures, 1)


def _chance(record: str, call: str, batches: Sequence[_Batch]) -> float:
    """How likely it is that such a call of the record broke each time, if it breaks as others' do."""
    others = [batch.stats for batch in batches if record not in batch.breaking]
    broken = sum(stats.broken[call] for stats in others)
    answered = sum(stats.answered[call] for stats in others)
    times = sum(batch.breaking.get(record) == call for batch in batches)
    return float((broken / max(broken + answered, 1)) ** times)
