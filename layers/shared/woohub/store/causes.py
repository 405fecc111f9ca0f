"""Why a store does not give what it is asked for, and what to do about it: in words for whoever runs it."""

from __future__ import annotations

import errno
import html
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import IncompleteRead
from urllib.parse import SplitResult, urljoin, urlsplit

from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from woohub.errors import DeadlineExceeded
from woohub.http import Response
from woohub.store.requests import (
    ANSWER,
    CONNECT,
    Access,
    Question,
    StoreUnavailable,
    TooMuch,
    Way,
    called_url,
    is_secure,
)

SHOWN = 80  # characters of a page that was no JSON
SET_URL = "set that as the store's URL (WOO_COMMERCE_URL), then run `woohub setup`"
CHECK_URL = "is the store up, and WOO_COMMERCE_URL right?"
CHECK_KEY = (
    "Check consumer key and secret (WooCommerce > Settings > Advanced > REST API; WOO_COMMERCE_CONSUMER_KEY and "
    "WOO_COMMERCE_CONSUMER_SECRET), then run `woohub setup`"
)
LET_THROUGH = "let the REST API through: /wp-json/ and ?rest_route=, for the user agent woohub"
TRY_LATER = "try again later; if it stays, ask the store's host"
WRONG_SIGNATURE = "Invalid signature"


@dataclass(frozen=True)
class Cause:
    """What is the matter, and what to do."""

    words: str
    fix: str


# No answer at all


def of_no_answer(
    error: HTTPError, question: Question, access: Access, patience: float
) -> StoreUnavailable | DeadlineExceeded:
    """What a call without an answer means; the error's own text may hold the query, so it is not repeated."""
    call = f"{question.method} {access.address(question.path)}"
    if isinstance(error, ReadTimeoutError):
        if patience < ANSWER:
            return DeadlineExceeded(f"the time left was too short for the store's answer to {call}")
        return TooMuch(f"no answer from the store to {call} within {ANSWER:.0f} s", fix=TRY_LATER)
    cause = next(describe(error) for kind, describe in NO_ANSWER if isinstance(error, kind))
    return StoreUnavailable(f"no answer from the store to {call}, {cause.words}", fix=cause.fix)


def _of_certificate(error: Exception) -> Cause:
    reason = next(iter(error.args), error)
    if isinstance(reason, ssl.SSLCertVerificationError) or "certificate" in str(reason).lower():
        said = getattr(reason, "verify_message", "") or re.sub(r"^.*verify failed: |\s*\(_ssl.*$", "", str(reason))
        words = f"certificate not trusted: {said.rstrip('.')}"
        return Cause(words, next(fix for part, fix in CERTIFICATES if part in words.lower()))
    known = getattr(reason, "reason", "") or ""
    if known in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return Cause(
            "it does not speak TLS at this address", "is it http://, or another port? Correct WOO_COMMERCE_URL"
        )
    spoken = known.lower().replace("_", " ") or "no common protocol or cipher"
    return Cause(f"no TLS connection could be agreed on ({spoken})", "ask the store's host about its TLS settings")


CERTIFICATES = (
    ("expired", "renew the store's certificate"),
    ("not yet valid", "is the clock right, here and at the store?"),
    ("hostname mismatch", "set WOO_COMMERCE_URL to a name that the certificate has, or get one for this name"),
    ("ip address mismatch", "set WOO_COMMERCE_URL to the name that the certificate has"),
    ("self-signed", "give the store a certificate of a public authority"),
    ("self signed", "give the store a certificate of a public authority"),
    ("", "let its web server send the whole chain, with the intermediate certificates of a public authority"),
)


def _of_no_connection(error: Exception) -> Cause:
    number = getattr(error.__cause__ or error.__context__, "errno", None)
    if number == errno.ECONNREFUSED or "refused" in str(error):
        return Cause("the connection was refused: nothing listens there", CHECK_URL)
    return Cause("its host cannot be reached", CHECK_URL)


def _of_broken_connection(error: Exception) -> Cause:
    if any(isinstance(one, IncompleteRead) for one in error.args):
        return Cause("its answer broke off half-way", TRY_LATER)
    return Cause("it closed the connection without an answer", TRY_LATER)


NO_ANSWER: tuple[tuple[type[HTTPError], Callable[[Exception], Cause]], ...] = (
    (NameResolutionError, lambda _error: Cause("there is no host of that name", "is WOO_COMMERCE_URL spelled right?")),
    (SSLError, _of_certificate),
    (NewConnectionError, _of_no_connection),
    (
        ConnectTimeoutError,
        lambda _error: Cause(f"no connection within {CONNECT:.0f} s", f"{CHECK_URL} Does a firewall drop the call?"),
    ),
    (ProtocolError, _of_broken_connection),
    (LocationValueError, lambda _error: Cause("its address is none", "correct WOO_COMMERCE_URL")),
    (HTTPError, lambda _error: Cause("the connection broke", TRY_LATER)),
)


# An error or a page instead of JSON


def of_status(status: int) -> str:
    """What to do about an error that WordPress itself tells."""
    return "look at WooCommerce > Status > Logs, fatal-errors" if status == 500 else TRY_LATER


def of_page(response: Response) -> Cause:
    """What a page may be, with its first words; never what it has of orders or customers."""
    text, status = (response.data or b"")[:20_000].decode(errors="replace"), response.status
    asks = "basic" in response.headers.get("www-authenticate", "").lower()
    cause = PASSWORD if status == 401 and asks else next((it for pattern, it in PAGES if pattern.search(text)), None)
    cause = cause or PAGES_BY_STATUS.get(status, ERROR_PAGE if status >= 500 else NO_JSON)
    shown = first_words(text)
    plugin = re.search(r"wp-content/(?:mu-)?(?:plugins|themes)/([\w.-]{1,60})", text) if cause is PHP else None
    fix = f"{cause.fix}: {plugin[1]}" if plugin else cause.fix
    return Cause(f"{cause.words} (it begins “{shown}”)" if shown else cause.words, fix)


def first_words(text: str) -> str:
    """The beginning of a page in printable form, up to where JSON begins; without addresses and long tokens."""
    text = re.split(r'[\[{]\s*(?:[\[{"\]}]|$)', text, maxsplit=1)[0]
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)|<!--.*?-->|<[^>]*>", " ", text)
    text = re.sub(r"\S*/(wp-content/)", r"\1", html.unescape(text))
    text = re.sub(r"\S+@\S+|\b(?=\w*\d)\w{16,}\b", "…", text)
    text = "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


PHP = Cause(
    "messages of PHP stand before it",
    "turn off WP_DEBUG_DISPLAY (display_errors) in wp-config.php, and update or deactivate what they come from",
)
PASSWORD = Cause(
    "its web server asks for a password of its own",
    f"take that off the REST API, since a call carries one Authorization header only; {LET_THROUGH}",
)
FIREWALL = Cause("a firewall or security plugin in front of the store?", LET_THROUGH)
ERROR_PAGE = Cause("a page of its web server or of a proxy in front of it", TRY_LATER)
NO_JSON = Cause(
    "a page: of maintenance, of a plugin, or PHP's messages, which WP_DEBUG_DISPLAY shows?",
    "open the shop in a browser; look for a plugin that answers in its place",
)
MAINTENANCE = Cause(
    "the store is in maintenance",
    "wait until its update or maintenance mode ends; if it never does, delete .maintenance in WordPress's folder",
)
PAGES = (
    (re.compile(r"(?i)\b(?:warning|notice|deprecated|fatal error|parse error)\b(?:</b>)?: .{0,600}?\.php", re.S), PHP),
    (
        re.compile(r"(?i)just a moment|cf-chl|challenge-platform|attention required|captcha|sucuri|wordfence|imunify"),
        Cause("a bot protection or firewall answers in the store's place", LET_THROUGH),
    ),
    (
        re.compile(r"(?i)error establishing a database connection"),
        Cause("WordPress does not reach its database", TRY_LATER),
    ),
    (
        re.compile(r"(?i)critical error on (this|your) website"),
        Cause("an error in PHP ended WordPress", of_status(500)),
    ),
    (re.compile(r"(?i)maintenance|briefly unavailable|coming soon"), MAINTENANCE),
    (
        re.compile(r"^\s*[\[{]"),
        Cause("its JSON is broken, or breaks off", f"look for PHP's limits of time and memory; {of_status(500)}"),
    ),
)
PAGES_BY_STATUS = {
    401: FIREWALL,
    403: FIREWALL,
    404: Cause(
        "a page",
        "is the address right (WOO_COMMERCE_URL), is WooCommerce active, and are the permalinks set to anything but "
        "“Plain”?",
    ),
    405: FIREWALL,
    406: FIREWALL,
    500: Cause("a page: PHP or the web server failed", of_status(500)),
    503: MAINTENANCE,
}


# A refusal in WooCommerce's own words


def of_refusal(status: int, code: str, message: str, access: Access, way: Way) -> Cause:
    """Why WordPress or WooCommerce refuses."""
    words = f"the store refuses ({status} {code}), “{message}”" if message else f"the store refuses ({status} {code})"
    if status not in (401, 403):
        return Cause(words, "")
    secure = is_secure(way.url or access.url)
    if code.startswith("woocommerce_rest_cannot_"):
        return Cause(words, f"A Read/Write key of an administrator or shop manager is needed{_unseen(status, secure)}")
    if code != "woocommerce_rest_authentication_error":
        return Cause(
            words, f"a security plugin or the host closes the REST API; {LET_THROUGH}{_unseen(status, secure)}"
        )
    return Cause(words, CHECK_KEY if secure else f"{CHECK_KEY}{_of_signature(message, way)}")


def _unseen(status: int, secure: bool) -> str:
    """What may keep WooCommerce from seeing a key at all, which is what its 401 says."""
    if status != 401:
        return ""
    if not secure:
        return "; or a proxy drops the query"
    return (
        "; or the key is not seen, neither in the Authorization header nor in the address: behind a proxy WordPress "
        "must know that it is reached over https (X-Forwarded-Proto)"
    )


def _of_signature(message: str, way: Way) -> str:
    clock = ", and the store's clock: plain http allows 15 minutes"
    if WRONG_SIGNATURE not in message:
        return clock
    home = f", which is {way.home}" if way.home else ""
    return (
        f"{clock}. A signature also names host and port of the store's home address (Settings > General){home}: "
        "WOO_COMMERCE_URL must have the same"
    )


# Redirects

LOGIN = re.compile(r"(?i)log-?in|sign-?in|account|/sso\b|/saml|cloudflareaccess|auth\b")
LANGUAGE = re.compile(r"(?i)^/[a-z]{2}(?:[-_][a-z]{2,4})?/")


def of_redirect(location: str, access: Access, way: Way, question: Question) -> Cause:
    """What a redirect means; a query it may carry is not repeated."""
    came, to = ends(location, access, way, question)
    if not location:
        return Cause(
            "the store redirects without saying where", f"look for a plugin or rule that does so; {LET_THROUGH}"
        )
    if is_login(came, to):
        where = _shown(to.path) if same_host(came, to) else f"{to.scheme}://{to.netloc}"
        return Cause(f"the store redirects to a login page, {where}", f"a plugin or the host closes it; {LET_THROUGH}")
    if not same_host(came, to) or (came.scheme, to.scheme) == ("http", "https"):
        return Cause(f"the store redirects to {base(to, question.path)}", SET_URL)
    if (came.scheme, to.scheme) == ("https", "http"):
        return Cause(
            "the store redirects from https to plain http",
            "give both addresses in Settings > General https://; a proxy must send X-Forwarded-Proto: https",
        )
    if came.path.rstrip("/") == to.path.rstrip("/"):
        return Cause(
            "the store redirects its REST API to itself, and ?rest_route= does not help",
            "set Settings > Permalinks to “Post name” and save; else look for a rule that adds slashes",
        )
    prefix = LANGUAGE.match(to.path)
    if prefix and not came.path.startswith(prefix[0]):
        return Cause(
            f"the store redirects its REST API to a language, {prefix[0]}",
            "let the language plugin leave /wp-json/ alone",
        )
    return Cause(
        f"the store redirects its REST API to {_shown(to.path)}",
        f"a plugin (coming soon, members only, SEO) or a rule of its web server does so; {LET_THROUGH}",
    )


def ends(location: str, access: Access, way: Way, question: Question) -> tuple[SplitResult, SplitResult]:
    """Where a redirected call went, and where it is sent to."""
    came = called_url(access, way, question.path)
    try:
        to = urlsplit(urljoin(came, location))
        return urlsplit(came), to if to.port is None or to.hostname else urlsplit(came)
    except ValueError:  # no address, or no port
        return urlsplit(came), urlsplit(came)


def is_login(came: SplitResult, to: SplitResult) -> bool:
    """Whether a redirect leads to where people log in."""
    parts = ((came.path, to.path), (came.netloc, to.netloc))
    return any(LOGIN.search(after) and not LOGIN.search(before) for before, after in parts)


def same_host(one: SplitResult, other: SplitResult) -> bool:
    """Whether both have the same host, and the port that belongs to the scheme or the same one."""
    usual = {"http": 80, "https": 443, None: None}
    ports = [usual.get(it.scheme) if it.port is None else it.port for it in (one, other)]
    return one.hostname == other.hostname and (ports[0] == ports[1] or ports == [80, 443] or ports == [443, 80])


def base(to: SplitResult, path: str) -> str:
    """The store's address to which the REST API's `path` was redirected."""
    return f"{to.scheme}://{to.netloc}{to.path.rstrip('/').removesuffix(f'/wp-json/{path}'.rstrip('/')).rstrip('/')}"


def _shown(path: str) -> str:
    return first_words(path) or "/"
