"""A WooCommerce store: orders and customers, their changes, and the requests of its webhooks."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.model.simulation import Simulation
from tests.support.deliveries import SECRET
from woohub.delivery import signatures

Body = dict[str, Any]
TRUTH = (
    "truth"  # a field for the reference, which no store sends: true dates, "" or `undated` where the store's are false
)

WEBHOOKS = {
    "order.created": 2,
    "order.updated": 3,
    "order.deleted": 4,
    "order.restored": 5,
    "customer.created": 6,
    "customer.updated": 7,
}
SOURCE, CLONE = "https://shop.example/", "https://staging.shop.example/"
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed", "awaiting-pickup")
STREETS = ("1 Low Rd", "12 High St", "7 Mill Lane", "3 Quay", "40 Elm Ave")
CITIES = (("Anytown", "CA", "90210", "US"), ("New York", "NY", "10001", "US"), ("Lille", "", "59000", "FR"))
FIRST, LAST = ("Ana", "Bo", "Chloé", "Dee"), ("Doe", "García", "O'Neil", "Smith & Sons")
PRODUCTS = ("Anvil", "Bell", "Candle", "Drum", "Easel")


MINUTE, HOUR, YEAR = 60.0, 3600.0, 365 * 86_400.0
ERASED = {  # as WooCommerce's order eraser leaves an address
    **dict.fromkeys(("first_name", "last_name", "company", "address_1", "address_2", "city", "postcode"), "[deleted]"),
    **{"state": "", "country": "", "email": "deleted@site.invalid", "phone": "+0000"},
}
CLOCKS = (  # (seconds ahead, whether it is corrected in the middle of a run), for the seeds from 1 on
    *((0.0, False), (5.5 * HOUR, True), (1.5 * MINUTE, True), (3 * YEAR, False), (-3 * YEAR, False)),
    *((5.5 * HOUR, False), (-5.5 * HOUR, True), (10 * MINUTE, True), (-10 * MINUTE, False), (3 * YEAR, True)),
    *((10 * MINUTE, False), (-5.5 * HOUR, False), (-10 * MINUTE, True), (-3 * YEAR, True), (1.5 * MINUTE, False)),
)
NO_DATES = (None, False, "", "0000-00-00T00:00:00", "1970-01-01T00:00:00", "soon")
IN_THE_FUTURE = "2031-01-05T15:00:00"


@dataclass(frozen=True)
class StoreClock:
    """How many seconds the store's clock is ahead (behind, if negative) until it is corrected."""

    ahead_s: float = 0.0
    right_from: float = math.inf  # epoch seconds

    def offset(self, now: float) -> float:
        """How many seconds the clock is ahead now."""
        return self.ahead_s if now < self.right_from else 0.0


@dataclass(frozen=True)
class Request:
    """A webhook's request."""

    headers: Mapping[str, str]
    body: bytes
    store: str = ""  # the last part of the URL; empty for the first store

    @property
    def topic(self) -> str:
        return self.headers["X-WC-Webhook-Topic"]


class Shop:
    """The store's true state. Every change returns the topics that its webhooks queue, in order."""

    def __init__(self, simulation: Simulation, clock: StoreClock = StoreClock(), store: str = "") -> None:
        self.clock = clock
        self.store = store
        self.orders: dict[int, Body] = {}
        self.customers: dict[int, Body] = {}
        self._before_trash: dict[int, str] = {}
        self._simulation = simulation

    def register(self, number: int, email: str, *, days_ago: float = 0) -> list[str]:
        """A new account."""
        made = self._moment(days_ago)
        first, last = self._name()
        self.customers[number] = {
            "id": number,
            **self._dates("created", made),
            **self._dates("modified", made),
            TRUTH: {"created": _text(made), "modified": _text(made)},
            "email": email,
            "first_name": first,
            "last_name": last,
            "role": "customer",
            "username": f"user{number}",
            "billing": self._address(email, first, last),
            "meta_data": [],
        }
        return ["customer.created", "customer.updated"]

    def edit_customer(self, number: int) -> list[str]:
        """A customer's address changes."""
        customer = self.customers[number]
        moved = self._address(customer["billing"]["email"], customer["first_name"], customer["last_name"])
        return self._change(customer, "customer.updated", billing=moved)

    def change_account_email(self, number: int, email: str) -> list[str]:
        """A customer changes the address of the account (the one for invoices stays, as in WooCommerce)."""
        return self._change(self.customers[number], "customer.updated", email=email)

    def place(self, number: int, email: str, *, customer: int = 0, days_ago: float = 0, way: str = "rest") -> list[str]:
        """A new order through `checkout`, `rest` or `admin`, each with other topics."""
        made = self._moment(days_ago)
        billing = self._address(email, *self._name())
        if customer in self.customers and self._simulation.random.random() < 0.7:
            billing = self.customers[customer]["billing"] | {"email": email}
        self.orders[number] = {
            "id": number,
            "number": str(number),
            "status": "processing",
            "currency": self._simulation.random.choice(("USD", "EUR", "GBP")),
            **self._dates("created", made),
            **self._dates("modified", made),
            TRUTH: {"created": _text(made), "modified": _text(made)},
            "total": f"{self._simulation.random.randint(100, 99_999) / 100:.2f}",
            "customer_id": customer,
            "billing": billing,
            "line_items": self._items(),
            "refunds": [],
            "meta_data": [],
        }
        created, updated = "order.created", "order.updated"
        return {"checkout": [updated, created], "rest": [created, updated], "admin": [created]}[way]

    def change_status(self, number: int, status: str = "") -> list[str]:
        """An order's status changes."""
        other = [status for status in STATUSES if status != self.orders[number]["status"]]
        return self._change(
            self.orders[number], "order.updated", status=status or self._simulation.random.choice(other)
        )

    def edit_order(self, number: int) -> list[str]:
        """An order's items, total and billing address change; the email stays.

        Removed items may come back, or all get new ids, as when a failed payment is tried again.
        """
        order = self.orders[number]
        total = f"{self._simulation.random.randint(100, 99_999) / 100:.2f}"
        billing = self._address(order["billing"]["email"], *self._name())
        items = self._items(first_id=1 if total[-1] in "0369" else 100 * int(self._simulation.now))
        return self._change(order, "order.updated", total=total, billing=billing, line_items=items)

    def change_order_email(self, number: int, email: str) -> list[str]:
        """An order moves to another customer."""
        order = self.orders[number]
        return self._change(order, "order.updated", billing=order["billing"] | {"email": email})

    def set_false_dates(self, number: int, *, modified: bool) -> list[str]:
        """A plugin, a migration or a person sets a false creation date, and with `modified` also a false change date.

        A future date is overwritten by the next change; a missing one stays missing.
        """
        order, false_date = self.orders[number], self._simulation.random.choice((IN_THE_FUTURE, *NO_DATES))
        topics = self._change(order, "order.updated", **_both("created", false_date, false_date))
        order[TRUTH]["created"] = ""
        if modified:
            order |= _both("modified", false_date, false_date)
            order[TRUTH] |= {"undated": True, "for_ever": false_date != IN_THE_FUTURE}
        return topics

    def erase(self, number: int) -> list[str]:
        """Remove the person from an order, as the store's eraser and its daily retention job do."""
        anonymised = [{"id": 1, "key": "_anonymized", "value": "yes"}]
        return self._change(self.orders[number], "order.updated", billing=ERASED, customer_id=0, meta_data=anonymised)

    def has_person(self, number: int) -> bool:
        """Whether the person has not been removed from the order."""
        return bool(self.orders[number]["billing"] != ERASED)

    def trash(self, number: int) -> list[str]:
        """Move an order to the trash; the delivery has only its id."""
        order = self.orders[number]
        if order["status"] == "trash":
            return []
        self._before_trash[number] = order["status"]
        self._change(order, "", status="trash")
        return ["order.deleted"]

    def restore(self, number: int) -> list[str]:
        """Restore an order from the trash."""
        if number not in self._before_trash:
            return []
        return self._change(self.orders[number], "order.restored", status=self._before_trash.pop(number))

    def body(self, topic: str, number: int) -> Body:
        """The body of a webhook of this topic: the state at delivery, not at the event."""
        if topic == "order.deleted":
            return {"id": number}
        things = self.orders if topic.startswith("order") else self.customers
        copy: Body = json.loads(json.dumps(things[number]))
        return copy

    def request(self, topic: str, number: int) -> Request:
        """The delivery of an entity's current state."""
        return self.signed(topic, self.body(topic, number))

    def signed(self, topic: str, thing: object) -> Request:
        """A delivery of any body, as WooCommerce writes and signs it."""
        body = json.dumps(thing, separators=(",", ":")).replace("/", "\\/").encode()
        return self.request_of_bytes(topic, body)

    def request_of_bytes(self, topic: str, body: bytes, source: str = SOURCE) -> Request:
        """A delivery of these bytes."""
        resource, _, event = topic.partition(".")
        webhook = WEBHOOKS.get(topic, 9)
        # wp_hash(webhook id . second): deliveries of a webhook within one second have the same id
        delivery_id = hashlib.md5(f"{webhook}{int(self._simulation.now)}".encode(), usedforsecurity=False).hexdigest()
        headers = {
            "User-Agent": "WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)",
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": source,
            "X-WC-Webhook-Topic": topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": signatures.sign(body, SECRET),
            "X-WC-Webhook-ID": str(webhook),
            "X-WC-Webhook-Delivery-ID": delivery_id,
        }
        return Request(headers, body, self.store)

    def _change(self, thing: Body, topic: str, **changes: Any) -> list[str]:
        now, truth = self._moment(), thing[TRUTH]
        thing |= changes
        if not truth.get("for_ever"):
            thing |= self._dates("modified", now)
            truth["undated"] = False
        truth["modified"] = _text(now)
        return [topic]

    def _moment(self, days_ago: float = 0) -> datetime:
        return datetime.fromtimestamp(int(self._simulation.now), UTC) - timedelta(seconds=int(days_ago * 86_400))

    def _dates(self, name: str, moment: datetime) -> dict[str, str]:
        """Dates by the shop's clock in New York, in whole seconds and without a zone."""
        shown = moment + timedelta(seconds=self.clock.offset(self._simulation.now))
        return _both(name, _text(shown - timedelta(hours=5)), _text(shown))

    def dates_of_a_change(self, days_ago: float = 0) -> dict[str, str]:
        """The dates that the store writes for a change now."""
        return self._dates("modified", self._moment(days_ago))

    def _name(self) -> tuple[str, str]:
        return self._simulation.random.choice(FIRST), self._simulation.random.choice(LAST)

    def _address(self, email: str, first: str, last: str) -> dict[str, str]:
        dice = self._simulation.random
        city, state, postcode, country = dice.choice(CITIES)
        return {
            "first_name": first,
            "last_name": last,
            "company": "",
            "address_1": dice.choice(STREETS),
            "address_2": "",
            "city": city,
            "state": state,
            "postcode": postcode,
            "country": country,
            "email": email,
            "phone": f"555-{dice.randint(100, 999)}" if dice.random() < 0.9 else "",
        }

    def _items(self, first_id: int = 1) -> list[Body]:
        dice = self._simulation.random
        names = dice.sample(PRODUCTS, dice.randint(1, 3))
        return [
            {"id": number, "name": name, "quantity": 1 + len(name) % 3, "total": f"{len(name)}.00"}
            for number, name in enumerate(names, first_id)
        ]


def _both(name: str, local: object, utc: object) -> Body:
    return {f"date_{name}": local, f"date_{name}_gmt": utc}


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}"
