"""Accounts, orders and their changes, spread over some minutes."""

from __future__ import annotations

from dataclasses import dataclass

from tests.model.shop import Shop
from tests.model.simulation import Simulation
from tests.model.traffic import WebhookSender


@dataclass(frozen=True)
class Scale:
    """How much happens. Some orders and accounts are older than the simulation; only their changes are delivered."""

    orders: int = 3000
    customers: int = 1000
    seconds: float = 1100.0
    changes: float = 0.8  # of an order, on average
    moves: float = 0.35  # of a customer
    same_second: float = 0.03  # of all changes: followed by another within the second
    odd: float = 0.04  # of all orders: anonymised, or with false dates
    span: float = 120.0  # seconds within which most changes of an order follow its creation


class ShopHistory:
    """Plans all changes of all orders and customers."""

    def __init__(self, simulation: Simulation, shop: Shop, sender: WebhookSender, scale: Scale) -> None:
        self._simulation = simulation
        self._shop = shop
        self._sender = sender
        self._scale = scale

    def plan(self) -> None:
        """Schedule everything."""
        for number in range(1, self._scale.customers + 1):
            self._customer(number)
        for number in range(10_001, 10_001 + self._scale.orders):
            self._order(number)

    def _customer(self, number: int) -> None:
        dice, created_at = self._simulation.random, self._moment()
        if dice.random() < 0.6:
            self._shop.register(number, account_email(number), days_ago=dice.uniform(1, 400))
        else:
            self._then(created_at, number, lambda: self._shop.register(number, account_email(number)))
        for _ in range(self._count(self._scale.moves)):
            self._change(
                created_at + dice.expovariate(1 / self._scale.span), number, lambda: self._shop.edit_customer(number)
            )
        if dice.random() < 0.02:
            other = f"new{account_email(number)}"
            self._then(created_at + 300, number, lambda: self._shop.change_account_email(number, other))

    def _order(self, number: int) -> None:
        dice, created_at = self._simulation.random, self._moment()
        customer = dice.randint(1, self._scale.customers) if dice.random() < 0.7 else 0
        email = self._email(customer)
        way = dice.choice(("checkout", "checkout", "rest", "admin"))
        if dice.random() < 0.3:
            self._shop.place(number, email, customer=customer, days_ago=dice.uniform(0.01, 30))
            self._change(created_at, number, lambda: self._shop.change_status(number))
        else:
            self._then(created_at, number, lambda: self._shop.place(number, email, customer=customer, way=way))
        for _ in range(self._count(self._scale.changes)):
            self._change(
                created_at + dice.expovariate(1 / self._scale.span), number, lambda: self._random_change(number)
            )
        if dice.random() < 0.02:
            self._then(created_at + 200, number, lambda: self._shop.trash(number))
            if dice.random() < 0.5:
                self._then(created_at + 200 + dice.expovariate(1 / 60), number, lambda: self._shop.restore(number))
        if dice.random() < self._scale.odd:
            self._odd_order(number, created_at)

    def _odd_order(self, number: int, created_at: float) -> None:
        """An order with false dates, or whose customer is erased; many change again afterwards."""
        dice, when = self._simulation.random, created_at + self._simulation.random.uniform(1, 2 * self._scale.span)
        if dice.random() < 0.5:
            self._then(when, number, lambda: self._shop.erase(number))
        else:
            modified = dice.random() < 0.7
            self._then(when, number, lambda: self._shop.set_false_dates(number, modified=modified))
        if dice.random() < 0.7:
            self._then(when + dice.expovariate(1 / 60), number, lambda: self._shop.change_status(number))

    def _random_change(self, number: int) -> list[str]:
        dice = self._simulation.random.random()
        if self._shop.orders[number]["status"] == "trash":
            return []
        if dice < 0.6 or not self._shop.has_person(number):
            return self._shop.change_status(number)
        if dice < 0.9:
            return self._shop.edit_order(number)
        return self._shop.change_order_email(number, self._email(0))

    def _email(self, customer: int) -> str:
        """An account's email, sometimes in other capitals or empty, or a guest's."""
        dice = self._simulation.random
        typed = (
            account_email(customer)
            if customer
            else f"guest{dice.randint(1, max(1, self._scale.orders // 8))}@mail.example"
        )
        return typed.title() if dice.random() < 0.1 else typed if dice.random() < 0.99 else ""

    def _then(self, when: float, number: int, act: object) -> None:
        assert callable(act)
        self._simulation.at(when, lambda: self._sender.announce(act(), number))

    def _change(self, when: float, number: int, act: object) -> None:
        """Schedule a change; some are followed by another within the same second, each delivered at once."""
        if self._simulation.random.random() >= self._scale.same_second:
            self._then(when, number, act)
            return
        assert callable(act)
        second = float(int(when) + 1)
        for moment in (second + 0.1, second + 0.6):
            self._simulation.at(moment, lambda: self._sender.announce(act(), number, at_once=True))

    def _moment(self) -> float:
        return self._simulation.now + self._simulation.random.uniform(0, self._scale.seconds)

    def _count(self, average: float) -> int:
        whole = int(average)
        return whole + (self._simulation.random.random() < average - whole)


def account_email(number: int) -> str:
    """The email of a customer."""
    return f"customer{number}@shop.example"
