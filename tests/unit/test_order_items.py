"""The line items of an order are worked out once, and kept no longer than the order."""

from __future__ import annotations

import weakref
from typing import cast

from tests.support.line_items import WITH_ITEMS
from tests.support.payloads import order
from woohub.mapping.line_items import LineItemMapping

MUG = {"id": 1, "name": "Mug", "quantity": 2, "total": "20.00"}
ITEMS = cast(LineItemMapping, WITH_ITEMS.line_items)


def test_the_items_of_an_order_are_worked_out_once() -> None:
    ordered = order(line_items=[MUG])

    assert ITEMS.read(ordered) is ITEMS.read(ordered)


def test_an_order_that_says_nothing_of_items_differs_from_one_that_has_none() -> None:
    empty = order(line_items=[])
    silent = type(empty).model_validate(empty.model_dump(exclude={"line_items"}))

    assert ITEMS.read(empty) == ITEMS.read(order(line_items=[]))
    assert ITEMS.read(silent) is None


def test_nothing_is_kept_of_an_order_that_is_gone() -> None:
    ordered = order(line_items=[MUG])
    items = ITEMS.read(ordered)
    assert items
    kept = weakref.ref(items)

    del ordered, items

    assert kept() is None
