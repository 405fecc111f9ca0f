"""Find the properties that may hold what a person typed or is known by, from the sources of their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from woohub.mapping.computed import COMPUTED
from woohub.mapping.rows import PLACEHOLDER, DealRow, LineItemRow
from woohub.store import impersonal

COMPUTED_OF_ITEMS = frozenset({"unit_price", "unit_discount"})  # computed fields of a line item


def properties_of_orders(rows: Mapping[str, DealRow]) -> tuple[str, ...]:
    """Return such properties of deals or orders, without those with "if-not-renamed".

    A property with "if-not-renamed" loses the person's name by that rule.
    """
    return tuple(
        name
        for name, row in rows.items()
        if row.write != "if-not-renamed" and any(map(_is_personal, _sources(row, row.order)))
    )


def properties_of_line_items(rows: Mapping[str, LineItemRow]) -> tuple[str, ...]:
    """Return such properties of line items."""
    return tuple(
        name
        for name, row in rows.items()
        if any(map(_is_personal, _sources(row, row.order) if row.order else ()))
        or any(map(_is_personal_of_item, () if row.order else _sources(row, row.item)))
    )


def _sources(row: DealRow, fields: Iterable[str]) -> Iterable[str]:
    return PLACEHOLDER.split(row.text)[1::2] if row.text else fields


def _is_personal(path: str) -> bool:
    return path not in COMPUTED and impersonal.is_personal(path)


def _is_personal_of_item(path: str) -> bool:
    return path not in COMPUTED_OF_ITEMS and impersonal.is_personal_of_row(path)
