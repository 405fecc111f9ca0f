"""What webhooks never told comes from the store; the watermark never leaves anything behind."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from simulators.hubspot import DEFAULT_TOKEN
from simulators.woocommerce import InjectedFault
from tests.support.storelab import WEBHOOK_URL, StoreLab
from woohub.dates import utc_from_ms
from woohub.delivery.webhooks import Delivery, identify
from woohub.errors import InvalidPayload, NotAnEntity
from woohub.hubspot.objects import DEALS
from woohub.reconcile.request import RunRequest
from woohub.store.webhooks import TOPICS

DAY, QUARTER = 86_400, 900


def a_lab(**changes: Any) -> StoreLab:
    """A stack that was deployed a quarter of an hour ago and has made its first run."""
    lab = StoreLab(**changes).with_webhooks()
    lab.run()
    lab.pass_time(QUARTER)
    return lab


def trade(lab: StoreLab, acts: int, pause: float = 5) -> None:
    """A shop's day, delivered as it goes."""
    for _ in range(acts):
        lab.shop.act()
        lab.pass_time(pause)
        lab.shop.run_webhooks()


# It heals


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hpos", [True, False])
def test_after_lost_deliveries_one_sweep_makes_hubspot_equal_the_store(seed: int, hpos: bool) -> None:
    lab = a_lab(seed=seed, hpos=hpos)
    lab.shop.hooks.lose = 0.2
    trade(lab, 200)
    lab.drain()
    assert lab.differences()

    lab.run()
    lab.drain()

    # What changed of accounts without an event of their own is found at night.
    assert [one for one in lab.differences() if not one.startswith("customer")] == []


@pytest.mark.parametrize("seed", range(3))
def test_after_lost_deliveries_the_night_makes_customers_equal_too(seed: int) -> None:
    lab = a_lab(seed=seed)
    lab.shop.hooks.lose = 0.3
    trade(lab, 200)
    lab.pass_time(DAY)

    lab.run_to_the_end()
    lab.drain()

    assert lab.differences() == []


def test_after_an_hour_of_a_disabled_webhook_one_sweep_heals_all() -> None:
    lab = a_lab()
    trade(lab, 20)
    lab.down = True
    trade(lab, 400, pause=9)
    lab.down = False
    disabled = [one.topic for one in lab.shop.hooks.webhooks.values() if one.status == "disabled"]
    assert "order.updated" in disabled

    lab.run()
    lab.drain()

    assert lab.differences() == []
    assert {one.status for one in lab.shop.hooks.webhooks.values()} == {"active"}


def test_lost_deliveries_a_disabled_webhook_and_one_second_twice_are_healed_by_one_sweep() -> None:
    lab = a_lab()
    lab.shop.hooks.lose = 0.03
    trade(lab, 200)
    for webhook in lab.shop.hooks.webhooks.values():
        webhook.status = "disabled"
    trade(lab, 200, pause=18)  # an hour
    twice = lab.shop.place(status="pending")
    lab.shop.change_status(twice, "on-hold")
    lab.shop.change_status(twice, "completed")
    lab.drain()
    assert lab.differences()

    lab.run()
    lab.drain()

    assert lab.differences() == []


@pytest.mark.parametrize("seed", range(2))
def test_days_with_every_kind_of_trouble_end_with_hubspot_equal_to_the_store(seed: int) -> None:
    lab = a_lab(seed=seed)
    chance = random.Random(seed)  # noqa: S311
    lab.shop.hooks.lose = 0.1
    lab.shop.faults.add(InjectedFault(status=503, probability=0.05, body="html"))
    lab.shop.faults.add(InjectedFault(kind="reset", probability=0.05))
    while lab.clock.now < 1_795_473_600 + 2 * DAY:
        for _ in range(chance.choice([0, 0, 1, 5])):
            lab.shop.act()
            lab.pass_time(chance.choice([0, 1, 60]))
        if chance.random() < 0.05:
            lab.shop.delete(chance.choice(list(lab.shop.orders)))
        if trashed := [one.id for one in lab.shop.orders.values() if one.status == "trash"]:
            lab.shop.change_status(chance.choice(trashed), "processing")  # of which nobody is told
        lab.down = chance.random() < 0.2
        lab.shop.run_webhooks()
        lab.sqs.refuse = int(chance.random() < 0.05)
        lab.run(chance.choice([30, 300]))
        lab.drain()
        lab.pass_time(QUARTER)
    lab.down, lab.sqs.refuse = False, 0
    lab.pass_time(DAY)

    lab.run_to_the_end()
    lab.drain()

    assert lab.differences() == []


def test_two_changes_in_the_second_of_the_sweep_are_not_missed() -> None:
    lab = a_lab()
    lab.shop.hooks.lose = 1.0
    number = lab.shop.place(status="pending")
    lab.run()
    lab.shop.change_status(number, "completed")  # no time has passed
    lab.shop.run_webhooks()

    lab.pass_time(QUARTER)
    lab.run()
    lab.drain()

    assert lab.lab.deal(number)["woocommerce_order_status"] == "completed"


def test_an_order_trashed_without_a_word_is_found() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.run_webhooks()
    lab.shop.hooks.lose = 1.0
    lab.pass_time(60)
    lab.shop.trash(number)
    lab.shop.run_webhooks()

    lab.run()
    lab.drain()

    assert lab.lab.deal(number)["woocommerce_order_status"] == "trash"


@pytest.mark.parametrize("back", ["restore", "change_status"])
def test_an_order_taken_out_of_the_trash_without_a_word_is_found(back: str) -> None:
    """A status set by REST takes an order out of the trash, of which a store says nothing at all."""
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.run_webhooks()
    lab.shop.trash(number)
    lab.shop.run_webhooks()
    lab.drain()
    lab.shop.hooks.lose = 1.0
    getattr(lab.shop, back)(number)
    lab.shop.run_webhooks()

    lab.run()
    lab.drain()

    assert lab.lab.deal(number)["woocommerce_order_status"] == lab.shop.orders[number].status


def test_an_order_trashed_while_its_page_is_on_the_way_stays_in_the_trash() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.run_webhooks()
    lab.shop.latency_ms = 5000

    def trash() -> None:
        lab.shop.trash(number)
        lab.shop.run_webhooks()
        lab.pass_time(1)

    lab.run(store=lab.store(http=After(lab, "/orders?", trash)))
    assert lab.queued().index(f"order.deleted order:{number}") < lab.queued().index(f"order.swept order:{number}")
    lab.drain()

    assert lab.lab.deal(number)["woocommerce_order_status"] == "trash"


def test_what_is_swept_is_dated_before_it_was_asked_for() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.shop.latency_ms = 5000
    asked = Asked(lab)

    lab.run(store=lab.store(http=asked))

    (delivery,) = [one for one in lab.sqs.deliveries() if one.topic == "order.swept"]
    assert delivery.received_ms <= asked.at["/wp-json/wc/v3/orders"] * 1000


class Asked:
    """Notes when each path was asked for first."""

    def __init__(self, lab: StoreLab) -> None:
        self._http, self._clock = lab.store().http, lab.clock
        self.at: dict[str, float] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.at.setdefault(urlsplit(url).path, self._clock.now)
        return self._http.request(method, url, **kwargs)


class After:
    """Does something once, after the store has answered a call to this path and before the answer arrives."""

    def __init__(self, lab: StoreLab, path: str, act: Callable[[], object]) -> None:
        self._http = lab.store().http
        self._path, self._act, self._done = path, act, False

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        if self._path in url and not self._done:
            self._done = True
            self._act()
        return response


def test_accounts_made_without_a_word_are_found_by_the_next_run() -> None:
    lab = a_lab()
    lab.shop.hooks.lose = 1.0
    made = [lab.shop.register() for _ in range(3)]
    lab.shop.run_webhooks()

    lab.run()

    assert lab.queued() == [f"customer.swept customer:{number}" for number in reversed(made)]


def test_an_account_changed_behind_the_stores_back_is_found_when_all_are_asked_for() -> None:
    lab = a_lab()
    number = lab.shop.register(billing={"city": "Lille"})
    lab.shop.run_webhooks()
    lab.pass_time(30 * DAY)
    lab.run_to_the_end()
    lab.shop.edit_customer_behind(number, city="Lyon")
    lab.pass_time(DAY)
    lab.run_to_the_end()
    lab.drain()
    assert lab.lab.contacts[0]["city"] == "Lille"

    lab.run(customers="all")
    lab.drain()

    assert lab.lab.contacts[0]["city"] == "Lyon"


# The watermark


def test_the_first_run_begins_at_the_deployment() -> None:
    lab = StoreLab()
    lab.shop.place(created=lab.clock.now - 3 * DAY)
    lab.shop.register()
    lab.shop.customers[2].created = lab.shop.customers[2].modified = lab.clock.now - 3 * DAY
    lab.pass_time(60)
    order, account = lab.shop.place(), lab.shop.register()
    lab.pass_time(QUARTER)

    lab.run()  # makes the webhooks too: what they could not tell of accounts is scanned

    assert sorted(set(lab.queued()), reverse=True) == [
        f"order.swept order:{order}",
        f"customer.swept customer:{account}",
    ]


def test_it_stands_at_the_newest_date_seen_and_not_at_the_clock() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.pass_time(QUARTER)

    lab.run()

    assert lab.mark.orders.moment == "2026-11-23T22:55:00"


def test_it_does_not_slip_back_while_nothing_happens() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.run()
    before = lab.mark.orders
    lab.shop.delete(number)

    for _ in range(5):
        lab.pass_time(QUARTER)
        lab.run()

    assert lab.mark.orders.moment == before.moment


def test_an_order_dated_in_the_future_does_not_take_it_along() -> None:
    lab = a_lab()
    lab.shop.place(modified=lab.clock.now + 30 * DAY)
    lab.run()
    lab.sqs.messages.clear()
    lab.pass_time(QUARTER)
    number = lab.shop.place()

    lab.pass_time(QUARTER)
    lab.run()

    assert f"order.swept order:{number}" in lab.queued()


def test_what_becomes_visible_late_is_found() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.run()
    late = lab.shop.place(created=lab.clock.now - 300)  # dated before, there only now

    lab.run()

    assert f"order.swept order:{late}" in lab.queued()


def test_a_quiet_shop_is_not_queued_again_and_again() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.pass_time(QUARTER)
    lab.run()
    lab.sqs.messages.clear()

    for _ in range(3):
        lab.pass_time(QUARTER)
        lab.run()

    assert lab.queued() == []


def test_a_shop_whose_clock_is_far_behind_loses_nothing() -> None:
    lab = a_lab()
    lab.shop.clock = lambda: lab.clock.now - 7200
    lab.run(since="2026-11-23T00:00:00")
    made = []
    for _ in range(5):
        lab.pass_time(QUARTER)
        lab.run()
        made.append(lab.shop.place())
    lab.run()

    assert set(lab.queued()) == {f"order.swept order:{number}" for number in made}


def test_what_becomes_visible_late_is_found_in_a_shop_whose_clock_is_behind() -> None:
    lab = a_lab()
    lab.shop.clock = lambda: lab.clock.now - 1200
    lab.run(since="2026-11-23T00:00:00")
    lab.shop.place()
    lab.run()
    late = lab.shop.place(created=lab.shop.clock() - 300)

    lab.run()

    assert f"order.swept order:{late}" in lab.queued()


def test_when_the_queue_does_not_take_a_page_the_next_run_brings_it() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(30)]
    lab.sqs.refuse = 1

    report = lab.run()
    assert (lab.queued(), lab.metrics["SweepFailed"]) == ([], 1)
    assert report.stopped.startswith("failed: the queue does not answer")
    lab.run()

    assert set(lab.queued()) == {f"order.swept order:{number}" for number in made}


def test_single_messages_the_queue_does_not_take_are_sent_again() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(5)]
    lab.sqs.refuse_entries = 3

    lab.run()

    assert sorted(lab.queued()) == [f"order.swept order:{number}" for number in made]


@pytest.mark.parametrize("crash", range(1, 6))
def test_a_crash_at_any_write_of_the_watermark_loses_nothing(crash: int) -> None:
    lab = a_lab()
    made = []
    for _ in range(250):
        lab.pass_time(1)
        made.append(lab.shop.place())
    lab.shop.trash(made[0])
    account = lab.shop.register()
    writes = 0

    def put(**asked: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes == crash:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutParameter")
        return lab.ssm.__class__.put_parameter(lab.ssm, **asked)

    lab.ssm.put_parameter = put  # type: ignore[method-assign]
    with pytest.raises(ClientError):
        lab.run()
    lab.run()

    wanted = {f"order.swept order:{number}" for number in made} | {f"customer.swept customer:{account}"}
    assert set(lab.queued()) == wanted


@pytest.mark.parametrize("stored", ['{"orders": "yesterday"}', "not JSON", "[]"])
def test_a_watermark_that_cannot_be_read_ends_the_run_with_what_to_do_and_is_no_new_beginning(stored: str) -> None:
    lab = a_lab()
    lab.ssm.value, lab.metrics = stored, {}
    lab.shop.place()

    report = lab.run()

    assert (report.complete, lab.queued(), lab.ssm.value) == (False, [], stored)
    assert report.failed["watermark"] == report.stopped
    assert lab.metrics == {"SweepFailed": 1}
    assert "get-parameter-history --name /stack/watermark" in lab.logged("watermark_unreadable")[0]["to_do"]


def test_a_wrong_date_in_the_watermark_is_named_by_its_place() -> None:
    lab = a_lab()
    stored = json.loads(lab.ssm.value)
    stored["orders"]["resume"] = {"moment": "soon", "offset": 3}
    lab.ssm.value = json.dumps(stored)

    assert "orders.resume" in lab.run().failed["watermark"]


def test_an_order_with_an_odd_date_at_the_end_of_a_page_hides_no_other() -> None:
    lab = a_lab()
    made = []
    for _ in range(150):
        made.append(lab.shop.place())
        lab.pass_time(20)
    odd = lab.shop.orders[made[99]]
    later = lab.shop.order_text(lab.shop.orders[made[149]]).partition('"date_modified_gmt":"')[2][:19]
    text = lab.shop.order_text(odd)
    own = text.partition('"date_modified_gmt":"')[2][:19]
    odd.text = text.replace(f'"date_modified_gmt":"{own}"', f'"date_modified_gmt":"{later}"')
    lab.sqs.messages.clear()

    assert lab.run().complete

    assert {f"order.swept order:{number}" for number in made} <= set(lab.queued())


def test_people_may_edit_it_with_a_zone() -> None:
    lab = a_lab()
    lab.ssm.value = lab.ssm.value.replace('"moment":"2026-11-23T22:40:00"', '"moment":"2026-11-23T17:00:00-05:00"')

    assert lab.run().complete
    assert lab.mark.orders.moment == "2026-11-23T22:00:00"


# Time and patience


def test_what_does_not_fit_one_run_is_gone_on_with_in_the_next() -> None:
    lab = a_lab()
    made = []
    for _ in range(1200):
        lab.pass_time(1)
        made.append(lab.shop.place())
    lab.shop.latency_ms = 3000
    before = len(lab.shop.requests)
    first = lab.run(50)

    runs = 1 + lab.run_to_the_end(50)

    assert first.stopped.startswith("out of time")
    assert runs > 2
    assert set(lab.queued()) == {f"order.swept order:{number}" for number in made}
    pages = [url for _, url, _ in lab.shop.requests[before:] if "/orders?" in url and "status=any" in url]
    assert len(pages) < 20  # it takes twelve: no run began anew


def test_no_run_takes_longer_than_its_share_of_the_time() -> None:
    lab = a_lab()
    for _ in range(500):
        lab.shop.place()
    lab.shop.latency_ms = 7000
    began = lab.clock.now

    lab.run(100)

    assert 60 < lab.clock.now - began <= 80


def test_a_second_with_more_orders_than_one_run_can_read_is_got_through() -> None:
    """An import, or a status set for all orders at once."""
    lab = a_lab()
    made = [lab.shop.place() for _ in range(1500)]
    lab.pass_time(1)
    made.append(lab.shop.place())
    lab.shop.latency_ms = 3000

    lab.run_to_the_end(50)

    assert set(lab.queued()) == {f"order.swept order:{number}" for number in made}


def test_an_import_of_accounts_is_left_to_a_scan() -> None:
    lab = a_lab()
    made = [lab.shop.register() for _ in range(1500)]
    for number in made:
        lab.shop.customers[number].created = lab.shop.customers[number].modified = lab.clock.now - 1000 * DAY
    lab.shop.latency_ms = 3000

    lab.run_to_the_end(100)

    assert set(lab.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_store_that_is_down_is_counted_and_left_alone() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.shop.faults.add(InjectedFault(status=503, body="html", retry_after="3600"))
    before = len(lab.shop.requests)

    report = lab.run()

    assert report.stopped.startswith("store unavailable")
    assert lab.metrics["StoreUnavailable"] == 1
    assert len(lab.shop.requests) - before == 1


def test_a_store_that_refuses_the_key_is_reported_with_what_to_do() -> None:
    lab = a_lab()
    lab.shop.keys.clear()

    report = lab.run()

    assert "Check consumer key and secret" in report.stopped
    assert lab.metrics["SweepFailed"] == 2  # webhooks cannot be seen, orders cannot be read


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
    lab = a_lab()
    order, account = lab.shop.place(), lab.shop.register()
    lab.shop.run_webhooks()
    lab.pass_time(30 * DAY)
    lab.run_to_the_end()
    lab.sqs.messages.clear()

    lab.run(since="2026-11-23T17:50:00-05:00")

    assert set(lab.queued()) == {f"order.swept order:{order}", f"customer.swept customer:{account}"}


def test_since_outlives_a_run_that_is_too_short() -> None:
    lab = a_lab()
    made = []
    for _ in range(600):
        lab.pass_time(1)
        made.append(lab.shop.place())
    lab.run_to_the_end()
    lab.sqs.messages.clear()
    lab.pass_time(DAY)
    lab.shop.latency_ms = 3000

    lab.run(20, since="2026-11-23T22:00:00")
    lab.run_to_the_end(50)

    assert {f"order.swept order:{number}" for number in made} <= set(lab.queued())


def test_since_never_skips_what_is_still_to_be_read() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.pass_time(DAY)

    lab.run(since="2026-11-24T12:00:00")

    assert f"order.swept order:{number}" in lab.queued()


# At night


def test_changed_accounts_are_looked_for_once_a_night() -> None:
    lab = a_lab()
    number = lab.shop.register()
    lab.run()
    lab.sqs.messages.clear()
    lab.shop.hooks.lose = 1.0
    lab.shop.edit_customer(number)
    lab.shop.run_webhooks()

    found = []
    while lab.clock.now < 1_795_510_800:  # 2026-11-24T09:00:00Z
        lab.pass_time(QUARTER)
        before = len(lab.sqs.messages)
        lab.run()
        found += [
            (utc_from_ms(int(lab.clock.now * 1000))[:13], one) for one in lab.queued()[before:] if "customer" in one
        ]

    assert found == [("2026-11-24T02", f"customer.swept customer:{number}")]


def test_an_order_deleted_for_good_is_found_at_night() -> None:
    lab = a_lab()
    kept, deleted, trashed = lab.shop.place(), lab.shop.place(), lab.shop.place()
    lab.shop.trash(trashed)
    lab.shop.run_webhooks()
    lab.drain()
    lab.shop.delete(deleted)
    lab.shop.delete(trashed)  # the emptied trash: nothing new for HubSpot
    lab.pass_time(DAY)

    lab.run_to_the_end()

    assert [one for one in lab.queued() if "deleted" in one] == [f"order.deleted order:{deleted}"]
    lab.drain()
    assert lab.lab.deal(deleted)["woocommerce_order_status"] == "trash"
    assert lab.lab.deal(kept)["woocommerce_order_status"] == "processing"


def test_deals_of_other_pipelines_and_of_other_making_are_not_ours() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.shop.run_webhooks()
    lab.drain()
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
    lab.lab.hubspot.create(DEALS, [{"properties": properties, "associations": []} for properties in foreign])

    lab.run(deleted="check")

    assert [one for one in lab.queued() if "deleted" in one] == []


def a_lab_with_deals(orders: int) -> StoreLab:
    lab = a_lab()
    for _ in range(orders):
        lab.shop.place()
    lab.shop.run_webhooks()
    lab.drain()
    lab.pass_time(DAY)
    return lab


def test_a_store_that_knows_none_of_the_orders_changes_nothing() -> None:
    """A staging copy, an old backup: its answers would else move every deal to the lost stage."""
    lab = a_lab_with_deals(120)
    lab.shop.orders.clear()

    report = lab.pass_night()

    assert "Is it the right store?" in report.stopped
    assert [one for one in lab.queued() if "deleted" in one] == []
    assert lab.metrics["SweepFailed"] == 1


def test_many_orders_deleted_on_purpose_are_taken_over_when_asked() -> None:
    lab = a_lab_with_deals(120)
    gone = list(lab.shop.orders)[:110]
    for number in gone:
        lab.shop.delete(number)

    lab.run_to_the_end(deleted="all")

    assert {one for one in lab.queued() if "deleted" in one} == {f"order.deleted order:{number}" for number in gone}


def test_a_check_of_many_deals_goes_on_where_it_stopped() -> None:
    lab = a_lab_with_deals(450)
    gone = list(lab.shop.orders)[::30]
    for number in gone:
        lab.shop.delete(number)
    lab.shop.latency_ms = 3000

    runs = lab.run_to_the_end(60)

    assert runs > 2
    assert sorted(one for one in lab.queued() if "deleted" in one) == sorted(
        f"order.deleted order:{number}" for number in gone
    )


def test_a_page_instead_of_an_answer_deletes_nothing() -> None:
    lab = a_lab_with_deals(3)
    lab.shop.delete(next(iter(lab.shop.orders)))
    lab.shop.faults.add(InjectedFault(status=404, body="html", path=r"/orders/\d+"))

    lab.run()

    assert [one for one in lab.queued() if "deleted" in one] == []


def test_when_hubspot_is_down_the_check_waits_and_the_sweep_does_not() -> None:
    lab = a_lab_with_deals(3)
    gone = next(iter(lab.shop.orders))
    lab.shop.delete(gone)
    number = lab.shop.place()
    lab.lab.token.value = lab.lab.token.next_token = "expired"

    report = lab.run()
    assert f"order.swept order:{number}" in lab.queued()
    assert not report.complete
    lab.lab.token.value = lab.lab.token.next_token = DEFAULT_TOKEN
    lab.lab.restart()
    lab.run_to_the_end()

    assert f"order.deleted order:{gone}" in lab.queued()


# Messages


def test_the_queue_gets_the_very_bytes_of_the_store() -> None:
    lab = a_lab()
    number = lab.shop.place(billing={"last_name": "García/ü"})

    lab.run()

    (delivery,) = lab.sqs.deliveries()
    assert delivery.body == lab.shop.order_text(lab.shop.orders[number]).encode()
    assert delivery.source == "https://shop.test/"
    assert delivery.signature == ""


def test_what_is_swept_cannot_be_sent_from_outside() -> None:
    body = json.dumps({"id": 1, "status": "processing"}).encode()

    for topic in ("order.swept", "customer.swept"):
        with pytest.raises(NotAnEntity):
            identify(Delivery(topic, body, 0))


def test_an_order_no_message_can_hold_is_reported_and_the_others_go_on() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.orders[number].text = _enormous(lab.shop.order_text(lab.shop.orders[number]))
    other = lab.shop.place()

    lab.run()

    assert lab.queued() == [f"order.swept order:{other}"]
    assert lab.logged("too_large_for_the_queue")[0]["entity"] == f"order:{number}"


def _enormous(text: str) -> str:
    noise = random.Random(0).randbytes(1_200_000).hex()  # noqa: S311
    return f'{text[:-1]},"plugin":"{noise}"}}'


# Webhooks


def test_healthy_webhooks_are_left_alone() -> None:
    lab = a_lab()

    assert lab.run().webhooks == []
    assert "WebhookDisabled" not in lab.metrics
    assert all(method == "GET" for method, _, _ in lab.shop.requests)


def test_a_disabled_webhook_is_made_active_and_reported() -> None:
    lab = a_lab()
    webhook = lab.shop.hooks.webhooks[2]
    webhook.status, webhook.secret = "disabled", "a secret somebody mistyped"

    report = lab.run()

    assert report.webhooks == ["disabled order.updated: repaired"]
    assert (webhook.status, webhook.secret) == ("active", "lab-secret")
    assert (lab.metrics["WebhookDisabled"], lab.metrics["WebhookRepaired"]) == (1, 1)
    assert "the first failure after this disables it again" in lab.logged("webhook")[0]["note"]


def test_a_missing_webhook_is_made() -> None:
    lab = a_lab()
    del lab.shop.hooks.webhooks[4]

    assert lab.run().webhooks == ["missing order.restored: repaired"]

    made = max(lab.shop.hooks.webhooks.values(), key=lambda one: one.id)
    assert (made.topic, made.delivery_url, made.secret) == ("order.restored", WEBHOOK_URL, "lab-secret")
    assert lab.run().webhooks == []


def test_a_missing_webhook_is_only_reported_where_that_is_set() -> None:
    lab = a_lab(may_create=False)
    del lab.shop.hooks.webhooks[4]

    assert lab.run().webhooks == ["missing order.restored: left as it is"]
    assert lab.metrics["WebhookDisabled"] == 1
    assert len(lab.shop.hooks.webhooks) == 6


def test_a_webhook_that_somebody_paused_stays_so_and_is_reported() -> None:
    lab = a_lab()
    lab.shop.hooks.webhooks[1].status = "paused"

    assert lab.run().webhooks == ["paused order.created: left as it is"]
    assert lab.shop.hooks.webhooks[1].status == "paused"
    assert lab.metrics["WebhookDisabled"] == 1


def test_a_webhook_of_ours_with_another_address_is_set_right_and_that_of_another_stack_is_not() -> None:
    lab = StoreLab()
    for stack, url in (("stack", "https://old.test/hook"), ("staging", "https://staging.test/hook")):
        for topic in TOPICS:
            lab.shop.hooks.create(name=f"woohub {stack}: {topic}", topic=topic, delivery_url=url, secret="s")

    lab.run()

    urls = [one.delivery_url for one in lab.shop.hooks.webhooks.values()]
    assert urls == [WEBHOOK_URL] * 7 + ["https://staging.test/hook"] * 7


def test_a_webhook_whose_topic_was_changed_is_set_right() -> None:
    lab = StoreLab()
    lab.run()  # makes them
    lab.shop.hooks.webhooks[1].topic = "product.created"

    assert lab.run().webhooks == ["wrong_topic order.created: repaired"]
    assert lab.shop.hooks.webhooks[1].topic == "order.created"


def test_a_second_webhook_for_the_same_is_reported_without_an_alarm() -> None:
    lab = a_lab()
    lab.shop.hooks.create(name="by hand", topic="order.created", delivery_url=WEBHOOK_URL, secret="lab-secret")

    assert lab.run().webhooks == ["duplicate order.created: left as it is"]
    assert "WebhookDisabled" not in lab.metrics


def test_customers_changed_while_their_webhook_was_disabled_are_looked_for_at_once() -> None:
    lab = a_lab()
    number = lab.shop.register()
    lab.run()
    lab.sqs.messages.clear()
    lab.shop.hooks.webhooks[6].status = "disabled"
    lab.shop.edit_customer(number)
    lab.shop.run_webhooks()

    lab.run()

    assert f"customer.swept customer:{number}" in lab.queued()


def test_a_webhook_disabled_again_in_every_run_does_not_keep_a_scan_from_its_end() -> None:
    lab = a_lab()
    made = [lab.shop.register() for _ in range(900)]
    lab.run_to_the_end()
    lab.sqs.messages.clear()
    lab.shop.latency_ms = 3000

    for _ in range(12):
        lab.shop.hooks.webhooks[6].status = "disabled"
        lab.run(50)
        lab.pass_time(QUARTER)

    assert set(lab.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_key_that_may_only_read_still_sweeps() -> None:
    lab = a_lab()
    key = next(iter(lab.shop.keys))
    lab.shop.keys[key] = (lab.shop.keys[key][0], "read")
    lab.shop.hooks.webhooks[1].status = "disabled"
    number = lab.shop.place()

    report = lab.run()

    assert "not repaired" in report.webhooks[0]
    assert "write permissions" in report.webhooks[0]
    assert f"order.swept order:{number}" in lab.queued()


@pytest.mark.parametrize("closed", ["GET", "PUT"])
def test_where_a_firewall_lets_nobody_at_the_webhooks_orders_are_swept_all_the_same(closed: str) -> None:
    lab = a_lab()
    lab.shop.faults.add(InjectedFault(status=405, body="html", method=closed, path="/webhooks"))
    lab.shop.hooks.webhooks[1].status = "disabled"
    number = lab.shop.place()

    report = lab.run()

    assert report.complete
    assert f"order.swept order:{number}" in lab.queued()


def test_without_an_address_webhooks_are_not_looked_after() -> None:
    lab = StoreLab()
    lab.webhook_url = ""

    lab.run()

    assert lab.shop.hooks.webhooks == {}
