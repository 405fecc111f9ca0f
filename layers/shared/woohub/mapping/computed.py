"""Compute values of an order that no single field has. All decimals are exact, never binary floats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal

from woohub.json_values import objects
from woohub.store.payload_types import decimal_text
from woohub.store.payloads import Order

EXACT = Context(prec=100)  # amounts have at most 64 digits, so no sum of them is rounded


def decimal_of(value: object) -> Decimal | None:
    """Read a plain decimal number, which stores write as text and plugins also as a JSON number; None if it is none."""
    text = decimal_text(value)
    return Decimal(text) if text else None


def plain(number: Decimal) -> str:
    """Write the number as text, without an exponent."""
    return format(number, "f")


def total_of(numbers: Iterable[Decimal | None]) -> Decimal | None:
    """Return the exact sum; None if one of the numbers is None, because the sum would be wrong without it."""
    total = Decimal(0)
    for number in numbers:
        if number is None:
            return None
        total = EXACT.add(total, number)
    return total


def rows(order: Order, field: str) -> list[dict[str, object]]:
    """Return the objects in one of the order's lists, such as `coupon_lines`."""
    return objects(order.get(field))


def _refunded(order: Order) -> Decimal | None:
    """Return the sum of the refunds as a positive number, with at least as many decimals as the order's total.

    A refund lowers the total, whatever its sign: WooCommerce writes a minus, plugins and old APIs do not.
    Return None if a refund cannot be read.
    """
    total = Decimal(order.total)
    refunds = total_of(_without_sign(decimal_of(row.get("total"))) for row in rows(order, "refunds"))
    return None if refunds is None else EXACT.add(EXACT.subtract(total, total), refunds)


def _without_sign(number: Decimal | None) -> Decimal | None:
    return None if number is None else number.copy_abs()  # abs() would round


def _refunded_total(order: Order) -> str:
    refunded = _refunded(order)
    return "" if refunded is None else plain(refunded)


def _net_total(order: Order) -> str:
    refunded = _refunded(order)
    return "" if refunded is None else plain(EXACT.subtract(Decimal(order.total), refunded))


def _item_count(order: Order) -> str:
    count = total_of(decimal_of(row.get("quantity")) for row in rows(order, "line_items"))
    return "" if count is None else plain(count)


def _list_reader(field: str, name: str) -> Callable[[Order], object]:
    """Return a function that reads the field `name` of each object in the order's list `field`, each value once."""

    def read(order: Order) -> object:
        values = [row.get(name) for row in rows(order, field)]
        return list(dict.fromkeys(value for value in values if isinstance(value, str | int)))

    return read


COMPUTED: Mapping[str, Callable[[Order], object]] = {
    "net_total": _net_total,
    "refunded_total": _refunded_total,
    "item_count": _item_count,
    "coupon_codes": _list_reader("coupon_lines", "code"),
    "skus": _list_reader("line_items", "sku"),
    "shipping_method": _list_reader("shipping_lines", "method_title"),
}
