"""Orders as a real store sends them: one captured from WooCommerce 11.0.1, with other numbers, people and dates."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from woohub.dates import utc_from_ms
from woohub.delivery import signatures, topics
from woohub.delivery.delivery import Delivery

START_S = 1_795_473_600.0  # 2026-11-23T22:40:00Z
SAMPLE = Path(__file__).parents[2] / "events" / "ingest-order-created.json"
SECRET = "bench-secret"  # noqa: S105
NAMES = (("Ana", "García"), ("Jane", "Doe"), ("Łukasz", "Żak"), ("Mary-Ann", "O'Neil"), ("Ben", "van den Berg"))
PRODUCTS = ("Blue T-Shirt - L", "Coffee &amp; Mug", "Gift Card", "Notebook A5", "Desk Lamp")

Body = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """A customer. Guests have no account."""

    number: int
    guest: bool = False

    @property
    def email(self) -> str:
        return f"{'guest' if self.guest else 'shopper'}{self.number}@shop.example"

    @property
    def first_name(self) -> str:
        return NAMES[self.number % len(NAMES)][0]

    @property
    def last_name(self) -> str:
        return NAMES[self.number % len(NAMES)][1]


def sample() -> Body:
    body: Body = json.loads(json.loads(SAMPLE.read_text(encoding="utf-8"))["body"])
    return body


TEMPLATE = sample()


def order(number: int, person: Person, *, status: str = "processing", created: float, modified: float) -> Body:
    """Return an order's body; `created` and `modified` in epoch seconds."""
    names = {"first_name": person.first_name, "last_name": person.last_name, "email": person.email}
    items = [
        TEMPLATE["line_items"][0] | {"id": 100 + n, "name": PRODUCTS[(number + n) % 5]} for n in range(1 + number % 3)
    ]
    return TEMPLATE | {
        "id": number,
        "number": str(number),
        "status": status,
        "total": f"{10 + number % 90}.50",
        "customer_id": 0 if person.guest else person.number,
        "billing": TEMPLATE["billing"] | names | {"address_1": f"{person.number} High St"},
        "line_items": items,
        "date_created_gmt": utc_from_ms(int(created * 1000)),
        "date_modified_gmt": utc_from_ms(int(modified * 1000)),
    }


def changed(body: Body, status: str, *, modified: float) -> Body:
    """Return the order after a status change in the store."""
    return body | {"status": status, "date_modified_gmt": utc_from_ms(int(modified * 1000))}


def delivery(topic: str, body: Body, received: float) -> Delivery:
    """Return the verified delivery of an order; `received` in epoch seconds."""
    raw = json.dumps(body, separators=(",", ":")).encode()
    headers = {
        "X-WC-Webhook-Source": "https://shop.example/",
        "X-WC-Webhook-Topic": topic,
        "X-WC-Webhook-Signature": signatures.sign(raw, SECRET),
        "X-WC-Webhook-ID": "2",
        "X-WC-Webhook-Delivery-ID": f"{int(received):032x}",
    }
    verified, _ = signatures.verify(headers, raw, {"current": SECRET}, received_ms=int(received * 1000))
    return topics.identify(verified)


@dataclass(frozen=True)
class Workload:
    """Deliveries in the order the store sends them, and the orders' final state."""

    deliveries: Sequence[Delivery]
    orders: Sequence[Body]


def new_orders(count: int, at: float, *, first: int = 1, known: Sequence[Person] = ()) -> Workload:
    """Return new orders of different people, one delivery each.

    Every second order is by one of `known`, as long as there are any.
    """
    people = [known[n // 2] if n % 2 and n // 2 < len(known) else Person(100_000 + first + n) for n in range(count)]
    orders = [order(first + n, person, created=at, modified=at) for n, person in enumerate(people)]
    return Workload([delivery("order.created", body, at) for body in orders], orders)


def status_changes(orders: Sequence[Body], statuses: Sequence[str], *, at: float) -> Workload:
    """Return status changes of these orders, one delivery each."""
    bodies = [changed(body, status, modified=at) for body, status in zip(orders, statuses, strict=True)]
    return Workload([delivery("order.updated", body, at) for body in bodies], bodies)


# 200 orders by 105 registered people and 45 guests.
REGISTERED, GUESTS, GUEST_ORDERS, ORDERS = 105, 45, 60, 200
PAID_ORDERS = 40  # of the 200: created as pending, updated to processing
FINAL_STATUSES = ("completed",) * 170 + ("cancelled",) * 10 + ("refunded",) * 10 + ("awaiting-pickup",) * 10


TWO_DELIVERIES_EACH_S = (ORDERS - 1) * 0.02 + 0.01  # from the first to the last delivery


def shoppers() -> list[Person]:
    """Return the 150 customers."""
    return [Person(n + 1) for n in range(REGISTERED)] + [Person(n + 1, guest=True) for n in range(GUESTS)]


def two_deliveries_each(at: float, *, apart_s: float = 0.02) -> Workload:
    """Return 200 orders as a store sends them: order.created, then order.updated, mostly with the same content.

    The first arrives at `at`, the others at intervals of `apart_s`.
    """
    registered, guests = cycle(shoppers()[:REGISTERED]), cycle(shoppers()[REGISTERED:])
    deliveries: list[Delivery] = []
    finals: list[Body] = []
    for n in range(ORDERS):
        person = next(guests if n * GUEST_ORDERS % ORDERS < GUEST_ORDERS else registered)
        received = at + n * apart_s
        created, updated = _pair(1001 + n, person, received - 2)
        deliveries.append(delivery("order.created", created, received))
        deliveries.append(delivery("order.updated", updated, received + 0.01))
        finals.append(updated)
    return Workload(deliveries, finals)


def _pair(number: int, person: Person, at: float) -> tuple[Body, Body]:
    if number % (ORDERS // PAID_ORDERS):
        same = order(number, person, created=at, modified=at)
        return same, same
    pending = order(number, person, status="pending", created=at, modified=at)
    return pending, changed(pending, "processing", modified=at + number // 5 % 2)  # half of them in the same second


def final_status_changes(orders: Sequence[Body], at: float, seed: int = 0) -> Workload:
    """Return one more status change of each of the 200 orders, in random order."""
    shuffled = random.Random(seed).sample(list(orders), len(orders))  # noqa: S311
    return status_changes(shuffled, FINAL_STATUSES, at=at)
