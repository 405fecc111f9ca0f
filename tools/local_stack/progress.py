"""Tell a person what is going on: one line per step, with the seconds it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

TIMEOUT = 60.0  # seconds; everything here takes a few


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


def wait_until(done: Callable[[], bool], otherwise: str, *, timeout: float = TIMEOUT, pause: float = 0.1) -> None:
    """Ask until it is so; StepFailed with `otherwise` if that takes too long."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise StepFailed(otherwise)
        time.sleep(pause)
