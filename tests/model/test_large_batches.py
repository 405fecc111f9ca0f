"""Batches of up to 1,000 messages, and a second one that Lambda may hold back while the first is written."""

from __future__ import annotations

import pytest

from tests.model.aws import BATCH
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation

ORDERS = BATCH // 2  # each is delivered as created and as updated


def burst(simulation: Simulation, stack: SimulatedStack) -> Shop:
    """A full batch of orders at once, each of which changes shortly after."""
    shop = Shop(simulation)
    for number in range(1, 1 + ORDERS):
        for topic in shop.place(number, f"shopper{number % 200}@mail.example", way="rest"):
            stack.post(shop.request(topic, number))
    for number in range(1, 1 + ORDERS):
        simulation.at(simulation.now + 5 + number / 50, lambda number=number: change(shop, stack, number))  # type: ignore[misc]
    return shop


def change(shop: Shop, stack: SimulatedStack, number: int) -> None:
    for topic in shop.change_status(number, "completed"):
        stack.post(shop.request(topic, number))


@pytest.mark.parametrize("throttled", [0.0, 0.5], ids=["not throttled", "every second batch throttled"])
def test_a_full_batch_is_written_right_when_lambda_throttles_every_second_batch(throttled: float) -> None:
    simulation = Simulation(1)
    stack = SimulatedStack(simulation, latency=lambda: 1.0, throttled=throttled)
    burst(simulation, stack)

    assert simulation.run_while(lambda: simulation.planned > 0, timeout_s=60)
    assert stack.drain()
    assert reference(stack.accepted).problems(stack.portal) == {}
    assert (stack.unaccounted(), len(stack.dead_letters)) == ([], 0)
    assert stack.portal.limits.peak <= 90
    assert stack.queue.most_receives <= (1 if throttled == 0.0 else 10)
