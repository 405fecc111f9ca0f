"""Periods, lags, charts and the report page of `backfill` and `verify`."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from woohub_cli.cli_errors import WrongUsage
from woohub_cli.load.latency import BACKFILL_LAG_S, Lag, Lags, epoch, percentile
from woohub_cli.period import EVER, Period, last_days, period
from woohub_cli.rendering import charts, report_page
from woohub_cli.rendering.report_text import lines
from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind
from woohub_cli.verify.verification_report import DayTotals, VerificationReport

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        ("", "", Period(EVER, "")),
        ("2026-11-01", "", Period("2026-11-01T00:00:00")),
        ("2026-11-01", "2026-11-02", Period("2026-11-01T00:00:00", "2026-11-02T23:59:59")),
        ("2026-11-01T08:30", "2026-11-02T08:30", Period("2026-11-01T08:30:00", "2026-11-02T08:30:00")),
        ("3d", "", Period("2026-11-21T12:00:00")),
        ("2026-11-01T08:00+01:00", "90m", Period("2026-11-01T07:00:00", "2026-11-24T10:30:00")),
    ],
)
def test_period_reads_durations_dates_and_times(since: str, until: str, expected: Period) -> None:
    assert period(since, until, NOW) == expected


def test_a_period_includes_all_of_its_last_day() -> None:
    day = period("2026-11-24", "2026-11-24", NOW)

    assert day.holds("2026-11-24T00:00:00")
    assert day.holds("2026-11-24T23:59:59")
    assert not day.holds("2026-11-25T00:00:00")
    assert not day.holds("2026-11-23T23:59:59")


def test_last_days_returns_a_period_without_end() -> None:
    assert last_days(2, NOW) == Period("2026-11-22T12:00:00")


@pytest.mark.parametrize(
    ("since", "until"), [("soon", ""), ("2026-11-25", ""), ("2026-11-24", "2026-11-23"), ("", "then")]
)
def test_period_rejects_invalid_future_and_reversed_times(since: str, until: str) -> None:
    with pytest.raises(WrongUsage):
        period(since, until, NOW)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_at_least_n_percent_of_a_sample_are_within_its_nth_percentile(values: list[float], percent: int) -> None:
    ordered = sorted(round(value, 1) for value in values)

    bound = percentile(ordered, percent)

    assert bound in ordered
    assert sum(value <= bound for value in ordered) >= math.ceil(len(ordered) * percent / 100)


def test_an_empty_sample_has_no_percentile() -> None:
    assert percentile([], 50) is None


def test_lags_of_a_backfill_are_counted_but_not_measured() -> None:
    lags = Lags()
    lags.add(Lag(0, BACKFILL_LAG_S + 1, BACKFILL_LAG_S + 2))
    lags.add(Lag(0, 5, 9))

    assert (lags.history, lags.seconds(lambda lag: lag.whole), lags.seconds(lambda lag: lag.delivery)) == (1, [9], [5])


def test_lags_are_zero_if_the_stores_clock_is_ahead() -> None:
    assert (Lag(10, 5, 6).delivery, Lag(10, 5, 6).whole) == (0, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-11-23T22:40:00Z", 1_795_473_600.0),
        ("2026-11-23T22:40:00.250Z", 1_795_473_600.25),
        ("1795473600000", 1_795_473_600.0),
        ("", None),
        (None, None),
        ("yesterday", None),
    ],
)
def test_epoch_reads_every_date_format_of_hubspot(text: str | None, seconds: float | None) -> None:
    assert epoch(text) == seconds


@given(st.floats(0, 1e12))
def test_the_top_of_a_chart_is_at_least_its_highest_value(value: float) -> None:
    top = charts.ceiling(value)

    assert value <= top <= max(4.0, 2.51 * value)


@given(
    st.lists(st.tuples(st.text(), st.floats(0, 1e9), st.floats(0, 1e9)), max_size=40),
    st.lists(st.floats(0, 1e7), max_size=40),
)
def test_charts_are_well_formed_xml_for_any_values(days: list[tuple[str, float, float]], seconds: list[float]) -> None:
    labels = [re.sub(r"[^\x20-\ud7ff]", "", label) for label, _, _ in days]
    series = [
        charts.Series("store", [store for _, store, _ in days]),
        charts.Series("HubSpot", [hubspot for _, _, hubspot in days]),
    ]

    bars = ET.fromstring(charts.bars("<days>", labels, series))  # noqa: S314  (our own)
    curve = ET.fromstring(charts.cumulative("time", sorted(seconds), [("p50", 3.0)]))  # noqa: S314

    assert len(bars.findall("rect")) == 2 * len(days)
    assert curve.find("polyline") is not None


def a_report() -> VerificationReport:
    report = VerificationReport(Period("2026-11-20T00:00:00"), "2026-11-24T12:00:00", orders=3, accounts=1, contacts=2)
    difference = Difference("dealname", "<b>Order</b>", None)
    report.mismatches = [
        Mismatch(MismatchKind.DIFFERING, "order:1", "deal", ("9",), (difference, Difference("amount", "2.00", "1.00"))),
        Mismatch(MismatchKind.DUPLICATE, "order:2", "deal", ("7", "8"), detail="2 deals", fix="merge them"),
    ]
    report.days = {("2026-11-20", "USD"): DayTotals(2, Decimal("30.00"), 1, Decimal("10.00"))}
    report.lags.add(Lag(0, 5, 9))
    report.notes = Counter({"property missing in hubspot: deals, associated_products": 2})
    report.refused_addresses, report.on_their_way = 1, ["order:3"]
    return report


def test_the_report_page_shows_the_whole_report_with_html_escaped() -> None:
    page = report_page.page(a_report(), "https://shop.example", "https://api.hubapi.com")

    for text in (
        "2 differences.",
        "&lt;b&gt;Order&lt;/b&gt;",
        "merge them",
        "2026-11-20",
        "30.00",
        "p95",
        "associated_products (2 times)",
        "1 order without a contact",
        "personal data",
    ):
        assert text in page
    assert "<b>Order</b>" not in page


def test_the_report_page_without_differences_says_that_hubspot_matches() -> None:
    page = report_page.page(
        VerificationReport(Period(), "2026-11-24T12:00:00"), "https://shop.example", "https://api.hubapi.com"
    )

    assert "HubSpot matches the store." in page
    assert "<h2>Differences</h2>" not in page


def test_a_report_without_differences_does_not_speak_of_records_that_the_store_did_not_return() -> None:
    report = VerificationReport(Period(), "2026-11-24T12:00:00", unreadable={"order:7": "500"})

    assert str(list(lines(report))[-1]) == "HubSpot matches what the store returned."


def test_a_report_counts_each_kind_of_problem() -> None:
    facts = a_report().facts()

    assert (facts["problems"]["differing"], facts["problems"]["duplicate"], facts["problems"]["missing"]) == (1, 1, 0)
    assert facts["findings"][0]["differences"][1] == {"property": "amount", "store": "2.00", "hubspot": "1.00"}
