"""Concurrent functions in virtual time, deterministic: concurrent calls take as long as the longest."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import TypeVar

from woohub.concurrency import MOST_AT_ONCE

T = TypeVar("T")
SAME_TIME_S = 1e-6  # two moments so close count as equal: epoch seconds have no more digits


class Killed(BaseException):
    """The process ended while this thread slept or waited."""


class VirtualThread:
    """A real thread that only runs when it is its turn."""

    def __init__(self, work: Callable[[], None], number: int) -> None:
        self.number = number
        self.error: BaseException | None = None
        self.ended = False
        self.wakes_at: float | None = None  # None: the thread waits for `is_due`
        self.is_due: Callable[[], bool] = lambda: True
        self.killed = False
        self._work = work
        self._turn, self._over = _closed(), _closed()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take_turn(self) -> None:
        """Run the thread until it sleeps, waits or ends."""
        self._turn.release()
        self._over.acquire()

    def give_way(self) -> None:
        """End the turn; called by the thread itself."""
        self._over.release()
        self._turn.acquire()
        if self.killed:
            raise Killed

    def _run(self) -> None:
        self._turn.acquire()
        try:
            if not self.killed:
                self._work()
        except BaseException as error:  # noqa: BLE001  (raised again in the thread that waits for this one)
            self.error = error
        self.ended = True
        self._over.release()


def _closed() -> threading.Lock:
    """Return an acquired lock: one thread waits by acquiring it, the other releases it.

    A Semaphore costs ten times as much.
    """
    lock = threading.Lock()
    lock.acquire()
    return lock


class VirtualThreads:
    """A Concurrency (woohub.concurrency) on a virtual clock.

    One thread at a time runs, until it sleeps or waits; time passes when all threads sleep or wait. `sleep` is the
    clock's: functions must sleep by this object's. An error that is no Exception ends all threads, as it would end a
    process.
    """

    def __init__(self, now: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._now = now
        self._pass_time = sleep
        self._threads: list[VirtualThread] = []
        self._running: VirtualThread | None = None
        self._numbers = count()

    def sleep(self, seconds: float) -> None:
        """Sleep while other threads run."""
        if self._running is None:
            self._pass_time(seconds)
        else:
            self._give_way(self._running, lambda: False, self._now() + seconds)

    def run(self, functions: Sequence[Callable[[], T]]) -> list[T]:
        """Run the functions concurrently; see Concurrency."""
        if len(functions) < 2:
            return [function() for function in functions]
        results: dict[int, T] = {}
        errors: dict[int, BaseException] = {}
        waiting = iter(enumerate(functions))

        def work() -> None:
            for place, function in waiting:
                try:
                    results[place] = function()
                except Exception as error:  # noqa: BLE001  (raised below)
                    errors[place] = error

        self._run_all([self._begin(work) for _ in range(min(MOST_AT_ONCE, len(functions)))])
        if errors:
            raise errors[min(errors)]
        return [results[place] for place in range(len(functions))]

    def condition(self) -> VirtualCondition:
        """Return a condition for these threads; see Concurrency."""
        return VirtualCondition(self)

    def wait_until(self, is_due: Callable[[], bool]) -> None:
        """Let other threads run until `is_due` returns true."""
        if self._running is not None:
            self._give_way(self._running, is_due, None)
        elif not is_due():
            raise RuntimeError("no other thread runs that could make the condition true")

    def _begin(self, work: Callable[[], None]) -> VirtualThread:
        thread = VirtualThread(work, next(self._numbers))
        self._threads.append(thread)
        return thread

    def _run_all(self, threads: Sequence[VirtualThread]) -> None:
        if self._running is not None:
            self.wait_until(lambda: all(thread.ended for thread in threads))
            return
        try:
            while not all(thread.ended for thread in threads):
                self._take_turn(self._next())
        finally:
            self._kill_all()

    def _take_turn(self, thread: VirtualThread | None) -> None:
        if thread is None:
            raise RuntimeError("all threads wait for each other")
        self._running = thread
        try:
            thread.take_turn()
        finally:
            self._running = None
        if thread.ended:
            self._threads.remove(thread)
            if thread.error is not None:
                raise thread.error

    def _next(self) -> VirtualThread | None:
        """Return the thread that has been due the longest, or None if all wait. Time passes until one is due."""
        while not (due := [thread for thread in self._threads if self._is_due(thread)]):
            sleepers = [thread.wakes_at for thread in self._threads if thread.wakes_at is not None]
            if not sleepers:
                return None
            self._pass_time(max(0.0, min(sleepers) - self._now()))
        return min(due, key=lambda thread: (thread.wakes_at or 0.0, thread.number))

    def _is_due(self, thread: VirtualThread) -> bool:
        return thread.is_due() if thread.wakes_at is None else thread.wakes_at <= self._now() + SAME_TIME_S

    def _give_way(self, thread: VirtualThread, is_due: Callable[[], bool], wakes_at: float | None) -> None:
        thread.is_due, thread.wakes_at, thread.number = is_due, wakes_at, next(self._numbers)
        self._running = None
        if self._next() is thread:  # the usual case; a change of threads costs time
            self._running = thread
        else:
            thread.give_way()

    def _kill_all(self) -> None:
        for thread in [*self._threads]:
            thread.killed = True
            while not thread.ended:
                thread.take_turn()
        self._threads.clear()


class VirtualCondition:
    """A threading.Condition of virtual threads. They need no lock, because only one of them runs."""

    def __init__(self, threads: VirtualThreads) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        """There is nothing to lock."""

    def __exit__(self, *_: object) -> None:
        """There is nothing to unlock."""

    def wait_for(self, predicate: Callable[[], bool]) -> None:
        """Let other threads run until the predicate is true."""
        while not predicate():
            self._threads.wait_until(predicate)

    def notify_all(self) -> None:
        """Do nothing: threads that wait check their predicate by themselves."""
