"""Virtual time: while one participant sleeps, everything that is due meanwhile happens."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from itertools import count

START = 1_795_473_600.0  # 2026-11-23T22:40:00Z

Act = Callable[[], object]


class Simulation:
    """Clock, schedule and random numbers of one simulation; the same seed gives the same history."""

    def __init__(self, seed: int = 0) -> None:
        self.now = START
        self.random = random.Random(seed)  # noqa: S311
        random.seed(seed)  # the jitter of woohub's pauses
        self.planned = 0  # scheduled acts, without recurring ones
        self._schedule: list[tuple[float, int, Act]] = []
        self._numbers = count()

    def clock(self) -> float:
        """Epoch seconds."""
        return self.now

    def ms(self) -> int:
        """Epoch milliseconds."""
        return int(self.now * 1000)

    def at(self, when: float, act: Act) -> None:
        """Schedule an act at that time; at once if it is past."""
        self.planned += 1
        self._enter(when, lambda: self._once(act))

    def after(self, seconds: float, act: Act) -> None:
        """Schedule an act after that many seconds."""
        self.at(self.now + seconds, act)

    def every(self, seconds: float, act: Act) -> None:
        """Schedule an act at every interval, first after one interval."""

        def again() -> None:
            self._enter(self.now + seconds, again)  # scheduled first, because the act may take time
            act()

        self._enter(self.now + seconds, again)

    def _enter(self, when: float, act: Act) -> None:
        heapq.heappush(self._schedule, (when, next(self._numbers), act))

    def _once(self, act: Act) -> None:
        self.planned -= 1
        act()

    def sleep(self, seconds: float) -> None:
        """Let time pass; acts call this too, and others happen meanwhile."""
        self.run_until(self.now + seconds)

    def run_until(self, end: float) -> None:
        """Run everything that is due by then."""
        while self._schedule and self._schedule[0][0] <= end:
            when, _, act = heapq.heappop(self._schedule)
            self.now = max(self.now, when)
            act()
        self.now = max(self.now, end)

    def run_while(self, condition: Callable[[], bool], *, timeout_s: float) -> bool:
        """Let time pass while the condition holds; False if it still holds after `patience` seconds."""
        end = self.now + timeout_s
        while condition():
            if self.now >= end:
                return False
            self.sleep(1)
        return True
