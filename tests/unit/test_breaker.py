"""The circuit breaker: when it opens, how it stops the messages, and when the governor closes it."""

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
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    HubSpotUnavailable,
    RateLimited,
    SecretUnavailable,
    Suspended,
    TransientError,
    Unauthorized,
)


def after_failed_batch(error: TransientError, mapping_state: str = "Enabled") -> BreakerFixture:
    """A breaker after a batch without a response from HubSpot, which ended with this error."""
    fixture = BreakerFixture(mapping_state)
    fixture.fail_batch(error)
    return fixture


def test_a_401_opens_the_breaker_at_once() -> None:
    fixture = after_failed_batch(Unauthorized("401"))

    assert (fixture.state.state, fixture.state.policy) == ("open", "auth")
    assert fixture.lambda_.state == "Disabled"


def test_a_clock_set_back_does_not_prolong_the_cooldown() -> None:
    fixture = after_failed_batch(Unauthorized("401"))

    fixture.now -= 3600

    assert fixture.breaker.cooldown_error() is None


def test_one_batch_without_response_keeps_the_breaker_closed() -> None:
    fixture = after_failed_batch(HubSpotUnavailable("503"))

    assert not fixture.state.is_open
    assert fixture.lambda_.state == "Enabled"


def test_three_batches_in_a_row_without_response_open_the_breaker() -> None:
    fixture = BreakerFixture()

    for _ in range(3):
        fixture.fail_batch(HubSpotUnavailable("503"))

    assert (fixture.state.state, fixture.state.policy) == ("open", "outage")


@pytest.mark.parametrize(
    ("errors", "cause"),
    [
        ([DeadlineExceeded("1.0 s left are too few"), HubSpotUnavailable("no answer")], "no answer"),
        ([DeadlineExceeded("HubSpot answered 423", retry_after=2)], "HubSpot answered 423"),
        ([DeadlineExceeded("1.0 s left are too few")], "HubSpot did not answer before the invocation's time ran out"),
    ],
)
def test_the_reason_says_what_hubspot_did_rather_than_that_time_ran_out(
    errors: list[TransientError], cause: str
) -> None:
    fixture = BreakerFixture()

    for _ in range(3):
        fixture.breaker.record_batch(responded=False, errors=errors)

    assert fixture.state.reason == f"3 batches in a row without a response: {cause}"


def test_a_response_resets_the_count_of_batches_without_response() -> None:
    fixture = BreakerFixture()

    for responded in (False, False, True, False, False):
        fixture.breaker.record_batch(responded=responded, errors=[] if responded else [HubSpotUnavailable("503")])

    assert not fixture.state.is_open


def test_the_cooldown_after_opening_ends_after_20_s() -> None:
    fixture = after_failed_batch(Unauthorized("401"))

    assert isinstance(fixture.breaker.cooldown_error(), Suspended)
    fixture.now += COOLDOWN_S
    assert fixture.breaker.cooldown_error() is None


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [
        (RateLimited("477", retry_after=3600, policy="migration"), 3600),
        (RateLimited("daily", policy="daily"), 900),
    ],
    ids=["retry after", "daily limit"],
)
def test_the_first_probe_is_due_after_retry_after_or_15_minutes(error: RateLimited, pause_s: float) -> None:
    fixture = after_failed_batch(error)

    assert fixture.state.until == fixture.now + pause_s


def test_the_cooldown_starts_even_if_the_state_cannot_be_stored() -> None:
    fixture = BreakerFixture()
    fixture.ssm.broken = True

    fixture.fail_batch(Unauthorized("401"))

    assert fixture.breaker.cooldown_error()
    assert fixture.lambda_.state == "Enabled"
    assert fixture.logged == ["breaker_not_stored", "breaker_opened"]


def test_the_cooldown_starts_even_without_an_event_source_mapping() -> None:
    fixture = BreakerFixture()
    fixture.lambda_.list_event_source_mappings = lambda **_: {"EventSourceMappings": []}  # type: ignore[method-assign]

    fixture.fail_batch(Unauthorized("401"))

    assert fixture.breaker.cooldown_error()


def test_the_governor_changes_nothing_if_the_breaker_is_closed() -> None:
    fixture = BreakerFixture("Disabled")

    assert fixture.govern() == "closed"
    assert fixture.lambda_.state == "Disabled"


def test_the_governor_closes_the_breaker_only_once_the_probe_succeeds() -> None:
    fixture = after_failed_batch(Unauthorized("401"))

    assert fixture.govern(Unauthorized("401")) == "still_open"
    assert fixture.lambda_.state == "Disabled"
    assert fixture.govern() == "reopened"
    assert fixture.lambda_.state == "Enabled"
    assert not fixture.state.is_open


def test_the_governor_makes_no_probe_before_retry_after_has_passed() -> None:
    fixture = after_failed_batch(RateLimited("477", retry_after=3600, policy="migration"))

    assert fixture.govern() == "waiting"
    fixture.now += 3600
    assert fixture.govern() == "reopened"


def test_a_failed_probe_replaces_the_policy_and_reason() -> None:
    fixture = after_failed_batch(RateLimited("daily", policy="daily"))
    fixture.now += 900

    fixture.govern(Unauthorized("HubSpot refuses the token"))

    assert (fixture.state.policy, fixture.state.reason) == ("auth", "HubSpot refuses the token")


def test_a_rejected_probe_keeps_the_breaker_open() -> None:
    fixture = after_failed_batch(Suspended("down"))

    assert fixture.govern(HubSpotRejected(HubSpotProblem(404, "this version is gone"))) == "still_open"
    assert "this version is gone" in fixture.state.reason


def test_a_long_reason_outside_ascii_fits_into_the_parameter() -> None:
    fixture = after_failed_batch(Suspended("\N{COLLISION SYMBOL}" * 5000))

    assert fixture.state.is_open
    assert len(str(fixture.ssm.value)) <= 4096


def test_double_braces_in_a_reason_are_stored_with_spaces_between() -> None:
    fixture = after_failed_batch(Suspended("{{{ portal.name }}} is down {}"))

    assert fixture.state.reason == "{ { { portal.name } } } is down {}"
    assert not {"{{", "}}"} & {first + second for first, second in pairwise(str(fixture.ssm.value))}


def test_opening_creates_a_deleted_parameter_again() -> None:
    fixture = BreakerFixture()
    fixture.ssm.value = None

    fixture.fail_batch(Unauthorized("401"))

    assert (fixture.state.policy, fixture.lambda_.state) == ("auth", "Disabled")


def test_the_governor_repairs_a_parameter_deleted_while_the_breaker_is_open() -> None:
    fixture = after_failed_batch(Unauthorized("401"))
    fixture.ssm.value = None

    assert (fixture.govern(), fixture.govern()) == ("repaired", "closed")
    assert fixture.lambda_.state == "Enabled"


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_mapping_disabled_before_opening_stays_disabled_after_closing(state: str) -> None:
    fixture = after_failed_batch(Unauthorized("401"), state)

    for outcome in ("reopened", "closed"):
        assert fixture.govern() == outcome
        assert fixture.lambda_.state == "Disabled"
        assert not fixture.state.is_open
        fixture.now += 60


def disabled_during_closing(disabled_after_s: float) -> BreakerFixture:
    """The consumer began to open before the governor closed: its state is overwritten, its disabling is not."""
    fixture = after_failed_batch(Suspended("down"))
    assert fixture.govern() == "reopened"
    fixture.now += disabled_after_s
    fixture.flow.set_enabled(False)
    return fixture


@pytest.mark.parametrize("disabled_after_s", [-0.1, 0.1, 10])
def test_the_governor_enables_a_mapping_disabled_during_closing(disabled_after_s: float) -> None:
    fixture = disabled_during_closing(disabled_after_s)
    fixture.now += 60

    assert fixture.govern() == "repaired"

    assert fixture.lambda_.state == "Enabled"
    assert fixture.govern() == "closed"


def test_a_mapping_disabled_over_a_minute_after_closing_stays_disabled() -> None:
    fixture = disabled_during_closing(RACE_S + 1)
    fixture.now += 60

    assert fixture.govern() == "closed"

    assert fixture.lambda_.state == "Disabled"


def test_opening_again_resumes_a_mapping_disabled_during_closing() -> None:
    fixture = disabled_during_closing(0.1)
    fixture.start()
    fixture.fail_batch(Suspended("down"))

    assert fixture.govern() == "reopened"

    assert fixture.lambda_.state == "Enabled"


def test_a_mapping_disabled_by_the_first_of_two_openings_is_enabled_on_closing() -> None:
    fixture = after_failed_batch(Unauthorized("401"))
    fixture.start()
    fixture.fail_batch(Unauthorized("401"))

    fixture.govern()

    assert fixture.lambda_.state == "Enabled"


def test_the_pause_doubles_with_each_opening_without_a_response() -> None:
    fixture, pauses = BreakerFixture(), []
    for _ in range(7):
        fixture.fail_batch(Suspended("writes fail, reads work"))
        pauses.append(fixture.state.until - fixture.now)
        fixture.now = fixture.state.until
        fixture.govern()

    assert pauses == [0, 60, 120, 240, 480, 900, 900]


def test_a_response_resets_the_pause_of_the_next_opening() -> None:
    fixture = BreakerFixture()
    for _ in range(3):
        fixture.fail_batch(Suspended("down"))
        fixture.now = fixture.state.until
        fixture.govern()
    fixture.breaker.record_batch(responded=True, errors=[])

    fixture.fail_batch(Suspended("down"))

    assert fixture.state.until == fixture.now


@given(text=st.text() | st.recursive(st.none() | st.integers(), st.lists, max_leaves=8).map(json.dumps))
def test_an_arbitrary_parameter_value_is_read_as_closed(text: str) -> None:
    assert not state_from(text).is_open


INVALID = [
    '{"state":"open","until":"soon"}',
    '{"state":"open","until":1e999}',
    '{"state":"open","since":null}',
    '{"state":"open","openings":1000000000}',
    '{"state":"open","resume":"perhaps"}',
    '{"state":"ajar"}',
    "open",
    "",
]


@pytest.mark.parametrize("text", INVALID)
def test_the_governor_repairs_an_invalid_parameter_and_enables_the_mapping(text: str) -> None:
    fixture = BreakerFixture("Disabled")
    fixture.ssm.put_parameter(Name="/woohub/breaker", Value=text, Type="String", Overwrite=True)

    assert fixture.govern() == "repaired"

    assert fixture.lambda_.state == "Enabled"
    assert fixture.state == State()


def test_a_probe_due_in_years_is_made_now() -> None:
    fixture = after_failed_batch(Suspended("down"))
    fixture.parameter.write(replace(fixture.state, until=fixture.now * 1000))

    assert fixture.govern() == "reopened"


def test_an_unreadable_secret_keeps_the_policy() -> None:
    fixture = after_failed_batch(Unauthorized("401"))
    fixture.now = fixture.state.until

    fixture.govern(SecretUnavailable("no answer"))

    assert fixture.state.policy == "auth"


def test_unknown_keys_of_the_state_are_ignored() -> None:
    assert state_from('{"state": "open", "colour": "red"}').is_open
