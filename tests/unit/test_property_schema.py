"""PropertySchema.equal: whether a value of HubSpot means the same as the one to write."""

from __future__ import annotations

import pytest

from woohub.hubspot.properties import Definition, PropertySchema

SCHEMA = PropertySchema(
    "key", {name: Definition(name, False, frozenset()) for name in ("number", "datetime", "string")}
)


@pytest.mark.parametrize(
    ("type_", "current", "new"),
    [
        ("datetime", "2026-11-23T22:40:00Z", "2026-11-23T22:40:00.000Z"),
        ("datetime", "2026-11-23T23:40:00+01:00", "2026-11-23T22:40:00Z"),
        ("datetime", "1795473600000", "2026-11-23T22:40:00Z"),
        ("number", "150", "150.00"),
        ("number", "1.5E2", "150.00"),
        ("string", "150", "150"),
    ],
)
def test_two_forms_of_the_same_value_are_equal(type_: str, current: str, new: str) -> None:
    assert SCHEMA.equal(type_, current, new)


@pytest.mark.parametrize(
    ("type_", "current", "new"),
    [
        ("datetime", "2026-11-23T22:40:01Z", "2026-11-23T22:40:00Z"),
        ("datetime", "yesterday", "2026-11-23T22:40:00Z"),
        ("datetime", "²", "2026-11-23T22:40:00Z"),
        ("number", "150.01", "150.00"),
        ("number", "NaN", "150.00"),
        ("string", "150", "150.00"),
        ("string", None, ""),
    ],
)
def test_different_or_unreadable_values_are_not_equal(type_: str, current: str | None, new: str) -> None:
    assert not SCHEMA.equal(type_, current, new)


def test_without_definitions_hubspots_own_dates_and_amounts_are_compared_by_their_types() -> None:
    unknown = PropertySchema("key")

    assert unknown.equal("closedate", "1795473600000", "2026-11-23T22:40:00Z")
    assert unknown.equal("amount", "150", "150.00")
