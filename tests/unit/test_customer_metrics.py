"""A contact's metrics, computed from the orders that its deals show."""

from __future__ import annotations

from decimal import Decimal

from woohub.mapping.customer_metrics import METRICS, CustomerMetrics
from woohub.mapping.rows import MetricsRow
from woohub.sync.customer_metrics import PlacedOrder, metrics_of

UNDATED = PlacedOrder("", "completed", Decimal(10), "EUR", "1")
FIRST = PlacedOrder("2026-11-01T10:00:00Z", "completed", Decimal(20), "EUR", "2")
LAST = PlacedOrder("2026-11-20T10:00:00Z", "processing", Decimal(30), "EUR", "3")


def metrics(*orders: PlacedOrder) -> dict[str, str]:
    names = (metric.woocommerce for metric in METRICS)
    return dict(zip(names, metrics_of(orders, ["completed", "processing"]), strict=True))


def test_an_order_without_a_date_counts_but_is_neither_the_first_nor_the_last() -> None:
    shown = metrics(LAST, UNDATED, FIRST)

    assert shown["woocommerce_orders"] == "3"
    assert shown["woocommerce_total_paid"] == "60"
    assert shown["woocommerce_first_order_date"] == FIRST.date
    assert shown["woocommerce_last_order_date"] == LAST.date


def test_without_any_date_the_dates_are_empty() -> None:
    shown = metrics(UNDATED)

    assert (shown["woocommerce_first_order_date"], shown["woocommerce_last_order_date"]) == ("", "")


def test_the_mapping_names_the_properties_of_a_deal_that_are_summed_up() -> None:
    row = MetricsRow(enabled=True, amount="net", date="placed_at", currency="code")
    configured = CustomerMetrics.of(row)

    assert configured is not None
    assert configured.of_deal == ("net", "placed_at", "code")
