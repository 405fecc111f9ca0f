"""The HubSpot client against the simulated portal: retries, lost responses and the token."""

from __future__ import annotations

from http.client import HTTPConnection
from socket import gaierror
from typing import Any
from unittest.mock import patch

import pytest
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
from tests.support.client_calls import create, engine_with_fault, read
from tests.support.engine import EngineFixture, Token
from woohub.errors import (
    DeadlineExceeded,
    Forbidden,
    HubSpotUnavailable,
    TransientError,
    Unauthorized,
    UnknownOutcome,
)
from woohub.hubspot.objects import CONTACTS
from woohub.hubspot.paths import paths

POOL: Any = None  # an argument of urllib3's errors
BROKEN_CALLS = [
    (NameResolutionError("api.hubapi.com", POOL, gaierror()), "there is no host of that name"),
    (NewConnectionError(POOL, "refused"), "its host cannot be reached"),
    (ConnectTimeoutError(), "it did not accept the connection in time"),
    (ReadTimeoutError(POOL, "", "timed out"), "it did not answer in time"),
    (ProtocolError("Connection aborted."), "it closed the connection"),
    (SSLError("bad handshake"), "no TLS connection could be agreed on"),
    (HTTPError("anything else"), "the connection broke"),
]


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


@pytest.mark.parametrize("status", [503, 429, 423])
def test_on_wait_receives_each_wait_with_its_reason(status: int) -> None:
    engine, waits = engine_with_fault(status=status, count=2), list[tuple[float, str]]()
    engine.hubspot.caller.on_wait = lambda seconds, reason: waits.append((seconds, reason))

    read(engine.hubspot)

    assert [(seconds > 0, str(status) in reason) for seconds, reason in waits] == [(True, True)] * 2


def test_on_wait_is_not_called_for_a_wait_that_exceeds_the_deadline() -> None:
    engine, waits = engine_with_fault(status=503, retry_after="20"), list[str]()
    engine.hubspot.caller.on_wait = lambda _seconds, reason: waits.append(reason)
    engine.timer.start(10)

    with pytest.raises(DeadlineExceeded):
        read(engine.hubspot)

    assert waits == []


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html"])
def test_a_read_is_retried_after_a_server_error(status: int, body: str) -> None:
    engine = engine_with_fault(status=status, body=body, count=2)

    assert read(engine.hubspot) == []
    assert [call.status for call in engine.calls] == [status, status, 207]


@pytest.mark.parametrize("kind", ["reset", "truncate", "hold"])
def test_a_read_is_retried_after_a_broken_connection(kind: str) -> None:
    engine = engine_with_fault(kind=kind, count=1)

    assert read(engine.hubspot) == []


def test_lone_surrogates_are_sent_and_read_in_escaped_form() -> None:
    engine, sent = EngineFixture(), list[bytes]()
    body = rb'{"results": [{"id": "1", "properties": {"firstname": "Ana \ud83d"}}]}'

    def request(_method: str, _url: str, **call: Any) -> InProcessResponse:
        sent.append(call["body"])
        return InProcessResponse(200, HTTPHeaderDict(), body)

    with patch.object(engine.hubspot.caller.http, "request", request):
        (record,) = engine.hubspot.read(CONTACTS, ["a\ud83d@example.com"], ["firstname"], id_property="email")

    assert rb"a\ud83d@example.com" in sent[0]
    assert record.properties["firstname"] == "Ana \ud83d"


@pytest.mark.parametrize(("error", "reason"), BROKEN_CALLS, ids=lambda value: type(value).__name__)
def test_an_unavailable_hubspot_is_reported_with_the_reason(error: HTTPError, reason: str) -> None:
    engine = EngineFixture()
    engine.timer.start(57)

    with (
        patch.object(engine.hubspot.caller.http, "request", side_effect=error),
        pytest.raises(HubSpotUnavailable, match=f"contacts/batch/read: {reason}$"),
    ):
        engine.hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email", retry=False)


@pytest.mark.parametrize(("retry", "attempts"), [(True, 6), (False, 1)])
def test_a_read_fails_after_six_attempts_or_one_without_retries(retry: bool, attempts: int) -> None:
    engine = engine_with_fault(status=503)

    with pytest.raises(HubSpotUnavailable):
        engine.hubspot.read(CONTACTS, ["a@example.com"], ["email"], id_property="email", retry=retry)

    assert len(engine.calls) == attempts


def test_a_read_waits_for_the_retry_after_of_a_server_error() -> None:
    engine = engine_with_fault(status=503, retry_after="12", count=1)
    started = engine.clock.now

    read(engine.hubspot)

    assert engine.clock.now - started >= 12


@pytest.mark.parametrize(
    "fault", [{"status": 500}, {"status": 504, "body": "html"}, {"kind": "reset"}, {"kind": "hold"}]
)
def test_a_write_with_a_lost_response_has_an_unknown_outcome_and_is_not_retried(fault: dict[str, object]) -> None:
    engine = engine_with_fault(**fault, when="after")

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)

    assert len(engine.calls) == 1


def test_stats_count_answered_and_broken_calls() -> None:
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


def test_a_call_is_retried_2_s_after_a_423() -> None:
    engine = engine_with_fault(status=423, count=1)
    started = engine.clock.now

    create(engine.hubspot)

    assert 2 <= engine.clock.now - started < 3


def test_a_refused_token_is_read_again_once() -> None:
    engine = EngineFixture(token=Token("pat-wrong", "pat-also-wrong"))

    with pytest.raises(Unauthorized):
        read(engine.hubspot)

    assert [call.status for call in engine.calls] == [401, 401]
    assert engine.token.renewals == 1


@pytest.mark.parametrize("pasted", ["pat-na1-\n1234", "pat\N{EN DASH}na1", "pat-na1\x00", "\ud800", "pat na1"])
def test_a_token_that_no_header_can_carry_is_refused(pasted: str) -> None:
    engine = EngineFixture(token=Token(pasted, pasted))
    request = engine.hubspot.caller.http.request

    def check_header_and_request(method: str, url: str, **call: Any) -> Any:
        connection = HTTPConnection("nobody.invalid")  # connects only when the headers are complete
        connection.putrequest(method, "/")
        connection.putheader("authorization", call["headers"]["authorization"])
        return request(method, url, **call)

    with (
        patch.object(engine.hubspot.caller.http, "request", check_header_and_request),
        pytest.raises(Unauthorized) as caught,
    ):
        read(engine.hubspot)

    assert "pat" not in str(caught.value)


def test_a_403_for_a_missing_scope_raises_forbidden() -> None:
    engine = engine_with_fault(status=403)

    with pytest.raises(Forbidden, match="MISSING_SCOPES"):
        read(engine.hubspot)


@pytest.mark.parametrize("status", [408, 425])
def test_a_408_or_425_has_an_unknown_outcome(status: int) -> None:
    engine = engine_with_fault(status=status)

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)


def test_an_html_403_of_a_proxy_is_transient() -> None:
    engine = engine_with_fault(status=403, body="html")
    engine.timer.start(2.5)

    with pytest.raises(TransientError) as caught:
        create(engine.hubspot)

    assert not isinstance(caught.value, Unauthorized)


def test_no_call_starts_without_time_for_its_response() -> None:
    engine = EngineFixture()
    engine.timer.start(1.5)

    with pytest.raises(DeadlineExceeded):
        read(engine.hubspot)

    assert engine.calls == []
