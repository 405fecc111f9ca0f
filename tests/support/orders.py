"""Orders and customers as a store sends them, and deliveries and messages of them."""

from __future__ import annotations

import json
from typing import Any

from tests.support.payloads import BILLING
from woohub.delivery.delivery import Delivery
from woohub.sync.outcome import Message

START_MS = 1_795_473_600_000  # 2026-11-23T22:40:00Z


def order(number: int = 1234, **changes: Any) -> dict[str, Any]:
    """The body of an order with these fields changed; `billing` is merged into the address."""
    body = {
        "id": number,
        "status": "processing",
        "currency": "USD",
        "total": "150.00",
        "customer_id": 56,
        "date_created_gmt": "2026-11-23T22:40:00",
        "date_modified_gmt": "2026-11-23T22:40:00",
        "line_items": [{"name": "Product A"}, {"name": "Product B"}],
    }
    return body | changes | {"billing": BILLING | changes.get("billing", {})}


def customer(number: int = 56, **changes: Any) -> dict[str, Any]:
    """The body of a customer's account with these fields changed; `billing` is merged into the address."""
    address = BILLING | changes.get("billing", {})
    body = {
        "id": number,
        "role": "customer",
        "email": "jane.doe@example.com",
        "first_name": "Jane",
        "last_name": "Doe",
        "date_created_gmt": "2026-11-01T00:00:00",
        "date_modified_gmt": "2026-11-23T22:40:00",
    }
    return body | changes | {"billing": address}


def delivery(topic: str, body: dict[str, Any], after_s: float = 0) -> Delivery:
    """A verified delivery of this body, received `after_s` after START_MS."""
    entity = f"{topic.partition('.')[0]}:{body['id']}"
    received_ms = START_MS + round(after_s * 1000)
    return Delivery(topic=topic, body=json.dumps(body).encode(), received_ms=received_ms, entity=entity)


def message(topic: str, body: dict[str, Any], after_s: float = 0, *, receive_count: int = 1) -> Message:
    """The same delivery as a message that was received from the queue `receive_count` times."""
    received = delivery(topic, body, after_s)
    return Message(f"{received.entity}/{topic}/{after_s}/{receive_count}", received, receive_count)
