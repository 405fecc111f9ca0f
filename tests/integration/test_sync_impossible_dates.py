"""Orders and accounts with impossible or missing dates are written, and the newest state wins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import customer, delivery, message, order
from woohub.hubspot.objects import DEALS
from woohub.sync.outcome import Message

MISSING_DATES: list[object] = [
    None,
    False,
    "",
    "0000-00-00T00:00:00",
    "-0001-11-30T00:00:00",
    "1970-01-01T00:00:00",
    1_795_473_600,
    {},
]
IMPOSSIBLE_DATES: list[object] = [
    "2026-11-23T22:45:00",
    "2026-11-24T04:10:00",
    "2031-01-05T15:00:00",
    "2647-05-01T00:00:00",
    *MISSING_DATES,
]


def read_from_the_store(body: dict[str, Any], after_s: float) -> Message:
    """The message of an order that reconcile, backfill or a repair has read."""
    return message("order.swept", body, after_s)


@pytest.mark.parametrize("date", IMPOSSIBLE_DATES)
def test_a_later_change_is_written_over_a_state_with_an_impossible_date(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt=date)))

    refunded = order(status="refunded", total="99.00", date_modified_gmt="2026-11-23T22:41:00")
    assert engine.verdicts(message("order.updated", refunded, 120)) == ["done"]

    deal = engine.deal()
    assert (deal["dealstage"], deal["amount"]) == ("refunded", "99.00")


BEFORE_CREATION = ["1999-01-01T00:00:00", "2016-05-01T00:00:00", "2026-11-23T19:50:00", "2026-11-23T22:36:00"]


@pytest.mark.parametrize("date", [*IMPOSSIBLE_DATES, *BEFORE_CREATION])
def test_a_change_with_an_impossible_date_is_written(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt=date), 60))

    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("version", ["2647-05-01T00:00:00|1795473600000|", "2647-05-01T00:00:00|1795473600000"])
def test_a_version_with_a_date_in_2647_is_corrected_by_the_next_delivery(version: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    (row,) = engine.portal.state()["deals"]
    engine.hubspot.update(DEALS, [{"id": row["id"], "properties": {"woocommerce_order_version": version}}])

    engine.verdicts(message("order.updated", order(), 60))

    assert engine.deal()["woocommerce_order_version"].startswith("2026-11-23T22:40:00|1795473660000")


def test_a_swept_order_is_written_although_hubspot_has_a_later_date() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", date_modified_gmt="2026-11-23T22:41:30")))

    engine.verdicts(read_from_the_store(order(status="refunded"), 900))

    assert engine.deal()["dealstage"] == "refunded"


def test_an_unchanged_swept_order_with_a_future_date_takes_no_write() -> None:
    engine = EngineFixture()
    future = order(date_modified_gmt="2647-05-01T00:00:00")
    engine.verdicts(read_from_the_store(future, 0))
    engine.calls.clear()

    engine.verdicts(read_from_the_store(future, 900))

    assert [call.path.rpartition("/")[2] for call in engine.calls] == ["read", "read"]


@pytest.mark.parametrize("date", ["2031-01-05T15:00:00", *MISSING_DATES])
def test_an_accounts_newer_address_is_written_after_an_order_with_an_impossible_creation_date(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(date_created_gmt=date, billing={"city": "Old Town"})))

    moved = customer(date_modified_gmt="2026-11-23T22:41:00", billing={"city": "New Town"})
    engine.verdicts(message("customer.updated", moved, 60))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("date", IMPOSSIBLE_DATES)
def test_an_account_is_updated_after_a_state_with_an_impossible_date(date: object) -> None:
    engine = EngineFixture()
    engine.verdicts(message("customer.updated", customer(date_modified_gmt=date, billing={"city": "Old Town"})))

    engine.verdicts(message("customer.updated", customer(billing={"city": "New Town"}), 300))

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("date", MISSING_DATES)
def test_an_order_without_creation_date_makes_a_deal_without_close_date(date: object) -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.updated", order(date_created_gmt=date))) == ["done"]

    assert "closedate" not in engine.deal()


@pytest.mark.parametrize("date", ["2031-01-05T15:00:00", "0000-00-00T00:00:00"])
def test_the_later_receipt_in_a_batch_wins_over_an_impossible_date(date: str) -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.updated", order(status="refunded", date_modified_gmt="2026-11-23T22:30:00"), 60),
        message("order.updated", order(status="completed", date_modified_gmt=date)),
    )

    assert engine.deal()["dealstage"] == "refunded"


def order_in_old_town(**changes: Any) -> dict[str, Any]:
    """An order that shows the customer's old address."""
    return order(billing={"city": "Old Town"}, **changes)


ACCOUNT_IN_NEW_TOWN = customer(date_modified_gmt="2026-11-23T22:50:00", billing={"city": "New Town"})
WITHOUT_CREATION_DATE: list[dict[str, Any]] = [
    {"date_created_gmt": date} | dict.fromkeys(["date_created", "date_modified"], "2026-11-23T17:40:00")
    for date in (None, "0000-00-00T00:00:00", "2031-01-05T15:00:00", "2026-11-24T04:10:00")
]


@pytest.mark.parametrize("creation", WITHOUT_CREATION_DATE)
@pytest.mark.parametrize("hours_later", [0.5, 7])
def test_a_later_change_of_an_order_without_creation_date_keeps_the_newer_address(
    creation: dict[str, Any], hours_later: float
) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order_in_old_town(**creation)))
    engine.verdicts(message("customer.updated", ACCOUNT_IN_NEW_TOWN, 600))
    hours = 22 * 60 + 40 + round(hours_later * 60)
    changed = f"2026-11-{23 + hours // 1440}T{hours % 1440 // 60:02}:{hours % 60:02}:00"
    local = f"2026-11-{23 + (hours - 300) // 1440}T{(hours - 300) % 1440 // 60:02}:{(hours - 300) % 60:02}:00"
    dates = {"date_modified_gmt": changed} | ({"date_modified": local} if "date_modified" in creation else {})

    engine.verdicts(
        message("order.updated", order_in_old_town(status="completed", **(creation | dates)), hours_later * 3600)
    )

    assert engine.contact()["city"] == "New Town"
    assert engine.deal()["dealstage"] == "completed"


def test_a_late_swept_order_of_a_store_with_a_fast_clock_keeps_the_newer_address() -> None:
    """The store's clock is ten minutes ahead, and the older order's delivery was lost."""
    engine = EngineFixture()
    older, newer = (
        dict.fromkeys(("date_created_gmt", "date_modified_gmt"), f"2026-11-23T22:{minute}:00") for minute in (50, 55)
    )
    engine.verdicts(message("order.created", order(1235, billing={"city": "New Town"}, **newer), 300))

    late = delivery("order.swept", order_in_old_town(**older), 3600)
    engine.verdicts(Message("late", replace(late, ahead_s=600), 1))

    assert engine.contact()["city"] == "New Town"


def test_a_later_change_of_an_older_order_keeps_the_address_of_an_undated_account() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order_in_old_town()))
    engine.verdicts(message("customer.updated", ACCOUNT_IN_NEW_TOWN | {"date_modified_gmt": False}, 600))

    changed = order_in_old_town(status="completed", date_modified_gmt="2026-11-23T23:10:00")
    engine.verdicts(message("order.updated", changed, 1800))

    assert engine.contact()["city"] == "New Town"


def test_an_account_with_a_modification_date_before_its_creation_is_written() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order_in_old_town()))

    engine.verdicts(
        message("customer.updated", ACCOUNT_IN_NEW_TOWN | {"date_modified_gmt": "1999-01-01T00:00:00"}, 600)
    )

    assert engine.contact()["city"] == "New Town"


@pytest.mark.parametrize("gmt", [{"date_modified_gmt": None}, {"date_modified_gmt": "0000-00-00T00:00:00"}])
def test_an_order_with_only_a_local_date_behind_utc_is_written(gmt: dict[str, Any]) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    body = order(status="completed", date_modified="2026-11-23T17:50:00", **gmt)
    engine.verdicts(message("order.updated", body, 600))

    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("dates", [("2647-05-01T00:00:00", "2647-05-01T00:00:00"), (None, None)])
def test_a_late_message_with_an_impossible_date_keeps_the_status_received_after_it(dates: tuple[Any, Any]) -> None:
    engine = EngineFixture()
    first, again = (order(status="on-hold", date_modified_gmt=date) for date in dates)
    engine.verdicts(message("order.updated", first, 0))
    engine.verdicts(message("order.updated", again, 90))

    engine.verdicts(message("order.updated", order(date_modified_gmt=dates[0]), 60))

    assert engine.deal()["dealstage"] == "on_hold"


@pytest.mark.parametrize("far", ["9999-12-31T23:59:59", "0001-01-01T00:00:00"])
def test_an_order_dated_in_the_year_1_or_9999_is_written(far: str) -> None:
    engine = EngineFixture()
    body = order() | {"date_created": far, "date_created_gmt": None, "date_modified": far}

    assert engine.verdicts(message("order.updated", body)) == ["done"]
