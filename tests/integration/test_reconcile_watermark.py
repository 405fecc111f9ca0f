"""The watermark moves with the store's dates and never skips an order or account."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.reconcile import DAY, QUARTER, ReconcileFixture, deployed_fixture
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.reconcile.watermark import text


def test_the_first_run_queues_only_what_changed_since_the_deployment() -> None:
    fixture = ReconcileFixture()
    fixture.shop.place(created=fixture.clock.now - 3 * DAY)
    fixture.shop.register()
    fixture.shop.customers[2].created = fixture.shop.customers[2].modified = fixture.clock.now - 3 * DAY
    fixture.pass_time(60)
    order, account = fixture.shop.place(), fixture.shop.register()
    fixture.pass_time(QUARTER)

    fixture.run()  # creates the webhooks too, so that accounts from before are scanned

    assert sorted(set(fixture.queued()), reverse=True) == [
        f"order.swept order:{order}",
        f"customer.swept customer:{account}",
    ]


def test_the_watermark_is_the_newest_date_read_and_not_the_clocks_time() -> None:
    fixture = deployed_fixture()
    fixture.shop.place()
    fixture.pass_time(QUARTER)

    fixture.run()

    assert fixture.watermark.orders.moment == "2026-11-23T22:55:00"


def test_the_watermark_does_not_move_back_in_a_quiet_shop() -> None:
    fixture = deployed_fixture()
    number = fixture.shop.place()
    fixture.run()
    before = fixture.watermark.orders
    fixture.shop.delete(number)

    for _ in range(5):
        fixture.pass_time(QUARTER)
        fixture.run()

    assert fixture.watermark.orders.moment == before.moment


def test_an_order_dated_in_the_future_does_not_move_the_watermark_past_later_orders() -> None:
    fixture = deployed_fixture()
    fixture.shop.place(modified=fixture.clock.now + 30 * DAY)
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.pass_time(QUARTER)
    number = fixture.shop.place()

    fixture.pass_time(QUARTER)
    fixture.run()

    assert f"order.swept order:{number}" in fixture.queued()


@pytest.mark.parametrize(("ahead_s", "expected_s"), [(0, 0), (30, 0), (600, 600), (-600, 0)])
def test_a_swept_message_carries_how_far_the_stores_clock_is_ahead(ahead_s: int, expected_s: int) -> None:
    fixture = deployed_fixture()
    fixture.shop.clock = lambda: fixture.clock.now + ahead_s
    fixture.run()
    fixture.shop.place()
    fixture.run()

    (read,) = (
        from_sqs(sent["MessageBody"], flat_attributes(sent["MessageAttributes"])) for sent in fixture.sqs.messages
    )
    assert read.ahead_s == pytest.approx(expected_s, abs=1)


@pytest.mark.parametrize("behind_s", [0, 1200])
def test_an_order_that_becomes_visible_late_is_queued_also_by_a_clock_that_is_behind(behind_s: int) -> None:
    fixture = deployed_fixture()
    fixture.shop.clock = lambda: fixture.clock.now - behind_s
    fixture.run(since="2026-11-23T00:00:00")
    fixture.shop.place()
    fixture.run()
    late = fixture.shop.place(created=fixture.shop.clock() - 300)  # dated in the past, visible only now

    fixture.run()

    assert f"order.swept order:{late}" in fixture.queued()


def test_later_runs_queue_nothing_in_a_quiet_shop() -> None:
    fixture = deployed_fixture()
    fixture.shop.place()
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.sqs.messages.clear()

    for _ in range(3):
        fixture.pass_time(QUARTER)
        fixture.run()

    assert fixture.queued() == []


def test_every_order_of_a_shop_whose_clock_is_two_hours_behind_is_queued() -> None:
    fixture = deployed_fixture()
    fixture.shop.clock = lambda: fixture.clock.now - 7200
    fixture.run(since="2026-11-23T00:00:00")
    made = []
    for _ in range(5):
        fixture.pass_time(QUARTER)
        fixture.run()
        made.append(fixture.shop.place())
    fixture.run()

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_a_page_that_the_queue_rejects_is_queued_by_the_next_run() -> None:
    fixture = deployed_fixture()
    made = [fixture.shop.place() for _ in range(30)]
    fixture.sqs.refuse = 1

    report = fixture.run()
    assert (fixture.queued(), fixture.metrics["SweepFailed"]) == ([], 1)
    assert report.stopped.startswith("failed: SQS does not respond")
    fixture.run()

    assert set(fixture.queued()) == {f"order.swept order:{number}" for number in made}


def test_messages_that_the_queue_rejects_are_sent_again_in_the_same_run() -> None:
    fixture = deployed_fixture()
    made = [fixture.shop.place() for _ in range(5)]
    fixture.sqs.refuse_entries = 3

    fixture.run()

    assert sorted(fixture.queued()) == [f"order.swept order:{number}" for number in made]


@pytest.mark.parametrize("crash", range(1, 6))
def test_a_crash_at_any_write_of_the_watermark_loses_no_order_and_no_account(crash: int) -> None:
    fixture = deployed_fixture()
    made = fixture.place_orders(250, every_s=1)
    fixture.shop.trash(made[0])
    account = fixture.shop.register()
    writes = 0

    def put(**requested: Any) -> Any:
        nonlocal writes
        writes += 1
        if writes == crash:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutParameter")
        return fixture.ssm.__class__.put_parameter(fixture.ssm, **requested)

    fixture.ssm.put_parameter = put  # type: ignore[method-assign]
    with pytest.raises(ClientError):
        fixture.run()
    fixture.run()

    wanted = {f"order.swept order:{number}" for number in made} | {f"customer.swept customer:{account}"}
    assert set(fixture.queued()) == wanted


@pytest.mark.parametrize("stored", ['{"orders": "yesterday"}', "not JSON", "[]"])
def test_an_unreadable_watermark_fails_the_run_with_instructions_and_is_kept(stored: str) -> None:
    fixture = deployed_fixture()
    fixture.ssm.value, fixture.metrics = stored, {}
    fixture.shop.place()

    report = fixture.run()

    assert (report.complete, fixture.queued(), fixture.ssm.value) == (False, [], stored)
    assert report.failed["watermark"] == report.stopped
    assert fixture.metrics == {"SweepFailed": 1}
    assert "get-parameter-history --name /stack/watermark" in fixture.logged("watermark_unreadable")[0]["to_do"]


def test_a_wrong_date_in_the_watermark_is_reported_with_its_path() -> None:
    fixture = deployed_fixture()
    stored = json.loads(fixture.ssm.value)
    stored["orders"]["resume"] = {"moment": "soon", "offset": 3}
    fixture.ssm.value = json.dumps(stored)

    assert "orders.resume" in fixture.run().failed["watermark"]


def test_a_wrong_date_at_the_end_of_a_page_hides_no_other_order() -> None:
    fixture = deployed_fixture()
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


def test_a_watermark_edited_with_a_time_zone_is_read_as_utc() -> None:
    fixture = deployed_fixture()
    fixture.ssm.value = fixture.ssm.value.replace(
        '"moment":"2026-11-23T22:40:00"', '"moment":"2026-11-23T17:00:00-05:00"'
    )

    assert fixture.run().complete
    assert fixture.watermark.orders.moment == "2026-11-23T22:00:00"


def test_another_store_is_read_although_its_ids_are_below_the_watermark() -> None:
    fixture = deployed_fixture()
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.ssm.value = text(replace(fixture.watermark, accounts=50_000, site="old.example"))
    fixture.shop.hooks.lose = 1.0
    account, order = fixture.shop.register(), fixture.shop.place()
    fixture.pass_time(QUARTER)

    fixture.run()

    assert {f"customer.swept customer:{account}", f"order.swept order:{order}"} <= set(fixture.queued())
    assert fixture.watermark.site == "shop.test"
