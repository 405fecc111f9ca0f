"""A record that cannot be read and breaks every page it is on, and everything else a run does."""

from __future__ import annotations

import pytest

from simulators.core.faults import InjectedFault
from tests.support.reconcile import ReconcileFixture
from woohub.store.cursors import ByDate
from woohub.store.requests import StoreUnavailable
from woohub.store.unreadable import Unreadable

HOW = ("500", "502", "notice", "timeout")
QUARTER = 900


def a_fixture() -> ReconcileFixture:
    fixture = ReconcileFixture().with_webhooks()
    fixture.run()
    fixture.sqs.messages.clear()
    fixture.metrics.clear()
    fixture.shop.requests.clear()
    return fixture


def orders(numbers: list[int]) -> set[str]:
    return {f"order.swept order:{number}" for number in numbers}


@pytest.mark.parametrize("ids_too", [False, True], ids=["ids can be listed", "nor can its id"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", [0, 57, 149], ids=["oldest", "in between", "newest"])
def test_an_order_that_cannot_be_read_harms_no_other(how: str, place: int, ids_too: bool) -> None:
    fixture = a_fixture()
    made = []
    for _ in range(150):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
    bad = made.pop(place)
    fixture.shop.damage(f"order:{bad}", how, ids_too=ids_too)

    report = fixture.run()

    assert set(fixture.queued()) == orders(made)
    assert list(report.unreadable) == [f"order:{bad}"]
    assert (report.complete, report.failed) == (True, {})
    assert fixture.metrics["StoreRecordUnreadable"] == 1
    assert fixture.metrics["SweepCompleted"] == 1
    assert [facts["record"] for facts in fixture.logged("store_record_unreadable")] == [f"order:{bad}"]


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize(
    "bad", [(3, 4, 5), (0, 60, 119), tuple(range(40, 52))], ids=["adjacent", "scattered", "a dozen"]
)
def test_several_orders_that_cannot_be_read_harm_no_other(bad: tuple[int, ...], ids_too: bool) -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(120)]  # of one second
    damaged = [made[place] for place in bad]
    for number in damaged:
        fixture.shop.damage(f"order:{number}", ids_too=ids_too)

    fixture.run_until_complete()

    assert set(fixture.queued()) == orders([number for number in made if number not in damaged])
    assert set(fixture.mark.unreadable) == {f"order:{number}" for number in damaged}


@pytest.mark.parametrize("how", HOW)
def test_the_only_order_that_there_is_may_be_the_one(how: str) -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}", how, ids_too=True)

    report = fixture.run()

    assert list(report.unreadable) == [f"order:{number}"]


def test_an_order_in_the_trash_that_cannot_be_read_harms_no_other() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(3)]
    for number in made:
        fixture.shop.trash(number)
    fixture.shop.damage(f"order:{made[1]}")

    fixture.run()

    assert set(fixture.queued()) == orders([made[0], made[2]])


def test_what_was_left_out_costs_later_runs_hardly_a_call() -> None:
    fixture = a_fixture()
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


def test_finding_the_order_at_fault_takes_few_calls() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(100)]
    fixture.run()
    calls = len(fixture.shop.requests)
    fixture.shop.requests.clear()
    fixture.shop.damage(f"order:{made[50]}")

    fixture.run()

    assert len(fixture.shop.requests) <= calls + 30


def test_an_order_that_can_be_read_again_is_queued_though_its_date_is_past() -> None:
    fixture = a_fixture()
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
    assert (report.unreadable, fixture.mark.unreadable) == ({}, ())


def test_an_order_that_is_gone_meanwhile_is_forgotten() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}")
    fixture.run()
    fixture.shop.delete(number)

    report = fixture.run()

    assert (report.unreadable, fixture.mark.unreadable) == ({}, ())


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize("how", HOW)
def test_an_account_that_cannot_be_read_harms_no_other(how: str, ids_too: bool) -> None:
    fixture = a_fixture()
    made = [fixture.shop.register() for _ in range(30)]
    bad = made.pop(11)
    fixture.shop.damage(f"customer:{bad}", how, ids_too=ids_too)

    report = fixture.run(customers="all")

    assert {f"customer.swept customer:{number}" for number in made} == set(fixture.queued())
    assert list(report.unreadable) == [f"customer:{bad}"]


def test_a_webhook_that_cannot_be_read_stops_nothing_and_is_not_made_once_more() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.damage("webhook:2")
    fixture.shop.hooks.webhooks[3].status = "disabled"

    report = fixture.run()

    assert set(fixture.queued()) == orders([number])
    assert len(fixture.shop.hooks.webhooks) == 7
    assert fixture.shop.hooks.webhooks[3].status == "active"
    assert list(report.unreadable) == ["webhook:2"]


@pytest.mark.parametrize("how", ["500", "502", "notice"])
def test_a_store_where_no_order_can_be_read_is_not_taken_for_so_many_bad_ones(how: str) -> None:
    fixture = a_fixture()
    for _ in range(300):
        fixture.shop.damage(f"order:{fixture.shop.place()}", how)

    report = fixture.run()

    assert report.failed["orders"].startswith("store unavailable: more than 50 records")
    assert "SweepCompleted" not in fixture.metrics


def test_a_part_that_fails_stops_no_other() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    account = fixture.shop.register()
    fixture.shop.faults.add(InjectedFault(status=500, path="/orders"))

    report = fixture.run(customers="all")

    assert f"customer.swept customer:{account}" in fixture.queued()
    assert report.failed["orders"].startswith("store unavailable")
    assert (report.complete, "SweepCompleted" in fixture.metrics) == (False, False)
    assert fixture.metrics["StoreUnavailable"] == 1


def test_a_store_that_is_down_is_asked_few_times() -> None:
    fixture = a_fixture()
    fixture.shop.place()
    fixture.shop.faults.add(InjectedFault(status=500))

    report = fixture.run()

    assert report.stopped.startswith("store unavailable")
    assert report.unreadable == {}
    assert len(fixture.shop.requests) <= 15


def test_a_single_order_that_cannot_be_shown_is_told_from_a_store_that_is_down() -> None:
    fixture = a_fixture()
    number = fixture.shop.place()
    fixture.shop.damage(f"order:{number}")

    with pytest.raises(Unreadable, match=f"cannot show order:{number}"):
        fixture.store().order(number)


def test_orders_asked_for_by_id_come_without_the_one_at_fault() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(40)]
    fixture.shop.damage(f"order:{made[5]}")
    store = fixture.store()

    assert set(store.orders_by_id(made)) == set(made) - {made[5]}
    assert list(store.unreadable) == [f"order:{made[5]}"]


def test_the_check_of_deleted_orders_takes_none_for_gone_that_cannot_be_read() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place() for _ in range(5)]
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.damage(f"order:{made[0]}", ids_too=True)
    fixture.shop.delete(made[4])
    fixture.pass_time(86_400)

    fixture.run(deleted="check")

    assert [name for name in fixture.queued() if "deleted" in name] == [f"order.deleted order:{made[4]}"]


def test_orders_of_a_status_no_plugin_registers_are_not_taken_for_deleted() -> None:
    fixture = a_fixture()
    made = [fixture.shop.place(status="awaiting-pickup") for _ in range(60)]
    other = fixture.shop.place()
    fixture.shop.run_webhooks()
    fixture.drain()
    fixture.shop.unregister("awaiting-pickup")
    fixture.shop.delete(made[0])
    fixture.pass_time(86_400)

    report = fixture.run(deleted="check")

    assert [name for name in fixture.queued() if "deleted" in name] == [f"order.deleted order:{made[0]}"]
    assert report.complete
    assert fixture.shop.orders[other]


# Dates that cannot be true

ODD = ["0000-00-00T00:00:00", False, "", None, "1066-10-14T09:00:00", "2031-01-01T00:00:00", "soon"]


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_no_date_of_an_order_hides_another(date: object) -> None:
    fixture = a_fixture()
    made = []
    for _ in range(250):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
    for number in made[20:250:33]:
        dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
        fixture.shop.write_otherwise(f"order:{number}", **dates)

    report = fixture.run()
    fixture.pass_time(QUARTER)
    later = fixture.shop.place()
    fixture.run()

    assert set(fixture.queued()) == orders([*made, later])
    assert report.complete
    assert fixture.logged("store_cannot_tell_what_changed") == []


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_pages_full_of_odd_dates_come_to_an_end(date: object) -> None:
    fixture = ReconcileFixture()
    made = []
    for _ in range(150):
        fixture.pass_time(1)
        made.append(fixture.shop.place())
        fixture.shop.write_otherwise(f"order:{made[-1]}", date_modified_gmt=date, date_modified=date)

    steps = fixture.store().orders(ByDate("2026-11-23T22:00:00"))

    assert {row.id for step in steps for row in step.rows} == set(made)


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_an_account_with_an_odd_date_is_found_at_night(date: object) -> None:
    fixture = a_fixture()
    number = fixture.shop.register()
    dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
    fixture.shop.write_otherwise(f"customer:{number}", **dates)
    fixture.run()
    fixture.sqs.messages.clear()

    fixture.run(customers="changed")

    if date != "1066-10-14T09:00:00":
        assert fixture.queued() == [f"customer.swept customer:{number}"]


# A clock that steps back


@pytest.mark.parametrize("url", ["https://hooks.test/webhooks/woocommerce", ""])
def test_what_is_dated_hours_ago_by_a_clock_that_stepped_back_is_read(url: str) -> None:
    fixture = a_fixture()
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

    assert orders([early, between]) <= set(fixture.queued())


def test_a_store_that_is_down_raises_what_it_said() -> None:
    fixture = a_fixture()
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
    ids=["silence", "crashes", "accounts"],
)
def test_a_list_that_fails_and_turns_out_to_be_empty_has_no_record_at_fault(fault: InjectedFault) -> None:
    fixture = ReconcileFixture().with_webhooks()
    fixture.shop.faults.add(fault)

    report = fixture.run()

    assert (report.complete, report.failed, report.unreadable) == (True, {}, {})
    assert fault.hits == fault.count
