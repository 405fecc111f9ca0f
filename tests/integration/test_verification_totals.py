"""The sums per day and the delivery times that `woohub verify` reports."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from simulators.woocommerce import Item
from tests.support.reconcile import DAY
from tests.support.verification import VerificationFixture
from woohub_cli.period import Period


def test_verify_sums_orders_per_day_and_currency_in_the_store_and_hubspot(case: VerificationFixture) -> None:
    case.place(items=(Item("Anvil", Decimal("150.00")),))
    case.place(items=(Item("Bell", Decimal("7.51")),))
    case.place(items=(Item("Drum", Decimal("20.00")),), currency="EUR")
    case.stack.pass_time(DAY)
    case.without_delivery(case.stack.shop.place, items=(Item("Easel", Decimal("30.00")),))

    report = case.verify()

    days = {key: (day.orders, day.orders_sum, day.deals, day.deals_sum) for key, day in report.days.items()}
    assert days == {
        ("2026-11-23", "USD"): (2, Decimal("157.51"), 2, Decimal("157.51")),
        ("2026-11-23", "EUR"): (1, Decimal("20.00"), 1, Decimal("20.00")),
        ("2026-11-24", "USD"): (1, Decimal("30.00"), 0, Decimal(0)),
    }


def test_verify_reports_the_median_delivery_times_to_woohub_and_hubspot(case: VerificationFixture) -> None:
    case.stack.shop.place()
    case.stack.pass_time(20)
    case.stack.shop.run_webhooks()
    case.stack.pass_time(10)
    case.stack.drain()

    facts: Any = case.verify().lags.facts()

    assert facts["store_to_woohub"]["p50_s"] == 20
    assert facts["store_to_hubspot"]["p50_s"] == 30


def test_an_old_order_counts_as_history_and_not_as_a_delivery_time(case: VerificationFixture) -> None:
    now = case.stack.clock.now
    case.place(created=now - 10 * DAY, modified=now - 10 * DAY)

    lags = case.verify(Period("2026-11-01T00:00:00")).lags

    assert (lags.delivered, lags.history) == ([], 1)


def test_orders_read_from_the_store_are_left_out_of_the_delivery_times(case: VerificationFixture) -> None:
    hour = 3600
    for _ in range(3):
        case.without_delivery(case.stack.shop.place)
    case.stack.pass_time(hour)
    case.repair(case.verify())  # read from the store and queued, as backfill and reconcile do
    case.stack.shop.place()
    case.stack.pass_time(20)
    case.deliver()

    lags: Any = case.verify().lags

    assert lags.facts()["store_to_woohub"] == {"orders": 1, "p50_s": 20.0, "p95_s": 20.0, "max_s": 20.0}
    assert lags.means.startswith("1 of 4 orders: those that a webhook may have delivered, by dates alone")


def test_ingests_log_distinguishes_a_late_delivery_from_an_order_read_from_the_store(case: VerificationFixture) -> None:
    late = case.stack.shop.place()
    case.stack.pass_time(3600)
    case.deliver()
    case.without_delivery(case.stack.shop.place)
    case.repair(case.verify())

    lags: Any = case.verify().lags
    lags.deliveries = {f"order:{late}": [lags.states[0].received]}

    assert [lag.entity for lag in lags.delivered] == [f"order:{late}"]
    assert lags.delivered[0].delivery == 3600.0
