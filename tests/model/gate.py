"""One run of the gate: a store's busy quarter of an hour, HubSpot at its worst, and the account of what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.model.lives import Lives, Scale
from tests.model.plant import Accepted, Key, Plant
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.traffic import Courier, Weather
from tests.model.world import World
from tools.hubspot_simulator import Fault

PATIENT = 60.0  # seconds of silence: longer than the client waits


def faults() -> list[Fault]:
    """5 % server errors, mostly after all or half of a batch was written; 2 % 429; 1 % time-outs; lost answers."""
    return [
        Fault(status=503, probability=0.01),
        Fault(status=502, body="html", when="after", probability=0.02),
        Fault(status=500, when="half", probability=0.02),
        Fault(status=429, probability=0.02),
        Fault(kind="hold", when="after", hold_s=PATIENT, probability=0.01),
        Fault(kind="reset", when="after", probability=0.005),
        Fault(kind="truncate", when="after", probability=0.005),
        Fault(kind="omit", when="after", path="/batch/", probability=0.005),
    ]


@dataclass
class Verdict:
    """What came of a run."""

    deliveries: int
    answers: dict[Any, int]
    accepted: int
    before_sweep: dict[str, list[str]]
    ties: set[str]
    after_sweep: dict[str, list[str]]
    unaccounted: list[Key]
    dead: list[dict[str, str]]
    calls_per_100: float
    peak: int
    most_receives: int
    seconds: float  # virtual, until everything was written before the sweep
    drained: bool
    plant: Plant = field(repr=False)

    @property
    def untied(self) -> dict[str, list[str]]:
        """What was wrong before the sweep without depending on the order of receipt within one second."""
        return {entity: why for entity, why in self.before_sweep.items() if entity not in self.ties}


def run(seed: int, scale: Scale | None = None, weather: Weather | None = None, **plant: Any) -> Verdict:
    """One history from a seed."""
    world = World(seed)
    dice = world.random
    settings: dict[str, Any] = {
        "latency": lambda: dice.uniform(0.12, 0.6),
        "crashes": lambda: (dice.randint(1, 8), dice.choice(("before", "after"))) if dice.random() < 0.02 else None,
        "repeats": 0.005,
        "throttled": 0.005,
    }
    built = Plant(world, **(settings | plant))
    for fault in faults():
        built.portal.faults.add(fault)
    shop = Shop(world)
    courier = Courier(world, shop, built.post, weather or Weather())
    started, scale = world.now, scale or Scale()
    Lives(world, shop, courier, scale).plan()
    world.run_until(started + scale.seconds)
    world.run_while(lambda: world.planned > 0, patience=3600)
    drained = built.settle()
    seconds, calls, sent = world.now - started, built.calls, len(built.accepted)
    heard_of = {(one.topic.partition(".")[0], one.body["id"]) for one in built.accepted}
    fetched = newest(shop, world)
    heard = [one for one in fetched if (one.topic.partition(".")[0], one.body["id"]) in heard_of]
    truth = reference([*built.accepted, *heard])
    before = truth.problems(built.portal)
    for one in fetched:
        built.reconcile(one.topic, one.body)
    drained = built.settle() and drained
    last = reference(built.accepted)
    return Verdict(
        deliveries=courier.posted,
        answers=dict(courier.answers),
        accepted=sent,
        before_sweep=before,
        ties=truth.ties,
        after_sweep=last.problems(built.portal),
        unaccounted=built.unaccounted(),
        dead=[letter.texts for letter in built.dead_letters.messages()],
        calls_per_100=100 * calls / sent,
        peak=built.portal.limits.peak,
        most_receives=built.queue.most_receives,
        seconds=seconds,
        drained=drained,
        plant=built,
    )


def newest(shop: Shop, world: World) -> list[Accepted]:
    """The newest state of every order and customer, as the sweep fetches and delivers it.

    A fetched order that is alive was certainly not in the trash at that moment, which `order.restored` says and
    `order.updated` does not.
    """
    fetched = [("order.updated" if one["status"] == "trash" else "order.restored", one) for one in shop.orders.values()]
    fetched += [("customer.updated", one) for one in shop.customers.values()]
    return [Accepted(("", ""), topic, json.loads(json.dumps(one)), world.ms()) for topic, one in fetched]
