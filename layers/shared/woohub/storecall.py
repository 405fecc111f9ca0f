"""One call to a WooCommerce store: how it is addressed and signed, and what its answer means."""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ReadTimeoutError

from woohub.errors import OutOfTime, PermanentError, TransientError
from woohub.exchange import Http, Response
from woohub.webhooks import identifier

CONNECT, ANSWER = 5.0, 30.0  # seconds to wait for a connection and for an answer
BETWEEN = re.compile(r"[\s,]*")
FIREWALL = "a firewall or security plugin in front of the store?"
SUSPECTS = {  # by the status of a page where JSON was asked for
    200: "a maintenance page, or PHP's notices before the answer, which WP_DEBUG_DISPLAY shows?",
    401: FIREWALL,
    403: FIREWALL,
    405: FIREWALL,
}


class StoreUnavailable(TransientError):
    """The store did not answer properly, time and again: time-outs, 5xx, pages instead of JSON, 429."""


class TooMuch(StoreUnavailable):
    """The store died of the question, or did not finish in time: a smaller page may do."""


class StoreRefused(PermanentError):
    """The store refused; the message says what to do. `code` is WooCommerce's own, such as `rest_invalid_param`."""

    def __init__(self, message: str, *, status: int = 0, code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


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
        return self.url.lower().startswith("https://")

    def address(self, path: str) -> str:
        """Where the store's REST API keeps this."""
        return f"{self.url}/wp-json/{path}"


@dataclass(frozen=True)
class Question:
    """What to ask the store for; `path` comes after /wp-json/. `anonymous`: without the key."""

    method: str
    path: str
    asked: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    anonymous: bool = False


@dataclass(frozen=True)
class Answer:
    """A good answer: its text, its JSON, how many there are of what was asked for, and how many could have come."""

    text: str
    content: Any
    total: int | None  # None: the store does not say
    limit: int
    headers: Mapping[str, str]

    def object(self) -> dict[str, Any]:
        """The one thing asked for."""
        if not isinstance(self.content, dict):
            raise StoreUnavailable("the store's answer is a list where one thing was asked for")
        return self.content

    def objects(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Each thing of a list with its own bytes: PHP writes one in a list exactly as it writes it alone."""
        if not isinstance(self.content, list):
            raise StoreUnavailable("the store's answer is no list where one was asked for")
        decoder, text = json.JSONDecoder(), self.text
        start = _next(text, text.index("[") + 1)
        while text[start] != "]":
            found, end = decoder.raw_decode(text, start)
            if isinstance(found, dict) and identifier(found):
                yield text[start:end].encode(), found
            start = _next(text, end)


def _next(text: str, start: int) -> int:
    found = BETWEEN.match(text, start)
    return found.end() if found else start


def sent(http: Http, access: Access, question: Question, now: float, patience: float) -> Response:
    """Ask; `now` in epoch seconds, `patience` in seconds. Raises urllib3's HTTPError when no answer comes."""
    url = access.address(question.path)
    proof, asked = _proven(question, url, access, int(now))
    headers = {"accept": "application/json", "user-agent": "woohub", **proof}
    payload = None
    if question.body is not None:
        headers["content-type"] = "application/json"
        payload = json.dumps(question.body, separators=(",", ":")).encode()
    return http.request(
        question.method,
        f"{url}?{_encoded(asked)}" if asked else url,
        body=payload,
        headers=headers,
        timeout=urllib3.Timeout(connect=CONNECT, read=patience),
        retries=False,
        redirect=False,
    )


def _proven(question: Question, url: str, access: Access, now: int) -> tuple[dict[str, str], Mapping[str, str]]:
    """The headers and parameters that prove the key: basic authentication over https, a signature over plain http."""
    if not access.secure and not question.anonymous:
        return {}, signed(question.method, url, question.asked, access, now)
    asked = dict(question.asked)
    if question.method == "GET":  # hosts and plugins keep answers, and give them again to whoever asks the same
        asked["_"] = secrets.token_hex(8)
    if question.anonymous:  # WordPress would take the keys for a user's name and password, and refuse them
        return {}, asked
    pair = f"{access.consumer_key}:{access.consumer_secret}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}, asked


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
    return "&".join(f"{_percent(name)}={_percent(value)}" for name, value in asked.items())


def unanswered(error: HTTPError, question: Question, access: Access, patience: float) -> StoreUnavailable | OutOfTime:
    """What a call without an answer means; the error's own text may hold the query, so only its kind is told."""
    call = f"{question.method} {access.address(question.path)}"
    if not isinstance(error, ReadTimeoutError):
        return StoreUnavailable(f"no answer from the store to {call}: {type(error).__name__}")
    if patience < ANSWER:
        return OutOfTime(f"the time left was too short for the store's answer to {call}")
    return TooMuch(f"no answer from the store to {call} within {ANSWER:.0f} s")


def judged(response: Response, question: Question, access: Access) -> Answer:
    """A good answer, or the error that says what to do."""
    status, (text, content) = response.status, _json(response)
    if 300 <= status < 400:
        raise StoreRefused(_moved(response), status=status)
    if content is None:
        raise _no_json(response)
    code = str(content.get("code") or "") if isinstance(content, dict) else ""
    if 200 <= status < 300:
        return Answer(text, content, _total(response), int(question.asked.get("per_page", "0")), response.headers)
    if status == 429 or status >= 500:
        kind = TooMuch if status in (500, 504) else StoreUnavailable
        raise kind(f"the store's answer is {status} {code}".strip(), retry_after=_asked_to_wait(response))
    raise StoreRefused(_what_to_do(status, code, content, access), status=status, code=code)


def _json(response: Response) -> tuple[str, Any]:
    """Text and content; None for anything but an object or a list."""
    try:
        text = (response.data or b"").decode("utf-8-sig")  # some plugins' files begin with a byte order mark
        content = json.loads(text)
    except (ValueError, RecursionError):
        return "", None
    return text, content if isinstance(content, dict | list) else None


def _no_json(response: Response) -> StoreUnavailable | StoreRefused:
    size = len(response.data or b"")
    if response.status == 404:
        advice = "is the address right, and are the permalinks set to anything but “Plain”?"
        return StoreRefused(f"there is no REST API at the store's address (404, a page): {advice}", status=404)
    suspect = f" ({SUSPECTS[response.status]})" if response.status in SUSPECTS else ""
    kind = TooMuch if response.status in (500, 504) else StoreUnavailable
    message = f"the store's answer is {response.status} with {size} bytes that are no JSON{suspect}"
    return kind(message, retry_after=_asked_to_wait(response))


def _moved(response: Response) -> str:
    to = urlsplit(response.headers.get("location", ""))
    where = f"{to.scheme}://{to.netloc}" if to.netloc else "another address"
    return f"the store redirects to {where}: set that as the store's URL"


def _what_to_do(status: int, code: str, content: Any, access: Access) -> str:
    words = str(content.get("message") or "") if isinstance(content, dict) else ""
    told = f"the store refuses ({status} {code}): {words}"
    if status not in (401, 403):
        return told
    if code.startswith("woocommerce_rest_cannot_"):
        right = "A Read/Write key of an administrator or shop manager is needed"
        lost = "; or its web server drops the Authorization header" if access.secure else ""
        return f"{told} {right}{lost}"
    clock = "" if access.secure else ", and the store's clock: plain http allows 15 minutes"
    return f"{told} Check consumer key and secret (WooCommerce > Settings > Advanced > REST API){clock}"


def _total(response: Response) -> int | None:
    text = response.headers.get("x-wp-total", "")
    return int(text) if text.isascii() and text.isdigit() else None


def _asked_to_wait(response: Response) -> float | None:
    """Retry-After in seconds; web servers write it as a number or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}", text):
        return float(text) or None
    until, now = epoch(text), epoch(response.headers.get("date", ""))
    return until - now if now and until > now else None


def epoch(date: str) -> float:
    """A header's date in epoch seconds; 0 for anything else."""
    try:
        return parsedate_to_datetime(date).timestamp() if date else 0.0
    except ValueError:
        return 0.0
