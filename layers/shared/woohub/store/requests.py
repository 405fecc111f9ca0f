"""Authenticate and send one call to a WooCommerce store, and the errors of such calls."""

from __future__ import annotations

import base64
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import urllib3

from woohub.errors import PermanentError, TransientError
from woohub.http import Http, Response
from woohub.store.connection import Connection
from woohub.store.oauth import quoted, signed

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0

# urllib3's warnings show whole addresses, which may contain the key.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class StoreUnavailable(TransientError):
    """The store did not answer properly: time-out, 5xx, a page instead of JSON, or 429.

    `cause` says why, and `fix` what to do. `status` is the response's status, 0 if there was no response.
    """

    def __init__(self, cause: str, *, fix: str = "", retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(_sentence(cause, fix), retry_after=retry_after, status=status)
        self.cause = cause
        self.fix = fix


class StoreOverloaded(StoreUnavailable):
    """The store crashed on this request, or did not finish in time: a smaller page may work."""


class StoreRefused(PermanentError):
    """The store refused a request: `cause` says why, and `fix` what to do.

    `code` is the error code of WordPress or WooCommerce, such as `rest_invalid_param`; "" if neither of them answered.
    `location` is the address that a redirect names.
    """

    def __init__(self, cause: str, *, fix: str = "", status: int = 0, code: str = "", location: str = "") -> None:
        super().__init__(_sentence(cause, fix))
        self.cause = cause
        self.fix = fix
        self.status = status
        self.code = code
        self.location = location


def _sentence(cause: str, fix: str) -> str:
    return f"{cause}: {fix}" if fix else cause


@dataclass(frozen=True)
class StoreRequest:
    """A request to the store. `path` follows /wp-json/; an `anonymous` request is sent without the key."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    anonymous: bool = False


def send(http: Http, connection: Connection, request: StoreRequest, now_s: float, timeout_s: float) -> Response:
    """Send a request at `now_s` (epoch seconds). Raises urllib3's HTTPError if there is no response."""
    auth_headers, params = _authenticate(request, connection, int(now_s))
    headers = {"accept": "application/json", "user-agent": "woohub", **auth_headers}
    payload = None
    if request.body is not None:
        headers["content-type"] = "application/json"
        payload = json.dumps(request.body, separators=(",", ":")).encode()
    url = connection.url(request.path)
    return http.request(
        request.method,
        f"{url}?{_query(params)}" if params else url,
        body=payload,
        headers=headers,
        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT_S, read=timeout_s),
        retries=False,
        redirect=False,
    )


def _authenticate(
    request: StoreRequest, connection: Connection, now_s: int
) -> tuple[dict[str, str], Mapping[str, str]]:
    """Return the headers and parameters of an authenticated request.

    The key is sent by basic authentication over https; plain http gets a signature instead of the key.
    """
    credentials, style, params = connection.credentials, connection.style, dict(request.params)
    if style.plain:
        params["rest_route"] = f"/{request.path}"
    if not connection.secure and not request.anonymous:
        return {}, signed(request.method, connection.signed_url(request.path), params, credentials, now_s)
    if request.method == "GET":  # hosts and plugins cache answers; a unique parameter defeats the cache
        params["_"] = secrets.token_hex(8)
    if request.anonymous:  # WordPress would read the keys as a user's name and password, and refuse them
        return {}, params
    if style.keys_in_query:
        return {}, params | {"consumer_key": credentials.consumer_key, "consumer_secret": credentials.consumer_secret}
    pair = f"{credentials.consumer_key}:{credentials.consumer_secret}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}, params


def _query(params: Mapping[str, str]) -> str:
    return "&".join(f"{quoted(name)}={quote(value, safe='/~')}" for name, value in params.items())
