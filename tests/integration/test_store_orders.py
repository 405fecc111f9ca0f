"""The client reads orders from a simulated store, by date and by id."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.reconcile import ReconcileFixture
from tests.support.store import START, ActAfterCalls, ids, response, store_with_responses
from woohub.store.cursors import ByDate, Cursor
from woohub.store.pagination import CREATED
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.webhooks import TOPICS


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_orders_changed_since_a_date_are_found_in_any_time_zone(zone: str, scheme: str) -> None:
    fixture = ReconcileFixture(zone=zone, scheme=scheme)
    fixture.shop.place()
    fixture.pass_time(10)
    second = fixture.shop.place()
    fixture.pass_time(1)
    third = fixture.shop.place()

    assert ids(fixture.store().orders(ByDate("2026-11-23T22:40:10"))) == [second, third]


def test_an_old_order_is_listed_after_its_change() -> None:
    fixture = ReconcileFixture()
    old, _ = fixture.shop.place(), fixture.shop.place()
    fixture.pass_time(86_400)
    fixture.shop.change_status(old, "completed")

    assert ids(fixture.store().orders(ByDate("2026-11-24T22:40:00"))) == [old]


def test_orders_can_be_listed_by_creation_date() -> None:
    fixture = ReconcileFixture()
    old = fixture.shop.place()
    fixture.pass_time(86_400)
    new = fixture.shop.place()
    fixture.shop.change_status(old, "completed")

    assert ids(fixture.store().orders(ByDate("2026-11-24T00:00:00"), by=CREATED)) == [new]


def test_a_listing_includes_the_second_of_until_and_nothing_after_it() -> None:
    fixture = ReconcileFixture()
    made = fixture.place_orders(3, every_s=1)

    assert ids(fixture.store().orders(ByDate(START), until="2026-11-23T22:40:02")) == made[:2]


def test_trashed_orders_are_listed_only_by_status_and_drafts_never() -> None:
    fixture = ReconcileFixture()
    kept, trashed, _draft = fixture.shop.place(), fixture.shop.place(), fixture.shop.abandon()
    fixture.shop.trash(trashed)

    assert ids(fixture.store().orders(ByDate(START))) == [kept]
    assert ids(fixture.store().orders(ByDate(START), status="trash")) == [trashed]


def test_an_order_has_the_exact_bytes_of_the_store() -> None:
    fixture = ReconcileFixture()
    number = fixture.shop.place(billing={"first_name": "Zoë / O'Neil <b>", "last_name": "] , [{"})
    (step,) = fixture.store().orders(ByDate(START))

    assert step.rows[0].body == fixture.shop.order_text(fixture.shop.orders[number]).encode()
    assert step.rows[0].body == fixture.store().orders_by_id([number])[number].body


def test_250_orders_of_one_second_are_each_listed_once() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(250)]
    fixture.pass_time(5)
    made.append(fixture.shop.place())

    assert sorted(ids(fixture.store().orders(ByDate(START)))) == made


def test_a_change_during_a_listing_hides_no_other_order_of_a_crowded_second() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(250)]
    fixture.pass_time(60)
    # Two pages by date and the first page of the crowded second; then its first order changes.
    http = ActAfterCalls(fixture, 3, lambda: fixture.shop.change_status(made[0], "completed"))

    assert set(ids(fixture.store(http=http).orders(ByDate(START)))) == set(made)


def test_a_crowded_second_is_read_completely_without_total_headers() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(230)]

    assert set(ids(fixture.store(http=SmallPages(fixture, 100, without="X-WP-Total")).orders(ByDate(START)))) == set(
        made
    )


@pytest.mark.parametrize("totals", [True, False])
def test_a_store_with_smaller_pages_than_requested_is_read_completely(totals: bool) -> None:
    fixture = ReconcileFixture()
    made, accounts = [], []
    for _ in range(45):
        made += [fixture.shop.place(), fixture.shop.place()]
        accounts.append(fixture.shop.register())
        fixture.pass_time(1)
    store = fixture.store(http=SmallPages(fixture, 20) if totals else SmallPages(fixture, 20, without="X-WP-Total"))

    assert set(ids(store.orders(ByDate(START)))) == set(made)
    assert set(store.orders_by_id(made)) == set(made)
    assert ids(store.customers()) == accounts
    assert [customer.id for page in store.newest_customers(accounts[4]) for customer in page] == accounts[:4:-1]


def test_a_store_that_ignores_the_requested_ids_gets_two_requests() -> None:
    other = response(200, b'[{"id":1}]', x_wp_total="130")
    store, http = store_with_responses(ReconcileFixture(), other, response(200, b"[]", x_wp_total="0"))

    assert 2 not in store.orders_by_id([2])
    assert len(http.requested) == 2


class SmallPages:
    """A plugin that limits pages to `most` rows, and a proxy that removes the header `without`."""

    def __init__(self, fixture: ReconcileFixture, most: int, without: str = "") -> None:
        self._http = fixture.store().http
        self._most = most
        self._without = without

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, re.sub(r"per_page=\d+", self._fewer, url), **kwargs)
        response.headers.pop(self._without, None)  # type: ignore[attr-defined]
        return response

    def _fewer(self, match: re.Match[str]) -> str:
        return f"per_page={min(self._most, int(match.group().partition('=')[2]))}"


def test_a_short_page_is_followed_by_the_next_while_the_total_is_higher() -> None:
    """A store leaves out of a page the orders that the key's user may not see."""
    page = b'[{"id":1,"date_modified_gmt":"2026-11-23T22:41:00"}]'
    rest = b'[{"id":2,"date_modified_gmt":"2026-11-23T22:42:00"}]'
    store, _ = store_with_responses(
        ReconcileFixture(), response(200, page, x_wp_total="130"), response(200, rest, x_wp_total="1")
    )

    assert ids(store.orders(ByDate(START))) == [1, 2]


def test_an_empty_page_with_a_total_raises_store_unavailable() -> None:
    store, _ = store_with_responses(ReconcileFixture(), response(200, b"[]", x_wp_total="130"))

    with pytest.raises(StoreUnavailable, match="shows none"):
        ids(store.orders(ByDate(START)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_listing_resumed_after_any_page_misses_no_order(data: st.DataObject) -> None:
    fixture = ReconcileFixture()
    made = []
    for pause in data.draw(st.lists(st.sampled_from([0, 0, 0, 0, 1, 30]), min_size=1, max_size=60)):
        fixture.pass_time(pause)
        made.append(fixture.shop.place())
    size = data.draw(st.integers(1, 12))
    place: Cursor = ByDate(START)
    listed, last = set[int](), False

    while not last:
        for step in fixture.store(page_size=size).orders(place):
            listed |= {row.id for row in step.rows}
            place, last = step.next, step.last
            if data.draw(st.booleans()):
                break  # as at the end of an invocation

    assert listed == set(made)


@pytest.mark.parametrize("hpos", [True, False])
def test_no_order_is_missed_when_clocks_go_back(hpos: bool) -> None:
    """Without HPOS a store sorts by local time, in which that hour occurs twice."""
    fixture = ReconcileFixture(hpos=hpos)
    fixture.clock.now = 1_793_507_400.0  # 2026-11-01T04:30:00Z, 00:30 in New York
    made = fixture.place_orders(400, every_s=30)

    assert set(ids(fixture.store().orders(ByDate("2026-11-01T00:00:00")))) == set(made)


def test_an_old_store_is_read_by_creation_date_and_logged_once() -> None:
    fixture = ReconcileFixture(old=True, zone="Asia/Kolkata")
    old, untouched = fixture.shop.place(), fixture.shop.place()
    fixture.pass_time(3 * 86_400)
    fixture.shop.change_status(old, "completed")
    new = fixture.shop.place()
    store = fixture.store()

    for _ in range(2):
        listed = ids(store.orders(ByDate("2026-11-26T00:00:00")))
        assert set(listed) == {old, new}
        assert untouched not in listed
    assert len(fixture.logged("store_cannot_tell_what_changed")) == 1


def test_a_store_that_ignores_modified_after_is_read_by_creation_date() -> None:
    row = b'{"id":1,"date_created":"2026-11-20T00:00:00","date_modified_gmt":"%s"}'
    ignored, wanted = row % b"2026-11-20T00:00:00", row % b"2026-11-25T00:00:00"
    store, http = store_with_responses(
        ReconcileFixture(), response(200, b"[%s]" % ignored), response(200, b"[%s]" % wanted, x_wp_total="1")
    )

    assert ids(store.orders(ByDate(START))) == [1]
    assert "orderby=modified" in http.requested[0]
    assert "orderby=date" in http.requested[1]


def test_the_cursor_of_an_old_store_moves_only_at_the_end_of_the_listing() -> None:
    fixture = ReconcileFixture(old=True)
    for _ in range(150):
        fixture.shop.place()
        fixture.pass_time(1)

    steps = list(fixture.store().orders(ByDate(START)))

    assert [step.next.moment for step in steps[:-1]] == [START] * (len(steps) - 1)
    assert steps[-1].next.moment == "2026-11-23T22:42:29"


def test_an_order_that_does_not_exist_is_none() -> None:
    assert ReconcileFixture().store().order(4711) is None


def test_a_trashed_order_is_found_by_id_with_status_trash() -> None:
    fixture = ReconcileFixture()
    number = fixture.shop.place()
    fixture.shop.trash(number)

    order = fixture.store().order(number)

    assert order is not None
    assert order.status == "trash"


@pytest.mark.parametrize(
    "body", [b"<html>Not found</html>", b'{"code":"rest_no_route","message":"No route was found."}']
)
def test_a_404_without_the_invalid_id_code_raises_store_refused(body: bytes) -> None:
    store, _ = store_with_responses(ReconcileFixture(), response(404, body), response(404, body))

    with pytest.raises(StoreRefused):
        store.order(4711)


def test_orders_by_id_include_trashed_orders() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(130)]
    fixture.shop.trash(made[0])
    fixture.shop.delete(made[1])

    assert set(fixture.store().orders_by_id([*made, made[2], 4711])) == {*made} - {made[1]}


def test_an_empty_list_of_ids_takes_no_call() -> None:
    store, http = store_with_responses(ReconcileFixture())

    assert store.orders_by_id([]) == {}
    assert http.requested == []


def test_a_caching_proxy_does_not_hide_new_orders_accounts_and_webhooks() -> None:
    fixture = ReconcileFixture()
    store = fixture.store(http=CachingProxy(fixture))
    before = ids(store.orders(ByDate(START))), store.webhooks(), store.newest_customer_id()
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.with_webhooks()

    assert before == ([], [], 0)
    assert ids(store.orders(ByDate(START))) == [order]
    assert len(store.webhooks()) == len(TOPICS)
    assert store.newest_customer_id() == account


class CachingProxy:
    """A cache that returns the first response for a URL to every caller."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http = fixture.store().http
        self._kept: dict[str, Any] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        if url not in self._kept:
            self._kept[url] = self._http.request(method, url, **kwargs)
        return self._kept[url]
