"""What webhooks never told comes from the store; the watermark never leaves anything behind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from simulators.hubspot import DEFAULT_TOKEN
from simulators.woocommerce import InjectedFault
from tests.support.reconcile import WEBHOOK_URL, ReconcileFixture
from woohub.dates import utc_from_ms
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.delivery.topics import identify
from woohub.errors import InvalidPayload, NotAnEntity
from woohub.hubspot.objects import DEALS
from woohub.reconcile.request import RunRequest
from woohub.reconcile.watermark import DealCheck, text
from woohub.store.webhooks import TOPICS

DAY, QUARTER = 86_400, 900


def a_fixture(**changes: Any) -> ReconcileFixture:
    """A stack that was deployed a quarter of an hour ago and has made its first run."""
    fixture = ReconcileFixture(**changes).with_webhooks()
    fixture.run()
    fixture.pass_time(QUARTER)
    return fixture


def trade(fixture: ReconcileFixture, acts: int, pause: float = 5) -> None:
    """A shop's day, delivered as it goes."""
    for _ in range(acts):
        fixture.shop.act()
        fixture.pass_time(pause)
        fixture.shop.run_webhooks()


# It heals


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hpos", [True, False])
def test_after_lost_deliveries_one_sweep_makes_hubspot_equal_the_store(seed: int, hpos: bool) -> None:
    fixture = a_fixture(seed=seed, hpos=hpos)
    fixture.shop.hooks.lose = 0.2
    trade(fixture, 200)
    fixture.drain()
    assert fixture.differences()

    fixture.run()
    fixture.drain()

    # What changed of accounts without an event of their own is found at night.
    assert [difference for difference in fixture.differences() if not difference.startswith("customer")] == []


@pytest.mark.parametrize("seed", range(3))
def test_after_lost_deliveries_the_night_makes_customers_equal_too(seed: int) -> None:
    fixture = a_fixture(seed=seed)
    fixture.shop.hooks.lose = 0.3
    trade(fixture, 200)
    fixture.pass_time(DAY)

    fixture.run_to_the_end()
    fixture.drain()

    assert fixture.differences() == []


def test_after_an_hour_of_a_disabled_webhook_one_sweep_heals_all() -> None:
    fixture = a_fixture()
    trade(fixture, 20)
    fixture.down = True
    trade(fixture, 400, pause=9)
    fixture.down = False
    disabled = [webhook.topic for webhook in fixture.shop.hooks.webhooks.values() if webhook.status == "disabled"]
    assert "order.updated" in disabled

    fixture.run()
    fixture.drain()

    assert fixture.differences() == []
    assert {webhook.status for webhook in fixture.shop.hooks.webhooks.values()} == {"active"}


def test_lost_deliveries_a_disabled_webhook_and_one_second_twice_are_healed_by_one_sweep() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.lose = 0.03
    trade(fixture, 200)
    for webhook in fixture.shop.hooks.webhooks.values():
        webhook.status = "disabled"
    trade(fixture, 200, pause=18)  # an hour
    twice = fixture.shop.place(status="pending")
    fixture.shop.change_status(twice, "on-hold")
    fixture.shop.change_status(twice, "completed")
    fixture.drain()
    assert fixture.differences()

    fixture.run()
    fixture.drain()

    assert fixture.differences() == []


@pytest.mark.parametrize("seed", range(2))
def test_days_with_every_kind_of_trouble_end_with_hubspot_equal_to_the_store(seed: int) -> None:
    fixture = a_fixture(seed=seed)
    chance = random.Random(seed)  # noqa: S311
    fixture.shop.hooks.lose = 0.1
    fixture.shop.faults.add(InjectedFault(status=503, probability=0.05, body="html"))
    fixture.shop.faults.add(InjectedFault(kind="reset", probability=0.05))
    while fixture.clock.now < 1_795_473_600 + 2 * DAY:
        for _ in range(chance.choice([0, 0, 1, 5])):
            fixture.shop.act()
            fixture.pass_time(chance.choice([0, 1, 60]))
        if chance.random() < 0.05:
            fixture.shop.delete(chance.choice(list(fixture.shop.orders)))
        if trashed := [order.id for order in fixture.shop.orders.values() if order.status == "trash"]:
            fixture.shop.change_status(chance.choice(trashed), "processing")  # of which nobody is told
        fixture.down = chance.random() < 0.2
        fixture.shop.run_webhooks()
        fixture.sqs.refuse = int(chance.random() < 0.05)
        fixture.run(chance.choice([30, 300]))
        fixture.drain()
        fixture.pass_time(QUARTER)
    fixture.down, fixture.sqs.refuse = False, 0
    fixture.pass_time(DAY)

    fixture.run_to_the_end()
    fixture.drain()

    assert fixture.differences() == []


def test_two_changes_in_the_second_of_the_sweep_are_not_missed() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.lose = 1.0
    number = fixture.shop.place(status="pending")
    fixture.run()
    fixture.shop.change_status(number, "completed")  # no time has passed
    fixture.shop.run_webhooks()

    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == "completed"


def test_an_order_trashed_without_a_word_is_found() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.shop.hooks.lose = 1.0
    fixture.pass_time(60)
    fixture.shop.trash(number)
    fixture.shop.run_webhooks()

    fixture.run()
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == "trash"


@pytest.mark.parametrize("back", ["restore", "change_status"])
def test_an_order_taken_out_of_the_trash_without_a_word_is_found(back: str) -> None:
    """A status set by REST takes an order out of the trash, of which a store says nothing at all."""
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.shop.trash(number)
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.hooks.lose = 1.0
    getattr(fixture.shop, back)(number)
    fixture.shop.run_webhooks()

    fixture.run()
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == fixture.shop.orders[number].status


def test_an_order_trashed_while_its_page_is_on_the_way_stays_in_the_trash() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.shop.latency_ms = 5000

    def trash() -> None:
        fixture.shop.trash(number)
        fixture.shop.run_webhooks()
        fixture.pass_time(1)

    fixture.run(store=fixture.store(http=After(fixture, "/orders?", trash)))
    assert fixture.queued().index(f"order.deleted order:{number}") < fixture.queued().index(
        f"order.swept order:{number}"
    )
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == "trash"


def test_what_is_swept_is_dated_before_it_was_asked_for() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.shop.latency_ms = 5000
    asked = Asked(fixture)

    fixture.run(store=fixture.store(http=asked))

    (delivery,) = [delivery for delivery in fixture.sqs.deliveries() if delivery.topic == "order.swept"]
    assert delivery.received_ms <= asked.at["/wp-json/wc/v3/orders"] * 1000


class Asked:
    """Notes when each path was asked for first."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http, self._clock = fixture.store().http, fixture.clock
        self.at: dict[str, float] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.at.setdefault(urlsplit(url).path, self._clock.now)
        return self._http.request(method, url, **kwargs)


class After:
    """Does something once, after the store has answered a call to this path and before the answer arrives."""

    def __init__(self, fixture: ReconcileFixture, path: str, act: Callable[[], object]) -> None:
        self._http = fixture.store().http
        self._path, self._act, self._done = path, act, False

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        if self._path in url and not self._done:
            self._done = True
            self._act()
        return response


def test_accounts_made_without_a_word_are_found_by_the_next_run() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.lose = 1.0
    made = [fixture.shop.register() for _ in range(3)]
    fixture.shop.run_webhooks()

    fixture.run()

    assert fixture.queued() == [f"customer.swept customer:{number}" for number in reversed(made)]


def test_an_account_changed_behind_the_stores_back_is_found_when_all_are_asked_for() -> None:
    fixture = a_fixture()
    number = fixture.shop.register(billing={"city": "Lille"})
    fixture.shop.run_webhooks()
    fixture.pass_time(30 * DAY)
    fixture.run_to_the_end()
    fixture.shop.edit_customer_behind(number, city="Lyon")
    fixture.pass_time(DAY)
    fixture.run_to_the_end()
    fixture.drain()
    assert fixture.engine.contacts[0]["city"] == "Lille"

    fixture.run(customers="all")
    fixture.drain()

    assert fixture.engine.contacts[0]["city"] == "Lyon"


# The watermark


def test_the_first_run_begins_at_the_deployment() -> None:
    fixture = ReconcileFixture()
    fixture.shop.place(created=fixture.clock.now - 3 * DAY)
    fixture.shop.register()
    fixture.shop.customers[2].created = fixture.shop.customers[2].modified = fixture.clock.now - 3 * DAY
    fixture.pass_time(60)
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.pass_time(QUARTER)

    fixture.run()  # makes the webhooks too: what they could not tell of accounts is scanned

    assert sorted(set(fixture.queued()), reverse=True) == [
        f"order.swept order:{order}",
        f"customer.swept customer:{account}",
    ]


def test_it_stands_at_the_newest_date_seen_and_not_at_the_clock() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.pass_time(QUARTER)

    fixture.run()

    assert fixture.mark.orders.moment == "2026-11-23T22:55:00"


def test_it_does_not_slip_back_while_nothing_happens() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.run()
    before = fixture.mark.orders
    fixture.shop.delete(number)

    for _ in range(5):
        fixture.pass_time(QUARTER)
        fixture.run()

    assert fixture.mark.orders.moment == before.moment


def test_an_order_dated_in_the_future_does_not_take_it_along() -> None:
    fixture = a_fixture()
    fixture.shop.place(modified=fixture.clock.now + 30 * DAY)
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.pass_time(QUARTER)
    number = fixture.shop.place()

    fixture.pass_time(QUARTER)
    fixture.run()

    assert f"order.swept order:{number}" in fixture.queued()


@pytest.mark.parametrize(("ahead_s", "expected_s"), [(0, 0), (30, 0), (600, 600), (-600, 0)])
def test_what_is_read_says_how_far_the_stores_clock_was_ahead(ahead_s: int, expected_s: int) -> None:
    fixture = a_fixture()
    fixture.shop.clock = lambda: fixture.clock.now + ahead_s
    fixture.run()
    fixture.shop.place()
    fixture.run()

    (read,) = (
        from_sqs(sent["MessageBody"], flat_attributes(sent["MessageAttributes"])) for sent in fixture.sqs.messages
    )
    assert read.ahead_s == pytest.approx(expected_s, abs=1)


def test_what_becomes_visible_late_is_found() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.run()
    late = fixture.shop.place(created=fixture.clock.now - 300)  # dated before, there only now

    fixture.run()

    assert f"order.swept order:{late}" in fixture.queued()


def test_a_quiet_shop_is_not_queued_again_and_again() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.sqs.messages.clear()

    for _ in range(3):
        fixture.pass_time(QUARTER)
        fixture.run()

    assert fixture.queued() == []


def test_a_shop_whose_clock_is_far_behind_loses_nothing() -> None:
    fixture = a_fixture()
    fixture.shop.clock = lambda: fixture.clock.now - 7200
    fixture.run(since="2026-11-23T00:00:00")
    made = []
    for _ in range(5):
        fixture.pass_time(QUARTER)
        fixture.run()
        made.append(fixture.shop.place())
    fixture.run()

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_what_becomes_visible_late_is_found_in_a_shop_whose_clock_is_behind() -> None:
    fixture = a_fixture()
    fixture.shop.clock = lambda: fixture.clock.now - 1200
    fixture.run(since="2026-11-23T00:00:00")
    fixture.shop.place()
    fixture.run()
    late = fixture.shop.place(created=fixture.shop.clock() - 300)

    fixture.run()

    assert f"order.swept order:{late}" in fixture.queued()


def test_when_the_queue_does_not_take_a_page_the_next_run_brings_it() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(30)]
    fixture.sqs.refuse = 1

    report = fixture.run()
    assert (fixture.queued(), fixture.metrics["SweepFailed"]) == ([], 1)
    assert report.stopped.startswith("failed: SQS does not respond")
    fixture.run()

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_single_messages_the_queue_does_not_take_are_sent_again() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(5)]
    fixture.sqs.refuse_entries = 3

    fixture.run()

    assert sorted(fixture.queued()) == [f"order.swept order:{number}" for number in made]


@pytest.mark.parametrize("crash", range(1, 6))
def test_a_crash_at_any_write_of_the_watermark_loses_nothing(crash: int) -> None:
    fixture = a_fixture()
    made = []
    for _ in range(250):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
    fixture.shop.trash(made[0])
    account = fixture.shop.register()
    writes = 0

    def put(**asked: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes == crash:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutParameter")
        return fixture.ssm.__class__.put_parameter(fixture.ssm, **asked)

    fixture.ssm.put_parameter = put  # type: ignore[method-assign]
    with pytest.raises(ClientError):
        fixture.run()
    fixture.run()

    wanted = {f"order.swept order:{number}" for number in made} | {f"customer.swept customer:{account}"}
    assert set(fixture.queued()) == wanted


@pytest.mark.parametrize("stored", ['{"orders": "yesterday"}', "not JSON", "[]"])
def test_a_watermark_that_cannot_be_read_ends_the_run_with_what_to_do_and_is_no_new_beginning(stored: str) -> None:
    fixture = a_fixture()
    fixture.ssm.value, fixture.metrics = stored, {}
    fixture.shop.place()

    report = fixture.run()

    assert (report.complete, fixture.queued(), fixture.ssm.value) == (False, [], stored)
    assert report.failed["watermark"] == report.stopped
    assert fixture.metrics == {"SweepFailed": 1}
    assert "get-parameter-history --name /stack/watermark" in fixture.logged("watermark_unreadable")[0]["to_do"]


def test_a_wrong_date_in_the_watermark_is_named_by_its_place() -> None:
    fixture = a_fixture()
    stored = json.loads(fixture.ssm.value)
    stored["orders"]["resume"] = {"moment": "soon", "offset": 3}
    fixture.ssm.value = json.dumps(stored)

    assert "orders.resume" in fixture.run().failed["watermark"]


def test_an_order_with_an_odd_date_at_the_end_of_a_page_hides_no_other() -> None:
    fixture = a_fixture()
    made = []
    for _ in range(150):
        made.append(fixture.shop.place())
        fixture.pass_time(20)
    odd = fixture.shop.orders[made[99]]
    later = fixture.shop.order_text(fixture.shop.orders[made[149]]).partition('"date_modified_gmt":"')[2][:19]
    text = fixture.shop.order_text(odd)
    own = text.partition('"date_modified_gmt":"')[2][:19]
    odd.text = text.replace(f'"date_modified_gmt":"{own}"', f'"date_modified_gmt":"{later}"')
    fixture.sqs.messages.clear()

    assert fixture.run().complete

    assert {f"order.swept order:{number}" for number in made} <= set(fixture.queued())


def test_people_may_edit_it_with_a_zone() -> None:
    fixture = a_fixture()
    fixture.ssm.value = fixture.ssm.value.replace(
        '"moment":"2026-11-23T22:40:00"', '"moment":"2026-11-23T17:00:00-05:00"'
    )

    assert fixture.run().complete
    assert fixture.mark.orders.moment == "2026-11-23T22:00:00"


# Time and patience


def test_what_does_not_fit_one_run_is_gone_on_with_in_the_next() -> None:
    fixture = a_fixture()
    made = []
    for _ in range(1200):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
    fixture.shop.latency_ms = 3000
    before = len(fixture.shop.requests)
    first = fixture.run(50)

    runs = 1 + fixture.run_to_the_end(50)

    assert first.stopped.startswith("out of time")
    assert runs > 2
    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}
    pages = [url for _, url, _ in fixture.shop.requests[before:] if "/orders?" in url and "status=any" in url]
    assert len(pages) < 20  # it takes twelve: no run began anew


def test_no_run_takes_longer_than_its_share_of_the_time() -> None:
    fixture = a_fixture()
    for _ in range(500):
        fixture.shop.place()
    fixture.shop.latency_ms = 7000
    began = fixture.clock.now

    fixture.run(100)

    assert 60 < fixture.clock.now - began <= 80


def test_a_second_with_more_orders_than_one_run_can_read_is_got_through() -> None:
    """An import, or a status set for all orders at once."""
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(1500)]
    fixture.pass_time(1)
    made.append(fixture.shop.place())
    fixture.shop.latency_ms = 3000

    fixture.run_to_the_end(50)

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_an_import_of_accounts_is_left_to_a_scan() -> None:
    fixture = a_fixture()
    made = [fixture.shop.register() for _ in range(1500)]
    for number in made:
        fixture.shop.customers[number].created = fixture.shop.customers[number].modified = (
            fixture.clock.now - 1000 * DAY
        )
    fixture.shop.latency_ms = 3000

    fixture.run_to_the_end(100)

    assert set(fixture.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_store_that_is_down_is_counted_and_left_alone() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="3600"))
    before = len(fixture.shop.requests)

    report = fixture.run()

    assert report.stopped.startswith("store unavailable")
    assert fixture.metrics["StoreUnavailable"] == 1
    assert len(fixture.shop.requests) - before == 1


def test_a_store_that_refuses_the_key_is_reported_with_what_to_do() -> None:
    fixture = a_fixture()
    fixture.shop.keys.clear()

    report = fixture.run()

    assert "Check consumer key and secret" in report.stopped
    assert fixture.metrics["SweepFailed"] == 2  # webhooks cannot be seen, orders cannot be read


# What may be asked for


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"since": "yesterday"}, "no date"),
        ({"customers": "some"}, "customers"),
        ({"deleted": "everything"}, "deleted"),
    ],
)
def test_an_event_that_cannot_be_is_refused(event: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        RunRequest.from_event(event)


def test_a_schedules_event_asks_for_nothing() -> None:
    scheduled = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}

    assert RunRequest.from_event(scheduled) == RunRequest()


def test_since_reads_everything_changed_from_then_on_once_more() -> None:
    fixture = a_fixture()
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.shop.run_webhooks()
    fixture.pass_time(30 * DAY)
    fixture.run_to_the_end()
    fixture.sqs.messages.clear()

    fixture.run(since="2026-11-23T17:50:00-05:00")

    assert set(fixture.queued()) == {f"order.swept order:{order}", f"customer.swept customer:{account}"}


def test_since_outlives_a_run_that_is_too_short() -> None:
    fixture = a_fixture()
    made = []
    for _ in range(600):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
    fixture.run_to_the_end()
    fixture.sqs.messages.clear()
    fixture.pass_time(DAY)
    fixture.shop.latency_ms = 3000

    fixture.run(20, since="2026-11-23T22:00:00")
    fixture.run_to_the_end(50)

    assert {f"order.swept order:{number}" for number in made} <= set(fixture.queued())


def test_since_never_skips_what_is_still_to_be_read() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.pass_time(DAY)

    fixture.run(since="2026-11-24T12:00:00")

    assert f"order.swept order:{number}" in fixture.queued()


# At night


def test_changed_accounts_are_looked_for_once_a_night() -> None:
    fixture = a_fixture()
    number = fixture.shop.register()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.shop.hooks.lose = 1.0
    fixture.shop.edit_customer(number)
    fixture.shop.run_webhooks()

    queued = []
    while fixture.clock.now < 1_795_510_800:  # 2026-11-24T09:00:00Z
        fixture.pass_time(QUARTER)
        before = len(fixture.sqs.messages)
        fixture.run()
        queued += [
            (utc_from_ms(int(fixture.clock.now * 1000))[:13], text)
            for text in fixture.queued()[before:]
            if "customer" in text
        ]

    assert queued == [("2026-11-24T02", f"customer.swept customer:{number}")]


def test_an_order_deleted_for_good_is_found_at_night() -> None:
    fixture = a_fixture()
    kept, deleted, trashed = fixture.shop.place(), fixture.shop.place(), fixture.shop.place()
    fixture.shop.trash(trashed)
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.delete(deleted)
    fixture.shop.delete(trashed)  # the emptied trash: nothing new for HubSpot
    fixture.pass_time(DAY)

    fixture.run_to_the_end()

    assert [text for text in fixture.queued() if "deleted" in text] == [f"order.deleted order:{deleted}"]
    fixture.drain()
    assert fixture.engine.deal(deleted)["woocommerce_order_status"] == "trash"
    assert fixture.engine.deal(kept)["woocommerce_order_status"] == "processing"


def test_deals_of_other_pipelines_and_of_other_making_are_not_ours() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.drain()
    foreign = [
        {"dealname": "made by hand", "pipeline": "ecommerce_sales", "dealstage": "completed"},
        {
            "dealname": "another store's",
            "pipeline": "ecommerce_sales",
            "dealstage": "completed",
            "woocommerce_order_id": "b-99",
        },
        {"dealname": "moved", "pipeline": "default", "dealstage": "closedwon", "woocommerce_order_id": "99"},
        {"dealname": "odd", "pipeline": "ecommerce_sales", "dealstage": "completed", "woocommerce_order_id": "0099"},
    ]
    fixture.engine.hubspot.create(DEALS, [{"properties": properties, "associations": []} for properties in foreign])

    fixture.run(deleted="check")

    assert [text for text in fixture.queued() if "deleted" in text] == []


def a_lab_with_deals(orders: int) -> ReconcileFixture:
    fixture = a_fixture()
    for _ in range(orders):
        fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.pass_time(DAY)
    return fixture


def test_a_store_that_knows_none_of_the_orders_changes_nothing() -> None:
    """A staging copy, an old backup: its answers would else move every deal to the lost stage."""
    fixture = a_lab_with_deals(120)
    fixture.shop.orders.clear()

    report = fixture.pass_night()

    assert "Is it the right store?" in report.stopped
    assert [text for text in fixture.queued() if "deleted" in text] == []
    assert fixture.metrics["SweepFailed"] == 1


def test_many_orders_deleted_on_purpose_are_taken_over_when_asked() -> None:
    fixture = a_lab_with_deals(120)
    gone = list(fixture.shop.orders)[:110]
    for number in gone:
        fixture.shop.delete(number)

    fixture.run_to_the_end(deleted="all")

    assert {text for text in fixture.queued() if "deleted" in text} == {
        f"order.deleted order:{number}" for number in gone
    }


def test_a_check_of_many_deals_goes_on_where_it_stopped() -> None:
    fixture = a_lab_with_deals(450)
    gone = list(fixture.shop.orders)[::30]
    for number in gone:
        fixture.shop.delete(number)
    fixture.shop.latency_ms = 3000

    runs = fixture.run_to_the_end(60)

    assert runs > 2
    assert sorted(text for text in fixture.queued() if "deleted" in text) == sorted(
        f"order.deleted order:{number}" for number in gone
    )


def test_a_page_instead_of_an_answer_deletes_nothing() -> None:
    fixture = a_lab_with_deals(3)
    fixture.shop.delete(next(iter(fixture.shop.orders)))
    fixture.shop.faults.add(InjectedFault(status=404, body="html", path=r"/orders/\d+"))

    fixture.run()

    assert [text for text in fixture.queued() if "deleted" in text] == []


def test_a_cursor_that_hubspot_does_not_know_ends_the_check_and_the_next_night_begins_anew() -> None:
    """A cursor is of one portal and one object, and either may be another by the next run."""
    fixture = a_lab_with_deals(3)
    fixture.run_to_the_end()
    gone = next(iter(fixture.shop.orders))
    fixture.shop.delete(gone)
    mark = replace(fixture.mark, check=DealCheck(after="of another portal", limit=25))
    fixture.ssm.value = text(mark)

    reports = [fixture.run(), fixture.run()]
    fixture.pass_time(DAY)
    fixture.run_to_the_end()

    assert [list(report.failed) for report in reports] == [["deal_check"], []]
    assert f"order.deleted order:{gone}" in fixture.queued()


def test_when_hubspot_is_down_the_check_waits_and_the_sweep_does_not() -> None:
    fixture = a_lab_with_deals(3)
    gone = next(iter(fixture.shop.orders))
    fixture.shop.delete(gone)
    number = fixture.shop.place()
    fixture.engine.token.value = fixture.engine.token.next_token = "expired"

    report = fixture.run()
    assert f"order.swept order:{number}" in fixture.queued()
    assert not report.complete
    fixture.engine.token.value = fixture.engine.token.next_token = DEFAULT_TOKEN
    fixture.engine.restart()
    fixture.run_to_the_end()

    assert f"order.deleted order:{gone}" in fixture.queued()


# Messages


def test_the_queue_gets_the_very_bytes_of_the_store() -> None:
    fixture = a_fixture()
    number = fixture.shop.place(billing={"last_name": "García/ü"})

    fixture.run()

    (delivery,) = fixture.sqs.deliveries()
    assert delivery.body == fixture.shop.order_text(fixture.shop.orders[number]).encode()
    assert delivery.source == "https://shop.test/"
    assert delivery.signature == ""


def test_what_is_swept_cannot_be_sent_from_outside() -> None:
    body = json.dumps({"id": 1, "status": "processing"}).encode()

    for topic in ("order.swept", "customer.swept"):
        with pytest.raises(NotAnEntity):
            identify(Delivery(topic, body, 0))


def test_an_order_no_message_can_hold_is_reported_and_the_others_go_on() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.orders[number].text = _enormous(fixture.shop.order_text(fixture.shop.orders[number]))
    other = fixture.shop.place()

    fixture.run()

    assert fixture.queued() == [f"order.swept order:{other}"]
    assert fixture.logged("too_large_for_the_queue")[0]["entity"] == f"order:{number}"


def _enormous(text: str) -> str:
    noise = random.Random(0).randbytes(1_200_000).hex()  # noqa: S311
    return f'{text[:-1]},"plugin":["{noise}"]}}'  # in a list, where nothing is cut


# Webhooks


def test_healthy_webhooks_are_left_alone() -> None:
    fixture = a_fixture()

    assert fixture.run().webhooks == []
    assert "WebhookDisabled" not in fixture.metrics
    assert all(method == "GET" for method, _, _ in fixture.shop.requests)


def test_a_disabled_webhook_is_made_active_and_reported() -> None:
    fixture = a_fixture()
    webhook = fixture.shop.hooks.webhooks[2]
    webhook.status, webhook.secret = "disabled", "a secret somebody mistyped"

    report = fixture.run()

    assert report.webhooks == ["disabled order.updated: repaired"]
    assert (webhook.status, webhook.secret) == ("active", "lab-secret")
    assert (fixture.metrics["WebhookDisabled"], fixture.metrics["WebhookRepaired"]) == (1, 1)
    assert "the first failure after this disables it again" in fixture.logged("webhook")[0]["note"]


def test_a_missing_webhook_is_made() -> None:
    fixture = a_fixture()
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: repaired"]

    made = max(fixture.shop.hooks.webhooks.values(), key=lambda webhook: webhook.id)
    assert (made.topic, made.delivery_url, made.secret) == ("order.restored", WEBHOOK_URL, "lab-secret")
    assert fixture.run().webhooks == []


def test_a_missing_webhook_is_only_reported_where_that_is_set() -> None:
    fixture = a_fixture(may_create=False)
    del fixture.shop.hooks.webhooks[4]

    assert fixture.run().webhooks == ["missing order.restored: left as it is"]
    assert fixture.metrics["WebhookDisabled"] == 1
    assert len(fixture.shop.hooks.webhooks) == 6


def test_a_webhook_that_somebody_paused_stays_so_and_is_reported() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.webhooks[1].status = "paused"

    assert fixture.run().webhooks == ["paused order.created: left as it is"]
    assert fixture.shop.hooks.webhooks[1].status == "paused"
    assert fixture.metrics["WebhookDisabled"] == 1


def test_a_webhook_of_ours_with_another_address_is_set_right_and_that_of_another_stack_is_not() -> None:
    fixture = ReconcileFixture()
    for stack, url in (("stack", "https://old.test/hook"), ("staging", "https://staging.test/hook")):
        for topic in TOPICS:
            fixture.shop.hooks.create(name=f"woohub {stack}: {topic}", topic=topic, delivery_url=url, secret="s")

    fixture.run()

    urls = [webhook.delivery_url for webhook in fixture.shop.hooks.webhooks.values()]
    assert urls == [WEBHOOK_URL] * 7 + ["https://staging.test/hook"] * 7


def test_a_webhook_whose_topic_was_changed_is_set_right() -> None:
    fixture = ReconcileFixture()
    fixture.run()  # makes them
    fixture.shop.hooks.webhooks[1].topic = "product.created"

    assert fixture.run().webhooks == ["wrong_topic order.created: repaired"]
    assert fixture.shop.hooks.webhooks[1].topic == "order.created"


def test_a_second_webhook_for_the_same_is_reported_without_an_alarm() -> None:
    fixture = a_fixture()
    fixture.shop.hooks.create(name="by hand", topic="order.created", delivery_url=WEBHOOK_URL, secret="lab-secret")

    assert fixture.run().webhooks == ["duplicate order.created: left as it is"]
    assert "WebhookDisabled" not in fixture.metrics


def test_customers_changed_while_their_webhook_was_disabled_are_looked_for_at_once() -> None:
    fixture = a_fixture()
    number = fixture.shop.register()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.shop.hooks.webhooks[6].status = "disabled"
    fixture.shop.edit_customer(number)
    fixture.shop.run_webhooks()

    fixture.run()

    assert f"customer.swept customer:{number}" in fixture.queued()


def test_a_webhook_disabled_again_in_every_run_does_not_keep_a_scan_from_its_end() -> None:
    fixture = a_fixture()
    made = [fixture.shop.register() for _ in range(900)]
    fixture.run_to_the_end()
    fixture.sqs.messages.clear()
    fixture.shop.latency_ms = 3000

    for _ in range(12):
        fixture.shop.hooks.webhooks[6].status = "disabled"
        fixture.run(50)
        fixture.pass_time(QUARTER)

    assert set(fixture.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_key_that_may_only_read_still_sweeps() -> None:
    fixture = a_fixture()
    key = next(iter(fixture.shop.keys))
    fixture.shop.keys[key] = (fixture.shop.keys[key][0], "read")
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert "not repaired" in report.webhooks[0]
    assert "write permissions" in report.webhooks[0]
    assert f"order.swept order:{number}" in fixture.queued()


@pytest.mark.parametrize("closed", ["GET", "PUT"])
def test_where_a_firewall_lets_nobody_at_the_webhooks_orders_are_swept_all_the_same(closed: str) -> None:
    fixture = a_fixture()
    fixture.shop.faults.add(InjectedFault(status=405, body="html", method=closed, path="/webhooks"))
    fixture.shop.hooks.webhooks[1].status = "disabled"
    number = fixture.shop.place()

    report = fixture.run()

    assert report.complete
    assert f"order.swept order:{number}" in fixture.queued()


def test_without_an_address_webhooks_are_not_looked_after() -> None:
    fixture = ReconcileFixture()
    fixture.webhook_url = ""

    fixture.run()

    assert fixture.shop.hooks.webhooks == {}


def test_the_orders_and_accounts_of_another_store_are_read_though_their_ids_are_smaller() -> None:
    fixture = a_fixture()
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.ssm.value = text(replace(fixture.mark, accounts=50_000, site="old.example"))
    fixture.shop.hooks.lose = 1.0
    account, order = fixture.shop.register(), fixture.shop.place()
    fixture.pass_time(QUARTER)

    fixture.run()

    assert {f"customer.swept customer:{account}", f"order.swept order:{order}"} <= set(fixture.queued())
    assert fixture.mark.site == "shop.test"
