"""A reconcile run queues what webhooks did not deliver, as the store's own bytes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, QUARTER, ReconcileFixture, a_fixture
from woohub.delivery.delivery import Delivery
from woohub.delivery.topics import identify
from woohub.errors import NotAnEntity


def trade(fixture: ReconcileFixture, acts: int, pause: float = 5) -> None:
    """A shop's day, delivered as it goes."""
    for _ in range(acts):
        fixture.shop.act()
        fixture.pass_time(pause)
        fixture.shop.run_webhooks()


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
