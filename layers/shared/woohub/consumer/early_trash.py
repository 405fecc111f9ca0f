"""Remember each `order.deleted` that came before its order, and pass it on with the order's later messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from woohub.clock import is_within
from woohub.consumer.retries import MEMORY_S
from woohub.sync.outcome import Message, Outcome, Verdict


class EarlyTrash:
    """The messages of orders that HubSpot does not have yet. If a cold start forgets one, reconcile corrects the deal.

    An `order.deleted` has only the order's id, so no deal can be made from it.
    """

    def __init__(self) -> None:
        self._messages: dict[str, tuple[Message, float]] = {}  # by record, with the time

    def of(self, messages: Sequence[Message]) -> list[Message]:
        """Return what is remembered of the records of these messages."""
        if not self._messages:
            return []
        ids, records = {message.id for message in messages}, {message.record for message in messages}
        known = (self._messages[record][0] for record in records & self._messages.keys())
        return [message for message in known if message.id not in ids]

    def record_batch(self, now: float, outcomes: Iterable[Outcome]) -> None:
        """Note how the messages of a batch ended. `now` is in seconds."""
        for outcome in outcomes:
            if is_early_trash(outcome):
                self._messages.setdefault(outcome.message.record, (outcome.message, now))
            elif self._messages and outcome.verdict is Verdict.DONE:
                self._messages.pop(outcome.message.record, None)
        self._messages = {
            record: known for record, known in self._messages.items() if is_within(MEMORY_S, known[1], now)
        }


def is_early_trash(outcome: Outcome) -> bool:
    """Whether this is an `order.deleted` of an order that HubSpot does not have: no other message ends without ids."""
    return outcome.verdict is Verdict.DONE and not any(outcome.record_ids.values())
