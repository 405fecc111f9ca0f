"""The fields of an order that do not concern a person: what was bought, when, for how much, and the order's status.

This is a list of the fields to keep, because nobody can list all fields to remove: meta fields, plugins' fields and
notes hold what the person typed, and whoever has `order_key` or `payment_url` can open the order.
All names are those of WooCommerce's REST API, v1 to v3.
"""

from __future__ import annotations

from woohub.json_values import objects

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
    """Return an order's field without what concerns a person; None if nothing is left."""
    if name in LISTS and value is not None:
        return [row_that_stays(row) for row in objects(value)]
    return value if name in ORDER_FIELDS else None


def row_that_stays(row: dict[str, object]) -> dict[str, object]:
    """Return a row of one of LISTS, such as a line item, without what concerns a person."""
    return {name: value for name, value in row.items() if name in ROW_FIELDS}


def is_personal(path: str) -> bool:
    """Whether the field that a source of the mapping names, such as `billing.city`, may concern a person."""
    name, _, rest = path.partition(".")
    if name in LISTS and rest:
        return is_personal_of_row(rest)
    return name not in ORDER_FIELDS | LISTS


def is_personal_of_row(path: str) -> bool:
    """Whether a field of a line item that a source of the mapping names may concern a person."""
    return path.partition(".")[0] not in ROW_FIELDS
