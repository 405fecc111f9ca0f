"""The HubSpot client's rate limits, and its waits after 429 and 477."""

from __future__ import annotations

import pytest

from tests.support.client_calls import FixedResponse, create, engine_with_fault, read
from tests.support.engine import EngineFixture
from woohub.errors import (
    DeadlineExceeded,
    RateLimited,
)
from woohub.hubspot.objects import DEALS


@pytest.mark.parametrize(
    ("policy", "retry_after", "pause"),
    [
        ("SECONDLY", "", 1),
        ("TEN_SECONDLY_ROLLING", "", 10),
        ("TEN_SECONDLY_ROLLING", "3", 3),
    ],
)
def test_a_429_is_retried_after_its_policy_or_retry_after(policy: str, retry_after: str, pause: float) -> None:
    engine = engine_with_fault(status=429, policy=policy, retry_after=retry_after, count=1)
    started = engine.clock.now

    create(engine.hubspot)

    assert pause <= engine.clock.now - started <= pause + 0.1


def test_a_429_without_policy_is_retried_after_30_s() -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(429, b"<html>Too Many Requests</html>")
    engine.timer.start(40)
    started = engine.clock.now

    with pytest.raises(DeadlineExceeded):
        create(engine.hubspot)

    assert engine.clock.now - started == 30


@pytest.mark.parametrize(("limit", "policy", "calls"), [("SECONDLY", "rate", 4), ("DAILY", "daily", 1)])
def test_a_call_fails_at_the_fourth_429_or_at_the_first_of_the_daily_limit(limit: str, policy: str, calls: int) -> None:
    engine = engine_with_fault(status=429, policy=limit)

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert (caught.value.policy, len(engine.calls)) == (policy, calls)


def test_a_daily_limit_without_policy_is_recognized_by_its_message() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"requests_per_day": 0, "errors_in_words": True})

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.policy == "daily"


def test_a_retry_after_longer_than_the_time_left_raises_deadline_exceeded() -> None:
    engine = engine_with_fault(status=429, retry_after="50")
    engine.timer.start(20)

    with pytest.raises(DeadlineExceeded) as caught:
        create(engine.hubspot)

    assert caught.value.retry_after == 50


def test_a_migrating_portal_raises_rate_limited_with_its_retry_after() -> None:
    engine = engine_with_fault(status=477, retry_after="3600")

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert (caught.value.policy, caught.value.retry_after) == ("migration", 3600)


def test_the_client_sends_at_most_90_calls_in_any_10_s() -> None:
    engine = EngineFixture()

    for _ in range(400):
        read(engine.hubspot)

    assert engine.portal.counters()["peak_per_10_s"] <= 90
    assert engine.portal.counters()["refused_429"] == 0


def test_a_cold_start_in_a_used_up_window_gets_no_429() -> None:
    engine = EngineFixture()
    for _ in range(85):
        read(engine.hubspot)
    engine.restart()

    for _ in range(85):
        read(engine.hubspot)

    assert engine.portal.counters()["refused_429"] == 0


def test_the_client_sends_at_most_five_searches_per_second() -> None:
    engine = EngineFixture()

    for number in range(30):
        engine.hubspot.search(DEALS, "woocommerce_order_id", [str(number)])

    assert engine.portal.counters()["peak_searches_per_s"] <= 5
    assert engine.portal.counters()["refused_429"] == 0


def test_a_search_for_many_values_is_split_by_body_size() -> None:
    engine = EngineFixture()

    rows = engine.hubspot.search(DEALS, "woocommerce_order_id", [f"{number:06}" for number in range(1000)])

    assert rows == []
    assert {call.status for call in engine.calls} == {200}
    assert len(engine.calls) > 1


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [("3600", 3600), ("9" * 400, 86_400), ("-5", None), ("Wed, 25 Nov 2026 07:28:00 GMT", None), ("nan", None)],
)
def test_retry_after_is_limited_to_a_day_and_ignored_if_invalid(retry_after: str, seconds: float | None) -> None:
    engine = engine_with_fault(status=477, retry_after=retry_after)

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.retry_after == seconds
