"""Three stores in one stack, which share customers and order ids."""

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
MAPPINGS = mappings("second", "third")
CALM = DeliveryConditions(duplicated=0.1, late=0.0, forged=0.0, cloned=0.0)


class OwnRandom:
    """The simulation with random numbers of one store's own, so that the other stores do not change its history."""

    def __init__(self, simulation: Simulation, seed: str) -> None:
        self._simulation, self.random = simulation, random.Random(seed)  # noqa: S311

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulation, name)


@dataclass
class ThreeStores:
    """The stack and its three shops, whose accounts and orders have the same ids."""

    seed: int
    scale: Scale
    conditions: DeliveryConditions

    def __post_init__(self) -> None:
        self.simulation = Simulation(self.seed)
        self.stack = SimulatedStack(self.simulation, kinds=kinds_of_stores(MAPPINGS))
        for store in STORES[1:]:
            self.stack.secrets.values[store] = json.dumps({"current": SECRET, "sources": [SOURCE]})
        self.stack.set_up(MAPPINGS)
        self.simulations: dict[str, Any] = {
            store: OwnRandom(self.simulation, f"{self.seed}{store}") for store in STORES
        }
        self.shops = {store: Shop(self.simulations[store], store=store) for store in STORES}

    def run(self, down: str | None = None) -> None:
        """Deliver all stores' events by webhook; the store `down` delivers nothing."""
        started = self.simulation.now
        for store, shop in self.shops.items():
            conditions = replace(self.conditions, lost=1.0) if store == down else self.conditions
            sender = WebhookSender(self.simulations[store], shop, self.stack.post, conditions)
            ShopHistory(self.simulations[store], shop, sender, self.scale).plan()
        self.simulation.run_until(started + self.scale.seconds)
        self.simulation.run_while(lambda: self.simulation.planned > 0, timeout_s=3600)
        assert self.stack.drain()

    def read(self, store: str) -> None:
        """Queue what reconcile reads from a store."""
        for record in newest(self.shops[store], self.simulation):
            self.stack.reconcile(record.topic, record.body, store)

    def latencies(self, store: str) -> list[float]:
        """Seconds from the receipt of each delivery until it was written."""
        return [
            self.stack.ended_at[delivery.key] - delivery.received_ms / 1000
            for delivery in self.stack.accepted
            if delivery.store == store and delivery.key in self.stack.ended_at
        ]


def test_three_stores_with_shared_customers_and_equal_order_ids_are_right_under_faults() -> None:
    stores = ThreeStores(1, Scale(orders=60, customers=25, seconds=300.0, odd=0.0), DeliveryConditions(latest=20.0))
    for fault in faults(1.0):
        stores.stack.portal.faults.add(fault)

    stores.run()
    for store in STORES:
        stores.read(store)
    assert stores.stack.drain()

    assert stores.stack.unaccounted() == []
    assert stores.stack.faults == []
    truth = reference(stores.stack.accepted)
    wrong = truth.problems(stores.stack.portal)
    assert {name: why for name, why in wrong.items() if name not in truth.ambiguous} == {}
    assert len({key.rpartition("-")[0] for key in truth.deals}) == len(STORES)


def test_an_hour_of_outage_of_one_store_does_not_delay_the_others() -> None:
    hour = Scale(orders=90, customers=30, seconds=3600.0)
    usual, with_one_down = ThreeStores(3, hour, CALM), ThreeStores(3, hour, CALM)

    usual.run()
    with_one_down.run(down="second")
    with_one_down.read("second")  # an hour's changes at once
    assert with_one_down.stack.drain()

    assert with_one_down.latencies("second")
    for store in ("", "third"):
        before, after = usual.latencies(store), with_one_down.latencies(store)
        assert len(after) == len(before)
        assert statistics.median(after) <= 1.05 * statistics.median(before)
        assert max(after) <= 1.05 * max(before)
