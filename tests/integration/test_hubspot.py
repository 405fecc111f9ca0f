"""The HubSpot client against the simulated portal: limits, failures, and errors typed by what to do next."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from http.client import HTTPConnection
from socket import gaierror
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture, Token
from woohub.errors import (
    DeadlineExceeded,
    Forbidden,
    HubSpotRejected,
    HubSpotUnavailable,
    RateLimited,
    TransientError,
    Unauthorized,
    UnknownOutcome,
)
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub.hubspot.paths import paths
from woohub.mapping.fields import load_mapping
from woohub.reconcile import deleted_orders

ONE = [{"objectWriteTraceId": "1", "properties": {"email": "a@example.com"}, "associations": []}]

POOL: Any = None  # urllib3 names it in its errors
BROKEN_CALLS = [
    (NameResolutionError("api.hubapi.com", POOL, gaierror()), "there is no host of that name"),
    (NewConnectionError(POOL, "refused"), "its host cannot be reached"),
    (ConnectTimeoutError(), "it did not accept the connection in time"),
    (ReadTimeoutError(POOL, "", "timed out"), "it did not answer in time"),
    (ProtocolError("Connection aborted."), "it closed the connection"),
    (SSLError("bad handshake"), "no TLS connection could be agreed on"),
    (HTTPError("whatever else"), "the connection broke"),
]


def read(hubspot: HubSpot) -> object:
    return hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email")


def create(hubspot: HubSpot) -> object:
    return hubspot.create(CONTACTS, ONE)


def troubled(**fault: object) -> EngineFixture:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(**fault))  # type: ignore[arg-type]
    engine.timer.start(57)
    return engine


@pytest.mark.parametrize(
    ("version", "objects", "associations"),
    [
        ("2026-09", "/crm/objects/2026-09", "/crm/associations/2026-09"),
        ("2026-03", "/crm/objects/2026-03", "/crm/associations/2026-03"),
        ("v3", "/crm/v3/objects", "/crm/v4/associations"),
    ],
)
def test_each_api_version_has_its_paths(version: str, objects: str, associations: str) -> None:
    assert (paths(version).objects, paths(version).associations) == (objects, associations)


# --- What is tried again ---


@pytest.mark.parametrize("status", [503, 429, 423])
def test_each_wait_is_announced_with_its_reason(status: int) -> None:
    engine, waits = troubled(status=status, count=2), list[tuple[float, str]]()
    engine.hubspot.caller.on_wait = lambda seconds, reason: waits.append((seconds, reason))

    read(engine.hubspot)

    assert [(seconds > 0, str(status) in reason) for seconds, reason in waits] == [(True, True)] * 2


def test_a_wait_that_does_not_fit_is_not_announced() -> None:
    engine, waits = troubled(status=503, retry_after="20"), list[str]()
    engine.hubspot.caller.on_wait = lambda _seconds, reason: waits.append(reason)
    engine.timer.start(10)

    with pytest.raises(DeadlineExceeded):
        read(engine.hubspot)

    assert waits == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html"])
def test_a_read_is_tried_again_after_a_server_error(status: int, body: str) -> None:
    engine = troubled(status=status, body=body, count=2)

    assert read(engine.hubspot) == []
    assert [call.status for call in engine.calls] == [status, status, 207]


@pytest.mark.parametrize("kind", ["reset", "truncate", "hold"])
def test_a_read_is_tried_again_after_a_broken_connection(kind: str) -> None:
    engine = troubled(kind=kind, count=1)

    assert read(engine.hubspot) == []


def test_half_a_character_is_sent_and_read_as_json_escapes_it() -> None:
    engine, sent = EngineFixture(), list[bytes]()
    body = rb'{"results": [{"id": "1", "properties": {"firstname": "Ana \ud83d"}}]}'

    def request(_method: str, _url: str, **call: Any) -> InProcessResponse:
        sent.append(call["body"])
        return InProcessResponse(200, HTTPHeaderDict(), body)

    with patch.object(engine.hubspot.caller.http, "request", request):
        (record,) = engine.hubspot.read(CONTACTS, ["a\ud83d@example.com"], ["firstname"], id_property="email")

    assert rb"a\ud83d@example.com" in sent[0]
    assert record.properties["firstname"] == "Ana \ud83d"


@pytest.mark.parametrize(("error", "words"), BROKEN_CALLS, ids=lambda value: type(value).__name__)
def test_why_hubspot_does_not_answer_is_said_in_words(error: HTTPError, words: str) -> None:
    engine = EngineFixture()
    engine.timer.start(57)

    with (
        patch.object(engine.hubspot.caller.http, "request", side_effect=error),
        pytest.raises(HubSpotUnavailable, match=f"contacts/batch/read: {words}$"),
    ):
        engine.hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email", retry=False)


def test_a_read_gives_up_after_six_tries() -> None:
    engine = troubled(status=503)

    with pytest.raises(HubSpotUnavailable):
        read(engine.hubspot)

    assert len(engine.calls) == 6


def test_a_read_by_somebody_who_tries_again_himself_is_tried_once() -> None:
    engine = troubled(status=503)

    with pytest.raises(HubSpotUnavailable):
        engine.hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email", retry=False)

    assert len(engine.calls) == 1


def test_a_read_waits_as_long_as_a_server_error_asks() -> None:
    engine = troubled(status=503, retry_after="12", count=1)
    started = engine.clock.now

    read(engine.hubspot)

    assert engine.clock.now - started >= 12


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 504, "body": "html"}, {"kind": "reset"}, {"kind": "hold"}]
)
def test_a_write_without_an_answer_has_an_unknown_outcome_and_is_not_repeated(fault: dict[str, object]) -> None:
    engine = troubled(**fault, when="after")

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)

    assert len(engine.calls) == 1


def test_it_is_counted_which_calls_were_answered_and_which_broke() -> None:
    engine = EngineFixture()
    create(engine.hubspot)
    read(engine.hubspot)
    engine.portal.faults.add(InjectedFault(status=503, path="create"))
    with pytest.raises(UnknownOutcome) as caught:
        create(engine.hubspot)

    contacts = "/crm/objects/2026-09/contacts/batch"
    assert engine.hubspot.stats.answered == {f"{contacts}/create": 1, f"{contacts}/read": 1}
    assert engine.hubspot.stats.broken == {f"{contacts}/create": 1}
    assert caught.value.call == f"{contacts}/create"


def test_a_locked_portal_is_given_two_seconds() -> None:
    engine = troubled(status=423, count=1)
    started = engine.clock.now

    create(engine.hubspot)

    assert 2 <= engine.clock.now - started < 3


# --- Limits ---


@pytest.mark.parametrize(
    ("policy", "retry_after", "pause"),
    [
        ("SECONDLY", "", 1),
        ("TEN_SECONDLY_ROLLING", "", 10),
        ("TEN_SECONDLY_ROLLING", "3", 3),
    ],
)
def test_a_429_is_waited_out_as_its_policy_or_header_says(policy: str, retry_after: str, pause: float) -> None:
    engine = troubled(status=429, policy=policy, retry_after=retry_after, count=1)
    started = engine.clock.now

    create(engine.hubspot)

    assert pause <= engine.clock.now - started <= pause + 0.1


def test_a_429_that_names_no_policy_is_given_half_a_minute() -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(429, b"<html>Too Many Requests</html>")
    engine.timer.start(40)
    started = engine.clock.now

    with pytest.raises(DeadlineExceeded):
        create(engine.hubspot)

    assert engine.clock.now - started == 30


def test_a_429_storm_ends_the_tries() -> None:
    engine = troubled(status=429, policy="SECONDLY")

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.policy == "rate"
    assert len(engine.calls) == 4


def test_the_daily_limit_is_not_waited_out() -> None:
    engine = troubled(status=429, policy="DAILY")

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.policy == "daily"
    assert len(engine.calls) == 1


def test_the_daily_limit_is_known_by_its_words_where_hubspot_names_no_policy() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"requests_per_day": 0, "errors_in_words": True})

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.policy == "daily"


def test_a_limit_longer_than_the_time_left_is_left_to_the_next_invocation() -> None:
    engine = troubled(status=429, retry_after="50")
    engine.timer.start(20)

    with pytest.raises(DeadlineExceeded) as caught:
        create(engine.hubspot)

    assert caught.value.retry_after == 50


def test_a_migrating_portal_says_when_to_come_back() -> None:
    engine = troubled(status=477, retry_after="3600")

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert (caught.value.policy, caught.value.retry_after) == ("migration", 3600)


def test_no_ten_seconds_ever_hold_more_calls_than_the_portal_allows() -> None:
    engine = EngineFixture()

    for _ in range(400):
        read(engine.hubspot)

    assert engine.portal.counters()["peak_per_10_s"] <= 90
    assert engine.portal.counters()["refused_429"] == 0


def test_a_cold_start_in_a_used_up_window_draws_no_429() -> None:
    engine = EngineFixture()
    for _ in range(85):
        read(engine.hubspot)
    engine.restart()

    for _ in range(85):
        read(engine.hubspot)

    assert engine.portal.counters()["refused_429"] == 0


def test_searches_stay_under_five_a_second() -> None:
    engine = EngineFixture()

    for number in range(30):
        engine.hubspot.search(DEALS, "woocommerce_order_id", [str(number)])

    assert engine.portal.counters()["peak_searches_per_s"] <= 5
    assert engine.portal.counters()["refused_429"] == 0


def test_a_search_for_many_values_keeps_to_hubspots_body_size() -> None:
    engine = EngineFixture()

    rows = engine.hubspot.search(DEALS, "woocommerce_order_id", [f"{number:06}" for number in range(1000)])

    assert rows == []
    assert {call.status for call in engine.calls} == {200}
    assert len(engine.calls) > 1


@pytest.mark.parametrize(
    ("retry_after", "believed"),
    [("3600", 3600), ("9" * 400, 86_400), ("-5", None), ("Wed, 25 Nov 2026 07:28:00 GMT", None), ("nan", None)],
)
def test_what_hubspot_asks_for_is_believed_within_reason(retry_after: str, believed: float | None) -> None:
    engine = troubled(status=477, retry_after=retry_after)

    with pytest.raises(RateLimited) as caught:
        create(engine.hubspot)

    assert caught.value.retry_after == believed


# --- The token ---


def test_a_refused_token_is_read_again_once_and_then_given_up() -> None:
    engine = EngineFixture(token=Token("pat-wrong", "pat-also-wrong"))

    with pytest.raises(Unauthorized):
        read(engine.hubspot)

    assert [call.status for call in engine.calls] == [401, 401]
    assert engine.token.renewals == 1


@pytest.mark.parametrize("pasted", ["pat-na1-\n1234", "pat\N{EN DASH}na1", "pat-na1\x00", "\ud800", "pat na1"])
def test_a_token_that_no_header_can_carry_is_a_refused_one(pasted: str) -> None:
    engine = EngineFixture(token=Token(pasted, pasted))
    request = engine.hubspot.caller.http.request

    def as_a_connection_would(method: str, url: str, **call: Any) -> Any:
        connection = HTTPConnection("nobody.invalid")  # it connects when the headers are complete
        connection.putrequest(method, "/")
        connection.putheader("authorization", call["headers"]["authorization"])
        return request(method, url, **call)

    with (
        patch.object(engine.hubspot.caller.http, "request", as_a_connection_would),
        pytest.raises(Unauthorized) as caught,
    ):
        read(engine.hubspot)

    assert "pat" not in str(caught.value)


def test_a_missing_scope_is_told_apart_from_a_wrong_token() -> None:
    engine = troubled(status=403)

    with pytest.raises(Forbidden, match="MISSING_SCOPES"):
        read(engine.hubspot)


@pytest.mark.parametrize("status", [408, 425])
def test_a_time_out_told_by_hubspot_is_no_verdict(status: int) -> None:
    engine = troubled(status=status)

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)


def test_a_page_from_the_network_in_front_is_no_verdict() -> None:
    engine = troubled(status=403, body="html")
    engine.timer.start(2.5)

    with pytest.raises(TransientError) as caught:
        create(engine.hubspot)

    assert not isinstance(caught.value, Unauthorized)


# --- Time ---


def test_no_call_starts_without_time_for_its_answer() -> None:
    engine = EngineFixture()
    engine.timer.start(1.5)

    with pytest.raises(DeadlineExceeded):
        read(engine.hubspot)

    assert engine.calls == []


# --- What HubSpot says ---


class Canned:
    """A HubSpot with one answer."""

    def __init__(self, status: int, data: bytes, headers: HTTPHeaderDict | None = None) -> None:
        self._response = InProcessResponse(status, headers or HTTPHeaderDict(), data)

    def request(self, method: str, url: str, **_kwargs: object) -> InProcessResponse:
        return self._response


def associate(hubspot: HubSpot) -> object:
    return hubspot.associate(DEALS, CONTACTS, [("9001", "6001")])  # type: ignore[func-returns-value]


def define(hubspot: HubSpot) -> object:
    return hubspot.property_definitions(CONTACTS)


def search(hubspot: HubSpot) -> object:
    return hubspot.search(DEALS, "woocommerce_order_id", ["1234"])


def look_for_deleted(hubspot: HubSpot) -> object:
    return deleted_orders.undeleted_deal_page(hubspot, load_mapping(), after="")


NO_OBJECT = [b"", b"[]", b"null", b"{", b"<html>", b'{"results": [', b"\xff", b"[" * 100_000, b"9" * 5000]
TELLING_NOTHING = [b"{}", b'{"status": "COMPLETE"}', b'{"results": null}', b'{"results": {}}', b'{"results": "x"}']


@pytest.mark.parametrize("data", NO_OBJECT + TELLING_NOTHING, ids=lambda data: repr(data[:20]))
@pytest.mark.parametrize("call", [read, create, associate, define, search, look_for_deleted])
def test_an_answer_that_tells_nothing_is_never_a_success(data: bytes, call: Callable[[HubSpot], object]) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(200, data)
    engine.timer.start(57)

    with pytest.raises(TransientError):
        call(engine.hubspot)


@pytest.mark.parametrize("data", [b'{"results": []}', b'{"results": [null, "x", {}, {"id": ""}]}'])
def test_a_write_whose_answer_names_no_record_has_an_unknown_outcome(data: bytes) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(200, data)

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)


@pytest.mark.parametrize("results", ['[{"from": {"id": "9001"}, "to": {"id": "6001"}}]', "[]"])
def test_an_association_is_made_whatever_form_the_rows_of_the_answer_have(results: str) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(201, f'{{"status": "COMPLETE", "results": {results}}}'.encode())

    associate(engine.hubspot)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "properties", "message", "context", "errors", "name"]), inner)
    ),
    max_leaves=12,
)
ANSWERS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("results", "errors", "message", "category", "context", "policyName", "paging"), JSON),
)


@given(
    status=st.sampled_from([200, 201, 204, 207, 302, 400, 401, 403, 404, 409, 423, 429, 477, 500, 503, 600]),
    body=ANSWERS,
    header=st.text("0123456789-.e", max_size=6),
    call=st.sampled_from([read, create, associate, define, search]),
)
def test_whatever_hubspot_answers_the_caller_learns_what_to_do_next(
    status: int, body: dict[str, object], header: str, call: Callable[[HubSpot], object]
) -> None:
    engine = EngineFixture(ready=False)
    headers = HTTPHeaderDict(
        {"retry-after": header, "x-hubspot-ratelimit-max": header, "x-hubspot-ratelimit-daily": header}
    )
    engine.hubspot.caller.http = Canned(status, json.dumps(body).encode(), headers)
    engine.timer.start(57)

    with contextlib.suppress(TransientError, HubSpotRejected):
        call(engine.hubspot)


def test_a_read_whose_errors_say_nothing_is_a_read_that_found_nothing() -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(
        207, b'{"status": "COMPLETE", "results": [], "errors": [{"message": "Could not get some"}]}'
    )

    assert read(engine.hubspot) == []


@pytest.mark.parametrize("status", [400, 404, 409, 414])
def test_a_refusal_in_json_is_hubspots_verdict(status: int) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = Canned(status, b'{"message": "no"}')

    with pytest.raises(HubSpotRejected, match="no"):
        create(engine.hubspot)
