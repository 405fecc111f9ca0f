"""The HubSpot client's results and errors for unusual responses."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3 import HTTPHeaderDict

from tests.support.client_calls import FixedResponse, create, read
from tests.support.engine import EngineFixture
from woohub.errors import (
    HubSpotRejected,
    TransientError,
    UnknownOutcome,
)
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub.mapping.fields import load_mapping
from woohub.reconcile import deleted_orders


def associate(hubspot: HubSpot) -> object:
    return hubspot.associate(DEALS, CONTACTS, [("9001", "6001")])  # type: ignore[func-returns-value]


def define(hubspot: HubSpot) -> object:
    return hubspot.property_definitions(CONTACTS)


def search(hubspot: HubSpot) -> object:
    return hubspot.search(DEALS, "woocommerce_order_id", ["1234"])


def search_deleted(hubspot: HubSpot) -> object:
    return deleted_orders.undeleted_deal_page(hubspot, load_mapping(), after="")


INVALID_BODIES = [b"", b"[]", b"null", b"{", b"<html>", b'{"results": [', b"\xff", b"[" * 100_000, b"9" * 5000]
EMPTY_BODIES = [b"{}", b'{"status": "COMPLETE"}', b'{"results": null}', b'{"results": {}}', b'{"results": "x"}']


@pytest.mark.parametrize("data", INVALID_BODIES + EMPTY_BODIES, ids=lambda data: repr(data[:20]))
@pytest.mark.parametrize("call", [read, create, associate, define, search, search_deleted])
def test_a_response_without_usable_content_is_never_a_success(data: bytes, call: Callable[[HubSpot], object]) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(200, data)
    engine.timer.start(57)

    with pytest.raises(TransientError):
        call(engine.hubspot)


@pytest.mark.parametrize("data", [b'{"results": []}', b'{"results": [null, "x", {}, {"id": ""}]}'])
def test_a_write_response_without_records_has_an_unknown_outcome(data: bytes) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(200, data)

    with pytest.raises(UnknownOutcome):
        create(engine.hubspot)


@pytest.mark.parametrize("results", ['[{"from": {"id": "9001"}, "to": {"id": "6001"}}]', "[]"])
def test_an_association_succeeds_with_each_form_of_result_rows(results: str) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(201, f'{{"status": "COMPLETE", "results": {results}}}'.encode())

    associate(engine.hubspot)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "properties", "message", "context", "errors", "name"]), inner)
    ),
    max_leaves=12,
)
RESPONSES = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("results", "errors", "message", "category", "context", "policyName", "paging"), JSON),
)


@given(
    status=st.sampled_from([200, 201, 204, 207, 302, 400, 401, 403, 404, 409, 423, 429, 477, 500, 503, 600]),
    body=RESPONSES,
    header=st.text("0123456789-.e", max_size=6),
    call=st.sampled_from([read, create, associate, define, search]),
)
def test_any_response_is_a_success_or_raises_a_known_error(
    status: int, body: dict[str, object], header: str, call: Callable[[HubSpot], object]
) -> None:
    engine = EngineFixture(ready=False)
    headers = HTTPHeaderDict(
        {"retry-after": header, "x-hubspot-ratelimit-max": header, "x-hubspot-ratelimit-daily": header}
    )
    engine.hubspot.caller.http = FixedResponse(status, json.dumps(body).encode(), headers)
    engine.timer.start(57)

    with contextlib.suppress(TransientError, HubSpotRejected):
        call(engine.hubspot)


def test_a_read_with_unspecific_errors_returns_no_records() -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(
        207, b'{"status": "COMPLETE", "results": [], "errors": [{"message": "Could not get some"}]}'
    )

    assert read(engine.hubspot) == []


@pytest.mark.parametrize("status", [400, 404, 409, 414])
def test_a_json_refusal_raises_hubspot_rejected(status: int) -> None:
    engine = EngineFixture()
    engine.hubspot.caller.http = FixedResponse(status, b'{"message": "no"}')

    with pytest.raises(HubSpotRejected, match="no"):
        create(engine.hubspot)
