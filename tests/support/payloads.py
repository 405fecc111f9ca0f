"""Payloads of a store with the fields that woohub reads; a test changes only the fields it is about."""

from __future__ import annotations

import json
from typing import Any

from woohub.delivery.delivery import Delivery
from woohub.store.payloads import Customer, CustomerEvent, Event, Order, OrderEvent, parse

RECEIVED_MS = 1_698_314_400_123

BILLING = {
    "first_name": "Jane",
    "last_name": "Doe",
    "address_1": "123 Main St",
    "city": "Anytown",
    "state": "CA",
    "postcode": "90210",
    "country": "US",
    "email": "jane.doe@example.com",
    "phone": "555-123-4567",
}

ORDER = {
    "id": 1234,
    "status": "processing",
    "currency": "USD",
    "total": "150.00",
    "customer_id": 56,
    "date_created": "2023-10-26T10:00:00",
    "billing": BILLING,
    "line_items": [{"id": 1, "name": "Product A"}, {"id": 2, "name": "Product B"}],
}

CUSTOMER = {
    "id": 56,
    "date_created": "2023-10-20T05:00:00",
    "date_created_gmt": "2023-10-20T09:00:00",
    "date_modified": "2023-10-26T06:00:00",
    "date_modified_gmt": "2023-10-26T10:00:00",
    "email": "jane.doe@example.com",
    "first_name": "Janet",
    "last_name": "Doe-Smith",
    "role": "customer",
    "billing": BILLING,
}

CONTACT = {  # the properties of ORDER's customer in HubSpot
    "firstname": "Jane",
    "lastname": "Doe",
    "email": "jane.doe@example.com",
    "phone": "555-123-4567",
    "address": "123 Main St",
    "city": "Anytown",
    "state": "CA",
    "zip": "90210",
    "country": "US",
    "woocommerce_customer_id": "56",
}


def event(topic: str, payload: object) -> Event:
    """Parse a delivery of this payload."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return parse(Delivery(topic=topic, body=body, received_ms=RECEIVED_MS))


def without(payload: dict[str, Any], *names: str) -> dict[str, Any]:
    """The payload without these fields."""
    return {name: value for name, value in payload.items() if name not in names}


def order(**changes: object) -> Order:
    """The sample order with these fields changed."""
    read = event("order.updated", ORDER | changes)
    assert isinstance(read, OrderEvent)
    return read.order


def billed(**changes: object) -> Order:
    """The sample order with these fields of its billing address changed."""
    return order(billing=BILLING | changes)


def customer(**changes: object) -> Customer:
    """The sample account with these fields changed."""
    read = event("customer.updated", CUSTOMER | changes)
    assert isinstance(read, CustomerEvent)
    return read.customer
