"""A record that spoils every page it is on, and everything else a run does."""

from __future__ import annotations

import pytest

from simulators.core.faults import InjectedFault
from tests.support.storelab import StoreLab
from woohub.store.cursors import ByDate
from woohub.store.requests import StoreUnavailable
from woohub.store.unreadable import Unreadable

HOW = ("500", "502", "notice", "timeout")
QUARTER = 900


def a_lab() -> StoreLab:
    lab = StoreLab().with_webhooks()
    lab.run()
    lab.sqs.messages.clear()
    lab.metrics.clear()
    lab.shop.requests.clear()
    return lab


def orders(numbers: list[int]) -> set[str]:
    return {f"order.swept order:{number}" for number in numbers}


@pytest.mark.parametrize("ids_too", [False, True], ids=["ids can be listed", "nor can its id"])
@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("place", [0, 57, 149], ids=["oldest", "in between", "newest"])
def test_an_order_that_cannot_be_read_harms_no_other(how: str, place: int, ids_too: bool) -> None:
    lab = a_lab()
    made = []
    for _ in range(150):
        lab.pass_time(1)
        made.append(lab.shop.place())
    bad = made.pop(place)
    lab.shop.spoil(f"order:{bad}", how, ids_too=ids_too)

    report = lab.run()

    assert set(lab.queued()) == orders(made)
    assert list(report.unreadable) == [f"order:{bad}"]
    assert (report.complete, report.failed) == (True, {})
    assert lab.metrics["StoreRecordUnreadable"] == 1
    assert lab.metrics["SweepCompleted"] == 1
    assert [facts["record"] for facts in lab.logged("store_record_unreadable")] == [f"order:{bad}"]


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize(
    "bad", [(3, 4, 5), (0, 60, 119), tuple(range(40, 52))], ids=["adjacent", "scattered", "a dozen"]
)
def test_several_orders_that_cannot_be_read_harm_no_other(bad: tuple[int, ...], ids_too: bool) -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(120)]  # of one second
    spoilt = [made[place] for place in bad]
    for number in spoilt:
        lab.shop.spoil(f"order:{number}", ids_too=ids_too)

    lab.run_to_the_end()

    assert set(lab.queued()) == orders([number for number in made if number not in spoilt])
    assert set(lab.mark.unreadable) == {f"order:{number}" for number in spoilt}


@pytest.mark.parametrize("how", HOW)
def test_the_only_order_that_there_is_may_be_the_one(how: str) -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.spoil(f"order:{number}", how, ids_too=True)

    report = lab.run()

    assert list(report.unreadable) == [f"order:{number}"]


def test_an_order_in_the_trash_that_cannot_be_read_harms_no_other() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(3)]
    for number in made:
        lab.shop.trash(number)
    lab.shop.spoil(f"order:{made[1]}")

    lab.run()

    assert set(lab.queued()) == orders([made[0], made[2]])


def test_what_was_left_out_costs_later_runs_hardly_a_call() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(30)]
    lab.pass_time(QUARTER)
    lab.run()
    lab.shop.requests.clear()
    lab.run()
    calls = len(lab.shop.requests)
    lab.shop.save(made[7])
    lab.shop.spoil(f"order:{made[7]}")
    lab.run()
    lab.shop.requests.clear()

    report = lab.run()

    assert len(lab.shop.requests) <= calls + 2
    assert list(report.unreadable) == [f"order:{made[7]}"]


def test_finding_the_order_at_fault_takes_few_calls() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(100)]
    lab.run()
    calls = len(lab.shop.requests)
    lab.shop.requests.clear()
    lab.shop.spoil(f"order:{made[50]}")

    lab.run()

    assert len(lab.shop.requests) <= calls + 30


def test_an_order_that_can_be_read_again_is_queued_though_its_date_is_past() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.spoil(f"order:{number}")
    for _ in range(3):
        lab.pass_time(QUARTER)
        lab.shop.place()
        lab.run()
    lab.sqs.messages.clear()
    lab.shop.unspoil(f"order:{number}")
    lab.pass_time(QUARTER)

    report = lab.run()

    assert f"order.swept order:{number}" in lab.queued()
    assert (report.unreadable, lab.mark.unreadable) == ({}, ())


def test_an_order_that_is_gone_meanwhile_is_forgotten() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.spoil(f"order:{number}")
    lab.run()
    lab.shop.delete(number)

    report = lab.run()

    assert (report.unreadable, lab.mark.unreadable) == ({}, ())


@pytest.mark.parametrize("ids_too", [False, True])
@pytest.mark.parametrize("how", HOW)
def test_an_account_that_cannot_be_read_harms_no_other(how: str, ids_too: bool) -> None:
    lab = a_lab()
    made = [lab.shop.register() for _ in range(30)]
    bad = made.pop(11)
    lab.shop.spoil(f"customer:{bad}", how, ids_too=ids_too)

    report = lab.run(customers="all")

    assert {f"customer.swept customer:{number}" for number in made} == set(lab.queued())
    assert list(report.unreadable) == [f"customer:{bad}"]


def test_a_webhook_that_cannot_be_read_stops_nothing_and_is_not_made_once_more() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.spoil("webhook:2")
    lab.shop.hooks.webhooks[3].status = "disabled"

    report = lab.run()

    assert set(lab.queued()) == orders([number])
    assert len(lab.shop.hooks.webhooks) == 7
    assert lab.shop.hooks.webhooks[3].status == "active"
    assert list(report.unreadable) == ["webhook:2"]


@pytest.mark.parametrize("how", ["500", "502", "notice"])
def test_a_store_where_no_order_can_be_read_is_not_taken_for_so_many_bad_ones(how: str) -> None:
    lab = a_lab()
    for _ in range(300):
        lab.shop.spoil(f"order:{lab.shop.place()}", how)

    report = lab.run()

    assert report.failed["orders"].startswith("store unavailable: more than 50 records")
    assert "SweepCompleted" not in lab.metrics


def test_a_part_that_fails_stops_no_other() -> None:
    lab = a_lab()
    lab.shop.place()
    account = lab.shop.register()
    lab.shop.faults.add(InjectedFault(status=500, path="/orders"))

    report = lab.run(customers="all")

    assert f"customer.swept customer:{account}" in lab.queued()
    assert report.failed["orders"].startswith("store unavailable")
    assert (report.complete, "SweepCompleted" in lab.metrics) == (False, False)
    assert lab.metrics["StoreUnavailable"] == 1


def test_a_store_that_is_down_is_asked_few_times() -> None:
    lab = a_lab()
    lab.shop.place()
    lab.shop.faults.add(InjectedFault(status=500))

    report = lab.run()

    assert report.stopped.startswith("store unavailable")
    assert report.unreadable == {}
    assert len(lab.shop.requests) <= 15


def test_a_single_order_that_cannot_be_shown_is_told_from_a_store_that_is_down() -> None:
    lab = a_lab()
    number = lab.shop.place()
    lab.shop.spoil(f"order:{number}")

    with pytest.raises(Unreadable, match=f"cannot show order:{number}"):
        lab.store().order(number)


def test_orders_asked_for_by_id_come_without_the_one_at_fault() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(40)]
    lab.shop.spoil(f"order:{made[5]}")
    store = lab.store()

    assert set(store.orders_by_id(made)) == set(made) - {made[5]}
    assert list(store.unreadable) == [f"order:{made[5]}"]


def test_the_check_of_deleted_orders_takes_none_for_gone_that_cannot_be_read() -> None:
    lab = a_lab()
    made = [lab.shop.place() for _ in range(5)]
    lab.shop.run_webhooks()
    lab.drain()
    lab.shop.spoil(f"order:{made[0]}", ids_too=True)
    lab.shop.delete(made[4])
    lab.pass_time(86_400)

    lab.run(deleted="check")

    assert [name for name in lab.queued() if "deleted" in name] == [f"order.deleted order:{made[4]}"]


def test_orders_of_a_status_no_plugin_registers_are_not_taken_for_deleted() -> None:
    lab = a_lab()
    made = [lab.shop.place(status="awaiting-pickup") for _ in range(60)]
    other = lab.shop.place()
    lab.shop.run_webhooks()
    lab.drain()
    lab.shop.unregister("awaiting-pickup")
    lab.shop.delete(made[0])
    lab.pass_time(86_400)

    report = lab.run(deleted="check")

    assert [name for name in lab.queued() if "deleted" in name] == [f"order.deleted order:{made[0]}"]
    assert report.complete
    assert lab.shop.orders[other]


# Dates that cannot be true

ODD = ["0000-00-00T00:00:00", False, "", None, "1066-10-14T09:00:00", "2031-01-01T00:00:00", "soon"]


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_no_date_of_an_order_hides_another(date: object) -> None:
    lab = a_lab()
    made = []
    for _ in range(250):
        lab.pass_time(1)
        made.append(lab.shop.place())
    for number in made[20:250:33]:
        dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
        lab.shop.write_otherwise(f"order:{number}", **dates)

    report = lab.run()
    lab.pass_time(QUARTER)
    later = lab.shop.place()
    lab.run()

    assert set(lab.queued()) == orders([*made, later])
    assert report.complete
    assert lab.logged("store_cannot_tell_what_changed") == []


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_pages_full_of_odd_dates_come_to_an_end(date: object) -> None:
    lab = StoreLab()
    made = []
    for _ in range(150):
        lab.pass_time(1)
        made.append(lab.shop.place())
        lab.shop.write_otherwise(f"order:{made[-1]}", date_modified_gmt=date, date_modified=date)

    steps = lab.store().orders(ByDate("2026-11-23T22:00:00"))

    assert {row.id for step in steps for row in step.rows} == set(made)


@pytest.mark.parametrize("date", ODD, ids=repr)
def test_an_account_with_an_odd_date_is_found_at_night(date: object) -> None:
    lab = a_lab()
    number = lab.shop.register()
    dates = {f"date_{name}": date for name in ("modified", "modified_gmt", "created", "created_gmt")}
    lab.shop.write_otherwise(f"customer:{number}", **dates)
    lab.run()
    lab.sqs.messages.clear()

    lab.run(customers="changed")

    if date != "1066-10-14T09:00:00":
        assert lab.queued() == [f"customer.swept customer:{number}"]


# A clock that steps back


@pytest.mark.parametrize("url", ["https://hooks.test/webhooks/woocommerce", ""])
def test_what_is_dated_hours_ago_by_a_clock_that_stepped_back_is_read(url: str) -> None:
    lab = a_lab()
    lab.webhook_url = url
    lab.shop.place()
    lab.pass_time(QUARTER)
    lab.run()
    lab.pass_time(30)
    late = lab.clock
    lab.shop.clock = lambda: late.read() - 3 * 3600
    early = lab.shop.place()
    lab.pass_time(QUARTER)
    lab.run()
    between = lab.shop.place()
    lab.pass_time(30)
    lab.shop.clock = late.read
    lab.pass_time(QUARTER)

    lab.run()

    assert orders([early, between]) <= set(lab.queued())


def test_a_store_that_is_down_raises_what_it_said() -> None:
    lab = a_lab()
    lab.shop.faults.add(InjectedFault(status=500))

    with pytest.raises(StoreUnavailable, match="500"):
        list(lab.store().orders(ByDate("2026-11-23T22:00:00")))
