"""The line items of an order: quantity and price, and that they are computed once."""

from __future__ import annotations

import weakref
from typing import Any, cast

import pytest

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


@pytest.mark.parametrize(
    ("item", "quantity", "unit_price"),
    [
        ({"quantity": 0.5, "total": "10.00"}, "0.5", "20.00"),
        ({"quantity": 3, "total": "10.00"}, "3", "3.333333"),
        ({"quantity": 0, "total": "0.00"}, "0", "0.00"),
        ({"quantity": 0, "total": "5.00"}, "1", "5.00"),
        ({"quantity": -2, "total": "5.00"}, "1", "5.00"),
        ({"total": "5.00"}, "1", "5.00"),
        ({"quantity": 2, "price": "2.50"}, "2", "2.50"),
        ({"price": "2.50"}, "1", "2.50"),
    ],
)
def test_quantity_times_unit_price_is_the_total_of_the_item(
    item: dict[str, Any], quantity: str, unit_price: str
) -> None:
    items = ITEMS.read(order(line_items=[{"id": 1, "name": "Mug", **item}]))
    assert items
    (values,) = items.items.values()

    assert (values["quantity"], values["price"]) == (quantity, unit_price)
