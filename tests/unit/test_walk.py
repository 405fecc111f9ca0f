"""Orders and customers as the store has them, and their dates."""

from __future__ import annotations

import pytest

from woohub.dates import whole_seconds
from woohub.store.pagination import Position, Stored


def test_orders_are_not_printed() -> None:
    assert "Jane" not in repr(Stored(b'{"id":1,"name":"Jane"}', {"id": 1, "name": "Jane"}))


@pytest.mark.parametrize(
    ("given", "utc"),
    [
        ("2026-11-23T22:40:00", "2026-11-23T22:40:00"),
        ("2026-11-23T22:40:00Z", "2026-11-23T22:40:00"),
        ("2026-11-23T17:40:00-05:00", "2026-11-23T22:40:00"),
        ("2026-11-24T04:10:00+05:30", "2026-11-23T22:40:00"),
        ("2026-11-23", "2026-11-23T00:00:00"),
        ("2026-11-23 22:40:00.999", "2026-11-23T22:40:00"),
        ("0999-01-01", "0999-01-01T00:00:00"),
    ],
)
def test_a_moment_is_utc_in_whole_seconds(given: str, utc: str) -> None:
    assert whole_seconds(given) == utc


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "0001-01-01T00:00:00+05:00"])
def test_what_is_no_date_or_none_in_utc_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|isoformat|day"):
        whole_seconds(text)


def test_a_customer_never_changed_since_was_changed_when_it_was_made() -> None:
    customer = Stored(b"", {"id": 5, "date_created_gmt": "2026-11-01T00:00:00", "date_modified_gmt": None})

    assert customer.modified_at == "2026-11-01T00:00:00"


def test_a_position_says_nothing_of_pages_by_itself() -> None:
    assert Position("2026-11-23T22:40:00").offset is None
