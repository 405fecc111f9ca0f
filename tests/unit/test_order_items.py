"""The line items of an order are computed once, and cached as long as the order exists."""

from __future__ import annotations

import weakref
from typing import cast

from tests.support.line_items import WITH_ITEMS
from tests.support.payloads import order
from woohub.mapping.line_items import LineItemMapping

MUG = {"id": 1, "name": "Mug", "quantity": 2, "total": "20.00"}
ITEMS = cast(LineItemMapping, WITH_ITEMS.line_items)


def test_the_items_of_an_order_are_computed_once() -> None:
    ordered = order(line_items=[MUG])

    assert ITEMS.read(ordered) is ITEMS.read(ordered)


def test_an_order_without_the_field_line_items_is_read_as_none() -> None:
    empty = order(line_items=[])
    without_field = type(empty).model_validate(empty.model_dump(exclude={"line_items"}))

    assert ITEMS.read(empty) == ITEMS.read(order(line_items=[]))
    assert ITEMS.read(without_field) is None


def test_cached_items_are_released_with_their_order() -> None:
    ordered = order(line_items=[MUG])
    items = ITEMS.read(ordered)
    assert items
    kept = weakref.ref(items)

    del ordered, items

    assert kept() is None
