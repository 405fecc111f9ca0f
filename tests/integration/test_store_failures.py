"""The client retries failures of the store, and reports those that remain."""

from __future__ import annotations

import pytest
import urllib3

from simulators.woocommerce import KEY, InjectedFault
from tests.support.reconcile import ReconcileFixture
from tests.support.store import START, ids, response, store_with_responses
from woohub.clock import Timer
from woohub.errors import DeadlineExceeded
from woohub.http import Call
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate
from woohub.store.requests import StoreRefused, StoreUnavailable


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault(status=500, count=2),
        InjectedFault(status=502, count=2, body="html"),
        InjectedFault(status=503, count=2, body="html"),
        InjectedFault(status=429, count=2, body="html", retry_after="3"),
        InjectedFault(status=200, count=2, body="html"),
        InjectedFault(status=403, count=2, body="html"),
        InjectedFault(kind="reset", count=2),
        InjectedFault(kind="truncate", when="after", count=2),
        InjectedFault(kind="hold", count=2),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}-{fault.body}",
)
def test_a_failure_that_passes_is_retried(fault: InjectedFault) -> None:
    fixture = ReconcileFixture()
    fixture.shop.place()
    fixture.shop.faults.add(fault)
    fixture.timer.start(240)

    assert fixture.store().count("orders") == 1
    assert fault.hits == 2


@pytest.mark.parametrize(
    "fault", [InjectedFault(status=500), InjectedFault(status=200, body="html"), InjectedFault(kind="reset")]
)
def test_a_failure_that_persists_is_reported_after_five_attempts(fault: InjectedFault) -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(fault)
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable):
        fixture.store().count("orders")

    assert fault.hits == 5


def test_a_retry_after_longer_than_the_time_left_is_reported_without_a_retry() -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="600"))
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable) as caught:
        fixture.store().count("orders")

    assert caught.value.retry_after == 600
    assert len(fixture.shop.requests) == 1


def test_a_retry_after_date_is_waited_for() -> None:
    when = {"date": "Mon, 23 Nov 2026 22:40:00 GMT", "retry_after": "Mon, 23 Nov 2026 22:40:07 GMT"}
    fixture = ReconcileFixture()
    store, http = store_with_responses(fixture, response(503, b"busy", **when), response(200, b"[]", x_wp_total="0"))
    began = fixture.clock.now

    assert store.count("orders") == 0
    assert fixture.clock.now - began == 7
    assert len(http.requested) == 2


def test_a_page_size_that_fails_is_halved() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(120)]
    fixture.shop.faults.add(InjectedFault(status=500, count=2, path="/orders"))
    fixture.timer.start(240)

    listed = ids(fixture.store().orders(ByDate(START)))

    assert sorted(listed) == made
    sizes = [url.partition("per_page=")[2].partition("&")[0] for _, url, _ in fixture.shop.requests[:3]]
    assert sizes == ["100", "50", "25"]


def test_orders_by_id_are_complete_after_the_page_size_was_halved() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(100)]
    fixture.shop.faults.add(InjectedFault(status=500, count=2))
    fixture.timer.start(240)

    assert set(fixture.store().orders_by_id(made)) == set(made)


def test_the_pause_after_a_slow_response_is_as_long_as_the_response_took() -> None:
    fixture = ReconcileFixture()
    fixture.shop.latency_ms = 4000
    fixture.timer.start(240)
    store, began = fixture.store(), fixture.clock.now

    for _ in range(3):
        store.count("orders")

    assert fixture.clock.now - began == 3 * 4 + 2 * 4


def test_no_call_is_made_when_too_little_time_is_left() -> None:
    fixture = ReconcileFixture()
    fixture.timer.start(1.5)

    with pytest.raises(DeadlineExceeded):
        fixture.store().count("orders")

    assert fixture.shop.requests == []


def test_a_response_after_the_deadline_raises_deadline_exceeded() -> None:
    fixture = ReconcileFixture()
    fixture.shop.latency_ms = 20_000
    fixture.timer.start(15)

    with pytest.raises(DeadlineExceeded):
        fixture.store().count("orders")


def test_a_redirect_to_another_host_is_reported_and_not_followed() -> None:
    store, http = store_with_responses(
        ReconcileFixture(), response(301, b"", location="https://www.shop.test/wp-json/wc/v3/orders?x=1")
    )

    with pytest.raises(StoreRefused, match=r"https://www\.shop\.test: set"):
        store.count("orders")

    assert len(http.requested) == 1


def test_a_url_without_rest_api_is_reported_with_permalinks_as_cause() -> None:
    page = response(404, b"<html>Not found</html>")
    store, _ = store_with_responses(ReconcileFixture(), page, page)  # /wp-json/ and ?rest_route=

    with pytest.raises(StoreRefused, match="permalinks"):
        store.count("orders")


@pytest.mark.parametrize("body", [b"{}", b'"no"', b"[1, null]", b"\xff\xfe", b"[" * 100_000])
def test_a_response_of_the_wrong_shape_gives_no_customers(body: bytes) -> None:
    store, _ = store_with_responses(ReconcileFixture(), *(response(200, body) for _ in range(6)))
    store.timer.start(60)

    try:
        pages = list(store.newest_customers(0))
    except StoreUnavailable:
        pages = []

    assert pages == []


def test_a_response_with_a_byte_order_mark_is_read() -> None:
    store, _ = store_with_responses(ReconcileFixture(), response(200, b'\xef\xbb\xbf[{"id":1}]', x_wp_total="1"))

    assert [customer.id for some in store.newest_customers(0) for customer in some] == [1]


def test_an_order_with_an_id_in_quotes_is_read() -> None:
    store, _ = store_with_responses(ReconcileFixture(), response(200, b'[{"id":"7","status":"completed"}]'))

    assert {number: row.body for number, row in store.orders_by_id([7]).items()} == {
        7: b'{"id":"7","status":"completed"}'
    }


def test_a_recorded_call_has_no_query() -> None:
    fixture, calls = ReconcileFixture(scheme="http"), list[Call]()
    fixture.store(on_call=calls.append).count("customers", email="ana@shop.example")

    assert [(call.method, call.path, call.status) for call in calls] == [("GET", "/wc/v3/customers", 200)]


def test_a_connection_error_does_not_contain_the_query() -> None:
    fixture = ReconcileFixture(scheme="http")
    fixture.timer.start(10)
    closed = Store(
        urllib3.PoolManager(), StoreCredentials("http://127.0.0.1:9", KEY, "cs"), Timer(sleep=lambda _s: None)
    )
    closed.timer.start(3)

    with pytest.raises(StoreUnavailable) as caught:
        closed.count("customers", email="ana@shop.example")

    assert "oauth" not in repr(caught.value)
    assert caught.value.__suppress_context__
