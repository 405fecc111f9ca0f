"""One run of the gate: a store's busy quarter of an hour, HubSpot at its worst, and the account of what came of it."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from simulators.hubspot import InjectedFault
from tests.model import strange
from tests.model.lives import Lives, Scale
from tests.model.plant import Accepted, Plant
from tests.model.reference import Reference, reference
from tests.model.shop import CLOCKS, Shop, StoreClock
from tests.model.strange import Poison
from tests.model.traffic import Courier, Weather
from tests.model.world import World

CALLS_PER_100 = 20.0  # HubSpot calls for 100 messages, at most
LIMIT = 100  # HubSpot calls in any ten seconds
TIMEOUT = 60.0  # seconds of the consumer function
ANSWERS = {"genuine": 200, "forged": 401, "noise": 200, "stranger": 401, "clone": 200}  # by kind of request
SILENCE = 60.0  # seconds: longer than the client waits for an answer
FULL, ROUGH = Scale(), Weather()


def faults(trouble: float) -> list[InjectedFault]:
    """5 % server errors, mostly after all or half of a batch was written; 2 % 429; 1 % time-outs; lost answers."""
    return [
        InjectedFault(status=503, probability=0.01 * trouble),
        InjectedFault(status=502, body="html", when="after", probability=0.02 * trouble),
        InjectedFault(status=500, when="half", probability=0.02 * trouble),
        InjectedFault(status=429, probability=0.02 * trouble),
        InjectedFault(kind="hold", when="after", hold_s=SILENCE, probability=0.01 * trouble),
        InjectedFault(kind="reset", when="after", probability=0.005 * trouble),
        InjectedFault(kind="truncate", when="after", probability=0.005 * trouble),
        InjectedFault(kind="omit", when="after", path="/batch/", probability=0.005 * trouble),
    ]


@dataclass
class Run:
    """What came of a history. Entities are named `deal 1234` or `contact ana@shop.example`."""

    plant: Plant
    courier: Courier
    poisons: list[Poison]
    before_sweep: dict[str, list[str]] = field(default_factory=dict)  # wrong against the store's truth
    after_sweep: dict[str, list[str]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)  # see Reference
    calls_per_100: float = 0.0
    seconds: float = 0.0  # virtual, until all was written before the sweep
    drained: bool = True

    def complaints(self, most_calls: float = CALLS_PER_100) -> list[str]:
        """All that is not as promised, in words."""
        plant = self.plant
        misanswered = [pair for pair in self.courier.answers if pair[1] != ANSWERS[pair[0]]]
        undoubted = {entity: why for entity, why in self.before_sweep.items() if entity not in self.doubtful}
        checks = {
            f"requests were answered wrongly: {misanswered}": not misanswered,
            f"{len(plant.unaccounted())} deliveries are lost": not plant.unaccounted(),
            f"the queue still holds {len(plant.queue)} messages": self.drained,
            f"before the sweep: {_shown(undoubted)}": not undoubted,
            f"after the sweep: {_shown(self.after_sweep)}": not self.after_sweep,
            f"{self.calls_per_100:.1f} HubSpot calls for 100 messages": self.calls_per_100 <= most_calls,
            f"{plant.portal.limits.peak} calls within ten seconds": plant.portal.limits.peak <= LIMIT,
            f"an invocation took {plant.longest:.0f} s": plant.longest <= TIMEOUT,
            f"bugs: {plant.faults[:3]}": not plant.faults,
        }
        return [complaint for complaint, fine in checks.items() if not fine] + self._misjudged()

    def _misjudged(self) -> list[str]:
        """What is in the dead-letter queue and should not be, or is not and should be, or says not why."""
        dead = {letter.texts.get("entity", letter.id): letter.texts for letter in self.plant.dead_letters.messages()}
        words = {poison.entity: poison.word for poison in self.poisons}
        healthy = {entity: dead[entity].get("reason", "") for entity in sorted(dead.keys() - words.keys())}
        wordless = [entity for entity in words if words[entity] not in dead.get(entity, {}).get("reason", "")]
        found = [f"healthy, but in the dead-letter queue: {healthy}"] if healthy else []
        return found + ([f"poison without its reason in the dead-letter queue: {wordless}"] if wordless else [])

    def figures(self) -> str:
        """One line for people."""
        wrong = Counter("doubtful" if entity in self.doubtful else "wrong" for entity in self.before_sweep)
        return (
            f"{self.courier.posted} requests, {len(self.plant.accepted)} messages with the sweep, "
            f"{self.plant.invocations} invocations, {self.plant.crashed} crashes, "
            f"{self.calls_per_100:.1f} calls per 100 messages, at most {self.plant.portal.limits.peak} in 10 s, "
            f"receives at most {self.plant.queue.most_receives}, {self.seconds:.0f} virtual seconds; "
            f"before the sweep {wrong['wrong']} wrong and {wrong['doubtful']} of {len(self.doubtful)} doubtful, "
            f"after it {len(self.after_sweep)}"
        )


def _shown(problems: dict[str, list[str]]) -> str:
    some = "; ".join(f"{entity} {', '.join(why)}" for entity, why in list(problems.items())[:3])
    return f"{len(problems)} wrong: {some}"


def run(
    seed: int,
    scale: Scale = FULL,
    weather: Weather = ROUGH,
    *,
    trouble: float = 1.0,
    crash_chance: float = 0.02,
    **plant: Any,
) -> Run:
    """One history from a seed. `trouble` multiplies faults and the chance of crashes; others are the Plant's."""
    world = World(seed)
    ahead_s, is_put_right = CLOCKS[(seed - 1) % len(CLOCKS)]
    clock = StoreClock(ahead_s, world.now + scale.seconds / 2 if is_put_right else math.inf)
    shop, built = (
        Shop(world, clock),
        Plant(world, **(_rough(world, trouble, crash_chance) | plant)),
    )
    courier = Courier(world, shop, built.post, weather)
    run = Run(built, courier, [*strange.payloads(), *strange.refusals()[:5]])
    strange.spoil(built.portal)
    for fault in faults(trouble):
        built.portal.faults.add(fault)
    started = world.now
    Lives(world, shop, courier, scale).plan()
    _plan_strange(world, shop, courier, run.poisons, scale)
    world.run_until(started + scale.seconds)
    world.run_while(lambda: world.planned > 0, patience=3600)
    run.drained = built.settle()
    run.seconds = world.now - started
    run.calls_per_100 = 100 * built.calls / len(built.accepted)
    _compare_and_sweep(run, world, shop)
    return run


def _rough(world: World, trouble: float, crash_chance: float) -> dict[str, Any]:
    dice = world.random

    def crash() -> tuple[int, str] | None:
        return (
            (dice.randint(1, 8), dice.choice(("before", "after"))) if dice.random() < crash_chance * trouble else None
        )

    return {
        "latency": lambda: dice.uniform(0.12, 0.6),
        "crashes": crash,
        "repeats": 0.005 * trouble,
        "throttled": 0.005 * trouble,
    }


def _plan_strange(world: World, shop: Shop, courier: Courier, poisons: list[Poison], scale: Scale) -> None:
    requests = strange.noise(shop) * 10
    requests += [(shop.signed(poison.topic, poison.body), "genuine") for poison in poisons]
    for request, kind in requests:
        world.at(world.now + world.random.uniform(0, scale.seconds), partial(courier.send, request, kind))


def _compare_and_sweep(run: Run, world: World, shop: Shop) -> None:
    plant, fetched = run.plant, newest(shop, world)
    heard_of = {(one.topic.partition(".")[0], one.body["id"]) for one in plant.accepted}
    heard = [never_received(one) for one in fetched if (one.topic.partition(".")[0], one.body["id"]) in heard_of]
    truth = expected([*plant.accepted, *heard])
    run.before_sweep, run.doubtful = problems(truth, plant), truth.doubtful
    for one in fetched:
        plant.reconcile(one.topic, one.body)
    run.drained = plant.settle() and run.drained
    run.after_sweep = problems(expected(plant.accepted), plant)


def newest(shop: Shop, world: World) -> list[Accepted]:
    """The newest state of every order and customer, as the sweep fetches and delivers it."""
    fetched = [("order.swept", one) for one in shop.orders.values()]
    fetched += [("customer.swept", one) for one in shop.customers.values()]
    return [Accepted(("", ""), topic, json.loads(json.dumps(one)), world.ms()) for topic, one in fetched]


def never_received(fetched: Accepted) -> Accepted:
    """The state that the last delivery should have brought."""
    return replace(fetched, topic=f"{fetched.topic.partition('.')[0]}.updated", received_ms=0)


def expected(accepted: Iterable[Accepted]) -> Reference:
    """What must come of everything that is not strange."""
    return reference(one for one in accepted if one.body["id"] < strange.FIRST_ID)


def problems(wanted: Reference, plant: Plant) -> dict[str, list[str]]:
    """What is wrong; the contact of an order whose deal is refused may be there."""
    found = wanted.problems(plant.portal, line_items=plant.line_items)
    return {entity: why for entity, why in found.items() if not entity.startswith("contact strange9")}
