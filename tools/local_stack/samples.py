"""The demo's deliveries, captured from a real store, and the records that HubSpot must have afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from tests.support.deliveries import Captured, delivery
from woohub.delivery import signatures

from .stack_client import Deal, Item, Metrics

POISON = "order:47"


@dataclass(frozen=True)
class Sample:
    """A delivery, and the expected status code."""

    title: str
    headers: Mapping[str, str]
    body: bytes
    status_code: int = 200

    @property
    def topic(self) -> str:
        """The topic in the delivery's headers; "" if there is none."""
        return self.headers.get("X-WC-Webhook-Topic", "")


def samples(secret: str) -> list[Sample]:
    """Return the deliveries in the order of sending.

    The forged delivery and the poison message are made here; all others are as captured.
    """
    return [
        _captured("the store's ping", 1),
        _captured("a customer", 8),
        _captured("her order", 19),
        _captured("the same order, as updated", 20),
        _captured("an account made at checkout", 91),
        _captured("its order", 93),
        _captured("that order again", 93),
        _captured("a guest's order, updated", 83),
        _captured("the same order, created", 84),
        _captured("another guest's order", 21),
        _captured("the same order, refunded", 73),
        _captured("an order from Japan", 25),
        _captured("an order without an e-mail address", 41),
        _captured("her order, completed", 64),
        _captured("an order in the trash", 217),
        _captured("an abandoned cart (draft)", 213),
        _captured("an account that is no customer", 16),
        _captured("an error instead of an order", 117),
        _captured("a topic that woohub ignores", 158),
        _forged("a forged order", delivery(19)),
        _poison("an order with a broken total", delivery(93), secret),
    ]


def _deal(order: int, person: str, stage: str, amount: str, contact: str, *items: Item) -> Deal:
    name = f"WooCommerce Order #{order} - {person}"
    return Deal(str(order), name, stage, amount, "USD", contact, items)


def _item(name: str, quantity: int, price: str) -> Item:
    return Item(name, str(quantity), Decimal(price))


CONTACTS = {
    "acc1795473865@shop.example": Metrics("1", "39.98", "2026-11-23T22:44:25Z", "processing"),
    "ana@shop.example": Metrics("0", "0"),
    "guest.checkout@shop.example": Metrics("1", "39.98", "2026-11-23T22:42:39Z", "processing"),
    "shopper0@shop.example": Metrics("1", "7.50", "2026-11-23T22:41:19Z", "completed"),
    "shopper1@shop.example": Metrics("1", "0", "2026-11-23T22:41:22Z", "refunded"),  # the other one is in the trash
    "shopper3@shop.example": Metrics("1", "4945.50", "2026-11-23T22:41:26Z", "processing"),
}
_SHIPPING = _item("Shipping: Flat rate", 1, "7.50")
_TEE, _TEES = _item("Plain tee", 1, "19.99"), _item("Plain tee", 2, "19.99")
_MUGS = _item('Кружка «Ёлка» ☕ — 漢字 עברית "q" & <b>bold</b>', 4, "1234.50")
_LONG = _item(" ".join(["Very long product name"] * 20), 2, "0.01")
DEALS = {
    _deal(16, "Ana García", "completed", "7.50", "shopper0@shop.example", _item("Free sample", 5, "0.00"), _SHIPPING),
    _deal(
        17,
        'O\'Brien Smith "Jr"',
        "refunded",
        "37.50",
        "shopper1@shop.example",
        _item("Configurable thing", 3, "10.00"),
        _SHIPPING,
    ),
    _deal(19, "名前 山田", "newly_created_order", "4945.50", "shopper3@shop.example", _MUGS, _SHIPPING),
    _deal(27, "No Mail", "on_hold", "19.99", "", _TEE),
    _deal(43, "Guest Checkout", "newly_created_order", "39.98", "guest.checkout@shop.example", _TEES),
    _deal(46, "New Account", "newly_created_order", "39.98", "acc1795473865@shop.example", _TEES),
    _deal(66, 'O\'Brien Smith "Jr"', "cancelled", "7.52", "shopper1@shop.example", _LONG, _SHIPPING),
}


def _captured(title: str, number: int) -> Sample:
    captured = delivery(number)
    return Sample(title, captured.headers, captured.body)


def _forged(title: str, captured: Captured) -> Sample:
    return Sample(title, captured.headers, captured.body.replace(b'"total":"7.50"', b'"total":"0.00"'), 401)


def _poison(title: str, captured: Captured, secret: str) -> Sample:
    """Return an order whose total a plugin formatted. The store signs it like any other."""
    body = json.dumps(captured.payload | {"id": int(POISON.rpartition(":")[2]), "total": "39,98 €"}).encode()
    headers = {name: value for name, value in captured.headers.items() if name != "Content-Length"}
    return Sample(title, headers | {"X-WC-Webhook-Signature": signatures.sign(body, secret)}, body)
