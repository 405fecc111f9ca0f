"""The time of one invocation: nothing sleeps past its end."""

from __future__ import annotations

import time
from collections.abc import Callable

from woohub.errors import DeadlineExceeded


class Timer:
    """The clock of one invocation, in seconds; `clock` and `sleep` are injected by tests."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.now = clock
        self._sleep = sleep
        self._deadline = float("inf")

    def start(self, seconds: float) -> None:
        """Set the deadline, `seconds` from now."""
        self._deadline = self.now() + seconds

    def left(self) -> float:
        """Seconds until the deadline; infinite before `start`."""
        return self._deadline - self.now()

    def sleep(self, seconds: float) -> None:
        """Sleep, or raise DeadlineExceeded at once if the deadline would pass meanwhile."""
        if seconds >= self.left():
            raise DeadlineExceeded(f"a wait of {seconds:.1f} s does not fit the {self.left():.1f} s left")
        if seconds > 0:
            self._sleep(seconds)


def is_within(seconds: float, since: float, now: float) -> bool:
    """Whether fewer seconds have passed; what a clock that was set back dates in the future is long past."""
    return 0 <= now - since < seconds


def jittered(pause: float, random: Callable[[], float]) -> float:
    """Half of the pause to all of it, in seconds: clients that failed together then do not retry together."""
    return pause * (0.5 + random() / 2)
