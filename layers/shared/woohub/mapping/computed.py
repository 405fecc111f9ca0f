"""Values of an order that no single field has; decimals are exact, never binary floats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal

from woohub.store.payload_types import decimal_text, objects
from woohub.store.payloads import Order

EXACT = Context(prec=100)  # amounts have up to 64 digits: no sum of them is ever rounded


def decimal_of(value: object) -> Decimal | None:
    """A plain decimal number, or None: stores write amounts as text, plugins also as JSON numbers."""
    text = decimal_text(value)
    return Decimal(text) if text else None


def plain(number: Decimal) -> str:
    """The number as text, without an exponent."""
    return format(number, "f")


def total_of(numbers: Iterable[Decimal | None]) -> Decimal | None:
    """The exact sum; None where one of the numbers cannot be read: half a sum would be wrong."""
    total = Decimal(0)
    for number in numbers:
        if number is None:
            return None
        total = EXACT.add(total, number)
    return total


def rows(order: Order, field: str) -> list[dict[str, object]]:
    """The objects in a list of the order, such as `coupon_lines`."""
    return objects(order.get(field))


def _refunded(order: Order) -> Decimal | None:
    """The sum of the refunds, as a positive number with at least the decimals of the total.

    A refund lowers the total, whatever its sign: WooCommerce writes a minus, plugins and old APIs do not.
    """
    total = Decimal(order.total)
    refunds = total_of(_size(decimal_of(row.get("total"))) for row in rows(order, "refunds"))
    return None if refunds is None else EXACT.add(EXACT.subtract(total, total), refunds)


def _size(number: Decimal | None) -> Decimal | None:
    """The number without its sign, every digit kept."""
    return None if number is None else number.copy_abs()


def _refunded_total(order: Order) -> str:
    refunded = _refunded(order)
    return "" if refunded is None else plain(refunded)


def _net_total(order: Order) -> str:
    refunded = _refunded(order)
    return "" if refunded is None else plain(EXACT.subtract(Decimal(order.total), refunded))


def _item_count(order: Order) -> str:
    count = total_of(decimal_of(row.get("quantity")) for row in rows(order, "line_items"))
    return "" if count is None else plain(count)


def _each(field: str, name: str) -> Callable[[Order], object]:
    """The texts of a list's objects, each once."""

    def read(order: Order) -> object:
        values = [row.get(name) for row in rows(order, field)]
        return list(dict.fromkeys(value for value in values if isinstance(value, str | int)))

    return read


COMPUTED: Mapping[str, Callable[[Order], object]] = {
    "net_total": _net_total,
    "refunded_total": _refunded_total,
    "item_count": _item_count,
    "coupon_codes": _each("coupon_lines", "code"),
    "skus": _each("line_items", "sku"),
    "shipping_method": _each("shipping_lines", "method_title"),
}
