"""Show progress: one line for each step, with the seconds it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console

from .stack import Stack

TIMEOUT_S = 60.0  # each step takes a few seconds
POLL_S = 0.1


class StepFailed(Exception):
    """A step failed; the message says why and what to do."""


def console() -> Console:
    """Return a console for tables: as wide as the terminal, or 120 columns without one."""
    return Console() if sys.stdout.isatty() else Console(width=120)


@contextmanager
def step(label: str) -> Iterator[None]:
    """Print the label now, and the seconds when the block ends."""
    print(f"  {label:<44}", end="", flush=True)
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print(flush=True)
        raise
    print(f"{time.monotonic() - started:4.1f} s", flush=True)


def wait_until(done: Callable[[], bool], message: str, *, timeout_s: float = TIMEOUT_S) -> None:
    """Poll until `done` returns true, with a dot for every second. Raises StepFailed(message) after the time-out."""
    started = time.monotonic()
    dots = 0
    while not done():
        waited = time.monotonic() - started
        if waited > timeout_s:
            raise StepFailed(message)
        if waited >= dots + 1:
            print(".", end="", flush=True)
            dots += 1
        time.sleep(POLL_S)


def fail_if(problems: Iterable[str], stack: Stack) -> None:
    """Raise StepFailed with all problems, if there are any."""
    if lines := list(problems):
        raise StepFailed("Not as expected:\n  " + "\n  ".join(lines) + f"\nLogs: {stack.log}")
