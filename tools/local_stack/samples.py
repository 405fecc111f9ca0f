"""What the demo sends, from a real store's deliveries, and what HubSpot must hold afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.deliveries import Captured, delivery
from woohub.delivery import webhooks

from .exchange import Deal

POISONED = "order:47"


@dataclass(frozen=True)
class Sample:
    """One delivery, and the status its answer must have."""

    what: str
    headers: Mapping[str, str]
    body: bytes
    answer: int = 200

    @property
    def topic(self) -> str:
        """What the store says it is."""
        return self.headers.get("X-WC-Webhook-Topic", "")


def samples(secret: str) -> list[Sample]:
    """In this order; the poisoned one and the forged one are made here, all others are as the store sent them."""
    return [
        _as_sent("the store says hello (ping)", 1),
        _as_sent("a customer", 8),
        _as_sent("her order", 19),
        _as_sent("the same order, as updated", 20),
        _as_sent("an account made at checkout", 91),
        _as_sent("its order", 93),
        _as_sent("that order once more", 93),
        _as_sent("a guest's order, updated", 83),
        _as_sent("the same order, created", 84),
        _as_sent("another guest's order", 21),
        _as_sent("the same order, refunded", 73),
        _as_sent("an order from far away", 25),
        _as_sent("an order without an e-mail address", 41),
        _as_sent("her order, completed", 64),
        _as_sent("an order, in the trash", 217),
        _as_sent("a cart left behind (draft)", 213),
        _as_sent("a subscriber, no customer", 16),
        _as_sent("an error in place of an order", 117),
        _as_sent("a topic that is none of ours", 158),
        _forged("a forged order", delivery(19)),
        _poisoned("an order with a broken total", delivery(93), secret),
    ]


def _deal(order: int, person: str, stage: str, amount: str, contact: str) -> Deal:
    return Deal(str(order), f"WooCommerce Order #{order} - {person}", stage, amount, "USD", contact)


CONTACTS = {
    "acc1795473865@shop.example",
    "ana@shop.example",
    "guest.checkout@shop.example",
    "shopper0@shop.example",
    "shopper1@shop.example",
    "shopper3@shop.example",
}
DEALS = {
    _deal(16, "Ana García", "completed", "7.50", "shopper0@shop.example"),
    _deal(17, 'O\'Brien Smith "Jr"', "refunded", "37.50", "shopper1@shop.example"),
    _deal(19, "名前 山田", "newly_created_order", "4945.50", "shopper3@shop.example"),
    _deal(27, "No Mail", "on_hold", "19.99", ""),
    _deal(43, "Guest Checkout", "newly_created_order", "39.98", "guest.checkout@shop.example"),
    _deal(46, "New Account", "newly_created_order", "39.98", "acc1795473865@shop.example"),
    _deal(66, 'O\'Brien Smith "Jr"', "cancelled", "7.52", "shopper1@shop.example"),
}


def _as_sent(what: str, nr: int) -> Sample:
    one = delivery(nr)
    return Sample(what, one.headers, one.body)


def _forged(what: str, one: Captured) -> Sample:
    return Sample(what, one.headers, one.body.replace(b'"total":"7.50"', b'"total":"0.00"'), 401)


def _poisoned(what: str, one: Captured, secret: str) -> Sample:
    """A plugin wrote the order's total in its own way. The store signs whatever it sends."""
    body = json.dumps(one.payload | {"id": int(POISONED.rpartition(":")[2]), "total": "39,98 €"}).encode()
    headers = {name: value for name, value in one.headers.items() if name != "Content-Length"}
    return Sample(what, headers | {"X-WC-Webhook-Signature": webhooks.sign(body, secret)}, body)
