"""The nightly scan of accounts and the nightly check for deleted orders."""

from __future__ import annotations

from dataclasses import replace

from simulators.hubspot import DEFAULT_TOKEN
from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, QUARTER, ReconcileFixture, a_fixture
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import DEALS
from woohub.reconcile.watermark import DealCheck, text


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
