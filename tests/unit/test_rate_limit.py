"""The request budget and the invocation's clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import Clock
from woohub.clock import Timer
from woohub.errors import DeadlineExceeded
from woohub.hubspot.rate_limit import Budget, daily_left


def a_timer() -> tuple[Timer, Clock]:
    clock = Clock(1000.0)
    return clock.timer(), clock


def make_call(budget: Budget) -> None:
    with budget.turn():
        pass


@pytest.mark.parametrize("invalid", ["", "-1", "nan", "1e9", "\N{FULLWIDTH DIGIT NINE}", "9" * 400, "9" * 5000])
def test_invalid_numbers_in_hubspots_headers_are_ignored(invalid: str) -> None:
    timer, _ = a_timer()
    budget = Budget(90, 10, timer)

    budget.correct({"x-hubspot-ratelimit-max": invalid, "x-hubspot-ratelimit-remaining": "0"})
    budget.correct({"x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": invalid})

    assert budget.limit == 90
    assert daily_left({"x-hubspot-ratelimit-daily": "250000", "x-hubspot-ratelimit-daily-remaining": invalid}) is None


def test_calls_within_the_limit_do_not_wait() -> None:
    timer, clock = a_timer()
    budget = Budget(3, 10, timer)

    for _ in range(3):
        make_call(budget)

    assert clock.now == 1000


def test_the_call_over_the_limit_waits_until_the_first_leaves_the_window() -> None:
    timer, clock = a_timer()
    budget = Budget(2, 10, timer)
    make_call(budget)
    clock.sleep(4)
    make_call(budget)

    make_call(budget)

    assert clock.now == 1010


@given(limit=st.integers(1, 12), gaps=st.lists(st.floats(0, 9, allow_nan=False), max_size=60))
def test_no_window_has_more_calls_than_the_limit(limit: int, gaps: list[float]) -> None:
    timer, clock = a_timer()
    budget, made = Budget(limit, 10, timer), []

    for gap in gaps:
        clock.sleep(gap)
        make_call(budget)
        made.append(clock.now)

    assert all(sum(1 for at in made if start <= at < start + 10) <= limit for start in made)


@given(limit=st.integers(1, 12), waits=st.lists(st.floats(0, 9, allow_nan=False), max_size=60))
def test_no_window_has_more_calls_than_the_limit_by_time_of_arrival(limit: int, waits: list[float]) -> None:
    timer, clock = a_timer()
    budget, arrived = Budget(limit, 10, timer), []

    for wait in waits:
        with budget.turn():
            clock.sleep(wait)
            arrived.append(clock.now)

    assert all(sum(1 for at in arrived if start <= at < start + 10) <= limit for start in arrived)


def test_a_failed_call_counts() -> None:
    timer, clock = a_timer()
    budget = Budget(1, 10, timer)

    with pytest.raises(ConnectionError), budget.turn():
        raise ConnectionError

    make_call(budget)
    assert clock.now == 1010


def test_a_call_waits_while_the_calls_in_flight_use_up_the_limit() -> None:
    timer, _ = a_timer()
    timer.start(5)
    budget = Budget(1, 10, timer)

    with budget.turn(), pytest.raises(DeadlineExceeded), budget.turn():
        pass


def test_calls_of_other_clients_use_up_the_budget() -> None:
    timer, clock = a_timer()
    budget = Budget(90, 10, timer)
    make_call(budget)
    budget.correct({"x-hubspot-ratelimit-max": "100", "x-hubspot-ratelimit-remaining": "5"})

    make_call(budget)

    assert clock.now == 1010


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        ({"x-hubspot-ratelimit-max": "50", "x-hubspot-ratelimit-remaining": "49"}, 45),
        ({"x-hubspot-ratelimit-max": "190", "x-hubspot-ratelimit-remaining": "189"}, 90),
        ({"x-hubspot-ratelimit-max": "many", "x-hubspot-ratelimit-remaining": "few"}, 90),
        ({}, 90),
    ],
    ids=["smaller", "larger", "not numbers", "missing"],
)
def test_the_portals_limit_applies_only_if_it_is_smaller(headers: dict[str, str], limit: int) -> None:
    timer, _ = a_timer()
    budget = Budget(90, 10, timer)

    budget.correct(headers)

    assert budget.limit == limit


def test_a_call_waits_until_a_closed_budget_opens() -> None:
    timer, clock = a_timer()
    budget = Budget(90, 10, timer)
    budget.close(7)

    make_call(budget)

    assert clock.now == 1007


def test_a_wait_beyond_the_deadline_raises_without_sleeping() -> None:
    timer, clock = a_timer()
    timer.start(5)

    with pytest.raises(DeadlineExceeded):
        timer.sleep(6)

    assert clock.now == 1000


@pytest.mark.parametrize(
    ("limit", "remaining", "left"),
    [("250000", "25000", 10.0), ("250000", "0", 0.0), ("0", "0", None), ("", "25000", None), ("many", "few", None)],
)
def test_daily_left_is_the_percentage_in_hubspots_headers(limit: str, remaining: str, left: float | None) -> None:
    headers = {"x-hubspot-ratelimit-daily": limit, "x-hubspot-ratelimit-daily-remaining": remaining}

    assert daily_left(headers) == left
