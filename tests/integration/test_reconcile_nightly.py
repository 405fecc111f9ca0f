"""The nightly scan of accounts and the nightly check for deleted orders."""

from __future__ import annotations

from dataclasses import replace

from simulators.hubspot import DEFAULT_TOKEN
from simulators.woocommerce import InjectedFault
from tests.support.reconcile import DAY, QUARTER, ReconcileFixture, deployed_fixture
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import DEALS
from woohub.reconcile.watermark import DealCheck, text


def test_a_changed_account_is_queued_once_by_the_nightly_scan() -> None:
    fixture = deployed_fixture()
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


def test_an_order_deleted_for_good_is_trashed_by_the_nightly_check() -> None:
    fixture = deployed_fixture()
    kept, deleted, trashed = fixture.shop.place(), fixture.shop.place(), fixture.shop.place()
    fixture.shop.trash(trashed)
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.delete(deleted)
    fixture.shop.delete(trashed)  # emptied from the trash: HubSpot has this state already
    fixture.pass_time(DAY)

    fixture.run_until_complete()

    assert [text for text in fixture.queued() if "deleted" in text] == [f"order.deleted order:{deleted}"]
    fixture.drain()
    assert fixture.engine.deal(deleted)["woocommerce_order_status"] == "trash"
    assert fixture.engine.deal(kept)["woocommerce_order_status"] == "processing"


def test_the_deleted_check_ignores_deals_of_other_pipelines_stores_and_people() -> None:
    fixture = deployed_fixture()
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


def deployed_fixture_with_deals(orders: int) -> ReconcileFixture:
    fixture = deployed_fixture()
    for _ in range(orders):
        fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.pass_time(DAY)
    return fixture


def test_the_deleted_check_fails_when_the_store_has_none_of_the_orders() -> None:
    """The answers of a staging copy or an old backup would otherwise move every deal to the lost stage."""
    fixture = deployed_fixture_with_deals(120)
    fixture.shop.orders.clear()

    report = fixture.run_until_complete_or_failed()

    assert "Is it the right store?" in report.stopped
    assert [text for text in fixture.queued() if "deleted" in text] == []
    assert fixture.metrics["SweepFailed"] == 1


def test_a_run_with_deleted_all_queues_110_deleted_orders() -> None:
    fixture = deployed_fixture_with_deals(120)
    gone = list(fixture.shop.orders)[:110]
    for number in gone:
        fixture.shop.delete(number)

    fixture.run_until_complete(deleted="all")

    assert {text for text in fixture.queued() if "deleted" in text} == {
        f"order.deleted order:{number}" for number in gone
    }


def test_later_runs_continue_the_deleted_check_where_a_run_ran_out_of_time() -> None:
    fixture = deployed_fixture_with_deals(450)
    gone = list(fixture.shop.orders)[::30]
    for number in gone:
        fixture.shop.delete(number)
    fixture.shop.latency_ms = 3000

    runs = fixture.run_until_complete(60)

    assert runs > 2
    assert sorted(text for text in fixture.queued() if "deleted" in text) == sorted(
        f"order.deleted order:{number}" for number in gone
    )


def test_an_html_404_from_the_store_deletes_no_order() -> None:
    fixture = deployed_fixture_with_deals(3)
    fixture.shop.delete(next(iter(fixture.shop.orders)))
    fixture.shop.faults.add(InjectedFault(status=404, body="html", path=r"/orders/\d+"))

    fixture.run()

    assert [text for text in fixture.queued() if "deleted" in text] == []


def test_an_unknown_hubspot_cursor_ends_the_check_and_the_next_night_starts_again() -> None:
    """A cursor belongs to one portal and one object, and either may have changed by the next run."""
    fixture = deployed_fixture_with_deals(3)
    fixture.run_until_complete()
    gone = next(iter(fixture.shop.orders))
    fixture.shop.delete(gone)
    mark = replace(fixture.watermark, check=DealCheck(after="of another portal", limit=25))
    fixture.ssm.value = text(mark)

    reports = [fixture.run(), fixture.run()]
    fixture.pass_time(DAY)
    fixture.run_until_complete()

    assert [list(report.failed) for report in reports] == [["deal_check"], []]
    assert f"order.deleted order:{gone}" in fixture.queued()


def test_the_deleted_check_waits_for_hubspot_while_orders_are_still_queued() -> None:
    fixture = deployed_fixture_with_deals(3)
    gone = next(iter(fixture.shop.orders))
    fixture.shop.delete(gone)
    number = fixture.shop.place()
    fixture.engine.token.value = fixture.engine.token.next_token = "expired"

    report = fixture.run()
    assert f"order.swept order:{number}" in fixture.queued()
    assert not report.complete
    fixture.engine.token.value = fixture.engine.token.next_token = DEFAULT_TOKEN
    fixture.engine.restart()
    fixture.run_until_complete()

    assert f"order.deleted order:{gone}" in fixture.queued()
