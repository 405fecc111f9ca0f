"""The REST key: how it is sent, and what a store that rejects it gets reported as."""

from __future__ import annotations

import pytest
import urllib3

from simulators.woocommerce import KEY, InjectedFault
from tests.support.reconcile import ReconcileFixture
from woohub.store.connection import StoreCredentials
from woohub.store.requests import StoreRefused, StoreUnavailable


def test_no_url_contains_the_key_over_https() -> None:
    fixture = ReconcileFixture()
    fixture.store().count("orders")

    assert all("oauth" not in url and KEY not in url for _, url, _ in fixture.shop.requests)


def test_basic_authentication_is_rejected_and_oauth_accepted_over_http() -> None:
    """Seen on a live store: Basic over plain HTTP gets a 401 without an explanation."""
    fixture = ReconcileFixture(scheme="http")
    basic = {"authorization": urllib3.util.make_headers(basic_auth=f"{KEY}:secret")["authorization"]}

    response = fixture.store().http.request("GET", "http://shop.test/wp-json/wc/v3/orders", headers=basic)

    assert response.status == 401
    assert fixture.store().count("orders") == 0  # with OAuth


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        ("ck_other", "cs", "Check consumer key and secret"),
        (KEY, "cs_wrong", "Check consumer key and secret"),
        ("", "", "administrator or shop manager"),
    ],
)
def test_a_rejected_key_is_reported_with_instructions(key: str, secret: str, words: str) -> None:
    fixture = ReconcileFixture()
    store = fixture.store()
    store.credentials = StoreCredentials("https://shop.test", key, secret)

    with pytest.raises(StoreRefused, match=words) as caught:
        store.count("orders")

    assert "cs_wrong" not in str(caught.value)
    assert len(fixture.shop.requests) == 1  # a retry would not help


def test_a_clock_difference_is_reported_as_a_cause_over_http() -> None:
    fixture = ReconcileFixture(scheme="http")
    store = fixture.store(wall_clock=lambda: fixture.clock.now + 1200)

    with pytest.raises(StoreRefused, match="the store's clock"):
        store.count("orders")


@pytest.mark.parametrize(("status", "words"), [(200, "WP_DEBUG_DISPLAY"), (403, "firewall"), (405, "firewall")])
def test_an_html_page_is_reported_with_its_possible_cause(status: int, words: str) -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(status=status, body="html"))

    with pytest.raises(StoreUnavailable, match=words):
        fixture.store().count("orders")


def test_a_read_only_key_cannot_update_a_webhook() -> None:
    fixture = ReconcileFixture().with_webhooks()
    fixture.shop.keys[KEY] = (fixture.shop.keys[KEY][0], "read")

    with pytest.raises(StoreRefused, match="write permissions"):
        fixture.store().update_webhook(1, status="active")


def test_about_returns_the_stores_time_zone_clock_and_namespaces() -> None:
    """Without the key, because WordPress treats Basic as a user's name and password and rejects unknown ones."""
    about = ReconcileFixture(zone="Asia/Kolkata").store().about()

    assert (about.time_zone, about.utc_offset_hours, about.clock) == ("Asia/Kolkata", 5.5, 1_795_473_600)
    assert "wc/v3" in about.namespaces


def test_system_status_has_the_woocommerce_version() -> None:
    assert ReconcileFixture().store().system_status("environment")["environment"]["version"] == "11.0.1"
