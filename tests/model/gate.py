"""One run of the gate: a busy quarter of an hour of a store under faults, and what is wrong in HubSpot afterwards."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from simulators.hubspot import InjectedFault
from tests.model import bad_requests
from tests.model.bad_requests import Poison
from tests.model.reference import Reference, reference
from tests.model.shop import CLOCKS, Shop, StoreClock
from tests.model.shop_history import Scale, ShopHistory
from tests.model.simulated_stack import Accepted, SimulatedStack
from tests.model.simulation import Simulation
from tests.model.traffic import DeliveryConditions, WebhookSender

CALLS_PER_100, CALLS_WITH_COMMERCE = 20.0, 35.0  # HubSpot calls for 100 messages, at most
LIMIT = 100  # HubSpot calls in any ten seconds
TIMEOUT = 60.0  # seconds of the consumer function
ANSWERS = {"genuine": 200, "forged": 401, "noise": 200, "stranger": 401, "clone": 200}  # by kind of request
HOLD_S = 60.0  # longer than the client waits for a response
FULL, HALF = Scale(), Scale(orders=1500, customers=500, seconds=550.0)
ROUGH = DeliveryConditions()


def faults(fault_factor: float) -> list[InjectedFault]:
    """5 % server errors, mostly after all or half of a batch was written; 2 % 429; 1 % timeouts; lost responses."""
    return [
        InjectedFault(status=503, probability=0.01 * fault_factor),
        InjectedFault(status=502, body="html", when="after", probability=0.02 * fault_factor),
        InjectedFault(status=500, when="half", probability=0.02 * fault_factor),
        InjectedFault(status=429, probability=0.02 * fault_factor),
        InjectedFault(kind="hold", when="after", hold_s=HOLD_S, probability=0.01 * fault_factor),
        InjectedFault(kind="reset", when="after", probability=0.005 * fault_factor),
        InjectedFault(kind="truncate", when="after", probability=0.005 * fault_factor),
        InjectedFault(kind="omit", when="after", path="/batch/", probability=0.005 * fault_factor),
    ]


@dataclass
class ModelRun:
    """The result of a history. Entities are named `deal 1234` or `contact ana@shop.example`."""

    stack: SimulatedStack
    sender: WebhookSender
    poisons: list[Poison]
    before_reconcile: dict[str, list[str]] = field(default_factory=dict)  # entities that differ from the store
    after_reconcile: dict[str, list[str]] = field(default_factory=dict)
    ambiguous: set[str] = field(default_factory=set)  # see Reference
    calls_per_100: float = 0.0
    seconds: float = 0.0  # virtual, until all was written before reconcile
    drained: bool = True

    def violations(self, most_calls: float = CALLS_PER_100) -> list[str]:
        """Every promise that was broken, in words."""
        stack = self.stack
        wrong_answers = [pair for pair in self.sender.answers if pair[1] != ANSWERS[pair[0]]]
        unambiguous = {entity: why for entity, why in self.before_reconcile.items() if entity not in self.ambiguous}
        checks = {
            f"requests were answered wrongly: {wrong_answers}": not wrong_answers,
            f"{len(stack.unaccounted())} deliveries are lost": not stack.unaccounted(),
            f"the queue still holds {len(stack.queue)} messages": self.drained,
            f"before reconcile: {_shown(unambiguous)}": not unambiguous,
            f"after reconcile: {_shown(self.after_reconcile)}": not self.after_reconcile,
            f"{self.calls_per_100:.1f} HubSpot calls for 100 messages": self.calls_per_100 <= most_calls,
            f"{stack.portal.limits.peak} calls within ten seconds": stack.portal.limits.peak <= LIMIT,
            f"an invocation took {stack.longest:.0f} s": stack.longest <= TIMEOUT,
            f"internal errors: {stack.faults[:3]}": not stack.faults,
        }
        return [violation for violation, fine in checks.items() if not fine] + self._wrong_dead_letters()

    def _wrong_dead_letters(self) -> list[str]:
        """Dead letters that should not be there, are missing or lack their reason."""
        dead = {letter.texts.get("entity", letter.id): letter.texts for letter in self.stack.dead_letters.messages()}
        words = {poison.entity: poison.reason_word for poison in self.poisons}
        healthy = {entity: dead[entity].get("reason", "") for entity in sorted(dead.keys() - words.keys())}
        without_reason = [entity for entity in words if words[entity] not in dead.get(entity, {}).get("reason", "")]
        problems = [f"healthy, but in the dead-letter queue: {healthy}"] if healthy else []
        return problems + (
            [f"poison without its reason in the dead-letter queue: {without_reason}"] if without_reason else []
        )

    def figures(self) -> str:
        """The figures of the run in one line."""
        wrong = Counter("ambiguous" if entity in self.ambiguous else "wrong" for entity in self.before_reconcile)
        return (
            f"{self.sender.posted} requests, {len(self.stack.accepted)} messages with reconcile, "
            f"{self.stack.invocations} invocations, {self.stack.crashed} crashes, "
            f"{self.calls_per_100:.1f} calls per 100 messages, at most {self.stack.portal.limits.peak} in 10 s, "
            f"receives at most {self.stack.queue.most_receives}, {self.seconds:.0f} virtual seconds; "
            f"before reconcile {wrong['wrong']} wrong and {wrong['ambiguous']} of {len(self.ambiguous)} ambiguous, "
            f"after it {len(self.after_reconcile)}"
        )


def _shown(problems: dict[str, list[str]]) -> str:
    some = "; ".join(f"{entity} {', '.join(why)}" for entity, why in list(problems.items())[:3])
    return f"{len(problems)} wrong: {some}"


def run(
    seed: int,
    scale: Scale = FULL,
    conditions: DeliveryConditions = ROUGH,
    *,
    fault_factor: float = 1.0,
    crash_chance: float = 0.02,
    commerce: bool = False,
    **stack: Any,
) -> ModelRun:
    """Run one history. `fault_factor` multiplies the chances of faults and crashes; `stack` are SimulatedStack's."""
    simulation = Simulation(seed)
    ahead_s, is_corrected = CLOCKS[(seed - 1) % len(CLOCKS)]
    clock = StoreClock(ahead_s, simulation.now + scale.seconds / 2 if is_corrected else math.inf)
    shop, built = (
        Shop(simulation, clock),
        SimulatedStack(
            simulation,
            commerce=commerce,
            **(_rough_conditions(simulation, fault_factor, crash_chance, commerce=commerce) | stack),
        ),
    )
    sender = WebhookSender(simulation, shop, built.post, conditions)
    run = ModelRun(built, sender, [*bad_requests.invalid_payloads(), *bad_requests.rejected_records()[:5]])
    bad_requests.add_rejection_rules(built.portal)
    for fault in faults(fault_factor):
        built.portal.faults.add(fault)
    started = simulation.now
    ShopHistory(simulation, shop, sender, scale).plan()
    _plan_bad_requests(simulation, shop, sender, run.poisons, scale)
    simulation.run_until(started + scale.seconds)
    simulation.run_while(lambda: simulation.planned > 0, timeout_s=3600)
    run.drained = built.drain()
    run.seconds = simulation.now - started
    run.calls_per_100 = 100 * built.calls / len(built.accepted)
    _compare_and_reconcile(run, simulation, shop)
    return run


def _rough_conditions(
    simulation: Simulation, fault_factor: float, crash_chance: float, *, commerce: bool
) -> dict[str, Any]:
    dice, most_calls = simulation.random, 16 if commerce else 8  # about as many as a batch takes

    def crash() -> tuple[int, str] | None:
        if dice.random() >= crash_chance * fault_factor:
            return None
        return dice.randint(1, most_calls), dice.choice(("before", "after"))

    return {
        "latency": lambda: dice.uniform(0.12, 0.6),
        "crashes": crash,
        "repeats": 0.005 * fault_factor,
        "throttled": 0.005 * fault_factor,
    }


def _plan_bad_requests(
    simulation: Simulation, shop: Shop, sender: WebhookSender, poisons: list[Poison], scale: Scale
) -> None:
    requests = bad_requests.noise(shop) * 10
    requests += [(shop.signed(poison.topic, poison.body), "genuine") for poison in poisons]
    for request, kind in requests:
        simulation.at(simulation.now + simulation.random.uniform(0, scale.seconds), partial(sender.send, request, kind))


def _compare_and_reconcile(run: ModelRun, simulation: Simulation, shop: Shop) -> None:
    stack, fetched = run.stack, newest(shop, simulation)
    heard_of = {(delivery.topic.partition(".")[0], delivery.body["id"]) for delivery in stack.accepted}
    heard = [
        as_unreceived_delivery(record)
        for record in fetched
        if (record.topic.partition(".")[0], record.body["id"]) in heard_of
    ]
    truth = expected([*stack.accepted, *heard])
    run.before_reconcile, run.ambiguous = problems(truth, stack), truth.ambiguous
    for row in fetched:
        stack.reconcile(row.topic, row.body)
    run.drained = stack.drain() and run.drained
    run.after_reconcile = problems(expected(stack.accepted), stack)


def newest(shop: Shop, simulation: Simulation) -> list[Accepted]:
    """The newest state of every order and customer, as reconcile reads and queues it."""
    fetched = [("order.swept", order) for order in shop.orders.values()]
    fetched += [("customer.swept", customer) for customer in shop.customers.values()]
    return [Accepted(("", ""), topic, json.loads(json.dumps(row)), simulation.ms()) for topic, row in fetched]


def as_unreceived_delivery(fetched: Accepted) -> Accepted:
    """The state that the last delivery would have carried."""
    return replace(fetched, topic=f"{fetched.topic.partition('.')[0]}.updated", received_ms=0)


def expected(accepted: Iterable[Accepted]) -> Reference:
    """What HubSpot must contain after all deliveries but the bad requests."""
    return reference(delivery for delivery in accepted if delivery.body["id"] < bad_requests.FIRST_ID)


def problems(wanted: Reference, stack: SimulatedStack) -> dict[str, list[str]]:
    """What is wrong in HubSpot, except that the contact of a rejected order may exist."""
    problems = wanted.problems(stack.portal, commerce=stack.commerce)
    return {entity: why for entity, why in problems.items() if not entity.startswith("contact badrequest9")}
