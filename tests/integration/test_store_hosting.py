"""The client works with the REST API as different hosts serve it, and keeps the key to itself."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from simulators.woocommerce import KEY, SECRET
from tests.support.reconcile import ReconcileFixture
from tests.support.store import START, Pages, Redirects, hosted, ids, rejected
from woohub.http import Call
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate
from woohub.store.webhooks import TOPICS

WORKING: list[tuple[str, dict[str, Any]]] = [
    (scheme, hosting)
    for scheme in ("https", "http")
    for hosting in (
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


@pytest.mark.parametrize(("scheme", "hosting"), WORKING, ids=str)
def test_orders_and_webhooks_work_on_each_kind_of_host(scheme: str, hosting: dict[str, Any]) -> None:
    fixture = hosted(scheme, **hosting)
    store = fixture.store()
    left_out = 1 if "numbered_lists" in hosting else 0

    assert "wc/v3" in store.about().namespaces
    assert len(ids(store.orders(ByDate(START)))) == 3 - left_out
    made = store.create_webhook(name="a", topic=TOPICS[0], delivery_url="https://hooks.test/a", secret="s")
    assert store.update_webhook(made.id, status="paused").status == "paused"
    assert store.order(4711) is None


@pytest.mark.parametrize(
    "hosting",
    [{"permalinks": "missing"}, {"drops_authorization": True}, {"redirect": "language"}],
    ids=str,
)
def test_the_second_count_takes_one_call_on_an_unusual_host(hosting: dict[str, Any]) -> None:
    made: list[Call] = []
    store = hosted(**hosting).store(on_call=made.append)
    store.count("orders")
    made.clear()

    store.count("orders")

    assert len(made) == 1


def test_rows_of_a_numbered_list_have_the_exact_bytes_of_the_store() -> None:
    fixture = hosted(numbered_lists=True)
    step = next(fixture.store().orders(ByDate(START)))

    assert [row.body for row in step.rows] == [
        fixture.shop.order_text(fixture.shop.orders[row.id]).encode() for row in step.rows
    ]


def test_a_store_that_signs_with_its_home_address_is_read_and_logged() -> None:
    fixture = hosted("http")
    fixture.shop.url = "http://www.shop.example:8080"

    assert fixture.store().count("orders") == 3
    assert [event for event, _ in fixture.logs] == ["store_signs_with_its_home_address"]


@pytest.mark.parametrize(
    ("hosting", "event"),
    [
        ({"permalinks": "plain"}, "store_has_plain_permalinks"),
        ({"drops_authorization": True}, "store_drops_the_authorization_header"),
        ({"redirect": "language"}, "store_redirects_its_rest_api"),
    ],
    ids=str,
)
def test_an_unusual_request_style_is_logged_once(hosting: dict[str, Any], event: str) -> None:
    fixture = hosted(**hosting)
    store = fixture.store()

    store.count("orders")
    store.count("orders")

    assert fixture.logged(event) == [{"url": store.style.url or "https://shop.test"}]


class RecordedRequests:
    """Records every URL called, and whether the request had an authorization header."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http = fixture.store().http
        self.called: list[tuple[str, bool]] = []

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.called.append((url, "authorization" in kwargs["headers"]))
        return self._http.request(method, url, **kwargs)


def test_a_key_is_never_sent_to_another_host() -> None:
    fixture = hosted(redirect="https://other.example")
    http = RecordedRequests(fixture)

    rejected(fixture, http=http)

    assert {url.partition("/wp-json")[0] for url, _ in http.called} == {"https://shop.test"}


@pytest.mark.parametrize("hosting", [{}, {"permalinks": "plain"}, {"redirect": "language"}], ids=str)
def test_the_secret_is_in_no_url_and_the_key_in_no_header_over_plain_http(hosting: dict[str, Any]) -> None:
    fixture = hosted("http", **hosting)
    fixture.shop.keys.clear()
    http = RecordedRequests(fixture)

    rejected(fixture, http=http)

    assert not any(SECRET in url or header for url, header in http.called)


def test_errors_calls_and_logs_do_not_contain_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    fixture, calls = hosted(drops_authorization=True), list[Call]()
    fixture.store(on_call=calls.append).count("orders")
    fixture.shop.keys[KEY] = ("another", "read_write")

    error = rejected(fixture, on_call=calls.append)

    assert "Check consumer key and secret" in str(error)
    assert not any(text in f"{error} {calls} {caplog.text}" for text in (KEY, SECRET))


def test_a_403_is_reported_as_a_missing_role_after_one_call() -> None:
    """WooCommerce answers 403 to a known user and 401 to an unknown one."""
    http = Pages(403, '{"code": "woocommerce_rest_cannot_view", "message": "Sorry, you cannot list resources."}')

    error = rejected(hosted(), http=http)

    assert "administrator or shop manager" in str(error)
    assert len(http.called) == 1


def test_a_403_of_a_security_plugin_makes_the_client_send_the_key_in_the_address() -> None:
    http = Pages(403, '{"code": "rest_forbidden", "message": "Only authenticated users can access the REST API."}')

    rejected(hosted(), http=http)

    assert ["consumer_key=" in url for url in http.called] == [False, True]


def test_a_404_of_wordpress_itself_does_not_make_the_client_read_the_store_access_again() -> None:
    http = Pages(404, '{"code": "rest_no_route", "message": "No route was found matching the URL."}')

    rejected(hosted(), http=http, renew=lambda: StoreCredentials("https://new.shop.test", KEY, SECRET))

    assert {url.partition("/wp-json")[0] for url in http.called} == {"https://shop.test"}


@pytest.mark.parametrize(
    "outdated",
    [
        StoreCredentials("https://shop.test", KEY, "cs_outdated"),
        StoreCredentials("https://shop.test", "ck_outdated", SECRET),
        StoreCredentials("https://old.shop.test", KEY, SECRET),
    ],
)
def test_the_store_access_is_read_again_after_a_rejection(outdated: StoreCredentials) -> None:
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


def test_an_unchanged_store_access_is_not_tried_again() -> None:
    fixture = hosted()
    fixture.shop.keys.clear()
    http = RecordedRequests(fixture)

    rejected(fixture, http=http, renew=lambda: StoreCredentials("https://shop.test", KEY, SECRET))

    assert len(http.called) == 1
