"""Reading JSON that people have edited, and JSON from HubSpot and stores."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from woohub.errors import InvalidParameter
from woohub.pydantic_json import read_edited, read_sent

NUMBERS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


@pytest.mark.parametrize("content", [b'\xef\xbb\xbf{"a": 1}', '\ufeff{"a": 1}'], ids=["file", "parameter"])
def test_a_byte_order_mark_before_edited_json_is_ignored(content: str | bytes) -> None:
    assert read_edited(NUMBERS, content, "it cannot be read") == {"a": 1}


def test_a_mistake_is_reported_with_its_place_and_without_the_value() -> None:
    with pytest.raises(InvalidParameter) as raised:
        read_edited(NUMBERS, '{"a": "jane@example.com"}', "it cannot be read")

    assert str(raised.value).startswith("it cannot be read: a: ")
    assert "jane" not in str(raised.value)


def test_a_lone_surrogate_in_a_value_is_read() -> None:
    assert read_sent(rb'{"a": "ok \ud83d"}') == {"a": "ok \ud83d"}


def test_a_field_with_a_lone_surrogate_in_its_name_is_left_out() -> None:
    assert read_sent(rb'{"a": 1, "\ud83d": 2}') == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 99_999])
def test_invalid_json_raises_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  (callers add the message)
        read_sent(body)
