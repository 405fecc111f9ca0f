"""The circuit breaker: when it opens, what it does to the flow of messages, and when it closes again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from woohub.consumer.breaker import (
    HOLD,
    Breaker,
    BreakerParameter,
    EventSourceMapping,
    State,
    govern,
    mapping_id,
    state_from,
)
from woohub.errors import (
    Problem,
    RateLimited,
    Refused,
    SecretUnavailable,
    Suspended,
    Unauthorized,
    Unavailable,
    WooHubError,
)

MADE = datetime(2026, 11, 23, tzinfo=UTC)


class Parameters:
    """SSM with one parameter."""

    def __init__(self, value: str = '{"state":"closed"}') -> None:
        self.value = value
        self.broken = False

    def get_parameter(self, *, Name: str) -> dict[str, Any]:
        return {"Parameter": {"Name": Name, "Value": self.value, "Version": 1, "LastModifiedDate": MADE}}

    def put_parameter(self, *, Name: str, Value: str, Type: str, Overwrite: bool) -> None:
        if self.broken:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": Name}}, "PutParameter")
        assert (Type, Overwrite) == ("String", True)
        self.value = Value


class Mappings:
    """Lambda with one event source mapping."""

    def __init__(self, state: str = "Enabled") -> None:
        self.state = state

    def list_event_source_mappings(self, *, EventSourceArn: str) -> dict[str, Any]:
        functions = ("somebody-elses", "consumer:live")
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:"
        return {
            "EventSourceMappings": [
                {"UUID": f"mapping of {name}", "FunctionArn": arn + name, "EventSourceArn": EventSourceArn}
                for name in functions
            ]
        }

    def get_event_source_mapping(self, *, UUID: str) -> dict[str, Any]:
        return {"UUID": UUID, "State": self.state}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:
        assert UUID == "mapping of consumer:live"
        self.state = "Enabled" if Enabled else "Disabled"


class Scene:
    """A breaker with everything around it."""

    def __init__(self, mapping_state: str = "Enabled") -> None:
        self.now = 1_795_473_600.0
        self.ssm, self.lambda_ = Parameters(), Mappings(mapping_state)
        self.parameter = BreakerParameter(self.ssm, "/woohub/breaker")  # type: ignore[arg-type]
        self.flow = EventSourceMapping(self.lambda_, lambda: mapping_id(self.lambda_, "queue", "consumer"))  # type: ignore[arg-type]
        self.logged: list[str] = []
        self.start()

    def start(self) -> None:
        self.breaker = Breaker(lambda: self.parameter, lambda: self.flow, self._log, lambda: self.now)

    def _log(self, event: str, **_facts: object) -> None:
        self.logged.append(event)

    @property
    def state(self) -> State:
        return self.parameter.read()

    def govern(self, trouble: WooHubError | None = None) -> str:
        def probe() -> None:
            if trouble:
                raise trouble

        return govern(self.parameter, self.flow, probe, self.now)[1]


def test_a_wrong_token_opens_it_at_once() -> None:
    scene = Scene()

    scene.breaker.watch(False, [Unauthorized("401")])

    assert (scene.state.state, scene.state.policy) == ("open", "auth")
    assert scene.lambda_.state == "Disabled"


def test_one_silent_batch_does_not_open_it() -> None:
    scene = Scene()

    scene.breaker.watch(False, [Unavailable("503")])

    assert not scene.state.is_open
    assert scene.lambda_.state == "Enabled"


def test_three_silent_batches_in_a_row_open_it() -> None:
    scene = Scene()

    for _ in range(3):
        scene.breaker.watch(False, [Unavailable("503")])

    assert (scene.state.state, scene.state.policy) == ("open", "outage")


def test_a_batch_that_got_through_starts_the_count_anew() -> None:
    scene = Scene()

    for wrote in (False, False, True, False, False):
        scene.breaker.watch(wrote, [] if wrote else [Unavailable("503")])

    assert not scene.state.is_open


def test_batches_already_on_their_way_are_held_for_a_moment() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Unauthorized("401")])

    assert isinstance(scene.breaker.holds(), Suspended)
    scene.now += HOLD
    assert scene.breaker.holds() is None


def test_it_opens_for_as_long_as_hubspot_asks() -> None:
    scene = Scene()

    scene.breaker.watch(False, [RateLimited("477", retry_after=3600, policy="migration")])

    assert scene.state.until == scene.now + 3600


def test_the_daily_limit_is_probed_every_quarter_of_an_hour() -> None:
    scene = Scene()

    scene.breaker.watch(False, [RateLimited("daily", policy="daily")])

    assert scene.state.until == scene.now + 900


def test_the_messages_stay_held_when_ssm_does_not_answer() -> None:
    scene = Scene()
    scene.ssm.broken = True

    scene.breaker.watch(False, [Unauthorized("401")])

    assert scene.breaker.holds()
    assert scene.lambda_.state == "Enabled"
    assert scene.logged == ["breaker_not_stored", "breaker_opened"]


def test_a_function_that_nothing_feeds_holds_its_messages_all_the_same() -> None:
    scene = Scene()
    scene.lambda_.list_event_source_mappings = lambda **_: {"EventSourceMappings": []}  # type: ignore[method-assign]

    scene.breaker.watch(False, [Unauthorized("401")])

    assert scene.breaker.holds()


def test_the_governor_leaves_a_closed_breaker_alone() -> None:
    scene = Scene("Disabled")

    assert scene.govern() == "closed"
    assert scene.lambda_.state == "Disabled"


def test_the_governor_holds_messages_while_hubspot_does_not_answer() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Unauthorized("401")])

    assert scene.govern(Unauthorized("401")) == "still_open"
    assert scene.lambda_.state == "Disabled"


def test_the_governor_lets_messages_flow_as_soon_as_hubspot_answers() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Unauthorized("401")])
    scene.govern(Unauthorized("401"))

    assert scene.govern() == "reopened"
    assert scene.lambda_.state == "Enabled"
    assert not scene.state.is_open


def test_the_governor_waits_as_long_as_it_was_told() -> None:
    scene = Scene()
    scene.breaker.watch(False, [RateLimited("477", retry_after=3600, policy="migration")])

    assert scene.govern() == "waiting"
    scene.now += 3600
    assert scene.govern() == "reopened"


def test_the_governor_says_what_is_wrong_now() -> None:
    scene = Scene()
    scene.breaker.watch(False, [RateLimited("daily", policy="daily")])
    scene.now += 900

    scene.govern(Unauthorized("HubSpot refuses the token"))

    assert (scene.state.policy, scene.state.reason) == ("auth", "HubSpot refuses the token")


def test_a_probe_that_hubspot_refuses_is_no_sign_that_it_takes_anything() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Suspended("down")])

    assert scene.govern(Refused(Problem(404, "this version is gone"))) == "still_open"
    assert "this version is gone" in scene.state.reason


def test_a_long_reason_in_any_script_fits_its_parameter() -> None:
    scene = Scene()

    scene.breaker.watch(False, [Suspended("\N{COLLISION SYMBOL}" * 5000)])

    assert scene.state.is_open
    assert len(scene.ssm.value) <= 4096


@pytest.mark.parametrize("state", ["Disabled", "Disabling"])
def test_a_mapping_disabled_by_hand_stays_disabled(state: str) -> None:
    scene = Scene(state)
    scene.breaker.watch(False, [Unauthorized("401")])

    assert scene.govern() == "reopened"

    assert scene.lambda_.state == "Disabled"
    assert not scene.state.is_open


def test_opening_twice_does_not_take_our_own_pause_for_an_operators() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Unauthorized("401")])
    scene.start()
    scene.breaker.watch(False, [Unauthorized("401")])

    scene.govern()

    assert scene.lambda_.state == "Enabled"


def test_it_waits_longer_each_time_it_opens_again_with_nothing_written() -> None:
    scene, pauses = Scene(), []
    for _ in range(7):
        scene.breaker.watch(False, [Suspended("writes fail, reads work")])
        pauses.append(scene.state.until - scene.now)
        scene.now = scene.state.until
        scene.govern()

    assert pauses == [0, 60, 120, 240, 480, 900, 900]


def test_something_written_in_between_makes_the_next_pause_short_again() -> None:
    scene = Scene()
    for _ in range(3):
        scene.breaker.watch(False, [Suspended("down")])
        scene.now = scene.state.until
        scene.govern()
    scene.breaker.watch(True, [])

    scene.breaker.watch(False, [Suspended("down")])

    assert scene.state.until == scene.now


@given(text=st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
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
    scene = Scene("Disabled")
    scene.ssm.put_parameter(Name="/woohub/breaker", Value=text, Type="String", Overwrite=True)

    assert scene.govern() == "repaired"

    assert scene.lambda_.state == "Enabled"
    assert scene.state == State()


def test_a_probe_that_somebody_put_off_for_years_is_made_all_the_same() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Suspended("down")])
    scene.parameter.write(replace(scene.state, until=scene.now * 1000))

    assert scene.govern() == "reopened"


def test_that_no_secret_can_be_read_says_nothing_new_about_hubspot() -> None:
    scene = Scene()
    scene.breaker.watch(False, [Unauthorized("401")])
    scene.now = scene.state.until

    scene.govern(SecretUnavailable("no answer"))

    assert scene.state.policy == "auth"


def test_unknown_keys_of_a_newer_version_are_left_out() -> None:
    assert state_from('{"state": "open", "colour": "red"}').is_open
