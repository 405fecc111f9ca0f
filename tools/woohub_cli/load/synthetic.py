"""Test orders for a live test: as a store writes them, with ids and addresses that no store uses."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from woohub.dates import utc_from_ms
from woohub.delivery.delivery import Delivery
from woohub.store.payloads import OrderEvent, parse
from woohub_cli.cli_errors import WrongUsage
from woohub_cli.deliveries.samples import ORDER, Sample

FIRST_ID, LAST_ID = 8 * 10**15, 9 * 10**15  # larger than any store's order ids, and still exact as JSON numbers
MAX_ORDERS = 1_000_000  # in one run
DOMAIN = "woohub-load.example.com"  # example.com is reserved (RFC 2606), and of a kind that HubSpot accepts
HOME = f"https://{DOMAIN}"
TOPICS = ("order.created", "order.updated")  # a store sends both for every new order, with the same body
NAMED = re.compile(r"(\d{10})-(\d{1,7})")


@dataclass(frozen=True)
class Run:
    """One live test. Its name identifies everything it creates."""

    began: int  # epoch seconds; also the date of its orders
    orders: int

    @classmethod
    def begin(cls, orders: int, now: float) -> Run:
        """Return a new run; `now` in epoch seconds."""
        return cls(int(now), orders)

    @classmethod
    def named(cls, name: str) -> Run:
        """Return the earlier run of this name. Raises WrongUsage if no run can have it."""
        parts = NAMED.fullmatch(name)
        if not parts or not 0 < int(parts[2]) <= MAX_ORDERS:
            raise WrongUsage(f"{name} is no run: give the name that `woohub load` printed, such as 1795473600-200")
        return cls(int(parts[1]), int(parts[2]))

    @property
    def name(self) -> str:
        """The name that `woohub load` prints, such as 1795473600-200."""
        return f"{self.began}-{self.orders}"

    @property
    def order_ids(self) -> range:
        first = FIRST_ID + self.began % ((LAST_ID - FIRST_ID) // MAX_ORDERS) * MAX_ORDERS
        return range(first, first + self.orders)

    @property
    def emails(self) -> list[str]:
        return [self._address(customer) for customer in range(self._customers)]

    def email(self, order_id: int) -> str:
        return self._address(self._customer(order_id))

    def body(self, order_id: int) -> bytes:
        """Return the order as a store would write it: the same bytes at each call."""
        number = order_id - self.order_ids.start
        total = f"{number % 500}.99"
        fields = {
            "id": order_id,
            "number": str(order_id),
            "created_via": "rest-api",
            "total": total,
            "customer_id": 0,
            "billing": self._billing(order_id),
            "line_items": [{"id": 1, "name": "Load test", "quantity": 1, "total": total}],
        }
        return json.dumps({**ORDER, **fields, **self._dates()}).encode()

    def _billing(self, order_id: int) -> dict[str, str]:
        customer = self._customer(order_id)
        return {
            "first_name": "Load",
            "last_name": f"Test {customer}",
            "email": self._address(customer),
            "address_1": f"{customer + 1} Test Street",
            "city": "Anytown",
            "country": "US",
        }

    def _dates(self) -> dict[str, Any]:
        """Return the order's dates. The store's time zone is UTC, so the local and the GMT dates are equal."""
        began = utc_from_ms(self.began * 1000)
        names = ("date_created", "date_modified", "date_paid")
        return {"date_completed": None} | {name + zone: began for name in names for zone in ("", "_gmt")}

    def deliveries(self, order_id: int) -> list[Sample]:
        """Return the two deliveries that a store sends about a new order."""
        body = self.body(order_id)
        headers = {"x-wc-webhook-source": f"{HOME}/"}
        return [Sample(f"{topic} {order_id}", topic, body, headers) for topic in TOPICS]

    def event(self, order_id: int, received_ms: int) -> OrderEvent:
        """Return the order as the consumer reads it."""
        event = parse(Delivery(TOPICS[0], self.body(order_id), received_ms))
        if not isinstance(event, OrderEvent):
            raise TypeError("a synthetic order is an order")
        return event

    @property
    def _customers(self) -> int:
        """The number of customers: two for three orders, so that every other customer orders twice."""
        return max(1, self.orders * 2 // 3)

    def _customer(self, order_id: int) -> int:
        return (order_id - self.order_ids.start) % self._customers

    def _address(self, customer: int) -> str:
        return f"load-{self.began}-{customer}@{DOMAIN}"
