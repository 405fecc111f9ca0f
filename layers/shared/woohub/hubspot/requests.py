"""Send one request to HubSpot, and say why there is no answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from string import punctuation
from typing import Any
from urllib.parse import quote

import urllib3
from pydantic_core import to_json
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from woohub.http import Http, Response

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.05, 15.0  # seconds to wait for a connection and for an answer
NO_ANSWER_CAUSES: tuple[tuple[type[HTTPError], str], ...] = (  # urllib3's error, in words; the first that fits
    (NameResolutionError, "there is no host of that name"),
    (NewConnectionError, "its host cannot be reached"),
    (ConnectTimeoutError, "it did not accept the connection in time"),
    (ReadTimeoutError, "it did not answer in time"),
    (ProtocolError, "it closed the connection"),
    (SSLError, "no TLS connection could be agreed on"),
    (HTTPError, "the connection broke"),
)


def send(http: Http, method: str, url: str, body: Mapping[str, Any] | None, token: str, seconds: float) -> Response:
    """The response, whatever its status; urllib3's HTTPError without one after `seconds`, or READ_TIMEOUT_S."""
    # As it is, if a header can carry it: else HubSpot refuses it like any wrong token, and no error shows it.
    sent = quote(token, safe=punctuation + " ", errors="replace")
    headers = {"authorization": f"Bearer {sent}", "accept": "application/json", "user-agent": "woohub"}
    payload = None
    if body is not None:
        headers["content-type"] = "application/json"
        payload = _written(body)
    return http.request(
        method,
        url,
        body=payload,
        headers=headers,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=min(READ_TIMEOUT_S, seconds)),
        retries=False,
        redirect=False,
    )


def _written(body: Mapping[str, Any]) -> bytes:
    """Compact JSON. Pydantic's writer takes a fifth of the time, but refuses halves of characters."""
    try:
        return to_json(body)
    except ValueError:
        return json.dumps(body, separators=(",", ":")).encode()


def no_answer_cause(error: HTTPError) -> str:
    """Why there is no answer, in words; "it" is HubSpot."""
    return next(words for kind, words in NO_ANSWER_CAUSES if isinstance(error, kind))
