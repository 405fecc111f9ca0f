"""The REST key: how it is sent, and what a store that rejects it gets reported as."""

from __future__ import annotations

import pytest
import urllib3

from simulators.woocommerce import KEY, InjectedFault
from tests.support.reconcile import ReconcileFixture
from woohub.store.connection import StoreCredentials
from woohub.store.requests import StoreRefused, StoreUnavailable


def test_over_https_no_key_is_in_any_address() -> None:
    fixture = ReconcileFixture()
    fixture.store().count("orders")

    assert all("oauth" not in url and KEY not in url for _, url, _ in fixture.shop.requests)


def test_over_http_keys_as_such_open_nothing() -> None:
    """Seen on a live store: Basic over plain http is a 401, without a hint."""
    fixture = ReconcileFixture(scheme="http")
    basic = {"authorization": urllib3.util.make_headers(basic_auth=f"{KEY}:secret")["authorization"]}

    response = fixture.store().http.request("GET", "http://shop.test/wp-json/wc/v3/orders", headers=basic)

    assert response.status == 401
    assert fixture.store().count("orders") == 0  # and OAuth does


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        ("ck_other", "cs", "Check consumer key and secret"),
        (KEY, "cs_wrong", "Check consumer key and secret"),
        ("", "", "administrator or shop manager"),
    ],
)
def test_refused_keys_are_reported_with_what_to_do(key: str, secret: str, words: str) -> None:
    fixture = ReconcileFixture()
    store = fixture.store()
    store.credentials = StoreCredentials("https://shop.test", key, secret)

    with pytest.raises(StoreRefused, match=words) as caught:
        store.count("orders")

    assert "cs_wrong" not in str(caught.value)
    assert len(fixture.shop.requests) == 1  # trying again would not help


def test_over_plain_http_the_clock_may_be_what_is_wrong() -> None:
    fixture = ReconcileFixture(scheme="http")
    store = fixture.store(wall_clock=lambda: fixture.clock.now + 1200)

    with pytest.raises(StoreRefused, match="the store's clock"):
        store.count("orders")


@pytest.mark.parametrize(("status", "words"), [(200, "WP_DEBUG_DISPLAY"), (403, "firewall"), (405, "firewall")])
def test_a_page_instead_of_an_answer_is_reported_with_what_it_may_be(status: int, words: str) -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(status=status, body="html"))

    with pytest.raises(StoreUnavailable, match=words):
        fixture.store().count("orders")


def test_a_key_that_may_only_read_cannot_mend_webhooks() -> None:
    fixture = ReconcileFixture().with_webhooks()
    fixture.shop.keys[KEY] = (fixture.shop.keys[KEY][0], "read")

    with pytest.raises(StoreRefused, match="write permissions"):
        fixture.store().update_webhook(1, status="active")


def test_the_store_itself_is_asked_without_keys() -> None:
    """WordPress takes Basic for a user's name and password, and refuses what it does not know."""
    about = ReconcileFixture(zone="Asia/Kolkata").store().about()

    assert (about.time_zone, about.utc_offset_hours, about.clock) == ("Asia/Kolkata", 5.5, 1_795_473_600)
    assert "wc/v3" in about.namespaces


def test_the_version_of_woocommerce_is_told() -> None:
    assert ReconcileFixture().store().system_status("environment")["environment"]["version"] == "11.0.1"
