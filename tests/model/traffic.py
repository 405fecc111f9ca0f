"""Deliveries as a real store sends them: merged, duplicated, late and out of order, and forged ones among them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from tests.model.shop import CLONE, Request, Shop
from tests.model.simulation import Simulation

Post = Callable[[Request], int]
FORGERIES = ("other body", "other key", "unsigned")


@dataclass(frozen=True)
class DeliveryConditions:
    """The conditions between the store and the API; chances from 0 to 1."""

    duplicated: float = 0.35  # a delivery arrives a second time
    late: float = 0.25  # it takes up to `latest` seconds instead of one
    latest: float = 60.0
    forged: float = 0.01
    cloned: float = 0.01  # a staging clone delivers the same order or customer, with other values
    lost: float = 0.0
    queue: float = 3.0  # seconds that the store takes at most until it delivers


@dataclass
class WebhookSender:
    """Delivers events to the API; a body is built at delivery, not when the event happens."""

    simulation: Simulation
    shop: Shop
    post: Post
    conditions: DeliveryConditions = field(default_factory=DeliveryConditions)
    posted: int = 0
    lost: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)  # (kind of request, status)

    def __post_init__(self) -> None:
        self._pending: set[tuple[str, int]] = set()

    def announce(self, topics: list[str], number: int, *, at_once: bool = False) -> None:
        """Queue deliveries; a second one for the same webhook and entity is merged into the waiting one."""
        for topic in topics:
            if at_once:
                self._deliver(topic, number)
            elif (topic, number) not in self._pending:
                self._pending.add((topic, number))
                self.simulation.after(
                    self.simulation.random.uniform(0, self.conditions.queue), partial(self._due, topic, number)
                )

    def _due(self, topic: str, number: int) -> None:
        self._pending.discard((topic, number))
        self._deliver(topic, number)

    def _deliver(self, topic: str, number: int) -> None:
        dice = self.simulation.random
        request = self.shop.request(topic, number)
        if dice.random() < self.conditions.lost:
            self.lost += 1
            return
        self.send(request)
        if dice.random() < self.conditions.duplicated:
            self.send(request)
        if dice.random() < self.conditions.forged:
            self.send(forged(request, dice.choice(FORGERIES)), "forged")
        if dice.random() < self.conditions.cloned:
            self.send(self.cloned(request), "clone")

    def cloned(self, request: Request) -> Request:
        """The delivery that a staging copy of the store would send of it: signed, changed and dated later."""
        body, later = json.loads(request.body), self.shop.dates_of_a_change(days_ago=-1)
        body |= {"status": "failed", "total": "0.01", "email": "tester@shop.example"} | later if len(body) > 1 else {}
        body |= {"billing": body["billing"] | {"first_name": "Staging"}} if "billing" in body else {}
        return self.shop.request_of_bytes(request.topic, json.dumps(body).encode(), CLONE)

    def send(self, request: Request, kind: str = "genuine") -> None:
        """Send a request that arrives at the API later."""
        dice = self.simulation.random
        seconds = dice.uniform(0, self.conditions.latest) if dice.random() < self.conditions.late else dice.random()
        self.simulation.after(seconds, lambda: self._arrive(request, kind))

    def _arrive(self, request: Request, kind: str) -> None:
        self.posted += 1
        self.answers[kind, self.post(request)] += 1


def forged(request: Request, how: str) -> Request:
    """A forgery of this delivery, as a stranger could send it."""
    headers = dict(request.headers)
    body = request.body.replace(b'"status":"', b'"status":"completed","was":"').replace(
        b'"first_name":"', b'"first_name":"Mallory'
    )
    if how == "unsigned":
        del headers["X-WC-Webhook-Signature"]
    if how == "other key":
        headers["X-WC-Webhook-Signature"] = "A" * 43 + "="
    return replace(request, headers=headers, body=body if body != request.body else body + b" ")
