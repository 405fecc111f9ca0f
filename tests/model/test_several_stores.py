"""Three stores of one stack, which share people and order numbers."""

from __future__ import annotations

import json
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from simulators.hubspot import InProcessTransport, create_app
from tests.model.gate import faults, newest
from tests.model.lives import Lives, Scale
from tests.model.plant import Plant
from tests.model.reference import reference
from tests.model.shop import SOURCE, Shop
from tests.model.traffic import Courier, Weather
from tests.model.world import World
from tests.support.deliveries import SECRET
from tests.support.several_stores import mappings
from woohub.clock import Timer
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import FieldMapping
from woohub.settings import HubSpotToken
from woohub.sync.kinds import kinds_of_stores
from woohub_cli.provision import provision

STORES = ("", "second", "third")
OF_STORES = mappings("second", "third")
CALM = Weather(doubled=0.1, late=0.0, forged=0.0, cloned=0.0)


class OwnDice:
    """The world as one store sees it: what happens in the others changes nothing of its history."""

    def __init__(self, world: World, seed: str) -> None:
        self._world, self.random = world, random.Random(seed)  # noqa: S311

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world, name)


@dataclass
class Street:
    """The stack and its three shops; the first three dozen accounts and orders of each have the same numbers."""

    seed: int
    scale: Scale
    weather: Weather

    def __post_init__(self) -> None:
        self.world = World(self.seed)
        self.plant = Plant(self.world, kinds=kinds_of_stores(OF_STORES))
        for store in STORES[1:]:
            self.plant.secrets.values[store] = json.dumps({"current": SECRET, "sources": [SOURCE]})
        set_up(self.plant, OF_STORES)
        self.worlds: dict[str, Any] = {store: OwnDice(self.world, f"{self.seed}{store}") for store in STORES}
        self.shops = {store: Shop(self.worlds[store], store=store) for store in STORES}

    def live(self, down: str | None = None) -> None:
        """Everybody's orders come by webhook; a store that is `down` sends nothing and is read afterwards."""
        started = self.world.now
        for store, shop in self.shops.items():
            weather = replace(self.weather, lost=1.0) if store == down else self.weather
            courier = Courier(self.worlds[store], shop, self.plant.post, weather)
            Lives(self.worlds[store], shop, courier, self.scale).plan()
        self.world.run_until(started + self.scale.seconds)
        self.world.run_while(lambda: self.world.planned > 0, patience=3600)
        assert self.plant.settle()

    def read(self, store: str) -> None:
        """What reconcile does for a store."""
        for one in newest(self.shops[store], self.world):
            self.plant.reconcile(one.topic, one.body, store)

    def latencies(self, store: str) -> list[float]:
        """Seconds from receipt until HubSpot had it."""
        return [
            self.plant.ended_at[one.key] - one.received_ms / 1000
            for one in self.plant.accepted
            if one.store == store and one.key in self.plant.ended_at
        ]


def set_up(plant: Plant, of_stores: Mapping[str, FieldMapping]) -> None:
    """What `woohub store add` makes in HubSpot."""
    timer = Timer(plant.world.clock, plant.world.sleep)
    timer.start(600)
    http = InProcessTransport(create_app(plant.portal), sleep=plant.world.sleep)
    hubspot = HubSpot(http, HubSpotToken(plant.secret("hubspot")), timer)
    for mapping in of_stores.values():
        assert all(step.outcome != "failed" for step in provision(hubspot, mapping, dry_run=False))


def test_shared_people_and_equal_numbers_come_out_right_under_faults() -> None:
    street = Street(1, Scale(orders=60, customers=25, seconds=300.0, odd=0.0), Weather(latest=20.0))
    for fault in faults(1.0):
        street.plant.portal.faults.add(fault)

    street.live()
    for store in STORES:
        street.read(store)
    assert street.plant.settle()

    assert street.plant.unaccounted() == []
    assert street.plant.faults == []
    truth = reference(street.plant.accepted)
    found = truth.problems(street.plant.portal)
    assert {name: why for name, why in found.items() if name not in truth.doubtful} == {}
    assert len({key.rpartition("-")[0] for key in truth.deals}) == len(STORES)


def test_a_store_that_is_down_for_an_hour_leaves_the_others_latency_as_it_was() -> None:
    hour = Scale(orders=90, customers=30, seconds=3600.0)
    usual, with_one_down = Street(3, hour, CALM), Street(3, hour, CALM)

    usual.live()
    with_one_down.live(down="second")
    with_one_down.read("second")  # an hour's changes at once
    assert with_one_down.plant.settle()

    assert with_one_down.latencies("second")
    for store in ("", "third"):
        before, after = usual.latencies(store), with_one_down.latencies(store)
        assert len(after) == len(before)
        assert statistics.median(after) <= 1.05 * statistics.median(before)
        assert max(after) <= 1.05 * max(before)
