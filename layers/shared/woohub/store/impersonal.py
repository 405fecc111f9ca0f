"""What remains of an order without its person: what was bought, when, for how much, and what became of it.

A list of what stays, because nobody can list what may go: meta fields, what plugins add, notes and links hold whatever
the person typed, or open the order to whoever has them (`order_key`, `payment_url`).
Names of WooCommerce's REST API, v1 to v3.
"""

from __future__ import annotations

from woohub.store.payload_types import objects

ORDER_FIELDS = frozenset(
    [
        "id",
        "parent_id",
        "number",
        "status",
        "currency",
        "currency_symbol",
        "version",
        "created_via",
        "prices_include_tax",
        "date_created",
        "date_created_gmt",
        "date_modified",
        "date_modified_gmt",
        "date_paid",
        "date_paid_gmt",
        "date_completed",
        "date_completed_gmt",
        "total",
        "total_tax",
        "cart_tax",
        "discount_total",
        "discount_tax",
        "shipping_total",
        "shipping_tax",
        "payment_method",
        "payment_method_title",
        "set_paid",
        "needs_payment",
        "needs_processing",
        "is_editable",
    ]
)
LISTS = frozenset(["line_items", "tax_lines", "shipping_lines", "fee_lines", "coupon_lines", "refunds"])
ROW_FIELDS = frozenset(
    [
        "id",
        "name",
        "parent_name",
        "product_id",
        "variation_id",
        "quantity",
        "sku",
        "price",
        "subtotal",
        "subtotal_tax",
        "total",
        "total_tax",
        "amount",
        "taxes",
        "tax_class",
        "tax_status",
        "tax_total",
        "shipping_tax_total",
        "rate_code",
        "rate_id",
        "rate_percent",
        "label",
        "compound",
        "method_id",
        "method_title",
        "instance_id",
        "code",
        "discount",
        "discount_tax",
        "discount_type",
        "nominal_amount",
        "free_shipping",
    ]
)


def stays(name: str, value: object) -> object:
    """The value of an order's field as far as it stays; None where nothing does."""
    if name in LISTS:
        return [row_that_stays(row) for row in objects(value)]
    return value if name in ORDER_FIELDS else None


def row_that_stays(row: dict[str, object]) -> dict[str, object]:
    """The same for a row of one of the lists, such as a line item."""
    return {name: value for name, value in row.items() if name in ROW_FIELDS}


def is_personal(path: str) -> bool:
    """Whether what a source of the mapping leads to, such as `billing.city`, may not stay."""
    name, _, rest = path.partition(".")
    if name in LISTS and rest:
        return is_personal_of_row(rest)
    return name not in ORDER_FIELDS | LISTS


def is_personal_of_row(path: str) -> bool:
    """The same for a source of a line item, relative to the item."""
    return path.partition(".")[0] not in ROW_FIELDS
