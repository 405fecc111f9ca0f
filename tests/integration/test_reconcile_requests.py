"""The time limit of a reconcile run, a store that is down, and what an event may ask for."""

from __future__ import annotations

import pytest

from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, a_fixture
from woohub.errors import InvalidPayload
from woohub.reconcile.request import RunRequest


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
