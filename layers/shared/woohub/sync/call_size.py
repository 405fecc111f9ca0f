"""Decide how many records go into one call: fewer while calls break, full calls again once one is answered."""

from __future__ import annotations

from woohub.hubspot.client import BATCH


class CallSize:
    """How many records go into one call: few while calls break, full calls again as soon as one is answered.

    So a batch that waited for an outage to end continues at full speed. If a record broke the calls, the first full
    call breaks again: then calls stay small until that record is alone. They also stay small after a call without any
    response, because another one like it would cost the invocation a whole time-out.
    """

    def __init__(self, *, is_answered: bool) -> None:
        self.records = self._few = BATCH
        self._grown = False
        self._may_grow = True
        self._broke = not is_answered

    def start(self, records: int) -> None:
        """Begin a round with so many records per call."""
        self.records = self._few = records
        self._grown = False

    def answered(self) -> None:
        """Note that a call was answered."""
        self._broke = False
        if self._may_grow and self.records < BATCH:
            self.records, self._grown = BATCH, True

    def broke(self, status: int) -> bool:
        """Note that a call broke, with this status of the response; 0 means that there was no response.

        Return whether the calls had grown to full size again, which was too soon.
        """
        self._broke = True
        too_soon, self._grown = self._grown, False
        self._may_grow = self._may_grow and status != 0
        if too_soon:
            self.records, self._may_grow = self._few, False
        return too_soon

    @property
    def is_sound(self) -> bool:
        """Whether several calls may be made at the same time: calls are full, and the last one was answered."""
        return self.records == BATCH and not self._broke
