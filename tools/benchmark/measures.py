"""The work that both flows do, and its measures in virtual time: calls, orders per second, wrong orders."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import fmean
from typing import Any, Protocol

from simulators.hubspot import InjectedFault, SimulatedPortal, provision_line_items
from woohub.delivery.delivery import Delivery

from . import orders
from .account import LATENCY_MS, LIMITS, Clock, account, create_contacts
from .naive_flow import FIELDS, NaiveFlow
from .orders import Body, Person, Workload
from .woohub_flow import WITH_LINE_ITEMS, WooHubFlow

INDEX_CATCHES_UP_S, AN_HOUR_S = 60.0, 3600.0
WARM_UP_S = 20.0  # left out of a sustained rate: at first the ten-second budget is unused
BACKLOG, OUTAGES_S = 1000, (5.0, 20.0, 60.0, 600.0)
WRONG = ("missing", "duplicated", "stale", "without contact", "in any way")


class Flow(Protocol):
    """The naive flow or woohub."""

    @property
    def finished(self) -> Sequence[float]:
        """When each delivery was done, in epoch seconds."""

    @property
    def dead_letters(self) -> int:
        """The number of rejected deliveries."""

    def process(self, deliveries: Iterable[Delivery]) -> None:
        """Process deliveries until none is left."""


@dataclass(frozen=True)
class Count:
    """The cost of a workload, by the simulator's counters; `seconds` are virtual."""

    calls: int  # requests, those answered 429 included
    answers_429: int
    seconds: float
    most_in_10_s: int  # calls in any ten seconds so far, those answered 429 included

    def per_100(self, count: int) -> float:
        """Return the calls per hundred orders, for `count` orders."""
        return self.calls * 100 / count


@dataclass(frozen=True)
class Run:
    """A flow, its account, and their clock."""

    flow: Flow
    portal: SimulatedPortal
    clock: Clock

    def process(self, workload: Workload) -> Count:
        """Process a workload, then wait until the search index shows all of it."""
        calls, refused, started = *self._counters(), self.clock.now
        self.flow.process(workload.deliveries)
        calls_after, refused_after = self._counters()
        most = self.portal.limits.peak
        count = Count(calls_after - calls, refused_after - refused, self.clock.now - started, most)
        if isinstance(self.flow, WooHubFlow) and most > LIMITS["requests_per_10_s"]:
            raise AssertionError(f"woohub made {most} calls within ten seconds")
        self.clock.sleep(INDEX_CATCHES_UP_S)
        return count

    def _counters(self) -> tuple[int, int]:
        counters = self.portal.counters()
        return counters["total"], counters["by_status"].get("429", 0)


@dataclass(frozen=True)
class Contender:
    """A flow and the kind of account it works in."""

    name: str
    flow: Callable[[SimulatedPortal, Clock, int], Flow]
    unique: bool  # whether two deals cannot share an order id
    backlog: int  # orders that take about a minute

    def start(self, *, seed: int = 0, chaos: bool = False, latency_ms: float = LATENCY_MS) -> Run:
        """Return this flow with an account of its own."""
        clock = Clock()
        portal = account(clock, seed=seed, unique=self.unique, chaos=chaos, latency_ms=latency_ms)
        return Run(self.flow(portal, clock, seed), portal, clock)


NAIVE_1 = Contender("naive, 1 worker", lambda portal, clock, _: NaiveFlow(portal, clock, workers=1), False, 150)
NAIVE_5 = Contender("naive, 5 workers", lambda portal, clock, _: NaiveFlow(portal, clock, workers=5), False, 150)
WOOHUB = Contender("woohub", lambda portal, clock, seed: WooHubFlow(portal, clock, seed), True, 12_000)
WOOHUB_WITH_ITEMS = replace(
    WOOHUB,
    flow=lambda portal, clock, seed: WooHubFlow(provision_line_items(portal), clock, seed, kinds=WITH_LINE_ITEMS),
)
CONTENDERS = (NAIVE_1, NAIVE_5, WOOHUB)
# The same flows, each in the kind of account that the other one usually has.
NAIVE_UNIQUE = replace(NAIVE_5, unique=True)
WOOHUB_SEARCHING = replace(WOOHUB, unique=False)


def customers(run: Run, count: int) -> list[Person]:
    """Create customers whom HubSpot knows."""
    known = [Person(n + 1) for n in range(count)]
    create_contacts(run.portal, run.clock, known)
    return known


def calls(contender: Contender, count: int = 300) -> dict[str, float]:
    """Return HubSpot calls per hundred orders of a backlog, by kind, and the additional calls after a cold start."""
    run = contender.start()
    known = customers(run, count // 2)
    cold, warm = (run.process(orders.new_orders(1, run.clock.now, first=10_000 + n)).calls for n in (0, 1))
    created = orders.new_orders(count, run.clock.now, known=known)
    new = run.process(created)
    changes = orders.status_changes(created.orders, ["completed"] * count, at=run.clock.now)
    changed, unchanged = run.process(changes), run.process(changes)
    return {
        "new": new.per_100(count),
        "changed": changed.per_100(count),
        "unchanged": unchanged.per_100(count),
        "cold": cold - warm,
    }


def sustained(contender: Contender, latency_ms: float = LATENCY_MS) -> float:
    """Return the orders per second of a long backlog.

    Each order has one delivery; HubSpot knows the customer of every second one.
    """
    run = contender.start(latency_ms=latency_ms)
    known = customers(run, contender.backlog // 2)
    started = run.clock.now
    run.process(orders.new_orders(contender.backlog, started, known=known))
    warm = started + WARM_UP_S
    return rate(run.flow.finished, max((moment for moment in run.flow.finished if moment <= warm), default=warm))


def rate(finished: Sequence[float], since: float) -> float:
    """Return how many finished per second, from `since` to the end."""
    return sum(moment > since for moment in finished) / (max(finished) - since)


def recovery(outage_s: float, count: int = BACKLOG) -> tuple[float, float]:
    """Process a backlog that waited until HubSpot's 503s end.

    Returns orders per second for its first three quarters, and calls per 100 orders. The rate counts from the first
    batch call that HubSpot answers. Calls answered 503 are not included.
    """
    run = WOOHUB.start()
    run.process(orders.new_orders(1, run.clock.now))  # by a warm process
    ended = run.clock.now + outage_s
    run.portal.faults.add(InjectedFault(status=503, until=ended))
    total = run.process(orders.new_orders(count, run.clock.now, first=2)).calls
    most = count * 3 // 4
    finished = sorted(run.flow.finished)[1 : 1 + most]  # the first was done before
    refused = run.portal.counters()["by_status"].get("503", 0)
    return rate(finished, _answered_at(run.portal, ended)), (total - refused) * 100 / count


def _answered_at(portal: SimulatedPortal, since: float) -> float:
    """Return when HubSpot answered the first batch call after a time, in epoch seconds."""
    calls = ((datetime.fromisoformat(call["at"]).timestamp(), call) for call in portal.requests)
    return min(at for at, call in calls if at >= since and "/batch/" in call["path"] and call["status"] < 300)


def quiet_shop(contender: Contender) -> Count:
    """Process 200 orders of two deliveries each, one order every ten seconds."""
    run = contender.start()
    return run.process(orders.two_deliveries_each(run.clock.now, apart_s=10.0))


@dataclass(frozen=True)
class Rush:
    """The result of 200 orders with two deliveries each within four seconds, and of a later status change of each.

    The status changes come an hour later.
    """

    count: Count
    wrong: Mapping[str, int]  # orders, by the names in WRONG
    dead_letters: int
    wrong_later: int  # in any way


def rush(
    contender: Contender, *, seed: int = 0, chaos: bool = False, known: bool = False, latency_ms: float = LATENCY_MS
) -> Rush:
    """Process such a rush. `known`: HubSpot has all customers already."""
    run = contender.start(seed=seed, chaos=chaos, latency_ms=latency_ms)
    if known:
        create_contacts(run.portal, run.clock, orders.shoppers())
    created = orders.two_deliveries_each(run.clock.now)
    count = run.process(created)
    wrong, dead_letters = wrong_orders(run.portal, created.orders), run.flow.dead_letters
    run.clock.sleep(AN_HOUR_S)
    changes = orders.final_status_changes(created.orders, run.clock.now, seed)
    run.process(changes)
    return Rush(count, wrong, dead_letters, wrong_orders(run.portal, changes.orders)["in any way"])


def rushes(contender: Contender, seeds: int, *, chaos: bool = False, known: bool = False) -> list[Rush]:
    return [rush(contender, seed=seed, chaos=chaos, known=known) for seed in range(seeds)]


def mean(runs: Sequence[Rush], figure: Callable[[Rush], float]) -> float:
    return fmean(figure(run) for run in runs)


def wrong_orders(portal: SimulatedPortal, bodies: Iterable[Body]) -> dict[str, int]:
    """Count orders that differ from the store, by the names in WRONG. An order may be wrong in several ways."""
    state = portal.state()
    emails = {contact["id"]: contact["properties"].get("email", "") for contact in state["contacts"]}
    deals: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for deal in state["deals"]:
        deals[deal["properties"].get("woocommerce_order_id", "")].append(deal)
    counts: Counter[str] = Counter()
    for body in bodies:
        faults = _faults(body, deals[str(body["id"])], emails)
        counts.update([*faults, *(["in any way"] if faults else [])])
    return {name: counts[name] for name in WRONG}


def _faults(body: Body, deals: list[Mapping[str, Any]], emails: Mapping[str, str]) -> list[str]:
    status, email = body["status"], body["billing"]["email"]
    state = {"woocommerce_order_status": status, "dealstage": FIELDS.pipeline.stage(status)}
    faults = {
        "missing": not deals,
        "duplicated": len(deals) > 1,
        "stale": bool(deals) and not any(state.items() <= deal["properties"].items() for deal in deals),
        "without contact": any(email not in {emails[contact] for contact in deal["contacts"]} for deal in deals),
    }
    return [name for name, present in faults.items() if present]
