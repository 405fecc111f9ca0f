"""The watermark as it is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mypy_boto3_ssm import SSMClient

from tests.support.ssm import Ssm
from woohub.dates import whole_seconds
from woohub.errors import InvalidParameter
from woohub.reconcile import deleted_orders
from woohub.reconcile.watermark import DealCheck, Reached, Scan, Watermark, WatermarkParameter, beginning, read, text
from woohub.store.pagination import Position

moments = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda one: whole_seconds(one.isoformat()))
positions = st.builds(
    Position,
    moments,
    st.none() | st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from([1, 7200]),
)
reached = st.builds(Reached, moments, moments | st.just(""), st.none() | positions, moments | st.just(""))
scans = st.builds(Scan, positions, moments | st.just(""), moments | st.just(""))
checks = st.builds(
    DealCheck,
    st.none() | st.text(max_size=20),
    st.lists(st.integers(1, 2**53), max_size=deleted_orders.AT_ONCE).map(tuple),
    st.none() | st.just(deleted_orders.AT_ONCE),
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
def test_what_is_written_is_read(watermark: Watermark) -> None:
    assert read(text(watermark)) == watermark


@given(watermarks)
def test_it_fits_a_parameter(watermark: Watermark) -> None:
    assert len(text(watermark).encode()) <= 4096


def test_it_is_short_and_plain_to_read() -> None:
    assert text(beginning("2026-11-23T22:40:00", "2026-11-23")) == (
        '{"orders":{"moment":"2026-11-23T22:40:00"},"trash":{"moment":"2026-11-23T22:40:00"},"accounts":null,'
        '"since":"2026-11-23T22:40:00","scanned":"2026-11-23T22:40:00","night":"2026-11-23"}'
    )


def test_what_a_newer_version_adds_is_passed_over() -> None:
    written = text(beginning("2026-11-23T22:40:00", "2026-11-23"))

    assert read(written.replace("{", '{"refunds":{"moment":"x"},', 1)) == read(written)


@pytest.mark.parametrize("value", ["", "null", "[]", '{"orders":1}', '{"orders":{"moment":"yesterday"}}'])
def test_anything_else_is_an_error(value: str) -> None:
    with pytest.raises(InvalidParameter):
        read(value)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-5))])
def test_a_new_parameter_gives_the_moment_it_was_made(zone: timezone) -> None:
    made = datetime(2026, 11, 23, 22, 40, 0, 123456, UTC).astimezone(zone)
    parameter = WatermarkParameter(cast(SSMClient, Ssm(made, " {} ")), "/stack/watermark")

    assert parameter.read() == "2026-11-23T22:40:00"
