"""Convert an order's products, fees and shipping to HubSpot's line items. Their sum is the total without tax."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property
from typing import NamedTuple
from weakref import WeakKeyDictionary

from woohub.json_values import whole_number
from woohub.mapping import personal
from woohub.mapping.computed import EXACT, decimal_of, plain, rows
from woohub.mapping.mapping_file import ITEM_KEY, ITEMS_NOTE, ITEMS_STATE
from woohub.mapping.rows import LineItemRow, PropertyRow
from woohub.mapping.values import MAX_TEXT_CHARACTERS, Value, as_text, read_values, value_reader
from woohub.mapping.write_rule import WriteRule
from woohub.store.payloads import Order

SMALLEST_PRICE = Decimal("0.000001")  # the decimals of a price that is no whole number of cents, such as 20.00 / 3
CENT = Decimal("0.01")
LEFT_OUT = "Not among the line items, because HubSpot takes no negative price: "


def _text_property(label: str, description: str, field_type: str = "text", *, unique: bool = False) -> PropertyRow:
    row = {"label": label, "type": "string", "fieldType": field_type, "description": description}
    return PropertyRow.model_validate({**row, "hasUniqueValue": unique})


KEY_PROPERTY = _text_property(
    "WooCommerce line item ID",
    "The order and its item. Written by woohub, which finds the line item by it; please do not edit.",
    unique=True,
)
DEAL_PROPERTIES = {
    ITEMS_STATE: _text_property(
        "WooCommerce line items", "Which line items HubSpot has. Written by woohub; please do not edit."
    ),
    ITEMS_NOTE: _text_property(
        "WooCommerce line items note", "What is part of the order and not among its line items.", "textarea"
    ),
}


@dataclass(frozen=True)
class OrderItems:
    """An order's line items: the values of each by its id, and a note on what is left out."""

    items: Mapping[str, Mapping[str, str]]
    note: str

    @cached_property
    def digest(self) -> str:
        """A hash that changes with any value and with the note."""
        text = json.dumps([self.note, sorted((key, sorted(item.items())) for key, item in self.items.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class LineItemMapping:
    """The section [line_item] of mapping.toml, ready to use."""

    rules: Mapping[str, WriteRule]
    personal: tuple[str, ...]  # properties that may hold a person's words
    _from_item: Mapping[str, Value]
    _from_order: Mapping[str, Value]
    # Kept while the order is: a batch needs an order's items twice, for the deal's note and to write them.
    _read: WeakKeyDictionary[Order, OrderItems] = field(
        default_factory=WeakKeyDictionary, init=False, repr=False, compare=False
    )

    @classmethod
    def of(cls, table: Mapping[str, LineItemRow]) -> LineItemMapping:
        """Prepare the mapping from the rows of the section."""
        return cls(
            {name: WriteRule(row.write) for name, row in table.items()} | {ITEM_KEY: WriteRule("always")},
            personal.properties_of_line_items(table),
            {name: value_reader(row.item, row) for name, row in table.items() if not row.order},
            {name: value_reader(row.order, row) for name, row in table.items() if row.order},
        )

    def read(self, order: Order) -> OrderItems | None:
        """Return the order's line items; None if the store does not say which items it has."""
        if order.line_items is None:
            return None
        items = self._read.get(order)
        if items is None:
            items = self._read[order] = self._items_of(order)
        return items

    def _items_of(self, order: Order) -> OrderItems:
        rows_of_order = list(_rows(order))
        of_order = read_values(self._from_order, order)
        made = {
            item_id: of_order | read_values(self._from_item, row.fields()) for item_id, row in _by_id(rows_of_order)
        }
        return OrderItems(made, _note(rows_of_order))


class ItemRow(NamedTuple):
    """A row of an order: a product, a fee or shipping. `total` is its part of the order's total, without tax."""

    row: Mapping[str, object]
    name: str
    total: Decimal
    is_product: bool = False

    @property
    def is_line_item(self) -> bool:
        """Whether the row becomes a line item: every positive one, and free products, but nothing negative."""
        return self.total > 0 or (self.total == 0 and self.is_product)

    def fields(self) -> dict[str, object]:
        """Return the row's own fields and the computed ones: name, quantity, unit_price, unit_discount."""
        quantity, subtotal = _number(self.row, "quantity"), max(self.total, _number(self.row, "subtotal") or self.total)
        if quantity is None or quantity < 0 or (quantity == 0 and subtotal != 0):
            quantity = Decimal(1)  # so that price times quantity is the row's total
        unit_price = _per_unit(subtotal, quantity)
        unit_total = unit_price if self.total == subtotal else _per_unit(self.total, quantity)
        return {
            **self.row,
            "name": self.name,
            "quantity": plain(quantity),
            "unit_price": plain(unit_price),
            "unit_discount": plain(_in_cents(EXACT.subtract(unit_price, unit_total))),
        }


def _rows(order: Order) -> Iterator[ItemRow]:
    for row in rows(order, "line_items"):
        yield ItemRow(row, as_text(row.get("name")) or "Item", _total(row), is_product=True)
    for row in rows(order, "fee_lines"):
        yield ItemRow(row, as_text(row.get("name")) or "Fee", _total(row))
    for row in rows(order, "shipping_lines"):
        yield ItemRow(row, f"Shipping: {as_text(row.get('method_title'))}".rstrip(" :"), _total(row))


def _total(row: Mapping[str, object]) -> Decimal:
    total = _number(row, "total")
    if total is not None:
        return total
    quantity = _number(row, "quantity")
    return EXACT.multiply(_number(row, "price") or Decimal(0), Decimal(1) if quantity is None else quantity)


def _number(row: Mapping[str, object], name: str) -> Decimal | None:
    return decimal_of(row.get(name))


def _by_id(rows_of_order: Iterable[ItemRow]) -> Iterator[tuple[str, ItemRow]]:
    """Yield the rows that become line items, each with an id that is unique within the order.

    The same row counts once, even if the store sends it twice. Another row with the same id gets an id by its place.
    """
    by_id: dict[int, ItemRow] = {}
    for place, row in enumerate(rows_of_order):
        own_id = whole_number(row.row.get("id"))
        first = by_id.setdefault(own_id, row) if own_id else None
        if row.is_line_item and (first is row or row != first):
            yield str(own_id) if first is row else f"x{place}", row


def _per_unit(amount: Decimal, quantity: Decimal) -> Decimal:
    units = quantity or Decimal(1)
    return _in_cents(EXACT.divide(amount, units).quantize(SMALLEST_PRICE, ROUND_HALF_UP, EXACT))


def _in_cents(number: Decimal) -> Decimal:
    """Return the number with two decimals if that is exact, else without zeros at its end."""
    in_cents = number.quantize(CENT, context=EXACT)
    return in_cents if in_cents == number else number.normalize(EXACT)


def _note(rows_of_order: Iterable[ItemRow]) -> str:
    left_out = [f"{row.name} {plain(row.total)}" for row in rows_of_order if row.total < 0]
    return f"{LEFT_OUT}{'; '.join(left_out)}"[:MAX_TEXT_CHARACTERS] if left_out else ""
