"""The circuit breaker: when it opens, what it does to the flow of messages, and when it closes again."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.breaker import BreakerFixture
from woohub.consumer.breaker import (
    COOLDOWN_S,
    RACE_S,
    State,
    state_from,
)
from woohub.errors import (
    HubSpotProblem,
    HubSpotRejected,
    HubSpotUnavailable,
    RateLimited,
    SecretUnavailable,
    Suspended,
    Unauthorized,
)


def test_a_wrong_token_opens_it_at_once() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert (fixture.state.state, fixture.state.policy) == ("open", "auth")
    assert fixture.lambda_.state == "Disabled"


def test_a_clock_that_is_set_back_does_not_prolong_the_rest_after_opening() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    fixture.now -= 3600

    assert fixture.breaker.cooldown_error() is None


def test_one_silent_batch_does_not_open_it() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[HubSpotUnavailable("503")])

    assert not fixture.state.is_open
    assert fixture.lambda_.state == "Enabled"


def test_three_silent_batches_in_a_row_open_it() -> None:
    fixture = BreakerFixture()

    for _ in range(3):
        fixture.breaker.record_batch(responded=False, errors=[HubSpotUnavailable("503")])

    assert (fixture.state.state, fixture.state.policy) == ("open", "outage")


def test_a_batch_that_got_through_starts_the_count_anew() -> None:
    fixture = BreakerFixture()

    for wrote in (False, False, True, False, False):
        fixture.breaker.record_batch(responded=wrote, errors=[] if wrote else [HubSpotUnavailable("503")])

    assert not fixture.state.is_open


def test_batches_already_on_their_way_are_held_for_a_moment() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert isinstance(fixture.breaker.cooldown_error(), Suspended)
    fixture.now += COOLDOWN_S
    assert fixture.breaker.cooldown_error() is None


def test_it_opens_for_as_long_as_hubspot_asks() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[RateLimited("477", retry_after=3600, policy="migration")])

    assert fixture.state.until == fixture.now + 3600


def test_the_daily_limit_is_probed_every_quarter_of_an_hour() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[RateLimited("daily", policy="daily")])

    assert fixture.state.until == fixture.now + 900


def test_the_messages_stay_held_when_ssm_does_not_answer() -> None:
    fixture = BreakerFixture()
    fixture.ssm.broken = True

    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert fixture.breaker.cooldown_error()
    assert fixture.lambda_.state == "Enabled"
    assert fixture.logged == ["breaker_not_stored", "breaker_opened"]


def test_a_function_that_nothing_feeds_holds_its_messages_all_the_same() -> None:
    fixture = BreakerFixture()
    fixture.lambda_.list_event_source_mappings = lambda **_: {"EventSourceMappings": []}  # type: ignore[method-assign]

    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert fixture.breaker.cooldown_error()


def test_the_governor_leaves_a_closed_breaker_alone() -> None:
    fixture = BreakerFixture("Disabled")

    assert fixture.govern() == "closed"
    assert fixture.lambda_.state == "Disabled"


def test_the_governor_holds_messages_while_hubspot_does_not_answer() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert fixture.govern(Unauthorized("401")) == "still_open"
    assert fixture.lambda_.state == "Disabled"


def test_the_governor_lets_messages_flow_as_soon_as_hubspot_answers() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])
    fixture.govern(Unauthorized("401"))

    assert fixture.govern() == "reopened"
    assert fixture.lambda_.state == "Enabled"
    assert not fixture.state.is_open


def test_the_governor_waits_as_long_as_it_was_told() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[RateLimited("477", retry_after=3600, policy="migration")])

    assert fixture.govern() == "waiting"
    fixture.now += 3600
    assert fixture.govern() == "reopened"


def test_the_governor_says_what_is_wrong_now() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[RateLimited("daily", policy="daily")])
    fixture.now += 900

    fixture.govern(Unauthorized("HubSpot refuses the token"))

    assert (fixture.state.policy, fixture.state.reason) == ("auth", "HubSpot refuses the token")


def test_a_probe_that_hubspot_refuses_is_no_sign_that_it_takes_anything() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])

    assert fixture.govern(HubSpotRejected(HubSpotProblem(404, "this version is gone"))) == "still_open"
    assert "this version is gone" in fixture.state.reason


def test_a_long_reason_in_any_script_fits_its_parameter() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[Suspended("\N{COLLISION SYMBOL}" * 5000)])

    assert fixture.state.is_open
    assert len(str(fixture.ssm.value)) <= 4096


def test_a_reason_with_double_braces_is_stored_without_what_ssm_takes_for_a_reference() -> None:
    fixture = BreakerFixture()

    fixture.breaker.record_batch(responded=False, errors=[Suspended("{{{ portal.name }}} is down {}")])

    assert fixture.state.reason == "{ { { portal.name } } } is down {}"
    assert not {"{{", "}}"} & {first + second for first, second in pairwise(str(fixture.ssm.value))}


def test_a_deleted_parameter_is_made_anew_by_the_consumer_that_opens_the_breaker() -> None:
    fixture = BreakerFixture()
    fixture.ssm.value = None

    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert (fixture.state.policy, fixture.lambda_.state) == ("auth", "Disabled")


def test_a_parameter_deleted_while_the_breaker_is_open_is_made_anew_and_messages_flow() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])
    fixture.ssm.value = None

    assert (fixture.govern(), fixture.govern()) == ("repaired", "closed")
    assert fixture.lambda_.state == "Enabled"


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_mapping_disabled_by_hand_stays_disabled(state: str) -> None:
    fixture = BreakerFixture(state)
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    assert fixture.govern() == "reopened"

    assert fixture.lambda_.state == "Disabled"
    assert not fixture.state.is_open


def reopened_with_the_consumer_a_moment_later(disabled_after_s: float) -> BreakerFixture:
    """The consumer's opening began before the governor's closing: its state is overwritten, its disabling is not."""
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])
    assert fixture.govern() == "reopened"
    fixture.now += disabled_after_s
    fixture.flow.set_enabled(False)
    return fixture


@pytest.mark.parametrize("disabled_after_s", [-0.1, 0.1, 10])
def test_messages_flow_again_after_an_opening_and_a_closing_at_once(disabled_after_s: float) -> None:
    fixture = reopened_with_the_consumer_a_moment_later(disabled_after_s)
    fixture.now += 60

    assert fixture.govern() == "repaired"

    assert fixture.lambda_.state == "Enabled"
    assert fixture.govern() == "closed"


def test_a_mapping_disabled_by_hand_a_while_after_closing_stays_disabled() -> None:
    fixture = reopened_with_the_consumer_a_moment_later(RACE_S + 1)
    fixture.now += 60

    assert fixture.govern() == "closed"

    assert fixture.lambda_.state == "Disabled"


def test_opening_again_in_between_does_not_take_that_for_an_operators_pause() -> None:
    fixture = reopened_with_the_consumer_a_moment_later(0.1)
    fixture.start()
    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])

    assert fixture.govern() == "reopened"

    assert fixture.lambda_.state == "Enabled"


def test_a_mapping_disabled_by_hand_before_opening_stays_so_in_the_minute_of_closing() -> None:
    fixture = BreakerFixture("Disabled")
    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])
    fixture.govern()
    fixture.now += 60

    assert fixture.govern() == "closed"

    assert fixture.lambda_.state == "Disabled"


def test_opening_twice_does_not_take_our_own_pause_for_an_operators() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])
    fixture.start()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])

    fixture.govern()

    assert fixture.lambda_.state == "Enabled"


def test_it_waits_longer_each_time_it_opens_again_with_nothing_written() -> None:
    fixture, pauses = BreakerFixture(), []
    for _ in range(7):
        fixture.breaker.record_batch(responded=False, errors=[Suspended("writes fail, reads work")])
        pauses.append(fixture.state.until - fixture.now)
        fixture.now = fixture.state.until
        fixture.govern()

    assert pauses == [0, 60, 120, 240, 480, 900, 900]


def test_something_written_in_between_makes_the_next_pause_short_again() -> None:
    fixture = BreakerFixture()
    for _ in range(3):
        fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])
        fixture.now = fixture.state.until
        fixture.govern()
    fixture.breaker.record_batch(responded=True, errors=[])

    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])

    assert fixture.state.until == fixture.now


@given(text=st.text() | st.recursive(st.none() | st.integers(), st.lists, max_leaves=8).map(json.dumps))
def test_a_parameter_somebody_spoilt_counts_as_closed(text: str) -> None:
    assert not state_from(text).is_open


SPOILT = [
    '{"state":"open","until":"soon"}',
    '{"state":"open","until":1e999}',
    '{"state":"open","since":null}',
    '{"state":"open","openings":1000000000}',
    '{"state":"open","resume":"perhaps"}',
    '{"state":"ajar"}',
    "open",
    "",
]


@pytest.mark.parametrize("text", SPOILT)
def test_messages_flow_again_after_somebody_spoilt_the_parameter(text: str) -> None:
    fixture = BreakerFixture("Disabled")
    fixture.ssm.put_parameter(Name="/woohub/breaker", Value=text, Type="String", Overwrite=True)

    assert fixture.govern() == "repaired"

    assert fixture.lambda_.state == "Enabled"
    assert fixture.state == State()


def test_a_probe_that_somebody_put_off_for_years_is_made_all_the_same() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Suspended("down")])
    fixture.parameter.write(replace(fixture.state, until=fixture.now * 1000))

    assert fixture.govern() == "reopened"


def test_that_no_secret_can_be_read_says_nothing_new_about_hubspot() -> None:
    fixture = BreakerFixture()
    fixture.breaker.record_batch(responded=False, errors=[Unauthorized("401")])
    fixture.now = fixture.state.until

    fixture.govern(SecretUnavailable("no answer"))

    assert fixture.state.policy == "auth"


def test_unknown_keys_of_a_newer_version_are_left_out() -> None:
    assert state_from('{"state": "open", "colour": "red"}').is_open
