"""The store's REST API as hosts really serve it: each works, or ends soon with the cause and the next step."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
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
from woohub.http import Call
from woohub.store.caller import MAX_TROUBLE_S
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.webhooks import TOPICS

START = "2026-11-23T22:40:00"
NOTICE = (
    '<br />\n<b>Warning</b>:  Undefined array key "vat" in '
    "<b>/home/u1234/public_html/wp-content/plugins/eu-vat-helper/inc/order.php</b> on line <b>87</b><br />\n"
)


def hosted(scheme: str = "https", **ways: Any) -> ReconcileFixture:
    """A store of three orders on such a host."""
    fixture = ReconcileFixture(scheme=scheme)
    for _ in range(3):
        fixture.shop.place()
    fixture.shop.hosting = Hosting(**ways)
    fixture.timer.start(240)
    return fixture


def ids(store: Store) -> list[int]:
    return [row.id for step in store.orders(ByDate(START)) for row in step.rows]


def refused(fixture: ReconcileFixture, **changes: Any) -> StoreRefused:
    with pytest.raises(StoreRefused) as caught:
        fixture.store(**changes).count("orders")
    return caught.value


def unavailable(fixture: ReconcileFixture, **changes: Any) -> StoreUnavailable:
    with pytest.raises(StoreUnavailable) as caught:
        fixture.store(**changes).count("orders")
    return caught.value


# --- Each works


WORKING: list[tuple[str, dict[str, Any]]] = [
    (scheme, ways)
    for scheme in ("https", "http")
    for ways in (
        {"permalinks": "plain"},
        {"permalinks": "missing"},
        {"redirect": "language"},
        {"redirect": "language", "permalinks": "missing"},
        {"redirect": "slash"},
        {"index_closed": "rest_login_required"},
        {"after": "\n<!-- Performance optimized by a cache plugin: [1] {2} -->\n"},
        {"before": "<!-- minified -->\n"},
        {"before": "\ufeff\n \x00"},
        {"after": "null"},
        {"numbered_lists": True},
    )
] + [
    ("https", {"drops_authorization": True}),
    ("https", {"drops_authorization": True, "permalinks": "plain"}),
    ("https", {"drops_authorization": True, "redirect": "language"}),
    ("http", {"redirect": "https"}),
    ("http", {"redirect": "https", "drops_authorization": True}),
]


@pytest.mark.parametrize(("scheme", "ways"), WORKING, ids=str)
def test_a_store_is_read_and_its_webhooks_are_changed_however_it_is_hosted(scheme: str, ways: dict[str, Any]) -> None:
    fixture = hosted(scheme, **ways)
    store = fixture.store()
    left_out = 1 if "numbered_lists" in ways else 0

    assert "wc/v3" in store.about().namespaces
    assert len(ids(store)) == 3 - left_out
    made = store.create_webhook(name="a", topic=TOPICS[0], delivery_url="https://hooks.test/a", secret="s")
    assert store.update_webhook(made.id, status="paused").status == "paused"
    assert store.order(4711) is None


@pytest.mark.parametrize(
    ("ways", "calls"),
    [({"permalinks": "missing"}, 1), ({"drops_authorization": True}, 1), ({"redirect": "language"}, 1)],
    ids=str,
)
def test_what_works_is_remembered(ways: dict[str, Any], calls: int) -> None:
    made: list[Call] = []
    store = hosted(**ways).store(on_call=made.append)
    store.count("orders")
    made.clear()

    store.count("orders")

    assert len(made) == calls


def test_rows_keep_their_own_bytes_in_a_list_with_numbers() -> None:
    fixture = hosted(numbered_lists=True)
    step = next(fixture.store().orders(ByDate(START)))

    assert [row.body for row in step.rows] == [
        fixture.shop.order_text(fixture.shop.orders[row.id]).encode() for row in step.rows
    ]


def test_the_signature_over_http_may_name_the_stores_home_address_instead_of_ours() -> None:
    fixture = hosted("http")
    fixture.shop.url = "http://www.shop.example:8080"

    assert fixture.store().count("orders") == 3
    assert [event for event, _ in fixture.logs] == ["store_signs_with_its_home_address"]


@pytest.mark.parametrize(
    ("ways", "event"),
    [
        ({"permalinks": "plain"}, "store_has_plain_permalinks"),
        ({"drops_authorization": True}, "store_drops_the_authorization_header"),
        ({"redirect": "language"}, "store_redirects_its_rest_api"),
    ],
    ids=str,
)
def test_a_way_that_is_not_the_usual_one_is_told_once(ways: dict[str, Any], event: str) -> None:
    fixture = hosted(**ways)
    store = fixture.store()

    store.count("orders")
    store.count("orders")

    assert fixture.logged(event) == [{"url": store.style.url or "https://shop.test"}]


# --- Keys stay where they belong


class Watched:
    """Keeps every address that is called, and whether a key went there in a header."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http = fixture.store().http
        self.called: list[tuple[str, bool]] = []

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.called.append((url, "authorization" in kwargs["headers"]))
        return self._http.request(method, url, **kwargs)


def test_a_key_is_never_sent_to_another_host() -> None:
    fixture = hosted(redirect="https://other.example")
    http = Watched(fixture)

    refused(fixture, http=http)

    assert {url.partition("/wp-json")[0] for url, _ in http.called} == {"https://shop.test"}


@pytest.mark.parametrize("ways", [{}, {"permalinks": "plain"}, {"redirect": "language"}], ids=str)
def test_the_key_never_stands_in_an_address_over_plain_http(ways: dict[str, Any]) -> None:
    fixture = hosted("http", **ways)
    fixture.shop.keys.clear()
    http = Watched(fixture)

    refused(fixture, http=http)

    assert not any(SECRET in url or header for url, header in http.called)


def test_neither_errors_nor_what_is_told_of_calls_hold_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fixture, calls = hosted(drops_authorization=True), list[Call]()
    fixture.store(on_call=calls.append).count("orders")
    fixture.shop.keys[KEY] = ("another", "read_write")

    error = refused(fixture, on_call=calls.append)

    assert "Check consumer key and secret" in str(error)
    assert not any(text in f"{error} {calls} {caplog.text}" for text in (KEY, SECRET))


def test_a_user_without_the_right_to_read_is_told_from_a_lost_header() -> None:
    """WooCommerce answers a known user with 403, and nobody with 401."""
    http = Pages(403, '{"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}')

    error = refused(hosted(), http=http)

    assert "administrator or shop manager" in str(error)
    assert len(http.called) == 1


# --- Each ends with the cause and the next step


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ({"redirect": "login"}, ["login page", "/wp-login.php", "let the REST API through"]),
        ({"redirect": "https://www.other.example"}, ["https://www.other.example: set that", "woohub setup"]),
    ],
    ids=str,
)
def test_a_redirect_is_told_with_its_cause(ways: dict[str, Any], words: list[str]) -> None:
    error = refused(hosted(**ways))

    assert all(word in str(error) for word in words), str(error)


class Redirects:
    """Sends every call to one place."""

    def __init__(self, location: str) -> None:
        self._location = location

    def request(self, _method: str, _url: str, **_: Any) -> urllib3.HTTPResponse:
        return urllib3.HTTPResponse(b"", headers={"location": self._location}, status=302, preload_content=True)


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
def test_what_a_redirect_means_is_read_from_where_it_leads(location: str, words: str) -> None:
    error = refused(ReconcileFixture(), http=Redirects(location))

    assert words in str(error)
    assert "consumer_secret=" not in str(error)
    assert "https://shop.test: set" not in str(error)


def test_a_redirect_to_an_https_address_that_does_not_answer_is_still_told_as_a_redirect() -> None:
    fixture = hosted("http", redirect="https")
    http = fixture.store().http

    class WithoutTls:
        def request(self, method: str, url: str, **kwargs: Any) -> Any:
            if url.startswith("https://"):
                raise SSLError(ssl.SSLError(1, "wrong version number"))
            return http.request(method, url, **kwargs)

    assert "https://shop.test: set that" in str(refused(fixture, http=WithoutTls()))


class Pages:
    """Answers with one page."""

    def __init__(self, status: int, text: str, headers: dict[str, str] | None = None) -> None:
        self._answer = (status, text.encode(), headers or {})
        self.called: list[str] = []

    def request(self, _method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        self.called.append(url)
        status, body, headers = self._answer
        return urllib3.HTTPResponse(body, headers=headers, status=status, preload_content=True)


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
        (429, "<h1>Too Many Requests</h1>", ["takes no more calls for now", "try again later", "/wp-json/"]),
        (429, "slow down", ["takes no more calls for now", "try again later", "/wp-json/"]),
    ],
)
def test_a_page_is_told_with_its_first_words_and_what_to_do(status: int, text: str, words: list[str]) -> None:
    fixture = hosted()

    error = unavailable(fixture, http=Pages(status, text))

    assert all(word in str(error) for word in words), str(error)
    assert "ana@" not in str(error)
    assert "/home/" not in str(error)


def test_a_password_of_the_web_server_is_named() -> None:
    page = Pages(401, "<h1>Authorization Required</h1>", {"www-authenticate": 'Basic realm="Staging"'})

    assert "asks for a password of its own" in str(unavailable(hosted(), http=page))


def test_the_first_words_hold_neither_addresses_nor_keys() -> None:
    text = f"<p>Dear ana@shop.example, {KEY} {SECRET}\x07 is blocked</p>"

    error = str(unavailable(hosted(), http=Pages(403, text)))

    assert "is blocked" in error
    assert not any(part in error for part in ("ana", KEY, SECRET, "\x07"))


def test_a_signature_of_the_wrong_address_is_told_beside_key_and_clock() -> None:
    fixture = hosted("http")
    fixture.shop.keys[KEY] = ("another", "read_write")
    fixture.shop.url = "http://localhost:8080"

    error = str(refused(fixture))

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


NO_ANSWERS: list[tuple[Callable[[], HTTPError], str, str]] = [
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


@pytest.mark.parametrize(("error", "cause", "fix"), NO_ANSWERS)
def test_why_there_is_no_answer_is_said_in_words(error: Callable[[], HTTPError], cause: str, fix: str) -> None:
    class Broken:
        def request(self, *_: Any, **__: Any) -> Any:
            raise error()

    caught = unavailable(hosted(), http=Broken())

    assert cause in caught.cause
    assert fix in caught.fix
    assert type(error()).__name__ not in str(caught)


# --- Nothing sleeps in silence


@pytest.mark.parametrize("wait", ["600", "Mon, 23 Nov 2026 23:40:00 GMT"])
def test_a_long_maintenance_ends_a_command_at_once_with_the_reason(wait: str) -> None:
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
def test_trouble_that_stays_ends_a_command_within_two_minutes(fault: InjectedFault) -> None:
    fixture = hosted()
    fixture.timer.start(float("inf"))
    fixture.shop.faults.add(fault)
    began = fixture.clock.now

    unavailable(fixture)

    assert fixture.clock.now - began <= MAX_TROUBLE_S + 30


def test_every_wait_is_told_with_its_length_and_reason() -> None:
    fixture = hosted()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="20", count=1))
    waits: list[tuple[float, str]] = []

    assert fixture.store(on_wait=lambda seconds, reason: waits.append((seconds, reason))).count("orders") == 3

    ((seconds, reason),) = waits
    assert (seconds, "503" in reason) == (20, True)


def test_a_date_to_wait_for_counts_from_our_clock_where_the_store_tells_no_time() -> None:
    page = Pages(503, "Maintenance", {"retry-after": "Fri, 01 Jan 2100 00:00:00 GMT"})

    assert (unavailable(hosted(), http=page).retry_after or 0) > 3600


# --- A key or an address changed a moment ago


@pytest.mark.parametrize(
    "outdated",
    [
        StoreCredentials("https://shop.test", KEY, "cs_of_yesterday"),
        StoreCredentials("https://shop.test", "ck_of_yesterday", SECRET),
        StoreCredentials("https://old.shop.test", KEY, SECRET),
    ],
)
def test_a_refusal_makes_it_read_the_access_again(outdated: StoreCredentials) -> None:
    fixture = hosted()
    http = fixture.store().http

    class Moved:
        def request(self, method: str, url: str, **kwargs: Any) -> Any:
            if url.startswith("https://old."):
                return Redirects("https://shop.test/").request(method, url)
            return http.request(method, url, **kwargs)

    store = fixture.store(http=Moved(), renew=lambda: StoreCredentials("https://shop.test", KEY, SECRET))
    store.credentials = outdated

    assert store.count("orders") == 3
    assert fixture.logged("store_access_was_changed") == [{}]


def test_access_that_has_not_changed_is_not_tried_again() -> None:
    fixture = hosted()
    fixture.shop.keys.clear()
    http = Watched(fixture)

    refused(fixture, http=http, renew=lambda: StoreCredentials("https://shop.test", KEY, SECRET))

    assert len(http.called) == 1
