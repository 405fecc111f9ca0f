"""One call to a WooCommerce store: where it goes, how it is signed, and the errors it may end in."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

import urllib3

from woohub.errors import PermanentError, TransientError
from woohub.http import Http, Response

CONNECT, ANSWER = 5.0, 30.0  # seconds to wait for a connection and for an answer

# What it says about odd answers holds whole addresses, in which the key may stand.
logging.getLogger("urllib3").setLevel(logging.ERROR)


class StoreUnavailable(TransientError):
    """The store did not answer properly, time and again: time-outs, 5xx, pages instead of JSON, 429.

    `cause` says why and `fix` what to do; `status` is the answer's, 0 where there was none.
    """

    def __init__(self, cause: str, *, fix: str = "", retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(_together(cause, fix), retry_after=retry_after, status=status)
        self.cause = cause
        self.fix = fix


class TooMuch(StoreUnavailable):
    """The store died of the question, or did not finish in time: a smaller page may do."""


class StoreRefused(PermanentError):
    """The store refused: `cause` says why, `fix` what to do.

    `code` is WooCommerce's own, such as `rest_invalid_param`; "" where WooCommerce did not answer. `location` is where
    a redirect leads.
    """

    def __init__(self, cause: str, *, fix: str = "", status: int = 0, code: str = "", location: str = "") -> None:
        super().__init__(_together(cause, fix))
        self.cause = cause
        self.fix = fix
        self.status = status
        self.code = code
        self.location = location


def _together(cause: str, fix: str) -> str:
    return f"{cause}: {fix}" if fix else cause


@dataclass(frozen=True)
class Access:
    """Where the store is and the key to it, which must be a read/write key of an administrator or shop manager."""

    url: str  # the shop's address without /wp-json
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)

    @classmethod
    def from_secret(cls, text: str) -> Access | None:
        """From `{"url", "consumer_key", "consumer_secret"}`; None as long as one of them is missing or empty."""
        try:
            stored = json.loads(text)
        except ValueError:
            return None
        names = ("url", "consumer_key", "consumer_secret")
        values = [stored.get(name) if isinstance(stored, dict) else None for name in names]
        if not all(isinstance(value, str) and value.strip() for value in values):
            return None
        return cls(*(str(value).strip() for value in values))

    def __post_init__(self) -> None:
        address = self.url.partition("/wp-json")[0].rstrip("/")
        object.__setattr__(self, "url", address if "://" in address else f"https://{address}")

    @property
    def secure(self) -> bool:
        """Whether the store is reached over https."""
        return is_secure(self.url)

    def address(self, path: str) -> str:
        """Where the store's REST API usually keeps this."""
        return f"{self.url}/wp-json/{path}"


def is_secure(url: str) -> bool:
    """Whether this is an https address."""
    return url.lower().startswith("https://")


@dataclass(frozen=True)
class Way:
    """How a store takes calls, where that differs from the usual; `woohub.fallbacks` finds it out."""

    url: str = ""  # where it redirects its REST API to, on the same host
    plain: bool = False  # by ?rest_route=, which works with "Plain" permalinks as well
    keys_in_query: bool = False  # its host drops the Authorization header
    home: str = ""  # its home address, where signatures must name another than the one it is reached at


USUAL = Way()


@dataclass(frozen=True)
class Question:
    """What to ask the store for; `path` comes after /wp-json/. `anonymous`: without the key."""

    method: str
    path: str
    asked: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    anonymous: bool = False


def sent(http: Http, access: Access, way: Way, question: Question, now: float, patience: float) -> Response:
    """Ask; `now` in epoch seconds, `patience` in seconds. Raises urllib3's HTTPError when no answer comes."""
    proof, asked = _proven(question, access, way, int(now))
    headers = {"accept": "application/json", "user-agent": "woohub", **proof}
    payload = None
    if question.body is not None:
        headers["content-type"] = "application/json"
        payload = json.dumps(question.body, separators=(",", ":")).encode()
    url = called_url(access, way, question.path)
    return http.request(
        question.method,
        f"{url}?{_encoded(asked)}" if asked else url,
        body=payload,
        headers=headers,
        timeout=urllib3.Timeout(connect=CONNECT, read=patience),
        retries=False,
        redirect=False,
    )


def called_url(access: Access, way: Way, path: str) -> str:
    """The address of a call, without its query."""
    url = way.url or access.url
    return f"{url}/" if way.plain else f"{url}/wp-json/{path}"


def _proven(question: Question, access: Access, way: Way, now: int) -> tuple[dict[str, str], Mapping[str, str]]:
    """The headers and parameters that prove the key: basic authentication over https, a signature over plain http."""
    asked = dict(question.asked)
    if way.plain:
        asked["rest_route"] = f"/{question.path}"
    secure = is_secure(way.url or access.url)
    if not secure and not question.anonymous:
        return {}, signed(question.method, _signed_url(access, way, question.path), asked, access, now)
    if question.method == "GET":  # hosts and plugins keep answers, and give them again to whoever asks the same
        asked["_"] = secrets.token_hex(8)
    if question.anonymous:  # WordPress would take the keys for a user's name and password, and refuse them
        return {}, asked
    if way.keys_in_query:
        return {}, asked | {"consumer_key": access.consumer_key, "consumer_secret": access.consumer_secret}
    pair = f"{access.consumer_key}:{access.consumer_secret}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}, asked


def _signed_url(access: Access, way: Way, path: str) -> str:
    """What WooCommerce makes signatures of: its home address, without a slash at the end, and the path from there."""
    home = f"http://{(way.home or access.url).partition('://')[2]}"
    called = urlsplit(called_url(access, way, path)).path
    from_home = called.removeprefix(urlsplit(home).path).lstrip("/")
    return f"{home}/{from_home}" if from_home else home


def signed(method: str, url: str, asked: Mapping[str, str], access: Access, now: int) -> dict[str, str]:
    """The parameters of a call over plain http with the OAuth 1.0a signature; `now` in epoch seconds.

    One-legged: there is no token, so the signing key ends in "&". The nonce is good once, the signature 15 minutes.
    """
    parameters = dict(asked) | {
        "oauth_consumer_key": access.consumer_key,
        "oauth_nonce": secrets.token_hex(16),
        "oauth_signature_method": "HMAC-SHA256",
        "oauth_timestamp": str(now),
    }
    return parameters | {"oauth_signature": oauth_signature(method, url, parameters, access.consumer_secret)}


def oauth_signature(method: str, url: str, parameters: Mapping[str, str], consumer_secret: str) -> str:
    """RFC 5849 §3.4 as WooCommerce checks it, with HMAC-SHA256, in base64."""
    pairs = sorted((_percent(name), _percent(value)) for name, value in parameters.items())
    normal = "&".join(f"{name}={value}" for name, value in pairs)
    text = "&".join((method.upper(), _percent(url), _percent(normal)))
    return base64.b64encode(hmac.digest(f"{consumer_secret}&".encode(), text.encode(), "sha256")).decode()


def _percent(text: str) -> str:
    return quote(text, safe="~")


def _encoded(asked: Mapping[str, str]) -> str:
    return "&".join(f"{_percent(name)}={quote(value, safe='/~')}" for name, value in asked.items())
