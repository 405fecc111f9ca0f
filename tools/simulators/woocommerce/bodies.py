"""Orders and customers, and their JSON: bodies captured from a real store, with other values."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from .zones import Zone, gmt

Json = dict[str, Any]

_HERE = Path(__file__).parent
_ORDER: Json = json.loads((_HERE / "order.json").read_text(encoding="utf-8"))
_CUSTOMER: Json = json.loads((_HERE / "customer.json").read_text(encoding="utf-8"))
_SHIPPING = tuple(_ORDER["shipping"])


def php_json(value: object) -> str:
    """Return JSON as PHP writes it: ASCII, escaped slashes, no spaces."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")


@dataclass(frozen=True)
class Item:
    """A product in an order; `price` is for one piece."""

    name: str
    price: Decimal
    quantity: int = 1


@dataclass
class Order:
    """An order; times in epoch seconds."""

    id: int
    status: str
    created: float
    modified: float
    billing: dict[str, str]
    items: tuple[Item, ...]
    currency: str = "USD"
    customer_id: int = 0
    created_via: str = "rest-api"
    paid: float | None = None
    completed: float | None = None
    before_trash: str = ""
    number: str = ""  # as a plugin numbers orders; "": the id
    text: str = ""  # the cached body; "" after a change
    written: Json = field(default_factory=dict)  # fields with other values in the body, such as a date of zeros

    @property
    def total(self) -> Decimal:
        """The sum that the customer pays."""
        return sum((item.price * item.quantity for item in self.items), Decimal(0))


@dataclass
class Customer:
    """An account; times in epoch seconds."""

    id: int
    email: str
    first_name: str
    last_name: str
    created: float
    modified: float | None
    billing: dict[str, str]
    role: str = "customer"
    paying: bool = False
    written: Json = field(default_factory=dict)  # fields with other values in the body


def order_body(order: Order, home: str, zone: Zone) -> str:
    """Return the order's JSON as REST and webhooks send it."""
    if not order.text:
        order.text = php_json(_order(order, home, zone))
    return order.text


def _order(order: Order, home: str, zone: Zone) -> Json:
    key = f"wc_order_{hashlib.sha256(str(order.id).encode()).hexdigest()[:13]}"
    body = _ORDER | {
        "id": order.id,
        "status": order.status,
        "currency": order.currency,
        "total": _money(order.total),
        "shipping_total": "0.00",
        "customer_id": order.customer_id,
        "order_key": key,
        "billing": _ORDER["billing"] | order.billing,
        "shipping": {name: order.billing.get(name, "") for name in _SHIPPING},
        "created_via": order.created_via,
        "number": order.number or str(order.id),
        "line_items": [_line(order, number, item) for number, item in enumerate(order.items, 1)],
        "shipping_lines": [],
        "payment_url": f"{home}/checkout/order-pay/{order.id}/?pay_for_order=true&key={key}",
        "currency_symbol": {"USD": "$", "EUR": "&euro;", "GBP": "&pound;"}.get(order.currency, order.currency),
        "_links": _links(home, "orders", order.id),
    }
    moments = {
        "created": order.created,
        "modified": order.modified,
        "completed": order.completed,
        "paid": order.paid,
    }
    return body | _dates(moments, zone) | order.written


def _line(order: Order, number: int, item: Item) -> Json:
    total = _money(item.price * item.quantity)
    line: Json = _ORDER["line_items"][0]
    return line | {
        "id": order.id * 100 + number,
        "name": item.name,
        "quantity": item.quantity,
        "subtotal": total,
        "total": total,
        "price": float(item.price),
    }


def customer_body(customer: Customer, home: str, zone: Zone) -> str:
    """Return the account's JSON as REST and webhooks send it."""
    body = _CUSTOMER | {
        "id": customer.id,
        "email": customer.email,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
        "role": customer.role,
        "username": customer.email.partition("@")[0],
        "billing": _CUSTOMER["billing"] | customer.billing,
        "shipping": {name: customer.billing.get(name, "") for name in _CUSTOMER["shipping"]},
        "is_paying_customer": customer.paying,
        "_links": _links(home, "customers", customer.id),
    }
    dates = _dates({"created": customer.created, "modified": customer.modified}, zone)
    return php_json(body | dates | customer.written)


def _dates(moments: dict[str, float | None], zone: Zone) -> Json:
    local = {f"date_{name}": None if at is None else zone.local(at) for name, at in moments.items()}
    return local | {f"date_{name}_gmt": None if at is None else gmt(at) for name, at in moments.items()}


def _links(home: str, kind: str, number: int) -> Json:
    collection = f"{home}/wp-json/wc/v3/{kind}"
    hints = {"allow": ["GET", "POST", "PUT", "PATCH", "DELETE"]}
    return {
        "self": [{"href": f"{collection}/{number}", "targetHints": hints}],
        "collection": [{"href": collection}],
    }


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}"
