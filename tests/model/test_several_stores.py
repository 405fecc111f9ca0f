"""Three stores of one stack, which share people and order numbers."""

from __future__ import annotations

import json
import random
import statistics
from dataclasses import dataclass, replace
from typing import Any

from tests.model.gate import faults, newest
from tests.model.reference import reference
from tests.model.shop import SOURCE, Shop
from tests.model.shop_history import Scale, ShopHistory
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation
from tests.model.traffic import DeliveryConditions, WebhookSender
from tests.support.deliveries import SECRET
from tests.support.several_stores import mappings
from woohub.sync.record_kinds import kinds_of_stores

STORES = ("", "second", "third")
OF_STORES = mappings("second", "third")
CALM = DeliveryConditions(doubled=0.1, late=0.0, forged=0.0, cloned=0.0)


class OwnDice:
    """The simulation as one store sees it: what happens in the others changes nothing of its history."""

    def __init__(self, simulation: Simulation, seed: str) -> None:
        self._simulation, self.random = simulation, random.Random(seed)  # noqa: S311

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulation, name)


@dataclass
class ThreeStores:
    """The stack and its three shops; the first three dozen accounts and orders of each have the same numbers."""

    seed: int
    scale: Scale
    conditions: DeliveryConditions

    def __post_init__(self) -> None:
        self.simulation = Simulation(self.seed)
        self.stack = SimulatedStack(self.simulation, kinds=kinds_of_stores(OF_STORES))
        for store in STORES[1:]:
            self.stack.secrets.values[store] = json.dumps({"current": SECRET, "sources": [SOURCE]})
        self.stack.set_up(OF_STORES)
        self.simulations: dict[str, Any] = {store: OwnDice(self.simulation, f"{self.seed}{store}") for store in STORES}
        self.shops = {store: Shop(self.simulations[store], store=store) for store in STORES}

    def live(self, down: str | None = None) -> None:
        """Everybody's orders come by webhook; a store that is `down` sends nothing and is read afterwards."""
        started = self.simulation.now
        for store, shop in self.shops.items():
            conditions = replace(self.conditions, lost=1.0) if store == down else self.conditions
            sender = WebhookSender(self.simulations[store], shop, self.stack.post, conditions)
            ShopHistory(self.simulations[store], shop, sender, self.scale).plan()
        self.simulation.run_until(started + self.scale.seconds)
        self.simulation.run_while(lambda: self.simulation.planned > 0, patience=3600)
        assert self.stack.drain()

    def read(self, store: str) -> None:
        """What reconcile does for a store."""
        for record in newest(self.shops[store], self.simulation):
            self.stack.reconcile(record.topic, record.body, store)

    def latencies(self, store: str) -> list[float]:
        """Seconds from receipt until HubSpot had it."""
        return [
            self.stack.ended_at[delivery.key] - delivery.received_ms / 1000
            for delivery in self.stack.accepted
            if delivery.store == store and delivery.key in self.stack.ended_at
        ]


def test_shared_people_and_equal_numbers_come_out_right_under_faults() -> None:
    stores = ThreeStores(1, Scale(orders=60, customers=25, seconds=300.0, odd=0.0), DeliveryConditions(latest=20.0))
    for fault in faults(1.0):
        stores.stack.portal.faults.add(fault)

    stores.live()
    for store in STORES:
        stores.read(store)
    assert stores.stack.drain()

    assert stores.stack.unaccounted() == []
    assert stores.stack.faults == []
    truth = reference(stores.stack.accepted)
    wrong = truth.problems(stores.stack.portal)
    assert {name: why for name, why in wrong.items() if name not in truth.doubtful} == {}
    assert len({key.rpartition("-")[0] for key in truth.deals}) == len(STORES)


def test_a_store_that_is_down_for_an_hour_leaves_the_others_latency_as_it_was() -> None:
    hour = Scale(orders=90, customers=30, seconds=3600.0)
    usual, with_one_down = ThreeStores(3, hour, CALM), ThreeStores(3, hour, CALM)

    usual.live()
    with_one_down.live(down="second")
    with_one_down.read("second")  # an hour's changes at once
    assert with_one_down.stack.drain()

    assert with_one_down.latencies("second")
    for store in ("", "third"):
        before, after = usual.latencies(store), with_one_down.latencies(store)
        assert len(after) == len(before)
        assert statistics.median(after) <= 1.05 * statistics.median(before)
        assert max(after) <= 1.05 * max(before)
