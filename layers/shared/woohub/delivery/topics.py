"""The topics that ingest accepts, and the order or customer that a delivery is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from typing import Any

from woohub.delivery.delivery import Delivery
from woohub.errors import NotAnEntity
from woohub.json_values import identifier, read_json

_REST_CODE = re.compile(r"[a-z0-9_]{1,80}")


def identify(delivery: Delivery) -> Delivery:
    """Return the delivery with its entity filled in. Raises NotAnEntity if it is about no order or customer.

    Only what distinguishes orders, customers and the store's errors is checked; the consumer checks all values.
    """
    if delivery.topic not in _SHAPES:
        raise NotAnEntity("unknown_topic")
    try:
        content = read_json(delivery.body)
    except ValueError:
        raise NotAnEntity("not_json", lost_event=True) from None
    if not isinstance(content, dict) or not identifier(content) or not _SHAPES[delivery.topic](content):
        raise _not_an_entity(content)
    kind = delivery.topic.partition(".")[0]
    return replace(delivery, entity=f"{kind}:{identifier(content)}")


# Fields that only orders or only customers have, in all versions of WooCommerce's API. Plugins add fields of any name
# to both, so the kind with more matching fields counts.
_OWN_FIELDS: Mapping[str, Set[str]] = {
    "order": {"status", "currency", "total", "total_tax", "parent_id", "number", "order_key", "customer_id"}
    | {"customer_note", "payment_method", "line_items", "shipping_lines", "refunds"},
    "customer": {"email", "first_name", "last_name", "role", "username", "avatar_url", "is_paying_customer"}
    | {"orders_count", "total_spent"},
}
# All orders have the first fields, all customers the second. A deletion has an id and what plugins add: of each set, at
# most one field.
_ESSENTIAL_FIELDS = ({"status", "total", "line_items"}, {"email", "username", "role"})


def _is_order(content: dict[str, Any]) -> bool:
    return isinstance(content.get("status"), str) and _resembles("order", "customer", content)


def _is_customer(content: dict[str, Any]) -> bool:
    return "email" in content and _resembles("customer", "order", content)


def _resembles(kind: str, other: str, content: dict[str, Any]) -> bool:
    return len(_OWN_FIELDS[kind] & content.keys()) > len(_OWN_FIELDS[other] & content.keys())


def _is_deletion(content: dict[str, Any]) -> bool:
    return all(len(essential & content.keys()) < 2 for essential in _ESSENTIAL_FIELDS)


TEST_TOPIC = "action.woohub_test"  # of the deliveries that `woohub setup` and `woohub doctor` send

# Whether a body with an id fits its topic, whatever version of the store's API the webhook uses.
_SHAPES: Mapping[str, Callable[[dict[str, Any]], bool]] = {
    "order.created": _is_order,
    "order.updated": _is_order,
    "order.restored": _is_order,
    "order.deleted": _is_deletion,
    "customer.created": _is_customer,
    "customer.updated": _is_customer,
    "customer.deleted": _is_deletion,
}


def _not_an_entity(content: Any) -> NotAnEntity:
    """Return the error for a body that is no order or customer. Most are errors of the store's API, signed like any.

    Only "…_invalid_id" loses no event: the order was deleted before the delivery. All other causes mean that a change
    did not arrive: `…rest_cannot_view`, `rest_no_route`, a body of the legacy API or of another topic.
    """
    codes = [code for code in _error_codes(content) if _REST_CODE.fullmatch(code)] or ["topic_mismatch"]
    losses = [code for code in codes if not code.endswith("_invalid_id")]
    return NotAnEntity((losses or codes)[0], lost_event=bool(losses))


def _error_codes(content: Any) -> list[str]:
    """Return the codes of a REST API error, an error of the legacy API, or a WP_Error as PHP writes it."""
    if not isinstance(content, dict):
        return []
    errors = content.get("errors")
    if isinstance(errors, dict):
        return list(errors)
    rows = errors if isinstance(errors, list) else [content]
    codes = [row.get("code") for row in rows if isinstance(row, dict) and "message" in row]
    return [code for code in codes if isinstance(code, str)]
