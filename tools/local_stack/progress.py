"""Tell a person what is going on: one line per step, with the seconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TIMEOUT = 60.0  # seconds; everything here takes a few
PAUSE = 0.1  # seconds between two questions


class StepFailed(Exception):
    """A step did not succeed; the message tells the person why and what to do."""


@contextmanager
def step(label: str) -> Iterator[None]:
    """Print the label now and the seconds when the block is through."""
    print(f"  {label:<44}", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - started:4.1f} s", flush=True)


def wait_until(done: Callable[[], bool], otherwise: str, *, timeout: float = TIMEOUT) -> None:
    """Ask until it is so, a dot for every second; StepFailed with `otherwise` if that takes too long."""
    started = time.monotonic()
    dots = 0
    while not done():
        waited = time.monotonic() - started
        if waited > timeout:
            raise StepFailed(otherwise)
        if waited >= dots + 1:
            print(".", end="", flush=True)
            dots += 1
        time.sleep(PAUSE)
