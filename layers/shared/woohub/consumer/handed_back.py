"""Remember the records of messages that were handed back to the queue, and so will come again."""

from __future__ import annotations

from collections.abc import Iterable

from woohub.clock import is_within
from woohub.consumer.retries import MEMORY_S
from woohub.sync.outcome import Outcome, Verdict


class HandedBack:
    """The records of messages that this process handed back. If a cold start forgets one, reconcile reads it again."""

    def __init__(self) -> None:
        self._records: dict[str, tuple[str, float]] = {}  # by message id, with the time

    def record_batch(self, now: float, outcomes: Iterable[Outcome]) -> None:
        """Note how the messages of a batch ended. `now` is in seconds."""
        for outcome in outcomes:
            self._records.pop(outcome.message.id, None)
            if outcome.verdict is Verdict.RETRY:
                self._records[outcome.message.id] = outcome.message.record, now
        self._records = {id: known for id, known in self._records.items() if is_within(MEMORY_S, known[1], now)}

    def __contains__(self, record: str) -> bool:
        """Whether a message about this record will come again."""
        return any(record == other for other, _at in self._records.values())
