"""Run functions that do not depend on each other at the same time. No other module uses threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

MOST_AT_ONCE = 8  # how many functions one `run` runs at the same time, and how many calls to HubSpot are in flight

T = TypeVar("T")


class Condition(Protocol):
    """The part of threading.Condition that woohub uses."""

    def __enter__(self) -> object: ...

    def __exit__(self, *args: Any) -> object: ...

    def wait_for(self, predicate: Callable[[], bool]) -> object: ...

    def notify_all(self) -> object: ...


class Concurrency(Protocol):
    """Runs functions that may run at the same time."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """Return the functions' results, in the order of the functions, once all functions have ended.

        Functions begin in order, at most MOST_AT_ONCE at a time. A function may call `run` itself, and may wait for a
        function that began before it. If functions raise errors, the error of the first of them is raised.
        """

    def condition(self) -> Condition:
        """Return a condition with which functions that run at the same time can wait for each other."""


class OneAfterAnother:
    """Runs one function after another: for tests, and for commands that gain nothing from threads."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        return [function() for function in functions]

    def condition(self) -> Condition:
        return threading.Condition()


class Threads:
    """Runs functions in threads. All threads have ended when `run` returns, so none outlives an invocation."""

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        if len(functions) < 2:
            return [function() for function in functions]
        with ThreadPoolExecutor(min(MOST_AT_ONCE, len(functions))) as pool:
            futures = [pool.submit(function) for function in functions]
        return [future.result() for future in futures]

    def condition(self) -> Condition:
        return threading.Condition()
