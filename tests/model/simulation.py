"""Virtual time: while somebody sleeps, everything that is due meanwhile happens."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

START = 1_795_473_600.0  # 2026-11-23T22:40:00Z

Act = Callable[[], object]


class Simulation:
    """The clock, the calendar and the dice of one simulation: the same seed gives the same history."""

    def __init__(self, seed: int = 0) -> None:
        self.now = START
        self.random = random.Random(seed)  # noqa: S311
        random.seed(seed)  # the jitter of the product's pauses
        self.planned = 0  # acts to come, without those that recur for ever
        self._calendar: list[tuple[float, int, Act]] = []
        self._numbers = count()

    def clock(self) -> float:
        """Epoch seconds."""
        return self.now

    def ms(self) -> int:
        """Epoch milliseconds."""
        return int(self.now * 1000)

    def at(self, when: float, act: Act) -> None:
        """Have something happen at that time; at once, if that is past."""
        self.planned += 1
        self._enter(when, lambda: self._once(act))

    def after(self, seconds: float, act: Act) -> None:
        """Have something happen so much later."""
        self.at(self.now + seconds, act)

    def every(self, seconds: float, act: Act) -> None:
        """Have something happen again and again, first after one interval."""

        def again() -> None:
            self._enter(self.now + seconds, again)  # first, because the act may take time itself
            act()

        self._enter(self.now + seconds, again)

    def _enter(self, when: float, act: Act) -> None:
        heapq.heappush(self._calendar, (when, next(self._numbers), act))

    def _once(self, act: Act) -> None:
        self.planned -= 1
        act()

    def sleep(self, seconds: float) -> None:
        """Let time pass. Also for those who act in this simulation: others act while they sleep."""
        self.run_until(self.now + seconds)

    def run_until(self, end: float) -> None:
        """Let everything happen that is due by then."""
        while self._calendar and self._calendar[0][0] <= end:
            when, _, act = heapq.heappop(self._calendar)
            self.now = max(self.now, when)
            act()
        self.now = max(self.now, end)

    def run_while(self, condition: Callable[[], bool], *, patience: float) -> bool:
        """Let time pass while the condition holds; False when it still does after so many seconds."""
        end = self.now + patience
        while condition():
            if self.now >= end:
                return False
            self.sleep(1)
        return True
