"""Concurrency of calls: its kinds, virtual threads, and how many calls may be in flight."""

from __future__ import annotations

import pytest

from simulators.core.virtual_threads import VirtualThreads
from tests.support.clock import Clock
from woohub.concurrency import MOST_AT_ONCE, Concurrency, OneAfterAnother, Threads
from woohub.hubspot.in_flight import InFlight


def virtual(clock: Clock) -> VirtualThreads:
    return VirtualThreads(clock.read, clock.sleep)


CONCURRENCIES = [OneAfterAnother(), Threads(), virtual(Clock())]
IDS = ["one after another", "threads", "virtual threads"]


@pytest.mark.parametrize("concurrency", CONCURRENCIES, ids=IDS)
def test_results_are_returned_in_the_order_of_the_calls(concurrency: Concurrency) -> None:
    assert concurrency.run([lambda number=number: number for number in range(20)]) == list(range(20))  # type: ignore[misc]


@pytest.mark.parametrize("concurrency", CONCURRENCIES, ids=IDS)
def test_the_first_error_is_raised(concurrency: Concurrency) -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    with pytest.raises(ValueError, match="first"):
        concurrency.run([lambda: None, lambda: fail("first"), lambda: fail("second")])


@pytest.mark.parametrize("concurrency", CONCURRENCIES, ids=IDS)
def test_a_call_can_wait_for_an_earlier_call(concurrency: Concurrency) -> None:
    condition, ended = concurrency.condition(), list[str]()

    def first() -> None:
        with condition:
            ended.append("first")
            condition.notify_all()

    def second() -> list[str]:
        with condition:
            condition.wait_for(lambda: bool(ended))
        return [*ended]

    assert concurrency.run([first, second]) == [None, ["first"]]


def test_concurrent_calls_take_as_long_as_the_longest() -> None:
    clock = Clock(0.0)
    threads = virtual(clock)

    threads.run(
        [lambda: threads.sleep(1), lambda: threads.sleep(3), lambda: threads.run([lambda: threads.sleep(2)] * 2)]
    )

    assert clock.now == 3


def test_at_most_eight_calls_run_at_once() -> None:
    clock = Clock(0.0)
    threads = virtual(clock)

    threads.run([lambda: threads.sleep(1)] * (MOST_AT_ONCE + 1))

    assert clock.now == 2


def test_a_base_exception_in_one_thread_stops_all_threads() -> None:
    class End(BaseException):
        pass

    clock, reached = Clock(0.0), list[str]()
    threads = virtual(clock)

    def fail() -> None:
        threads.sleep(1)
        raise End

    def sleep() -> None:
        threads.sleep(2)
        reached.append("slept")

    with pytest.raises(End):
        threads.run([fail, sleep])
    assert (clock.now, reached) == (1, [])


@pytest.mark.parametrize("status", [423, 429])
def test_the_concurrency_limit_is_halved_by_429_and_423_and_restored_by_200(status: int) -> None:
    in_flight = InFlight(OneAfterAnother())

    in_flight.record(status)
    assert in_flight.limit == MOST_AT_ONCE / 2
    for _ in range(10):
        in_flight.record(status)
    assert in_flight.limit == 1
    for _ in range(40):
        in_flight.record(200)
    assert in_flight.limit == MOST_AT_ONCE


def test_calls_over_the_limit_wait_for_a_slot() -> None:
    clock = Clock(0.0)
    threads = virtual(clock)
    in_flight = InFlight(threads)
    in_flight.record(429)  # four

    def call() -> None:
        with in_flight.slot():
            threads.sleep(1)

    threads.run([call] * 6)

    assert clock.now == 2
