"""The client against a simulated store that has a real one's ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.woocommerce import KEY, InjectedFault
from tests.support.reconcile import ReconcileFixture
from woohub.clock import Timer
from woohub.errors import DeadlineExceeded
from woohub.http import Call
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.cursors import ByDate, Cursor, Page
from woohub.store.pagination import CREATED
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.webhooks import TOPICS, Webhook

START = "2026-11-23T22:40:00"  # where the laboratory's time begins


def ids(steps: Iterator[Page[Cursor]]) -> list[int]:
    return [row.id for step in steps for row in step.rows]


class Answers:
    """Gives one answer after the other, and keeps what was asked."""

    def __init__(self, *answers: urllib3.HTTPResponse) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    def request(self, method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        self.asked.append(f"{method} {url}")
        return self._answers.pop(0)


def answer(status: int, body: bytes = b"{}", **headers: str) -> urllib3.HTTPResponse:
    """With header names in Python's spelling."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return urllib3.HTTPResponse(body, headers=named, status=status, preload_content=True)


def client(fixture: ReconcileFixture, *answers: urllib3.HTTPResponse) -> tuple[Store, Answers]:
    http = Answers(*answers)
    return fixture.store(http=http), http


class Meanwhile:
    """Does something in the store after so many calls."""

    def __init__(self, fixture: ReconcileFixture, calls: int, act: Callable[[], object]) -> None:
        self._http = fixture.store().http
        self._left = calls
        self._act = act

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        self._left -= 1
        if self._left == 0:
            self._act()
        return response


# Orders by date


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_orders_changed_since_a_moment_are_found_in_any_time_zone(zone: str, scheme: str) -> None:
    fixture = ReconcileFixture(zone=zone, scheme=scheme)
    fixture.shop.place()
    fixture.pass_time(10)
    second = fixture.shop.place()
    fixture.pass_time(1)
    third = fixture.shop.place()

    assert ids(fixture.store().orders(ByDate("2026-11-23T22:40:10"))) == [second, third]


def test_a_change_of_an_old_order_counts() -> None:
    fixture = ReconcileFixture()
    old, _ = fixture.shop.place(), fixture.shop.place()
    fixture.pass_time(86_400)
    fixture.shop.change_status(old, "completed")

    assert ids(fixture.store().orders(ByDate("2026-11-24T22:40:00"))) == [old]


def test_orders_can_be_walked_by_the_date_they_were_made() -> None:
    fixture = ReconcileFixture()
    old = fixture.shop.place()
    fixture.pass_time(86_400)
    new = fixture.shop.place()
    fixture.shop.change_status(old, "completed")

    assert ids(fixture.store().orders(ByDate("2026-11-24T00:00:00"), by=CREATED)) == [new]


def test_a_walk_ends_with_the_second_named_last() -> None:
    fixture = ReconcileFixture()
    made = []
    for _ in range(3):
        fixture.pass_time(1)
        made.append(fixture.shop.place())

    assert ids(fixture.store().orders(ByDate(START), until="2026-11-23T22:40:02")) == made[:2]


def test_the_trash_must_be_asked_for_and_drafts_are_no_orders() -> None:
    fixture = ReconcileFixture()
    kept, trashed, _draft = fixture.shop.place(), fixture.shop.place(), fixture.shop.abandon()
    fixture.shop.trash(trashed)

    assert ids(fixture.store().orders(ByDate(START))) == [kept]
    assert ids(fixture.store().orders(ByDate(START), status="trash")) == [trashed]


def test_an_order_has_the_very_bytes_the_store_wrote() -> None:
    fixture = ReconcileFixture()
    number = fixture.shop.place(billing={"first_name": "Zoë / O'Neil <b>", "last_name": "] , [{"})
    (step,) = fixture.store().orders(ByDate(START))

    assert step.rows[0].body == fixture.shop.order_text(fixture.shop.orders[number]).encode()
    assert step.rows[0].body == fixture.store().orders_by_id([number])[number].body


def test_more_orders_in_one_second_than_fit_a_page_come_each_once() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(250)]
    fixture.pass_time(5)
    made.append(fixture.shop.place())

    assert sorted(ids(fixture.store().orders(ByDate(START)))) == made


def test_an_order_that_leaves_a_crowded_second_takes_no_other_with_it() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(250)]
    fixture.pass_time(60)
    # Two stretches and the crowd's first page; then its first order moves.
    http = Meanwhile(fixture, 3, lambda: fixture.shop.change_status(made[0], "completed"))

    assert set(ids(fixture.store(http=http).orders(ByDate(START)))) == set(made)


def test_a_second_without_a_total_is_read_to_its_end() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(230)]

    assert set(ids(fixture.store(http=WithoutTotals(fixture)).orders(ByDate(START)))) == set(made)


@pytest.mark.parametrize("totals", [True, False])
def test_a_store_that_gives_fewer_than_asked_for_is_read_to_its_end_all_the_same(totals: bool) -> None:
    fixture = ReconcileFixture()
    made, accounts = [], []
    for _ in range(45):
        made += [fixture.shop.place(), fixture.shop.place()]
        accounts.append(fixture.shop.register())
        fixture.pass_time(1)
    store = fixture.store(http=Sparing(fixture, 20) if totals else Sparing(fixture, 20, without="X-WP-Total"))

    assert set(ids(store.orders(ByDate(START)))) == set(made)
    assert set(store.orders_by_id(made)) == set(made)
    assert ids(store.customers()) == accounts
    assert [customer.id for page in store.newest_customers(accounts[4]) for customer in page] == accounts[:4:-1]


def test_a_store_that_ignores_which_orders_are_asked_for_is_not_asked_for_ever() -> None:
    other = answer(200, b'[{"id":1}]', x_wp_total="130")
    store, http = client(ReconcileFixture(), other, answer(200, b"[]", x_wp_total="0"))

    assert 2 not in store.orders_by_id([2])
    assert len(http.asked) == 2


class Sparing:
    """A plugin that limits pages to `most` rows, whatever was asked for; and a header that a proxy takes off."""

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


class WithoutTotals:
    """A proxy that takes headers it does not know off the answers."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http = fixture.store().http

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        del response.headers["X-WP-Total"]  # type: ignore[attr-defined]
        return response


def test_a_short_page_is_not_the_end_as_long_as_the_store_counts_more() -> None:
    """A store leaves out of a page what the key's user may not see."""
    page = b'[{"id":1,"date_modified_gmt":"2026-11-23T22:41:00"}]'
    rest = b'[{"id":2,"date_modified_gmt":"2026-11-23T22:42:00"}]'
    store, _ = client(ReconcileFixture(), answer(200, page, x_wp_total="130"), answer(200, rest, x_wp_total="1"))

    assert ids(store.orders(ByDate(START))) == [1, 2]


def test_a_count_without_orders_is_no_answer() -> None:
    store, _ = client(ReconcileFixture(), answer(200, b"[]", x_wp_total="130"))

    with pytest.raises(StoreUnavailable, match="shows none"):
        ids(store.orders(ByDate(START)))


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_walk_stopped_after_any_step_and_resumed_leaves_nothing_out(data: st.DataObject) -> None:
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
                break  # the end of an invocation

    assert listed == set(made)


@pytest.mark.parametrize("hpos", [True, False])
def test_when_the_clocks_go_back_nothing_is_left_out(hpos: bool) -> None:
    """Without HPOS a store sorts by local time, in which that hour is there twice."""
    fixture = ReconcileFixture(hpos=hpos)
    fixture.clock.now = 1_793_507_400.0  # 2026-11-01T04:30:00Z, 00:30 in New York
    made = []
    for _ in range(400):
        fixture.pass_time(30)
        made.append(fixture.shop.place())

    assert set(ids(fixture.store().orders(ByDate("2026-11-01T00:00:00")))) == set(made)


def test_a_store_that_cannot_say_what_changed_is_read_by_creation_and_reported_once() -> None:
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


def test_a_store_that_ignores_the_date_is_an_old_one() -> None:
    row = b'{"id":1,"date_created":"2026-11-20T00:00:00","date_modified_gmt":"%s"}'
    ignored, wanted = row % b"2026-11-20T00:00:00", row % b"2026-11-25T00:00:00"
    store, http = client(
        ReconcileFixture(), answer(200, b"[%s]" % ignored), answer(200, b"[%s]" % wanted, x_wp_total="1")
    )

    assert ids(store.orders(ByDate(START))) == [1]
    assert "orderby=modified" in http.asked[0]
    assert "orderby=date" in http.asked[1]


def test_the_walk_through_an_old_store_moves_on_at_its_end_only() -> None:
    fixture = ReconcileFixture(old=True)
    for _ in range(150):
        fixture.shop.place()
        fixture.pass_time(1)

    steps = list(fixture.store().orders(ByDate(START)))

    assert [step.next.moment for step in steps[:-1]] == [START] * (len(steps) - 1)
    assert steps[-1].next.moment == "2026-11-23T22:42:29"


# One by one


def test_an_order_the_store_does_not_have_is_none() -> None:
    assert ReconcileFixture().store().order(4711) is None


def test_an_order_in_the_trash_is_still_there() -> None:
    fixture = ReconcileFixture()
    number = fixture.shop.place()
    fixture.shop.trash(number)

    order = fixture.store().order(number)

    assert order is not None
    assert order.status == "trash"


@pytest.mark.parametrize(
    "body", [b"<html>Not found</html>", b'{"code":"rest_no_route","message":"No route was found."}']
)
def test_no_other_404_means_that_the_order_is_gone(body: bytes) -> None:
    store, _ = client(ReconcileFixture(), answer(404, body), answer(404, body))

    with pytest.raises(StoreRefused):
        store.order(4711)


def test_orders_are_found_by_id_in_the_trash_too() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(130)]
    fixture.shop.trash(made[0])
    fixture.shop.delete(made[1])

    assert set(fixture.store().orders_by_id([*made, made[2], 4711])) == {*made} - {made[1]}


def test_no_ids_cost_no_call() -> None:
    store, http = client(ReconcileFixture())

    assert store.orders_by_id([]) == {}
    assert http.asked == []


def test_what_a_cache_before_the_store_keeps_is_not_taken_for_what_the_store_has() -> None:
    fixture = ReconcileFixture()
    store = fixture.store(http=Cache(fixture))
    before = ids(store.orders(ByDate(START))), store.webhooks(), store.newest_customer_id()
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.with_webhooks()

    assert before == ([], [], 0)
    assert ids(store.orders(ByDate(START))) == [order]
    assert len(store.webhooks()) == len(TOPICS)
    assert store.newest_customer_id() == account


class Cache:
    """A hosting company's, which does not care who asks."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http = fixture.store().http
        self._kept: dict[str, Any] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        if url not in self._kept:
            self._kept[url] = self._http.request(method, url, **kwargs)
        return self._kept[url]


# Customers


def test_all_customers_are_found_though_one_is_removed_meanwhile() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]
    http = Meanwhile(fixture, 1, lambda: fixture.shop.remove_customer(made[0]))

    assert set(ids(fixture.store(http=http).customers())) == set(made)


def test_a_scan_that_is_past_the_end_of_a_list_cut_short_starts_anew() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]
    first, second = (step for step, _ in zip(fixture.store().customers(), range(2), strict=False))
    for row in first.rows:
        fixture.shop.remove_customer(row.id)

    assert set(ids(fixture.store().customers(second.next))) >= set(made[200:])


def test_editors_and_subscribers_are_no_customers() -> None:
    fixture = ReconcileFixture()
    customer, _editor = fixture.shop.register(), fixture.shop.register(role="editor")

    assert ids(fixture.store().customers()) == [customer]


def test_new_accounts_come_newest_first_and_no_others() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]

    pages = list(fixture.store().newest_customers(made[99]))

    assert [customer.id for page in pages for customer in page] == made[:99:-1]
    assert len(fixture.shop.requests) == 2


def test_nothing_new_costs_one_call() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.register() for _ in range(250)]

    assert list(fixture.store().newest_customers(made[-1])) == []
    assert len(fixture.shop.requests) == 1


def test_customers_are_found_by_id() -> None:
    fixture = ReconcileFixture()
    first, editor = fixture.shop.register(), fixture.shop.register(role="editor")
    store = fixture.store()

    assert set(store.customers_by_id([first, editor, 4711])) == {first, editor}
    assert store.customer(4711) is None
    assert store.count("customers") == 1
    assert store.newest_customer_id() == first


# Keys


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


# Trouble


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
def test_trouble_that_passes_is_waited_out(fault: InjectedFault) -> None:
    fixture = ReconcileFixture()
    fixture.shop.place()
    fixture.shop.faults.add(fault)
    fixture.timer.start(240)

    assert fixture.store().count("orders") == 1
    assert fault.hits == 2


@pytest.mark.parametrize(
    "fault", [InjectedFault(status=500), InjectedFault(status=200, body="html"), InjectedFault(kind="reset")]
)
def test_trouble_that_stays_is_reported_after_five_tries(fault: InjectedFault) -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(fault)
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable):
        fixture.store().count("orders")

    assert fault.hits == 5


def test_a_wait_longer_than_the_time_left_is_left_to_the_next_run() -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="600"))
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable) as caught:
        fixture.store().count("orders")

    assert caught.value.retry_after == 600
    assert len(fixture.shop.requests) == 1


def test_a_wait_until_a_date_is_understood() -> None:
    when = {"date": "Mon, 23 Nov 2026 22:40:00 GMT", "retry_after": "Mon, 23 Nov 2026 22:40:07 GMT"}
    fixture = ReconcileFixture()
    store, http = client(fixture, answer(503, b"busy", **when), answer(200, b"[]", x_wp_total="0"))
    began = fixture.clock.now

    assert store.count("orders") == 0
    assert fixture.clock.now - began == 7
    assert len(http.asked) == 2


def test_a_page_the_store_dies_of_is_made_smaller() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(120)]
    fixture.shop.faults.add(InjectedFault(status=500, count=2, path="/orders"))
    fixture.timer.start(240)

    listed = ids(fixture.store().orders(ByDate(START)))

    assert sorted(listed) == made
    sizes = [url.partition("per_page=")[2].partition("&")[0] for _, url, _ in fixture.shop.requests[:3]]
    assert sizes == ["100", "50", "25"]


def test_a_smaller_page_makes_no_order_look_deleted() -> None:
    fixture = ReconcileFixture()
    made = [fixture.shop.place() for _ in range(100)]
    fixture.shop.faults.add(InjectedFault(status=500, count=2))
    fixture.timer.start(240)

    assert set(fixture.store().orders_by_id(made)) == set(made)


def test_a_slow_shop_is_left_alone_as_long_as_it_took_to_answer() -> None:
    fixture = ReconcileFixture()
    fixture.shop.latency_ms = 4000
    fixture.timer.start(240)
    store, began = fixture.store(), fixture.clock.now

    for _ in range(3):
        store.count("orders")

    assert fixture.clock.now - began == 3 * 4 + 2 * 4


def test_no_call_is_begun_that_the_time_does_not_suffice_for() -> None:
    fixture = ReconcileFixture()
    fixture.timer.start(1.5)

    with pytest.raises(DeadlineExceeded):
        fixture.store().count("orders")

    assert fixture.shop.requests == []


def test_an_answer_the_time_left_did_not_suffice_for_is_no_fault_of_the_store() -> None:
    fixture = ReconcileFixture()
    fixture.shop.latency_ms = 20_000
    fixture.timer.start(15)

    with pytest.raises(DeadlineExceeded):
        fixture.store().count("orders")


def test_a_store_that_has_moved_is_named_and_not_followed() -> None:
    store, http = client(
        ReconcileFixture(), answer(301, b"", location="https://www.shop.test/wp-json/wc/v3/orders?x=1")
    )

    with pytest.raises(StoreRefused, match=r"https://www\.shop\.test: set"):
        store.count("orders")

    assert len(http.asked) == 1


def test_an_address_without_rest_api_is_told_from_trouble() -> None:
    page = answer(404, b"<html>Not found</html>")
    store, _ = client(ReconcileFixture(), page, page)  # /wp-json/ and ?rest_route=

    with pytest.raises(StoreRefused, match="permalinks"):
        store.count("orders")


@pytest.mark.parametrize("body", [b"{}", b'"no"', b"[1, null]", b"\xff\xfe", b"[" * 100_000])
def test_answers_of_the_wrong_shape_never_pass_for_orders(body: bytes) -> None:
    store, _ = client(ReconcileFixture(), *(answer(200, body) for _ in range(6)))
    store.timer.start(60)

    try:
        pages = list(store.newest_customers(0))
    except StoreUnavailable:
        pages = []

    assert pages == []


def test_a_byte_order_mark_does_not_hurt() -> None:
    store, _ = client(ReconcileFixture(), answer(200, b'\xef\xbb\xbf[{"id":1}]', x_wp_total="1"))

    assert [customer.id for some in store.newest_customers(0) for customer in some] == [1]


def test_an_id_in_quotes_is_an_id() -> None:
    store, _ = client(ReconcileFixture(), answer(200, b'[{"id":"7","status":"completed"}]'))

    assert {number: row.body for number, row in store.orders_by_id([7]).items()} == {
        7: b'{"id":"7","status":"completed"}'
    }


def test_nothing_logged_of_a_call_holds_its_query() -> None:
    fixture, calls = ReconcileFixture(scheme="http"), list[Call]()
    fixture.store(on_call=calls.append).count("customers", email="ana@shop.example")

    assert [(call.method, call.path, call.status) for call in calls] == [("GET", "/wc/v3/customers", 200)]


def test_a_broken_connection_does_not_tell_what_was_asked() -> None:
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


# Webhooks


def a_webhook(store: Store) -> Webhook:
    return store.create_webhook(
        name="mine", topic="order.created", delivery_url="https://hooks.test/a", secret="a secret"
    )


def test_a_new_webhook_is_active() -> None:
    made = a_webhook(ReconcileFixture().store())

    assert (made.status, made.topic, made.name) == ("active", "order.created", "mine")


def test_a_webhook_is_changed() -> None:
    store = ReconcileFixture().store()

    changed = store.update_webhook(a_webhook(store).id, status="paused", delivery_url="https://hooks.test/b")

    assert (changed.status, changed.delivery_url) == ("paused", "https://hooks.test/b")
    assert store.webhooks() == [changed]


def test_a_webhook_is_removed_for_good_and_may_be_gone_already() -> None:
    fixture = ReconcileFixture()
    store = fixture.store()
    made = a_webhook(store)

    store.delete_webhook(made.id)
    store.delete_webhook(made.id)

    assert fixture.shop.hooks.webhooks == {}


def test_a_topic_in_another_spelling_is_not_even_asked_for() -> None:
    """A store takes it, and makes a webhook that never delivers."""
    with pytest.raises(ValueError, match=r"Order\.Created"):
        ReconcileFixture().store().create_webhook(
            name="", topic="Order.Created", delivery_url="https://hooks.test", secret="s"
        )


def test_more_webhooks_than_fit_a_page_are_all_listed() -> None:
    fixture = ReconcileFixture()
    for _ in range(130):
        fixture.shop.hooks.create(name="", topic=TOPICS[0], delivery_url="https://hooks.test", secret="")

    assert [webhook.id for webhook in fixture.store().webhooks()] == list(range(1, 131))


def test_making_a_webhook_is_not_tried_twice() -> None:
    fixture = ReconcileFixture()
    fixture.shop.faults.add(InjectedFault(kind="hold", when="after", method="POST", hold_s=60))
    fixture.timer.start(240)

    with pytest.raises(StoreUnavailable):
        fixture.store().create_webhook(name="", topic=TOPICS[0], delivery_url="https://hooks.test", secret="")

    assert len(fixture.shop.hooks.webhooks) == 1
