"""The sums per day and the delivery times that `woohub verify` reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.woocommerce import Item
from tests.support.verification import (
    DAY,
    Case,
)
from woohub_cli.period import Period


def test_orders_and_sums_are_counted_per_day_and_currency_on_both_sides(case: Case) -> None:
    case.place(items=(Item("Anvil", Decimal("150.00")),))
    case.place(items=(Item("Bell", Decimal("7.51")),))
    case.place(items=(Item("Drum", Decimal("20.00")),), currency="EUR")
    case.lab.pass_time(DAY)
    case.silently(case.lab.shop.place, items=(Item("Easel", Decimal("30.00")),))

    report = case.verify()

    days = {key: (day.orders, day.orders_sum, day.deals, day.deals_sum) for key, day in report.days.items()}
    assert days == {
        ("2026-11-23", "USD"): (2, Decimal("157.51"), 2, Decimal("157.51")),
        ("2026-11-23", "EUR"): (1, Decimal("20.00"), 1, Decimal("20.00")),
        ("2026-11-24", "USD"): (1, Decimal("30.00"), 0, Decimal(0)),
    }


def test_the_way_from_the_store_to_hubspot_is_timed(case: Case) -> None:
    case.lab.shop.place()
    case.lab.pass_time(20)
    case.lab.shop.run_webhooks()
    case.lab.pass_time(10)
    case.lab.drain()

    facts: Any = case.verify().lags.facts()

    assert facts["store_to_woohub"]["p50_s"] == 20
    assert facts["store_to_hubspot"]["p50_s"] == 30


def test_history_tells_nothing_about_the_way(case: Case) -> None:
    now = case.lab.clock.now
    case.place(created=now - 10 * DAY, modified=now - 10 * DAY)

    lags = case.verify(Period("2026-11-01T00:00:00")).lags

    assert (lags.delivered, lags.history) == ([], 1)


def test_a_backfilled_order_is_not_timed(case: Case) -> None:
    hour = 3600
    for _ in range(3):
        case.silently(case.lab.shop.place)
    case.lab.pass_time(hour)
    case.repair(case.verify())  # read from the store and queued, as backfill and reconcile do it
    case.lab.shop.place()
    case.lab.pass_time(20)
    case.deliver()

    lags: Any = case.verify().lags

    assert lags.facts()["store_to_woohub"] == {"orders": 1, "p50_s": 20.0, "p95_s": 20.0, "max_s": 20.0}
    assert lags.means.startswith("1 of 4 orders: those that a webhook delivered, by dates alone")


def test_ingests_log_tells_a_late_delivery_from_a_read(case: Case) -> None:
    late = case.lab.shop.place()
    case.lab.pass_time(3600)
    case.deliver()
    read = case.silently(case.lab.shop.place)
    case.repair(case.verify())

    lags: Any = case.verify().lags
    lags.deliveries = {f"order:{late}": [lags.states[0].received]}

    assert [lag.entity for lag in lags.delivered] == [f"order:{late}"]
    assert (lags.delivered[0].delivery, read != late) == (3600.0, True)
