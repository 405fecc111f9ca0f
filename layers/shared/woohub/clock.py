"""The clock of one Lambda invocation, which never sleeps past the invocation's end."""

from __future__ import annotations

import time
from collections.abc import Callable

from woohub.errors import DeadlineExceeded


class Timer:
    """The clock of one invocation, in seconds. Tests pass their own `clock` and `sleep`."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.now = clock
        self._sleep = sleep
        self._deadline = float("inf")

    def start(self, seconds: float) -> None:
        """Set the invocation's deadline to `seconds` from now."""
        self._deadline = self.now() + seconds

    def left(self) -> float:
        """Return the seconds until the deadline; infinity before `start` was called."""
        return self._deadline - self.now()

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise DeadlineExceeded at once if the deadline would pass during the sleep."""
        if seconds >= self.left():
            raise DeadlineExceeded(f"only {self.left():.1f} s are left, less than a wait of {seconds:.1f} s")
        if seconds > 0:
            self._sleep(seconds)


def is_within(seconds: float, since: float, now: float) -> bool:
    """Whether fewer than `seconds` have passed from `since` to `now`.

    False if `since` lies after `now`: the clock was set back in between, so nobody knows how much time has passed.
    """
    return 0 <= now - since < seconds


def jittered(pause: float, random: Callable[[], float]) -> float:
    """Return a random time between half the pause and all of it, so that clients do not retry at the same moment."""
    return pause * (0.5 + random() / 2)
