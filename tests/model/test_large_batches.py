"""Batches of up to 1,000 messages, and the second one that Lambda may hold while the first is being written."""

from __future__ import annotations

import pytest

from tests.model.aws import BATCH
from tests.model.plant import Plant
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.world import World

ORDERS = BATCH // 2  # each is delivered as created and as updated


def burst(world: World, plant: Plant) -> Shop:
    """A full batch of orders at once, each of which changes soon after."""
    shop = Shop(world)
    for number in range(1, 1 + ORDERS):
        for topic in shop.place(number, f"shopper{number % 200}@mail.example", way="rest"):
            plant.post(shop.request(topic, number))
    for number in range(1, 1 + ORDERS):
        world.at(world.now + 5 + number / 50, lambda number=number: change(shop, plant, number))  # type: ignore[misc]
    return shop


def change(shop: Shop, plant: Plant, number: int) -> None:
    for topic in shop.change_status(number, "completed"):
        plant.post(shop.request(topic, number))


@pytest.mark.parametrize("throttled", [0.0, 0.5], ids=["handed over", "every second batch held back"])
def test_a_batch_that_lambda_holds_back_comes_later_and_harms_nothing(throttled: float) -> None:
    world = World(1)
    plant = Plant(world, latency=lambda: 1.0, throttled=throttled)
    burst(world, plant)

    assert world.run_while(lambda: world.planned > 0, patience=60)
    assert plant.settle()
    assert reference(plant.accepted).problems(plant.portal) == {}
    assert (plant.unaccounted(), len(plant.dead_letters)) == ([], 0)
    assert plant.portal.limits.peak <= 90
    assert plant.queue.most_receives <= (1 if throttled == 0.0 else 10)
