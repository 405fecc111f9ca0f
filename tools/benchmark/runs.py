"""The work both flows are given, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from simulators.hubspot import Fault, SimulatedPortal
from woohub.delivery.webhooks import Delivery

from . import work
from .account import LATENCY_MS, Clock, Count, account, counted, make_known
from .engine import WooHub
from .judge import Wrong, judged
from .naive import Naive
from .work import Person, Wave

PAUSE, LATER = 60.0, 3600.0  # seconds between two waves of work
BACKLOG, OUTAGES_S = 1000, (5.0, 20.0, 60.0, 600.0)
WARM_UP = 20.0  # seconds left out of a sustained rate: at first the ten-second budget is still unused


class Flow(Protocol):
    """The naive flow or woohub."""

    finished: list[float]

    @property
    def given_up(self) -> int:
        """Dead letters."""

    def work_off(self, deliveries: Iterable[Delivery]) -> None:
        """Take everything in."""


@dataclass(frozen=True)
class Contender:
    """A flow and the kind of account it sets up for itself."""

    name: str
    make: Callable[[SimulatedPortal, Clock, int], Flow]
    unique: bool  # whether no two deals may share an order id
    sustained: int  # orders that keep it busy for about a minute

    def scene(self, *, seed: int = 0, chaos: bool = False, latency_ms: float = LATENCY_MS) -> Scene:
        """This flow with an account of its own."""
        clock = Clock()
        portal = account(clock, seed=seed, unique=self.unique, chaos=chaos, latency_ms=latency_ms)
        return Scene(self.make(portal, clock, seed), portal, clock)


@dataclass(frozen=True)
class Scene:
    """A flow, its account, and their time."""

    flow: Flow
    portal: SimulatedPortal
    clock: Clock

    def done(self, wave: Wave) -> Count:
        """Let the flow do a wave of work, and wait until the search index has it all."""
        count = counted(self.portal, self.clock, lambda: self.flow.work_off(wave.deliveries))
        self.clock.sleep(PAUSE)
        return count


NAIVE_1 = Contender("naive, 1 worker", lambda portal, clock, _: Naive(portal, clock, workers=1), False, 150)
NAIVE_5 = Contender("naive, 5 workers", lambda portal, clock, _: Naive(portal, clock, workers=5), False, 150)
WOOHUB = Contender("woohub", lambda portal, clock, seed: WooHub(portal, clock, seed), True, 12_000)
CONTENDERS = (NAIVE_1, NAIVE_5, WOOHUB)
# The same flows in the other kind of account.
UNIQUE = Contender("naive, 5 workers, unique order ids", NAIVE_5.make, True, 150)
FALLBACK = Contender("woohub, order ids not unique", WOOHUB.make, False, 12_000)


@dataclass(frozen=True)
class Calls:
    """Calls per hundred deliveries of a backlog, by a warm process; and how many more a cold start makes."""

    new: float
    changed: float
    unchanged: float
    cold: int


def calls(contender: Contender, orders: int = 300) -> Calls:
    """New orders of known and new customers in turn; a status change of each; the same deliveries again."""
    scene = contender.scene()
    known = [Person(n + 1) for n in range(orders // 2)]
    make_known(scene.portal, scene.clock, known)
    cold, warm = (scene.done(work.new_orders(1, scene.clock.now, first=10_000 + n)).calls for n in (0, 1))
    wave = work.new_orders(orders, scene.clock.now, known=known)
    new = scene.done(wave)
    changes = work.status_changes(wave.orders, ["completed"] * orders, at=scene.clock.now)
    return Calls(new.per(orders), scene.done(changes).per(orders), scene.done(changes).per(orders), cold - warm)


def sustained(contender: Contender, *, latency_ms: float = LATENCY_MS) -> float:
    """Orders a second of a long backlog, one delivery each, customers known and new in turn."""
    scene = contender.scene(latency_ms=latency_ms)
    known = [Person(n + 1) for n in range(contender.sustained // 2)]
    make_known(scene.portal, scene.clock, known)
    started = scene.clock.now
    scene.done(work.new_orders(contender.sustained, started, known=known))
    return rate(scene.flow.finished, started + WARM_UP)


def rate(finished: Sequence[float], since: float) -> float:
    """Finished a second, from then to the end."""
    return sum(moment > since for moment in finished) / (max(finished) - since)


@dataclass(frozen=True)
class Recovery:
    """How a backlog goes that waited behind 503s, once HubSpot answers again."""

    orders_per_s: float  # of the first three quarters, from the moment the first are through
    calls_per_100: float  # without those answered 503

    @classmethod
    def after(cls, outage_s: float, orders: int = BACKLOG) -> Recovery:
        """From a run in which HubSpot begins to answer so many seconds after the backlog came."""
        scene = WOOHUB.scene()
        scene.done(work.new_orders(1, scene.clock.now))  # by a warm process
        scene.portal.faults.add(Fault(status=503, until=scene.clock.now + outage_s))
        count = scene.done(work.new_orders(orders, scene.clock.now, first=2))
        finished = sorted(scene.flow.finished)[1 : 1 + orders * 3 // 4]
        refused = scene.portal.counters()["by_status"].get("503", 0)
        return cls(rate(finished, finished[0]), (count.calls - refused) * 100 / orders)


def recovery() -> Recovery:
    """The worst of both, whether the outage ends while a batch is in hand or while the breaker is open."""
    runs = [Recovery.after(outage_s) for outage_s in OUTAGES_S]
    return Recovery(min(run.orders_per_s for run in runs), max(run.calls_per_100 for run in runs))


def spread_out(contender: Contender) -> Count:
    """A quiet shop: 200 orders of two deliveries each, one order every ten seconds."""
    scene = contender.scene()
    return scene.done(work.pairs(scene.clock.now, apart=10.0))


@dataclass(frozen=True)
class Rush:
    """200 orders of two deliveries each, all within four seconds; an hour later, a status change of each."""

    count: Count
    wrong: Wrong
    given_up: int
    wrong_later: Wrong


def rush(contender: Contender, *, seed: int = 0, chaos: bool = False, known: bool = False) -> Rush:
    """Have it done; `known`: HubSpot has all the customers already."""
    scene = contender.scene(seed=seed, chaos=chaos)
    if known:
        make_known(scene.portal, scene.clock, work.shoppers())
    wave = work.pairs(scene.clock.now)
    count = scene.done(wave)
    wrong, given_up = judged(scene.portal, wave.orders), scene.flow.given_up
    scene.clock.sleep(LATER)
    changes = work.later(wave.orders, scene.clock.now, seed)
    scene.done(changes)
    return Rush(count, wrong, given_up, judged(scene.portal, changes.orders))


def rushes(contender: Contender, seeds: int, *, chaos: bool = False, known: bool = False) -> list[Rush]:
    """The same with so many seeds."""
    return [rush(contender, seed=seed, chaos=chaos, known=known) for seed in range(seeds)]


def mean(found: Sequence[Rush], read: Callable[[Rush], float]) -> float:
    """The mean of one figure."""
    return sum(read(one) for one in found) / len(found)
