"""Virtual time for tests."""

from __future__ import annotations

from woohub.clock import Timer

START_S = 1_795_473_600.0  # 2026-11-23T22:40:00Z


class Clock:
    """A clock in epoch seconds that only `sleep` moves."""

    def __init__(self, start: float = START_S) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def timer(self) -> Timer:
        """The timer of an invocation on this clock."""
        return Timer(self.read, self.sleep)
