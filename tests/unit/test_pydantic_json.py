"""JSON that people may have edited, and JSON as HubSpot and stores send it."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from woohub.errors import InvalidParameter
from woohub.pydantic_json import read_edited, read_sent

NUMBERS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


@pytest.mark.parametrize("content", [b'\xef\xbb\xbf{"a": 1}', '\ufeff{"a": 1}'], ids=["file", "parameter"])
def test_a_byte_order_mark_is_no_part_of_what_people_edit(content: str | bytes) -> None:
    assert read_edited(NUMBERS, content, "it cannot be read") == {"a": 1}


def test_a_mistake_is_named_by_its_place_without_the_value() -> None:
    with pytest.raises(InvalidParameter) as refused:
        read_edited(NUMBERS, '{"a": "jane@example.com"}', "it cannot be read")

    assert str(refused.value).startswith("it cannot be read: a: ")
    assert "jane" not in str(refused.value)


def test_half_a_character_is_read_where_it_is_a_value() -> None:
    assert read_sent(rb'{"a": "ok \ud83d"}') == {"a": "ok \ud83d"}


def test_a_field_whose_name_holds_half_a_character_is_left_out() -> None:
    assert read_sent(rb'{"a": 1, "\ud83d": 2}') == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 99_999])
def test_what_is_no_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (callers have their own words for it)
        read_sent(body)
