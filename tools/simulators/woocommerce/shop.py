"""A WooCommerce shop: its orders and customers, what happens to them, and the events this causes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from threading import RLock
from typing import Any, TypeVar, cast

from simulators.core.faults import InjectedFaults

from .bodies import Customer, Item, Order, customer_body, order_body, php_json
from .errors import RestError
from .hooks import Hooks, Post, Webhook, real_post
from .hosting import Hosting
from .people import MAIL_DOMAIN, People
from .zones import ZONES

KEY, SECRET = "ck_simulated_store_key_0123456789", "cs_simulated_store_secret_0123456789"
STATUSES = ("pending", "processing", "on-hold", "completed", "cancelled", "refunded", "failed")
DRAFTS = ("checkout-draft", "auto-draft")
PAID = ("processing", "completed")
GONE = {  # the error for an id that does not exist
    "order": ("woocommerce_rest_shop_order_invalid_id", "Invalid ID."),
    "customer": ("wc_user_invalid_id", "Invalid user ID."),
}
Method = TypeVar("Method", bound=Callable[..., Any])


def locked(method: Method) -> Method:
    """Return the method so that it holds the shop's lock: no other thread reads or changes the shop meanwhile."""

    @wraps(method)
    def alone(shop: SimulatedShop, *given: Any, **named: Any) -> Any:
        with shop.lock:
            return method(shop, *given, **named)

    return cast(Method, alone)


@dataclass(frozen=True)
class DamagedRecord:
    """How the shop fails to answer requests for a damaged record, or for a list that contains it.

    `how` is a key of DAMAGED_ANSWERS in app.py: 500, 502 (a page of HTML), notice (PHP's text before the JSON) or
    timeout. With `ids_too`, requests for ids alone (`_fields=id`) fail as well.
    """

    how: str = "500"
    ids_too: bool = False

    def __post_init__(self) -> None:
        if self.how not in ("500", "502", "notice", "timeout"):
            raise ValueError(f"a record cannot be damaged by {self.how}")


class SimulatedShop:
    """The shop. Clock (epoch seconds) and seed are given: the same seed and calls give the same shop.

    Without `hpos` (WooCommerce's order tables) a restored order also sends updated, and sorting uses local time. `old`
    is a WooCommerce older than 5.8. Orders get numbers above `last_id`. Events wait until `run_webhooks`.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
        url: str = "https://shop.test",
        zone: str = "America/New_York",
        hpos: bool = True,
        old: bool = False,
        last_id: int = 10,
        mail_domain: str = MAIL_DOMAIN,
        post: Post = real_post,
    ) -> None:
        self.clock = clock
        self.url = url
        self.zone = ZONES[zone]
        self.hpos = hpos
        self.old = old
        self.latency_ms = 0.0
        self.hosting = Hosting()
        self.random = random.Random(seed)  # noqa: S311
        self.faults = InjectedFaults(random.Random(seed + 1), clock)  # noqa: S311
        self.hooks = Hooks(clock, random.Random(seed + 2), url, self._payload, post)  # noqa: S311
        self.keys: dict[str, tuple[str, str]] = {KEY: (SECRET, "read_write")}
        self.orders: dict[int, Order] = {}
        self.customers: dict[int, Customer] = {}
        self.requests: list[tuple[str, str, int]] = []
        self.damaged: dict[str, DamagedRecord] = {}  # by kind and id, such as "order:12"
        self.unregistered: set[str] = set()  # statuses of a deactivated plugin
        self.lock = RLock()
        self._people = People(self.random, mail_domain)
        self._ids = last_id  # posts and orders share their numbers, as in WordPress

    # Orders

    def checkout(self, **fields: Any) -> int:
        """A customer buys. WooCommerce changes a draft before the order exists: `updated` comes before `created`.

        Return the order's id.
        """
        return self._order_made("store-api", ("order.updated", "order.created"), **fields)

    @locked
    def checkout_with_new_account(self, **fields: Any) -> int:
        """A customer buys and creates an account. Return the order's id."""
        return self.checkout(account=self.register(), **fields)

    def place(self, **fields: Any) -> int:
        """Create an order by REST: `created` and `updated`. Return its id."""
        return self._order_made("rest-api", ("order.created", "order.updated"), **fields)

    def type_in(self, **fields: Any) -> int:
        """Create an order in the shop's admin: only `created`. Return its id."""
        return self._order_made("admin", ("order.created",), **fields)

    def abandon(self) -> int:
        """A customer leaves a checkout unfinished: a draft that sends `updated`. Return its id."""
        return self._order_made("store-api", ("order.updated",), status="checkout-draft")

    @locked
    def change_status(self, order_id: int, status: str = "") -> None:
        """Change the status to this one, or to any other. An order in the trash sends no webhook."""
        order = self.orders[order_id]
        silent = order.status == "trash"
        status = status or self.random.choice([candidate for candidate in STATUSES if candidate != order.status])
        now = self._now()
        self._touch(order, status=status, before_trash="")
        if status in PAID and order.paid is None:
            order.paid = now
        if status == "completed":
            order.completed = now
        if not silent:
            self._emit("order.updated", order_id)
        if status == "completed":
            self._first_purchase(order.customer_id)

    @locked
    def edit_address(self, order_id: int, **billing: str) -> None:
        """Change the given fields of the billing address, or the street."""
        self._edit(order_id, billing=self.orders[order_id].billing | (billing or self._people.move()))

    @locked
    def edit_items(self, order_id: int, *items: Item) -> None:
        """Replace the items by the given ones, or by a random basket."""
        self._edit(order_id, items=items or self._people.basket())

    def save(self, order_id: int) -> None:
        """Save an order without a change: it sends `updated`, even in the trash."""
        self._edit(order_id)

    @locked
    def trash(self, order_id: int) -> None:
        """Move an order into the trash: `deleted`, whose body has only the id."""
        order = self.orders[order_id]
        self._touch(order, status="trash", before_trash=order.status)
        self._emit("order.deleted", order_id)

    @locked
    def restore(self, order_id: int) -> None:
        """Restore an order from the trash."""
        order = self.orders[order_id]
        self._touch(order, status=order.before_trash or "pending", before_trash="")
        self._emit("order.restored", order_id)
        if not self.hpos:
            self._emit("order.updated", order_id)

    @locked
    def delete(self, order_id: int) -> None:
        """Delete an order for good: no webhook is sent."""
        del self.orders[order_id]

    # Customers

    @locked
    def register(self, **fields: Any) -> int:
        """Create an account, a customer's unless another `role` is given: `created` and `updated`. Return its id."""
        billing = self._people.somebody() | fields.pop("billing", {})
        now = self._now()
        number = max(self.customers, default=1) + 1
        names = {name: fields.pop(name, billing[name]) for name in ("email", "first_name", "last_name")}
        self.customers[number] = Customer(number, **names, created=now, modified=now, billing=billing, **fields)
        self._emit("customer.created", number)
        self._emit("customer.updated", number)
        return number

    @locked
    def edit_customer(self, customer_id: int, **changes: Any) -> None:
        """Change the given fields of an account, or its billing address."""
        customer = self.customers[customer_id]
        billing = changes.pop("billing", {} if changes else self._people.move())
        changed = replace(customer, billing=customer.billing | billing, modified=self._now(), **changes)
        self.customers[customer_id] = changed
        self._emit("customer.updated", customer_id)

    @locked
    def edit_customer_behind(self, customer_id: int, **billing: str) -> None:
        """Change an account's billing address as plugins do: without an event and without a new date."""
        customer = self.customers[customer_id]
        self.customers[customer_id] = replace(customer, billing=customer.billing | billing)

    @locked
    def remove_customer(self, customer_id: int) -> None:
        """Delete an account; its orders stay."""
        role = self.customers.pop(customer_id).role
        if role == "customer":
            self._emit("customer.deleted", customer_id)

    # Faults of single records

    @locked
    def damage(self, name: str, how: str = "500", *, ids_too: bool = False) -> None:
        """Make every answer fail that would contain this record, such as "order:12" or "customer:3"."""
        self.damaged[name] = DamagedRecord(how, ids_too)

    @locked
    def repair(self, name: str) -> None:
        """Make a damaged record readable again. Its dates stay as they are."""
        self.damaged.pop(name, None)

    @locked
    def write_otherwise(self, name: str, **fields: Any) -> None:
        """Set other values for fields of a record's body, such as date_modified_gmt="0000-00-00T00:00:00"."""
        kind, _, number = name.partition(":")
        record = (self.orders if kind == "order" else self.customers)[int(number)]
        record.written |= fields
        if isinstance(record, Order):
            record.text = ""

    @locked
    def unregister(self, status: str) -> None:
        """Deactivate the plugin of a status: lists leave its orders out, but they are readable by id."""
        self.unregistered.add(status)

    # At random

    @locked
    def act(self) -> str:
        """Do something that happens in a shop, at random. Return the method's name."""
        orders = [order.id for order in self.orders.values() if order.status not in ("trash", *DRAFTS)]
        trashed = [order.id for order in self.orders.values() if order.status == "trash"]
        choices: list[tuple[str, int, Callable[[], object]]] = [
            ("checkout", 30, self.checkout),
            ("checkout_with_new_account", 10, self.checkout_with_new_account),
            ("type_in", 4, self.type_in),
            ("abandon", 4, self.abandon),
        ]
        if orders:
            order = self.random.choice(orders)
            choices += [
                ("change_status", 30, lambda: self.change_status(order)),
                ("edit_address", 8, lambda: self.edit_address(order)),
                ("edit_items", 4, lambda: self.edit_items(order)),
                ("save", 4, lambda: self.save(order)),
                ("trash", 3, lambda: self.trash(order)),
            ]
        if trashed:
            choices.append(("restore", 3, lambda: self.restore(self.random.choice(trashed))))
        if self.customers:
            customer_id = self.random.choice(sorted(self.customers))
            choices.append(("edit_customer", 8, lambda: self.edit_customer(customer_id)))
        name, _, do = self.random.choices(choices, weights=[weight for _, weight, _ in choices])[0]
        do()
        return name

    # Webhooks

    def add_webhooks(self, url: str, secret: str, topics: tuple[str, ...]) -> list[Webhook]:
        """Create webhooks as a person does in the shop's settings."""
        with self.lock:
            made = [
                self.hooks.create(name=f"woohub: {topic}", topic=topic, delivery_url=url, secret=secret)
                for topic in topics
            ]
        for webhook in made:
            self.hooks.ping(webhook)
        return made

    def run_webhooks(self, most: int = 1_000_000) -> int:
        """Deliver waiting events, as the shop's cron does. Return how many were handled."""
        return self.hooks.run(most)

    def _emit(self, topic: str, object_id: int) -> None:
        self.hooks.emit(topic, object_id)

    @locked
    def _payload(self, topic: str, object_id: int) -> str:
        """Return the REST response at the time of delivery, errors included."""
        kind, _, event = topic.partition(".")
        if event == "deleted":
            return php_json({"id": object_id})
        try:
            return self.record(kind, object_id)[1]
        except RestError as error:
            return php_json(error.body)

    # For REST

    def record(self, kind: str, number: int) -> tuple[Order | Customer, str]:
        """Return an order or a customer, and its JSON. Raises RestError 404 if there is none."""
        if kind == "order" and (order := self.orders.get(number)):
            return order, self.order_text(order)
        if kind == "customer" and (customer := self.customers.get(number)):
            return customer, self.customer_text(customer)
        raise RestError(404, *GONE[kind])

    def order_text(self, order: Order) -> str:
        return order_body(order, self.url, self.zone)

    def customer_text(self, customer: Customer) -> str:
        return customer_body(customer, self.url, self.zone)

    # Inside

    @locked
    def _order_made(
        self, via: str, events: Sequence[str], *, account: int = 0, status: str = "processing", **fields: Any
    ) -> int:
        order = self._new_order(status, via, account, fields)
        for event in events:
            self._emit(event, order.id)
        return order.id

    @locked
    def _edit(self, order_id: int, **changes: Any) -> None:
        self._touch(self.orders[order_id], **changes)
        self._emit("order.updated", order_id)

    def _new_order(self, status: str, via: str, account: int, fields: dict[str, Any]) -> Order:
        known = self.customers.get(account)
        billing = (known.billing if known else self._people.somebody()) | fields.pop("billing", {})
        now = fields.pop("created", self._now())
        order = Order(
            self._next_id(),
            status,
            now,
            fields.pop("modified", now),
            billing,
            tuple(fields.pop("items", None) or self._people.basket()),
            customer_id=account,
            created_via=via,
            paid=now if status in PAID else None,
            completed=now if status == "completed" else None,
            **fields,
        )
        self.orders[order.id] = order
        return order

    def _first_purchase(self, customer_id: int) -> None:
        """Mark the account as a paying customer at its first completed order, which changes the account."""
        customer = self.customers.get(customer_id)
        if customer is not None and not customer.paying:
            self.customers[customer_id] = replace(customer, paying=True, modified=self._now())
            self._emit("customer.updated", customer_id)

    def _touch(self, order: Order, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(order, name, value)
        order.modified, order.text = self._now(), ""

    def _next_id(self) -> int:
        self._ids += self.random.choice((1, 1, 2, 3))  # pages, products and revisions take numbers too
        return self._ids

    def _now(self) -> float:
        return float(int(self.clock()))  # WooCommerce knows whole seconds
