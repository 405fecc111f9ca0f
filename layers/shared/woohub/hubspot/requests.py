"""Send one request to HubSpot, and say why a request got no answer."""

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

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 3.05, 15.0
NO_ANSWER_CAUSES: tuple[tuple[type[HTTPError], str], ...] = (  # urllib3's errors in words; the first match counts
    (NameResolutionError, "there is no host of that name"),
    (NewConnectionError, "its host cannot be reached"),
    (ConnectTimeoutError, "it did not accept the connection in time"),
    (ReadTimeoutError, "it did not answer in time"),
    (ProtocolError, "it closed the connection"),
    (SSLError, "no TLS connection could be agreed on"),
    (HTTPError, "the connection broke"),
)


def send(http: Http, method: str, url: str, body: Mapping[str, Any] | None, token: str, seconds: float) -> Response:
    """Send a request and return the response, whatever its status.

    Raises urllib3's HTTPError if there is none within `seconds`, or within READ_TIMEOUT_S.
    """
    # Characters that no header can carry are escaped. Then HubSpot refuses the token, and no error text shows it.
    sent = quote(token, safe=punctuation + " ", errors="replace")
    headers = {"authorization": f"Bearer {sent}", "accept": "application/json", "user-agent": "woohub"}
    payload = None
    if body is not None:
        headers["content-type"] = "application/json"
        payload = _json(body)
    return http.request(
        method,
        url,
        body=payload,
        headers=headers,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=min(READ_TIMEOUT_S, seconds)),
        retries=False,
        redirect=False,
    )


def _json(body: Mapping[str, Any]) -> bytes:
    """Write compact JSON. Pydantic's writer takes a fifth of Python's time, but refuses halves of characters."""
    try:
        return to_json(body)
    except ValueError:
        return json.dumps(body, separators=(",", ":")).encode()


def no_answer_cause(error: HTTPError) -> str:
    """Return words for why there is no answer, in which "it" means HubSpot."""
    return next(words for kind, words in NO_ANSWER_CAUSES if isinstance(error, kind))
