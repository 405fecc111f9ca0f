"""The time limit of a reconcile run, a store that is down, and what an event may ask for."""

from __future__ import annotations

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, deployed_fixture
from woohub.errors import InvalidPayload
from woohub.reconcile.request import RunRequest


def test_later_runs_continue_where_a_run_ran_out_of_time() -> None:
    fixture = deployed_fixture()
    made = fixture.place_orders(1200, every_s=1)
    fixture.shop.latency_ms = 3000
    before = len(fixture.shop.requests)
    first = fixture.run(50)

    runs = 1 + fixture.run_until_complete(50)

    assert first.stopped.startswith("out of time")
    assert runs > 2
    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}
    pages = [url for _, url, _ in fixture.shop.requests[before:] if "/orders?" in url and "status=any" in url]
    assert len(pages) < 20  # twelve are needed: no run started again


def test_a_run_with_100_s_ends_after_at_most_80_s() -> None:
    fixture = deployed_fixture()
    for _ in range(500):
        fixture.shop.place()
    fixture.shop.latency_ms = 7000
    began = fixture.clock.now

    fixture.run(100)

    assert 60 < fixture.clock.now - began <= 80


def test_1500_orders_of_one_second_are_queued_over_several_runs() -> None:
    """As after an import, or a status that was set for all orders at once."""
    fixture = deployed_fixture()
    made = [fixture.shop.place() for _ in range(1500)]
    fixture.pass_time(1)
    made.append(fixture.shop.place())
    fixture.shop.latency_ms = 3000

    fixture.run_until_complete(50)

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_1500_imported_accounts_with_old_dates_are_all_queued() -> None:
    fixture = deployed_fixture()
    made = [fixture.shop.register() for _ in range(1500)]
    for number in made:
        fixture.shop.customers[number].created = fixture.shop.customers[number].modified = (
            fixture.clock.now - 1000 * DAY
        )
    fixture.shop.latency_ms = 3000

    fixture.run_until_complete(100)

    assert set(fixture.queued()) == {f"customer.swept customer:{number}" for number in made}


def test_a_store_that_is_down_is_counted_and_gets_a_single_request() -> None:
    fixture = deployed_fixture()
    fixture.shop.place()
    fixture.shop.faults.add(InjectedFault(status=503, body="html", retry_after="3600"))
    before = len(fixture.shop.requests)

    report = fixture.run()

    assert report.stopped.startswith("store unavailable")
    assert fixture.metrics["StoreUnavailable"] == 1
    assert len(fixture.shop.requests) - before == 1


def test_a_store_that_rejects_the_key_fails_the_run_with_instructions() -> None:
    fixture = deployed_fixture()
    fixture.shop.keys.clear()

    report = fixture.run()

    assert "Check consumer key and secret" in report.stopped
    assert fixture.metrics["SweepFailed"] == 2  # neither webhooks nor orders can be read


@pytest.mark.parametrize(
    ("event", "problem"),
    [
        ({"since": "yesterday"}, "no date"),
        ({"customers": "some"}, "customers"),
        ({"deleted": "everything"}, "deleted"),
    ],
)
def test_an_invalid_reconcile_event_is_rejected(event: dict[str, str], problem: str) -> None:
    with pytest.raises(InvalidPayload, match=problem):
        RunRequest.from_event(event)


def test_a_scheduled_event_gives_the_default_request() -> None:
    scheduled = {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}

    assert RunRequest.from_event(scheduled) == RunRequest()


def test_a_run_with_since_queues_every_later_change_again() -> None:
    fixture = deployed_fixture()
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.shop.run_webhooks()
    fixture.pass_time(30 * DAY)
    fixture.run_until_complete()
    fixture.sqs.messages.clear()

    fixture.run(since="2026-11-23T17:50:00-05:00")

    assert set(fixture.queued()) == {f"order.swept order:{order}", f"customer.swept customer:{account}"}


def test_later_runs_continue_a_run_with_since_that_ran_out_of_time() -> None:
    fixture = deployed_fixture()
    made = fixture.place_orders(600, every_s=1)
    fixture.run_until_complete()
    fixture.sqs.messages.clear()
    fixture.pass_time(DAY)
    fixture.shop.latency_ms = 3000

    fixture.run(20, since="2026-11-23T22:00:00")
    fixture.run_until_complete(50)

    assert {f"order.swept order:{number}" for number in made} <= set(fixture.queued())


def test_a_run_with_since_does_not_skip_unread_orders_before_that_date() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.place()
    fixture.pass_time(DAY)

    fixture.run(since="2026-11-24T12:00:00")

    assert f"order.swept order:{number}" in fixture.queued()
