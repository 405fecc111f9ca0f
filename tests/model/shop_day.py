"""A day of a shop and the stack, without faults other than those that a test adds."""

from __future__ import annotations

from typing import Any

from simulators.hubspot import InjectedFault
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation
from tests.model.traffic import DeliveryConditions, WebhookSender

MINUTE, HOUR = 60.0, 3600.0
CALM = DeliveryConditions(duplicated=0.35, late=0.1, forged=0.0)


class ShopDay:
    """A shop that gets orders and status changes, and the stack."""

    def __init__(self, gap: float = 20.0, seed: int = 7, **stack: Any) -> None:
        self.simulation = Simulation(seed)
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation, **stack)
        self.sender = WebhookSender(self.simulation, self.shop, self.stack.post, CALM)
        self._gap = gap
        self._number = 10_000
        self.open = True
        self.simulation.every(gap, self._act)
        self.simulation.sleep(10 * MINUTE)
        assert self.deals_in_hubspot() > 0

    def _act(self) -> None:
        if self.open:
            self._act_while_open()

    def _act_while_open(self) -> None:
        if self.simulation.random.random() < 0.6:
            self._order()
        elif self.shop.orders:
            known = self._known_order()
            self.sender.announce(self.shop.change_status(known), known)

    def _order(self) -> None:
        self._number += 1
        email = f"guest{self.simulation.random.randint(1, 50)}@mail.example"
        self.sender.announce(self.shop.place(self._number, email, way="checkout"), self._number)

    def _known_order(self) -> int:
        return self.simulation.random.choice(list(self.shop.orders))

    def close(self) -> float:
        """Stop the orders, wait until HubSpot is right; the seconds that takes."""
        self.open = False
        self.simulation.sleep(2 * MINUTE)  # until the last delivery has arrived
        began = self.simulation.now
        assert self.stack.drain(6 * HOUR)
        wanted = reference(self.stack.accepted)
        assert wanted.problems(self.stack.portal) == {}
        assert self.stack.unaccounted() == []
        assert self.stack.faults == []
        return self.simulation.now - began

    def deals_in_hubspot(self) -> int:
        """The number of deals in HubSpot."""
        return len(self.stack.portal.state()["deals"])

    def calls_during(self, seconds: float) -> int:
        """The number of HubSpot calls in the next `seconds`."""
        calls = self.stack.calls
        self.simulation.sleep(seconds)
        return self.stack.calls - calls

    def calls_during_fault(self, seconds: float, **fault: Any) -> int:
        """The number of HubSpot calls while this fault lasts, for `seconds`."""
        self.stack.portal.faults.add(InjectedFault(until=self.simulation.now + seconds, **fault))
        return self.calls_during(seconds)

    def breaker_state(self) -> str:
        """The breaker's state."""
        return self.stack.breaker_parameter().read().state


class FullShopDay(ShopDay):
    """A shop that also has accounts, address changes and orders that move to another customer."""

    def _act_while_open(self) -> None:
        dice = self.simulation.random
        lot = dice.random()
        if lot < 0.4 or not self.shop.orders:
            self._order()
        elif lot < 0.65:
            known = self._known_order()
            self.sender.announce(self.shop.change_status(known), known)
        elif lot < 0.72:
            known = self._known_order()
            self.sender.announce(self.shop.change_order_email(known, f"guest{dice.randint(1, 50)}@mail.example"), known)
        elif lot < 0.85 or not self.shop.customers:
            new = len(self.shop.customers) + 1
            self.sender.announce(self.shop.register(new, f"customer{new}@shop.example"), new)
        else:
            moved = dice.choice(list(self.shop.customers))
            self.sender.announce(self.shop.edit_customer(moved), moved)

    def waiting(self, kind: str) -> int:
        """The number of messages in the queue about orders, or about customers."""
        return sum(f'"entity":"{kind}:' in message.texts["delivery"] for message in self.stack.queue.messages())
