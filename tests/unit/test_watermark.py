"""The watermark: how it is stored, rewound, and moved on."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_ssm import SSMClient

from tests.support.ssm import Ssm
from woohub.dates import whole_seconds
from woohub.errors import InvalidParameter
from woohub.reconcile.request import RunRequest
from woohub.reconcile.watermark import (
    MAX_DELETIONS_UNCONFIRMED,
    DealCheck,
    OrderProgress,
    Scan,
    Watermark,
    WatermarkParameter,
    read,
    text,
)
from woohub.store.cursors import FIRST, ByDate, ByOffset

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda date: whole_seconds(date.isoformat()))
counts = st.integers(0, 10**6)
offsets = st.builds(ByOffset, counts, moments, counts, st.sampled_from([1, 7200]))
positions = st.builds(ByDate, moments) | offsets
reached = st.builds(OrderProgress, moments, moments | st.just(""), st.none() | positions, moments | st.just(""))
scans = st.builds(Scan, offsets, moments | st.just(""), moments | st.just(""))
checks = st.builds(
    DealCheck,
    st.none() | st.text(max_size=20),
    st.lists(st.integers(1, 2**53), max_size=MAX_DELETIONS_UNCONFIRMED).map(tuple),
    st.none() | st.just(MAX_DELETIONS_UNCONFIRMED),
)
watermarks = st.builds(
    Watermark,
    reached,
    reached,
    st.none() | st.integers(0, 2**63),
    moments,
    moments,
    st.none() | scans,
    st.none() | checks,
    moments,
    moments,
)


@given(watermarks)
def test_a_watermark_is_unchanged_after_a_round_trip(watermark: Watermark) -> None:
    assert read(text(watermark)) == watermark


@given(watermarks)
def test_any_watermark_fits_into_the_parameter(watermark: Watermark) -> None:
    assert len(text(watermark).encode()) <= 4096


def test_a_new_watermark_is_stored_as_short_json() -> None:
    assert text(Watermark.beginning("2026-11-23T22:40:00", "2026-11-23")) == (
        '{"orders":{"moment":"2026-11-23T22:40:00"},"trash":{"moment":"2026-11-23T22:40:00"},"accounts":null,'
        '"since":"2026-11-23T22:40:00","scanned":"2026-11-23T22:40:00","night":"2026-11-23"}'
    )


def test_unknown_keys_of_a_watermark_are_ignored() -> None:
    written = text(Watermark.beginning("2026-11-23T22:40:00", "2026-11-23"))

    assert read(written.replace("{", '{"refunds":{"moment":"x"},', 1)) == read(written)


@pytest.mark.parametrize("value", ["", "null", "[]", '{"orders":1}', '{"orders":{"moment":"yesterday"}}'])
def test_an_invalid_watermark_is_rejected(value: str) -> None:
    with pytest.raises(InvalidParameter):
        read(value)


STORED_BY_EARLIER_VERSION = """{
  "orders": {"moment": "2026-11-23T22:55:00", "settled": "2026-11-23T22:30:00", "began": "2026-11-23T23:00:00",
    "resume": {"moment": "2026-11-23T22:41:00", "offset": 200, "total": 517}},
  "trash": {"moment": "2026-11-23T22:40:00", "resume": {"moment": "2026-11-23T22:39:00"}},
  "accounts": 812, "since": "2026-11-01T00:00:00", "scanned": "2026-11-22T02:00:00",
  "scan": {"position": {"offset": 0}, "changed_since": "2026-11-21T02:00:00"},
  "check": {"suspects": [17], "limit": 25}, "night": "2026-11-23", "behind": 90, "unreadable": ["order:123"]
}"""


def test_a_watermark_of_an_earlier_version_is_read() -> None:
    mark = read(STORED_BY_EARLIER_VERSION)

    assert mark.orders.resume == ByOffset(200, "2026-11-23T22:41:00", 517)
    assert mark.trash.resume == ByDate("2026-11-23T22:39:00")
    assert mark.scan == Scan(FIRST, "2026-11-21T02:00:00")
    assert mark.check == DealCheck(suspects=(17,), limit=25)
    assert (mark.accounts, mark.behind, mark.night, mark.unreadable) == (812, 90, "2026-11-23", ("order:123",))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("orders.moment", "soon"),
        ("orders.moment", "9999-12-31T23:59:59"),
        ("orders.moment", "0001-01-01T00:00:00"),
        ("trash.moment", None),
        ("orders.settled", "2026-02-30"),
        ("orders.began", 5),
        ("trash.resume.moment", "soon"),
        ("orders.resume.moment", ""),
        ("orders.resume.offset", -1),
        ("orders.resume.total", -5),
        ("orders.resume.total", "many"),
        ("orders.resume.seconds", 10**15),
        ("accounts", -1),
        ("since", "soon"),
        ("scanned", ""),
        ("scan.position.offset", -1),
        ("scan.position.moment", "soon"),
        ("scan.changed_since", "soon"),
        ("check.suspects", [0]),
        ("check.limit", -1),
        ("check.unlisted", ["x"]),
        ("night", "soon"),
        ("completed", "soon"),
        ("behind", -1),
        ("behind", 10**15),
        ("unreadable", ["order:x"]),
        ("unreadable", ["coupon:1"]),
    ],
)
def test_an_invalid_date_or_number_is_reported_by_place_and_not_repeated(place: str, value: object) -> None:
    stored = json.loads(STORED_BY_EARLIER_VERSION)
    *parents, name = place.split(".")
    table = stored
    for parent in parents:
        table = table[parent]
    table[name] = value

    with pytest.raises(InvalidParameter) as error:
        read(json.dumps(stored))

    assert place.partition(".")[0] in str(error.value)
    assert "soon" not in str(error.value)


def test_rewinding_restarts_orders_and_trash_at_the_earlier_moment() -> None:
    mark = Watermark.beginning("2026-11-23T22:40:00", "").rewound("2026-11-20T00:00:00")

    assert mark.orders == mark.trash == OrderProgress("2026-11-20T00:00:00")


def test_rewinding_to_a_later_moment_changes_nothing() -> None:
    mark = Watermark.beginning("2026-11-23T22:40:00", "")

    assert mark.rewound("2026-11-24T00:00:00").orders == mark.orders


def test_rewinding_to_after_the_resume_position_restarts_at_that_position() -> None:
    reading = OrderProgress("2026-11-23T12:00:00", resume=ByDate("2026-11-23T10:00:00"))

    assert reading.rewound("2026-11-23T11:00:00") == OrderProgress("2026-11-23T10:00:00")


@pytest.mark.parametrize(
    ("customers", "changed_since"), [("all", ""), ("changed", "2026-11-22T22:40:00")], ids=["all", "changed"]
)
def test_a_requested_scan_covers_all_accounts_or_the_changes_since_a_day_before(
    customers: str, changed_since: str
) -> None:
    mark = Watermark.beginning("2026-11-23T22:40:00", "2026-11-23")

    mark = mark.with_request(RunRequest(customers=customers), "2026-11-23")

    assert mark.scan == Scan(FIRST, changed_since)


def test_a_new_scan_also_covers_the_running_scan() -> None:
    mark = Watermark.beginning("2026-11-23T22:40:00", "").with_scan("2026-11-10T00:00:00")

    assert mark.with_scan("2026-11-20T00:00:00").scan == Scan(FIRST, "2026-11-09T00:00:00")


def test_a_new_night_starts_one_scan_and_one_check() -> None:
    mark = Watermark.beginning("2026-11-23T22:40:00", "2026-11-22").with_request(RunRequest(), "2026-11-23")

    assert mark.scan is not None
    assert mark.check is not None
    assert mark.with_request(RunRequest(), "2026-11-23") == mark


def test_reading_starts_earlier_by_as_much_as_the_stores_clock_is_behind() -> None:
    mark = replace(Watermark.beginning("2026-11-23T22:40:00", ""), completed="2026-11-23T22:50:00")

    assert mark.start("orders", behind_s=3600) == ByDate("2026-11-23T21:40:00")
    assert mark.start("orders", behind_s=0) == ByDate("2026-11-23T22:30:00")


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-5))])
def test_an_empty_parameter_is_read_as_the_time_of_its_creation(zone: timezone) -> None:
    made = datetime(2026, 11, 23, 22, 40, 0, 123456, UTC).astimezone(zone)
    parameter = WatermarkParameter(cast(SSMClient, Ssm(made, " {} ")), "/stack/watermark")

    assert parameter.read() == "2026-11-23T22:40:00"


def test_another_site_is_read_again_from_the_earliest_open_position() -> None:
    mark = replace(
        Watermark.beginning("2026-11-20T00:00:00", "2026-11-23").of_site("old.example"),
        orders=OrderProgress("2026-11-23T22:40:00", resume=ByDate("2026-11-22T10:00:00")),
        trash=OrderProgress("2026-11-23T22:30:00"),
        accounts=50_000,
        scanned="2026-11-23T02:00:00",
        check=DealCheck("17", suspects=(3,)),
        behind=60,
        unreadable=("order:7",),
    )

    other = mark.of_site("new.example")

    assert other == replace(
        Watermark.beginning("2026-11-22T10:00:00", "2026-11-23"), unreadable=("order:7",), site="new.example"
    )


@pytest.mark.parametrize("known", ["", "shop.example"])
def test_the_same_or_a_previously_unknown_site_keeps_the_watermark(known: str) -> None:
    mark = replace(Watermark.beginning("2026-11-20T00:00:00", ""), accounts=50_000, site=known)

    assert mark.of_site("shop.example") == replace(mark, site="shop.example")
