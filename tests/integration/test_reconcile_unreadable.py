"""A record that the store cannot return, and that fails every page it is on, does not stop a reconcile run."""

from __future__ import annotations

import pytest

from simulators.core.faults import InjectedFault
from tests.support.reconcile import DAY, QUARTER, ReconcileFixture
from woohub.store.cursors import ByDate
from woohub.store.requests import StoreUnavailable
from woohub.store.unreadable import Unreadable

FAILURES = ("500", "502", "notice", "timeout")


def cleared_fixture() -> ReconcileFixture:
    fixture = ReconcileFixture().with_webhooks()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.metrics.clear()
    fixture.shop.requests.clear()
    return fixture


def swept(numbers: list[int]) -> set[str]:
    return {f"order.swept order:{number}" for number in numbers}


@pytest.mark.parametrize("ids_too", [False, True], ids=["id listed", "id not listed"])
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("place", [0, 57, 149], ids=["oldest", "middle", "newest"])
def test_an_unreadable_order_is_reported_and_the_others_are_queued(how: str, place: int, ids_too: bool) -> None:
    fixture = cleared_fixture()
    made = fixture.place_orders(150, every_s=1)
    bad = made.pop(place)
    fixture.shop.damage(f"order:{bad}", how, ids_too=ids_too)

    report = fixture.run()

    assert set(fixture.queued()) == swept(made)
    assert list(report.unreadable) == [f"order:{bad}"]
    assert (report.complete, report.failed) == (True, {})
    assert fixture.metrics["StoreRecordUnreadable"] == 1
    assert fixture.metrics["SweepCompleted"] == 1
    assert [facts["record"] for facts in fixture.logged("store_record_unreadable")] == [f"order:{bad}"]


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize(
    "bad", [(3, 4, 5), (0, 60, 119), tuple(range(40, 52))], ids=["adjacent", "scattered", "twelve"]
)
def test_several_unreadable_orders_are_recorded_and_the_others_are_queued(bad: tuple[int, ...], ids_too: bool) -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(120)]  # within one second
    damaged = [made[place] for place in bad]
    for number in damaged:
        fixture.shop.damage(f"order:{number}", ids_too=ids_too)

    fixture.run_until_complete()

    assert set(fixture.queued()) == swept([number for number in made if number not in damaged])
    assert set(fixture.watermark.unreadable) == {f"order:{number}" for number in damaged}


@pytest.mark.parametrize("how", FAILURES)
def test_the_only_order_of_a_shop_is_reported_when_unreadable(how: str) -> None:
    fixture = cleared_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}", how, ids_too=True)

    report = fixture.run()

    assert list(report.unreadable) == [f"order:{number}"]


def test_an_unreadable_trashed_order_is_left_out_and_the_others_are_queued() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(3)]
    for number in made:
        fixture.shop.trash(number)
    fixture.shop.damage(f"order:{made[1]}")

    fixture.run()

    assert set(fixture.queued()) == swept([made[0], made[2]])


def test_a_known_unreadable_order_takes_at_most_two_calls_per_later_run() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(30)]
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.shop.requests.clear()
    fixture.run()
    calls = len(fixture.shop.requests)
    fixture.shop.save(made[7])
    fixture.shop.damage(f"order:{made[7]}")
    fixture.run()
    fixture.shop.requests.clear()

    report = fixture.run()

    assert len(fixture.shop.requests) <= calls + 2
    assert list(report.unreadable) == [f"order:{made[7]}"]


def test_finding_an_unreadable_order_among_100_takes_at_most_30_calls() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(100)]
    fixture.run()
    calls = len(fixture.shop.requests)
    fixture.shop.requests.clear()
    fixture.shop.damage(f"order:{made[50]}")

    fixture.run()

    assert len(fixture.shop.requests) <= calls + 30


def test_an_order_that_becomes_readable_is_queued_although_the_watermark_is_past_it() -> None:
    fixture = cleared_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}")
    for _ in range(3):
        fixture.pass_time(QUARTER)
        fixture.shop.place()
        fixture.run()
    fixture.sqs.messages.clear()
    fixture.shop.repair(f"order:{number}")
    fixture.pass_time(QUARTER)

    report = fixture.run()

    assert f"order.swept order:{number}" in fixture.queued()
    assert (report.unreadable, fixture.watermark.unreadable) == ({}, ())


def test_an_unreadable_order_that_was_deleted_is_no_longer_reported() -> None:
    fixture = cleared_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}")
    fixture.run()
    fixture.shop.delete(number)

    report = fixture.run()

    assert (report.unreadable, fixture.watermark.unreadable) == ({}, ())


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize("how", FAILURES)
def test_an_unreadable_account_is_reported_and_the_others_are_queued(how: str, ids_too: bool) -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.register() for _ in range(30)]
    bad = made.pop(11)
    fixture.shop.damage(f"customer:{bad}", how, ids_too=ids_too)

    report = fixture.run(customers="all")

    assert {f"customer.swept customer:{number}" for number in made} == set(fixture.queued())
    assert list(report.unreadable) == [f"customer:{bad}"]


def test_an_unreadable_webhook_is_reported_and_not_created_again() -> None:
    fixture = cleared_fixture()
    number = fixture.shop.place()
    fixture.shop.damage("webhook:2")
    fixture.shop.hooks.webhooks[3].status = "disabled"

    report = fixture.run()

    assert set(fixture.queued()) == swept([number])
    assert len(fixture.shop.hooks.webhooks) == 7
    assert fixture.shop.hooks.webhooks[3].status == "active"
    assert list(report.unreadable) == ["webhook:2"]


@pytest.mark.parametrize("how", ["500", "502", "notice"])
def test_more_than_50_unreadable_orders_are_treated_as_an_unavailable_store(how: str) -> None:
    fixture = cleared_fixture()
    for _ in range(300):
        fixture.shop.damage(f"order:{fixture.shop.place()}", how)

    report = fixture.run()

    assert report.failed["orders"].startswith("store unavailable: more than 50 records")
    assert "SweepCompleted" not in fixture.metrics


def test_accounts_are_queued_when_orders_fail() -> None:
    fixture = cleared_fixture()
    fixture.shop.place()
    account = fixture.shop.register()
    fixture.shop.faults.add(InjectedFault(status=500, path="/orders"))

    report = fixture.run(customers="all")

    assert f"customer.swept customer:{account}" in fixture.queued()
    assert report.failed["orders"].startswith("store unavailable")
    assert (report.complete, "SweepCompleted" in fixture.metrics) == (False, False)
    assert fixture.metrics["StoreUnavailable"] == 1


def test_a_store_that_is_down_gets_at_most_15_requests() -> None:
    fixture = cleared_fixture()
    fixture.shop.place()
    fixture.shop.faults.add(InjectedFault(status=500))

    report = fixture.run()

    assert report.stopped.startswith("store unavailable")
    assert report.unreadable == {}
    assert len(fixture.shop.requests) <= 15


def test_reading_one_unreadable_order_raises_unreadable() -> None:
    fixture = cleared_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}")

    with pytest.raises(Unreadable, match=f"cannot show order:{number}"):
        fixture.store().order(number)


def test_orders_by_id_leave_out_the_unreadable_one() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(40)]
    fixture.shop.damage(f"order:{made[5]}")
    store = fixture.store()

    assert set(store.orders_by_id(made)) == set(made) - {made[5]}
    assert list(store.unreadable) == [f"order:{made[5]}"]


def test_the_deleted_check_does_not_treat_an_unreadable_order_as_deleted() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place() for _ in range(5)]
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.damage(f"order:{made[0]}", ids_too=True)
    fixture.shop.delete(made[4])
    fixture.pass_time(DAY)

    fixture.run(deleted="check")

    assert [name for name in fixture.queued() if "deleted" in name] == [f"order.deleted order:{made[4]}"]


def test_the_deleted_check_does_not_treat_orders_of_an_unregistered_status_as_deleted() -> None:
    fixture = cleared_fixture()
    made = [fixture.shop.place(status="awaiting-pickup") for _ in range(60)]
    fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.unregister("awaiting-pickup")
    fixture.shop.delete(made[0])
    fixture.pass_time(DAY)

    report = fixture.run(deleted="check")

    assert [name for name in fixture.queued() if "deleted" in name] == [f"order.deleted order:{made[0]}"]
    assert report.complete


IMPOSSIBLE_DATES = ["0000-00-00T00:00:00", False, "", None, "1066-10-14T09:00:00", "2031-01-01T00:00:00", "soon"]


@pytest.mark.parametrize("date", IMPOSSIBLE_DATES, ids=repr)
def test_orders_with_impossible_dates_hide_no_other_order(date: object) -> None:
    fixture = cleared_fixture()
    made = fixture.place_orders(250, every_s=1)
    for number in made[20:250:33]:
        dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
        fixture.shop.write_otherwise(f"order:{number}", **dates)

    report = fixture.run()
    fixture.pass_time(QUARTER)
    later = fixture.shop.place()
    fixture.run()

    assert set(fixture.queued()) == swept([*made, later])
    assert report.complete
    assert fixture.logged("store_cannot_tell_what_changed") == []


@pytest.mark.parametrize("date", IMPOSSIBLE_DATES, ids=repr)
def test_a_listing_ends_when_every_order_has_an_impossible_date(date: object) -> None:
    fixture = ReconcileFixture()
    made = []
    for _ in range(150):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
        fixture.shop.write_otherwise(f"order:{made[-1]}", date_modified_gmt=date, date_modified=date)

    steps = fixture.store().orders(ByDate("2026-11-23T22:00:00"))

    assert {row.id for step in steps for row in step.rows} == set(made)


@pytest.mark.parametrize("date", IMPOSSIBLE_DATES, ids=repr)
def test_an_account_with_an_impossible_date_is_queued_by_a_scan_of_changed_accounts(date: object) -> None:
    fixture = cleared_fixture()
    number = fixture.shop.register()
    dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
    fixture.shop.write_otherwise(f"customer:{number}", **dates)
    fixture.run()
    fixture.sqs.messages.clear()

    fixture.run(customers="changed")

    assert fixture.queued() == [f"customer.swept customer:{number}"]


@pytest.mark.parametrize("url", ["https://hooks.test/webhooks/woocommerce", ""])
def test_orders_dated_hours_ago_by_a_clock_that_stepped_back_are_queued(url: str) -> None:
    fixture = cleared_fixture()
    fixture.webhook_url = url
    fixture.shop.place()
    fixture.pass_time(QUARTER)
    fixture.run()
    fixture.pass_time(30)
    late = fixture.clock
    fixture.shop.clock = lambda: late.read() - 3 * 3600
    early = fixture.shop.place()
    fixture.pass_time(QUARTER)
    fixture.run()
    between = fixture.shop.place()
    fixture.pass_time(30)
    fixture.shop.clock = late.read
    fixture.pass_time(QUARTER)

    fixture.run()

    assert swept([early, between]) <= set(fixture.queued())


def test_a_store_that_is_down_raises_store_unavailable_with_its_status() -> None:
    fixture = cleared_fixture()
    fixture.shop.faults.add(InjectedFault(status=500))

    with pytest.raises(StoreUnavailable, match="500"):
        list(fixture.store().orders(ByDate("2026-11-23T22:00:00")))


@pytest.mark.parametrize(
    "fault",
    [
        InjectedFault("hold", path="/orders", count=1),
        InjectedFault(status=500, path="/orders", count=3),
        InjectedFault("hold", path="/customers", count=1),
    ],
    ids=["orders time out", "orders fail", "accounts time out"],
)
def test_an_empty_list_that_failed_at_first_has_no_unreadable_record(fault: InjectedFault) -> None:
    fixture = ReconcileFixture().with_webhooks()
    fixture.shop.faults.add(fault)

    report = fixture.run()

    assert (report.complete, report.failed, report.unreadable) == (True, {}, {})
    assert fault.hits == fault.count
