"""A reconcile run queues what webhooks did not deliver, as the store's own bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, QUARTER, ReconcileFixture, deployed_fixture


def act_and_deliver(fixture: ReconcileFixture, acts: int, pause: float = 5) -> None:
    """The shop acts, and its webhooks deliver after each act."""
    for _ in range(acts):
        fixture.shop.act()
        fixture.pass_time(pause)
        fixture.shop.run_webhooks()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hpos", [True, False])
def test_one_run_recovers_lost_order_deliveries(seed: int, hpos: bool) -> None:
    fixture = deployed_fixture(seed=seed, hpos=hpos)
    fixture.shop.hooks.lose = 0.2
    act_and_deliver(fixture, 200)
    fixture.drain()
    assert fixture.differences()

    fixture.run()
    fixture.drain()

    # A change of an account without an event of its own is found by the nightly scan.
    assert [difference for difference in fixture.differences() if not difference.startswith("customer")] == []


@pytest.mark.parametrize("seed", range(3))
def test_the_nightly_scan_makes_customers_equal_to_the_store_after_lost_deliveries(seed: int) -> None:
    fixture = deployed_fixture(seed=seed)
    fixture.shop.hooks.lose = 0.3
    act_and_deliver(fixture, 200)
    fixture.pass_time(DAY)

    fixture.run_until_complete()
    fixture.drain()

    assert fixture.differences() == []


def test_one_run_recovers_an_hour_of_outage_and_activates_the_disabled_webhooks() -> None:
    fixture = deployed_fixture()
    act_and_deliver(fixture, 20)
    fixture.down = True
    act_and_deliver(fixture, 400, pause=9)
    fixture.down = False
    disabled = [webhook.topic for webhook in fixture.shop.hooks.webhooks.values() if webhook.status == "disabled"]
    assert "order.updated" in disabled

    fixture.run()
    fixture.drain()

    assert fixture.differences() == []
    assert {webhook.status for webhook in fixture.shop.hooks.webhooks.values()} == {"active"}


def test_one_run_recovers_lost_deliveries_disabled_webhooks_and_two_changes_in_one_second() -> None:
    fixture = deployed_fixture()
    fixture.shop.hooks.lose = 0.03
    act_and_deliver(fixture, 200)
    for webhook in fixture.shop.hooks.webhooks.values():
        webhook.status = "disabled"
    act_and_deliver(fixture, 200, pause=18)  # an hour
    twice = fixture.shop.place(status="pending")
    fixture.shop.change_status(twice, "on-hold")
    fixture.shop.change_status(twice, "completed")
    fixture.drain()
    assert fixture.differences()

    fixture.run()
    fixture.drain()

    assert fixture.differences() == []


@pytest.mark.parametrize("seed", range(2))
def test_hubspot_equals_the_store_after_two_days_of_every_kind_of_failure(seed: int) -> None:
    fixture = deployed_fixture(seed=seed)
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
            fixture.shop.change_status(chance.choice(trashed), "processing")  # the store sends no delivery of this
        fixture.down = chance.random() < 0.2
        fixture.shop.run_webhooks()
        fixture.sqs.refuse = int(chance.random() < 0.05)
        fixture.run(chance.choice([30, 300]))
        fixture.drain()
        fixture.pass_time(QUARTER)
    fixture.down, fixture.sqs.refuse = False, 0
    fixture.pass_time(DAY)

    fixture.run_until_complete()
    fixture.drain()

    assert fixture.differences() == []


def test_a_change_in_the_second_of_a_run_is_written_after_the_next_run() -> None:
    fixture = deployed_fixture()
    fixture.shop.hooks.lose = 1.0
    number = fixture.shop.place(status="pending")
    fixture.run()
    fixture.shop.change_status(number, "completed")  # no time has passed
    fixture.shop.run_webhooks()

    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == "completed"


def test_an_order_trashed_without_delivery_is_trashed_in_hubspot_after_the_next_run() -> None:
    fixture = deployed_fixture()
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
def test_an_order_restored_without_delivery_gets_its_status_after_the_next_run(back: str) -> None:
    """A status set through REST takes an order out of the trash, and the store sends no delivery."""
    fixture = deployed_fixture()
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


def test_an_order_trashed_while_its_page_is_read_stays_trashed() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.shop.latency_ms = 5000

    def trash() -> None:
        fixture.shop.trash(number)
        fixture.shop.run_webhooks()
        fixture.pass_time(1)

    fixture.run(store=fixture.store(http=AfterResponse(fixture, "/orders?", trash)))
    assert fixture.queued().index(f"order.deleted order:{number}") < fixture.queued().index(
        f"order.swept order:{number}"
    )
    fixture.drain()

    assert fixture.engine.deal(number)["woocommerce_order_status"] == "trash"


def test_a_swept_order_is_dated_no_later_than_the_request_for_it() -> None:
    fixture = deployed_fixture()
    fixture.shop.place()
    fixture.shop.latency_ms = 5000
    requested = RequestTimes(fixture)

    fixture.run(store=fixture.store(http=requested))

    (delivery,) = [delivery for delivery in fixture.sqs.deliveries() if delivery.topic == "order.swept"]
    assert delivery.received_ms <= requested.at["/wp-json/wc/v3/orders"] * 1000


class RequestTimes:
    """Records when each path was requested first."""

    def __init__(self, fixture: ReconcileFixture) -> None:
        self._http, self._clock = fixture.store().http, fixture.clock
        self.at: dict[str, float] = {}

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        self.at.setdefault(urlsplit(url).path, self._clock.now)
        return self._http.request(method, url, **kwargs)


class AfterResponse:
    """Calls `act` once, between the store's response to a request for this path and its arrival."""

    def __init__(self, fixture: ReconcileFixture, path: str, act: Callable[[], object]) -> None:
        self._http = fixture.store().http
        self._path, self._act, self._done = path, act, False

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        response = self._http.request(method, url, **kwargs)
        if self._path in url and not self._done:
            self._done = True
            self._act()
        return response


def test_accounts_created_without_delivery_are_queued_by_the_next_run() -> None:
    fixture = deployed_fixture()
    fixture.shop.hooks.lose = 1.0
    made = [fixture.shop.register() for _ in range(3)]
    fixture.shop.run_webhooks()

    fixture.run()

    assert fixture.queued() == [f"customer.swept customer:{number}" for number in reversed(made)]


def test_an_account_changed_without_a_new_date_is_found_by_a_run_for_all_customers() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.register(billing={"city": "Lille"})
    fixture.shop.run_webhooks()
    fixture.pass_time(30 * DAY)
    fixture.run_until_complete()
    fixture.shop.edit_customer_behind(number, city="Lyon")
    fixture.pass_time(DAY)
    fixture.run_until_complete()
    fixture.drain()
    assert fixture.engine.contacts[0]["city"] == "Lille"

    fixture.run(customers="all")
    fixture.drain()

    assert fixture.engine.contacts[0]["city"] == "Lyon"


def test_a_swept_order_has_the_exact_bytes_of_the_store() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.place(billing={"last_name": "García/ü"})

    fixture.run()

    (delivery,) = fixture.sqs.deliveries()
    assert delivery.body == fixture.shop.order_text(fixture.shop.orders[number]).encode()
    assert delivery.source == "https://shop.test/"
    assert delivery.signature == ""


def test_an_order_too_large_for_a_message_is_logged_and_the_others_are_queued() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.place()
    fixture.shop.orders[number].text = _with_incompressible_meta_data(
        fixture.shop.order_text(fixture.shop.orders[number])
    )
    other = fixture.shop.place()

    fixture.run()

    assert fixture.queued() == [f"order.swept order:{other}"]
    assert fixture.logged("too_large_for_the_queue")[0]["entity"] == f"order:{number}"


def _with_incompressible_meta_data(text: str) -> str:
    noise = random.Random(0).randbytes(1_200_000).hex()  # noqa: S311
    return f'{text[:-1]},"plugin":["{noise}"]}}'  # lists are never shortened
