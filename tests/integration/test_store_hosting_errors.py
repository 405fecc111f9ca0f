"""A call that a host does not let through ends soon, with the cause and the next step."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)

from simulators.woocommerce import KEY, SECRET, InjectedFault
from simulators.woocommerce.hosting import Hosting
from tests.support.reconcile import ReconcileFixture
from tests.support.store import Pages, Redirects, hosted, rejected
from woohub.store.caller import MAX_TROUBLE_S
from woohub.store.requests import StoreUnavailable

NOTICE = (
    '<br />\n<b>Warning</b>:  Undefined array key "vat" in '
    "<b>/home/u1234/public_html/wp-content/plugins/eu-vat-helper/inc/order.php</b> on line <b>87</b><br />\n"
)


def unavailable(fixture: ReconcileFixture, **changes: Any) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        fixture.store(**changes).count("orders")
    return caught.value


@pytest.mark.parametrize(
    ("hosting", "words"),
    [
        ({"redirect": "login"}, ["login page", "/wp-login.php", "let the REST API through"]),
        ({"redirect": "https://www.other.example"}, ["https://www.other.example: set that", "woohub setup"]),
    ],
    ids=str,
)
def test_a_redirect_is_reported_with_its_cause(hosting: dict[str, Any], words: list[str]) -> None:
    error = rejected(hosted(**hosting))

    assert all(word in str(error) for word in words), str(error)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://shop.test/wp-json/wc/v3/orders/", "Permalinks"),
        ("/wp-json/wc/v3/orders", "Permalinks"),
        ("https://shop.test/my-account/?redirect_to=x", "login page"),
        ("https://shop.test/de/", "language"),
        ("https://shop.test/coming-soon/", "/coming-soon/"),
        ("http://shop.test/wp-json/wc/v3/orders", "X-Forwarded-Proto"),
        ("https://www.shop.test/wp-json/wc/v3/orders?consumer_secret=x", "https://www.shop.test: set"),
        ("https://shop.example/store/wp-json/wc/v3/orders", "https://shop.example/store: set"),
        ("https://team.cloudflareaccess.com/cdn-cgi/access", "login page"),
        ("", "without saying where"),
        ("http://[", "redirects"),
    ],
)
def test_the_cause_of_a_redirect_is_determined_from_its_location(location: str, words: str) -> None:
    error = rejected(ReconcileFixture(), http=Redirects(location))

    assert words in str(error)
    assert "consumer_secret=" not in str(error)
    assert "https://shop.test: set" not in str(error)


def test_a_redirect_to_https_that_fails_is_reported_as_a_redirect() -> None:
    fixture = hosted("http", redirect="https")
    http = fixture.store().http

    class WithoutTls:
        def request(self, method: str, url: str, **kwargs: Any) -> Any:
            if url.startswith("https://"):
                raise SSLError(ssl.SSLError(1, "wrong version number"))
            return http.request(method, url, **kwargs)

    assert "https://shop.test: set that" in str(rejected(fixture, http=WithoutTls()))


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        (200, NOTICE + "[{}]", ["WP_DEBUG_DISPLAY", "eu-vat-helper", "Undefined array key"]),
        (200, "PHP Notice: x in /srv/wp-content/themes/shoppe/functions.php on line 3\n[]", ["shoppe", "PHP"]),
        (403, "<html><title>Just a moment...</title></html>", ["bot protection", "Just a moment"]),
        (500, "<p>There has been a critical error on this website.</p>", ["PHP", "fatal-errors"]),
        (500, "<h1>Error establishing a database connection</h1>", ["database"]),
        (503, "<h1>Briefly unavailable for scheduled maintenance.</h1>", ["maintenance", ".maintenance"]),
        (502, "<h1>502 Bad Gateway</h1>", ["web server", "Bad Gateway"]),
        (200, '[{"id": 1, "billing": {"email": "ana@shop.example", "na', ["broken, or breaks off"]),
        (403, "<h1>Forbidden</h1>", ["firewall", "/wp-json/"]),
        (429, "<h1>Too Many Requests</h1>", ["accepts no more calls for now", "try again later", "/wp-json/"]),
        (429, "slow down", ["accepts no more calls for now", "try again later", "/wp-json/"]),
    ],
)
def test_a_page_is_reported_with_its_first_words_and_instructions(status: int, text: str, words: list[str]) -> None:
    fixture = hosted()

    error = unavailable(fixture, http=Pages(status, text))

    assert all(word in str(error) for word in words), str(error)
    assert "ana@" not in str(error)
    assert "/home/" not in str(error)


def test_a_password_of_the_web_server_is_reported() -> None:
    page = Pages(401, "<h1>Authorization Required</h1>", {"www-authenticate": 'Basic realm="Staging"'})

    assert "asks for a password of its own" in str(unavailable(hosted(), http=page))


def test_the_reported_first_words_contain_neither_emails_nor_keys() -> None:
    text = f"<p>Dear ana@shop.example, {KEY} {SECRET}\x07 is blocked</p>"

    error = str(unavailable(hosted(), http=Pages(403, text)))

    assert "is blocked" in error
    assert not any(part in error for part in ("ana", KEY, SECRET, "\x07"))


def test_a_rejected_signature_is_reported_with_home_address_key_and_clock_as_causes() -> None:
    fixture = hosted("http")
    fixture.shop.keys[KEY] = ("another", "read_write")
    fixture.shop.url = "http://localhost:8080"

    error = str(rejected(fixture))

    assert "http://localhost:8080" in error
    assert "Check consumer key and secret" in error
    assert "clock" in error


def untrusted(reason: str, message: str) -> SSLError:
    inner = ssl.SSLCertVerificationError(1, reason)
    inner.verify_message = message
    return SSLError(inner)


def refused_connection() -> HTTPError:
    error = NewConnectionError(None, "Failed to establish a new connection: Connection refused")  # type: ignore[arg-type]
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    return error


CONNECTION_ERRORS: list[tuple[Callable[[], HTTPError], str, str]] = [
    (lambda: untrusted("x", "certificate has expired"), "certificate not trusted: certificate has expired", "renew"),
    (lambda: untrusted("x", "self-signed certificate"), "certificate not trusted: self-signed", "public authority"),
    (lambda: untrusted("x", "unable to get local issuer certificate"), "certificate not trusted", "chain"),
    (lambda: untrusted("x", "Hostname mismatch, certificate is not valid for 'shop.test'."), "Hostname", "name"),
    (
        lambda: SSLError(
            "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1)"
        ),
        "not trusted: self-signed certificate",
        "public authority",
    ),
    (lambda: NameResolutionError("shop.test", None, socket.gaierror()), "no host of that name", "spelled"),  # type: ignore[arg-type]
    (refused_connection, "refused", "WOO_COMMERCE_URL"),
    (lambda: ConnectTimeoutError(), "no connection within 5 s", "firewall"),
    (lambda: ProtocolError("Connection aborted.", ConnectionResetError(104, "")), "closed the connection", "host"),
    (lambda: ReadTimeoutError(None, "", ""), "within 30 s", "host"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("error", "cause", "fix"), CONNECTION_ERRORS)
def test_a_connection_error_is_reported_with_its_cause_and_fix(
    error: Callable[[], HTTPError], cause: str, fix: str
) -> None:
    class Broken:
        def request(self, *_: Any, **__: Any) -> Any:
            raise error()

    caught = unavailable(hosted(), http=Broken())

    assert cause in caught.cause
    assert fix in caught.fix
    assert type(error()).__name__ not in str(caught)


@pytest.mark.parametrize("wait", ["600", "Mon, 23 Nov 2026 23:40:00 GMT"])
def test_a_long_maintenance_ends_a_call_at_once_with_the_reason(wait: str) -> None:
    fixture = hosted(maintenance=wait)
    fixture.timer.start(float("inf"))
    began = fixture.clock.now

    if not wait.isdigit():
        fixture.shop.hosting = Hosting()
        fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after=wait))
    error = unavailable(fixture)

    assert fixture.clock.now == began
    assert "maintenance" in str(error)
    assert "it asks to wait" in str(error)


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(status=503, body="html", retry_after="40"),
        InjectedFault(status=503, body="html", retry_after="8"),
        InjectedFault(status=429, retry_after="30"),
        InjectedFault(kind="hold"),
        InjectedFault(kind="reset"),
        InjectedFault(status=500),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.retry_after}",
)
def test_a_failure_that_persists_ends_a_call_within_the_time_limit(fault: InjectedFault) -> None:
    fixture = hosted()
    fixture.timer.start(float("inf"))
    fixture.shop.faults.add(fault)
    began = fixture.clock.now

    unavailable(fixture)

    assert fixture.clock.now - began <= MAX_TROUBLE_S + 30


def test_a_wait_is_reported_with_its_length_and_reason() -> None:
    fixture = hosted()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="20", count=1))
    waits: list[tuple[float, str]] = []

    assert fixture.store(on_wait=lambda seconds, reason: waits.append((seconds, reason))).count("orders") == 3

    ((seconds, reason),) = waits
    assert (seconds, "503" in reason) == (20, True)


def test_a_retry_after_date_is_relative_to_the_local_clock_without_a_date_header() -> None:
    page = Pages(503, "Maintenance", {"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"})

    assert (unavailable(hosted(), http=page).retry_after or 0) > 3600
