"""Pages of orders and customers by date and by offset, and their dates."""

from __future__ import annotations

import pytest

from woohub.dates import whole_seconds
from woohub.store.cursors import CENTURY_S, ByDate, ByOffset, Cursor
from woohub.store.pagination import CHANGED, CREATED_LOCAL, DateField, StoreTooOld, page_by_date, page_by_offset
from woohub.store.rows import Listing, StoreRow


def test_the_repr_of_a_row_hides_its_fields() -> None:
    assert "Jane" not in repr(StoreRow(b'{"id":1,"name":"Jane"}', {"id": 1, "name": "Jane"}))


@pytest.mark.parametrize(
    ("text", "utc"),
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
def test_whole_seconds_returns_utc_without_fractions(text: str, utc: str) -> None:
    assert whole_seconds(text) == utc


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "0001-01-01T00:00:00+05:00"])
def test_whole_seconds_rejects_invalid_dates(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|isoformat|day"):
        whole_seconds(text)


def test_a_customer_without_date_of_change_has_its_date_of_creation() -> None:
    customer = StoreRow(b"", {"id": 5, "date_created_gmt": "2026-11-01T00:00:00", "date_modified_gmt": None})

    assert customer.modified_at == "2026-11-01T00:00:00"


def listing(*dates: str, total: int = 1000) -> Listing:
    """A full page of orders last modified at these times of 2026-11-23."""
    rows = [
        StoreRow(b"%d" % number, {"id": number, "date_modified_gmt": f"2026-11-23T{date}"})
        for number, date in enumerate(dates, 1)
    ]
    return Listing(rows, total, len(rows))


def following(*dates: str, start: str = "10:00:00") -> Cursor:
    """The cursor after a page of orders with these times."""
    cursor = ByDate(f"2026-11-23T{start}")
    return page_by_date(cursor, listing(*dates), CHANGED, "2026-11-23T23:00:00").next


def test_the_next_page_starts_at_the_last_date_but_one() -> None:
    assert following("10:00:00", "10:05:00", "10:06:00") == ByDate("2026-11-23T10:05:00")


def test_a_last_date_far_ahead_is_not_the_start_of_the_next_page() -> None:
    assert following("10:00:00", "10:05:00", "18:00:00") == ByDate("2026-11-23T10:05:00")


def test_a_date_far_ahead_within_a_page_is_passed_by_offset() -> None:
    assert following("10:00:00", "18:00:00", "10:05:00") == ByOffset(0, "2026-11-23T10:05:00", seconds=7200)


def test_a_page_within_one_second_is_continued_by_offset() -> None:
    assert following("10:00:00", "10:00:00", "10:00:00") == ByOffset(0, "2026-11-23T10:00:00")


def test_a_page_without_usable_dates_is_continued_by_offset_to_the_end() -> None:
    assert following("09:00:00", "10:05:00", "23:30:00") == ByOffset(0, "2026-11-23T10:00:00", seconds=CENTURY_S)


def test_a_store_that_ignores_the_date_filter_raises_store_too_old() -> None:
    with pytest.raises(StoreTooOld):
        following("09:00:00", "09:05:00", "10:06:00")


def test_the_last_page_ends_at_its_newest_date() -> None:
    page = page_by_date(
        ByDate("2026-11-23T10:00:00"), listing("10:00:00", "10:05:00", total=2), CHANGED, "2026-11-23T23:00:00"
    )

    assert (page.next, page.last) == (ByDate("2026-11-23T10:05:00"), True)


def test_an_offset_moves_back_by_as_many_records_as_the_list_lost() -> None:
    assert ByOffset(100, total=300).next(listing("10:00:00", total=297)) == ByOffset(97, total=297)


def test_the_next_second_is_read_by_date_after_the_last_page_by_offset() -> None:
    page = page_by_offset(ByOffset(1, "2026-11-23T10:00:00", 3), listing("10:00:00", "10:00:00", total=3))

    assert page.next == ByDate("2026-11-23T10:00:01")


def test_equal_date_fields_make_the_same_query() -> None:
    equal = DateField("after", "before", "date", "date_created", gmt=False)

    assert equal.from_moment("2026-11-23T10:00:00") == CREATED_LOCAL.from_moment("2026-11-23T10:00:00")
