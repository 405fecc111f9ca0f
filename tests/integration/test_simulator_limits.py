"""Rate limits with HubSpot's bodies and headers, and the peak of a caller."""

from __future__ import annotations

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.clock import Clock
from tests.support.simulated import Calls


@pytest.fixture
def small(portal: SimulatedPortal) -> SimulatedPortal:
    """A portal that allows three calls in ten seconds and five a day."""
    portal.change_settings({"requests_per_10_s": 3, "requests_per_day": 5})
    return portal


def statuses(hubspot: Calls, calls: int) -> list[int]:
    """The statuses of a number of calls in a row."""
    return [hubspot.objects("GET", "deals").status for _ in range(calls)]


@pytest.mark.usefixtures("small")
def test_the_ten_second_limit_is_a_rolling_window(hubspot: Calls, clock: Clock) -> None:
    first = statuses(hubspot, 1)
    clock.sleep(6)
    then = statuses(hubspot, 3)
    clock.sleep(4)

    assert (first, then, statuses(hubspot, 2)) == ([200], [200, 200, 429], [200, 429])


@pytest.mark.usefixtures("small")
def test_a_429_has_hubspots_body_and_no_retry_after(hubspot: Calls) -> None:
    statuses(hubspot, 3)

    answer = hubspot.objects("GET", "deals")

    assert answer.body["errorType"] == "RATE_LIMIT"
    assert answer.body["policyName"] == "TEN_SECONDLY_ROLLING"
    assert answer.message == "You have reached your ten_secondly_rolling limit."
    assert "category" not in answer.body
    assert "Retry-After" not in answer.headers
    assert answer.headers["X-HubSpot-RateLimit-Remaining"] == "0"


@pytest.mark.usefixtures("small")
def test_every_response_has_rate_limit_headers(hubspot: Calls) -> None:
    answer = hubspot.objects("GET", "deals")

    assert {name: value for name, value in answer.headers.items() if name.startswith("X-HubSpot")} == {
        "X-HubSpot-RateLimit-Daily": "5",
        "X-HubSpot-RateLimit-Daily-Remaining": "4",
        "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
        "X-HubSpot-RateLimit-Max": "3",
        "X-HubSpot-RateLimit-Remaining": "2",
    }


@pytest.mark.usefixtures("small")
def test_the_daily_limit_resets_at_midnight_of_the_account(hubspot: Calls, clock: Clock) -> None:
    for _ in range(5):
        hubspot.objects("GET", "deals")
        clock.sleep(10)

    exhausted = hubspot.objects("GET", "deals")
    clock.now = 1_795_669_200.0 - 1  # 2026-11-26T04:59:59Z, a second before midnight in the US east
    still = hubspot.objects("GET", "deals").status
    clock.sleep(1)

    assert (exhausted.status, exhausted.body["policyName"]) == (429, "DAILY")
    assert (still, statuses(hubspot, 1)) == (429, [200])


def test_the_peak_includes_rejected_calls(hubspot: Calls, small: SimulatedPortal, clock: Clock) -> None:
    statuses(hubspot, 4)
    clock.sleep(60)
    statuses(hubspot, 2)

    assert (small.counters()["peak_per_10_s"], small.counters()["refused_429"]) == (4, 1)
    assert small.counters()["by_status"] == {"200": 5, "429": 1}
