"""Calls that do not depend on each other, made together. The one place that has threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

MOST_AT_ONCE = 8  # functions of one `run`, and calls to HubSpot in flight

T = TypeVar("T")


class Condition(Protocol):
    """The part of threading.Condition that woohub uses."""

    def __enter__(self) -> object: ...

    def __exit__(self, *args: Any) -> object: ...

    def wait_for(self, predicate: Callable[[], bool]) -> object: ...

    def notify_all(self) -> object: ...


class Concurrency(Protocol):
    """How functions are run that may run together."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """Their results in order, once all have ended; they begin in order, at most MOST_AT_ONCE at a time.

        A function may call `run` itself, and may wait for one that began before it. Raises the first one's error.
        """

    def condition(self) -> Condition:
        """For functions that run together and wait for each other."""


class OneAfterAnother:
    """Nothing runs together: for tests, and for commands that gain nothing by it."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """See Concurrency."""
        return [function() for function in functions]

    def condition(self) -> Condition:
        """See Concurrency."""
        return threading.Condition()


class Threads:
    """Functions run in threads, which all have ended when `run` returns: none outlives an invocation."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """See Concurrency."""
        if len(functions) < 2:
            return [function() for function in functions]
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(functions))) as pool:
            futures = [pool.submit(function) for function in functions]
        return [future.result() for future in futures]

    def condition(self) -> Condition:
        """See Concurrency."""
        return threading.Condition()
