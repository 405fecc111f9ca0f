"""How many records go into one call: fewer while calls break, all again once one is answered."""

from __future__ import annotations

from woohub.hubspot.client import BATCH


class CallSize:
    """How many records go into one call: few while calls break, all again as soon as one is answered.

    So a batch that waited for an outage to end continues at full speed. Where it was a record that broke the calls, the
    first full one breaks again: then it stays at few, until that record is alone. It also stays at few after a call
    without any response: another one like it would cost the invocation a whole time-out.
    """

    def __init__(self, *, is_answered: bool) -> None:
        self.records = self._few = BATCH
        self._grown = False
        self._may_grow = True
        self._broke = not is_answered

    def start(self, records: int) -> None:
        """Begin a round with so many."""
        self.records = self._few = records
        self._grown = False

    def answered(self) -> None:
        """A call came back with an answer."""
        self._broke = False
        if self._may_grow and self.records < BATCH:
            self.records, self._grown = BATCH, True

    def broke(self, status: int) -> bool:
        """A call came to nothing, with this status of the response (0: none); whether it was one that had grown."""
        self._broke = True
        in_vain, self._grown = self._grown, False
        self._may_grow = self._may_grow and status != 0
        if in_vain:
            self.records, self._may_grow = self._few, False
        return in_vain

    @property
    def is_sound(self) -> bool:
        """Whether several calls may be made together: full ones, and the last one was answered."""
        return self.records == BATCH and not self._broke
