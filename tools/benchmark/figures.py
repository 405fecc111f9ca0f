"""All figures of one benchmark, side by side, each with the goal it is held to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from . import artifacts, coldstart, costs
from .artifacts import Artifacts
from .coldstart import BARE, OWN, Start
from .runs import (
    CONTENDERS,
    FALLBACK,
    NAIVE_5,
    UNIQUE,
    WOOHUB,
    Contender,
    Rush,
    calls,
    mean,
    recovery,
    rushes,
    spread_out,
    sustained,
)
from .work import ORDERS

CALM_RUNS, CHAOS_RUNS, OTHER_RUNS = 3, 10, 10
LARGE_NOTE = 55_000  # characters: 100 orders of these are the 6 MB that Lambda hands over at most
SLOW_MS = 1000.0
STEPS = 6 * len(CONTENDERS) + 10
DEAREST = 3  # packages

Step = Callable[[str], object]  # told what comes next
T = TypeVar("T")


@dataclass(frozen=True)
class Goal:
    """A limit to keep, or to reach."""

    limit: float
    at_least: bool = False

    def reached(self, value: float) -> bool:
        """Whether the value is good enough."""
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True)
class Figure:
    """One line: what was measured, of whom, and what woohub was to reach."""

    name: str
    values: Mapping[str, float]  # by contender
    goal: Goal | None = None

    @property
    def verdict(self) -> str:
        """`reached`, `missed`, or nothing where there is no goal."""
        if self.goal is None:
            return ""
        return "reached" if self.goal.reached(self.values[WOOHUB.name]) else "missed"


@dataclass(frozen=True)
class Section:
    """Lines that belong together."""

    title: str
    figures: Sequence[Figure]


@dataclass(frozen=True)
class Listing:
    """Facts that no goal is set for, a row for each thing, its name first; and a sentence about all of them."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | float]]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Everything measured."""

    sections: Sequence[Section]
    listings: Sequence[Listing] = ()

    @property
    def figures(self) -> list[Figure]:
        """All lines."""
        return [figure for section in self.sections for figure in section.figures]

    @property
    def missed(self) -> list[Figure]:
        """The lines whose goal was not reached."""
        return [figure for figure in self.figures if figure.verdict == "missed"]

    def section(self, title: str) -> Section:
        """A section by its title."""
        return next(section for section in self.sections if section.title == title)


CALLS, SPEED, CALM, CHAOS, MACHINE, OTHERWISE = (
    "HubSpot calls",
    "Orders a second, within HubSpot's limits",
    "Wrong in HubSpot, of 200 orders",
    "Wrong in HubSpot, of 200 orders, in chaos",
    "On this machine",
    "Wrong in HubSpot, of 200 orders, in other accounts",
)
BYTE_CODE = {True: "with byte code", False: "without byte code, which takes that Python on this machine"}
STARTS, SIZES = "Cold starts, on this machine", "Size of what is deployed, KB"


def measured(step: Step) -> Report:
    """Measure everything; takes a few minutes."""
    calm = _each(step, "200 orders at once", lambda one: rushes(one, CALM_RUNS))
    chaos = _each(step, "200 orders at once, in chaos", lambda one: rushes(one, CHAOS_RUNS, chaos=True))
    with TemporaryDirectory(prefix="woohub-bench-") as place:
        step("what is deployed, built for this machine and for Lambda")
        here = artifacts.build(Path(place) / "here", sys.executable)
        deployed = artifacts.build(Path(place) / "deployed")
        step("cold starts")
        starts = coldstart.starts(here)
        sections = [
            Section(CALLS, list(_calls(step, calm, chaos))),
            Section(SPEED, list(_speed(step, calm, chaos))),
            Section(CALM, list(_wrong(calm))),
            Section(CHAOS, list(_wrong(chaos))),
            Section(MACHINE, list(_machine(step, here, starts))),
            Section(OTHERWISE, list(_otherwise(step))),
        ]
        return Report(sections, [_cold_starts(starts), _sizes(deployed)])


def _each(step: Step, what: str, do: Callable[[Contender], T]) -> dict[str, T]:
    found: dict[str, T] = {}
    for contender in CONTENDERS:
        step(f"{what}: {contender.name}")
        found[contender.name] = do(contender)
    return found


Rushes = Mapping[str, Sequence[Rush]]


def _figure(name: str, found: Mapping[str, T], read: Callable[[T], float], goal: Goal | None = None) -> Figure:
    return Figure(name, {who: read(one) for who, one in found.items()}, goal)


def _means(name: str, found: Rushes, read: Callable[[Rush], float], goal: Goal | None = None) -> Figure:
    return _figure(name, found, lambda some: mean(some, read), goal)


def _calls(step: Step, calm: Rushes, chaos: Rushes) -> Iterator[Figure]:
    found = _each(step, "calls for a backlog", calls)
    quiet = _each(step, "a quiet shop", spread_out)
    yield _figure("per 100 new orders, customers known and new", found, lambda one: one.new, Goal(5))
    yield _figure("per 100 status changes of known orders", found, lambda one: one.changed, Goal(3))
    yield _figure("per 100 deliveries once more, unchanged", found, lambda one: one.unchanged, Goal(2))
    yield _means("per 100 orders of two deliveries each", calm, lambda one: one.count.per(ORDERS), Goal(25))
    yield _means("the same in chaos", chaos, lambda one: one.count.per(ORDERS), Goal(25))
    yield _figure("the same, if one order comes every 10 s", quiet, lambda one: one.per(ORDERS))
    yield _means("answered 429, of the calls for 200 such orders", calm, lambda one: one.count.answers_429)
    yield _figure("more after a cold start, or a quarter of an hour", found, lambda one: one.cold)


def _speed(step: Step, calm: Rushes, chaos: Rushes) -> Iterator[Figure]:
    found = _each(step, "a long backlog", sustained)
    slow = _each(step, "a long backlog, slow calls", lambda one: sustained(one, latency_ms=SLOW_MS))
    yield _figure("one delivery each (backlog)", found, lambda one: one, Goal(150, at_least=True))
    yield _figure("one delivery each (backlog), if a call takes a second", slow, lambda one: one)
    step("a backlog of 1,000 behind 503s")
    after = recovery()
    yield _own("the first 750 of 1,000 that waited behind 503s", after.orders_per_s, Goal(150, at_least=True))
    yield _own("… HubSpot calls per 100 of them, without those answered 503", after.calls_per_100, Goal(6))
    yield _means("two deliveries each, 200 orders within 4 s", calm, lambda one: ORDERS / one.count.seconds)
    yield _means("the same in chaos", chaos, lambda one: ORDERS / one.count.seconds)


def _wrong(found: Rushes) -> Iterator[Figure]:
    yield _means("missing", found, lambda one: one.wrong.missing, Goal(0))
    yield _means("with more than one deal", found, lambda one: one.wrong.duplicated, Goal(0))
    yield _means("stale: no deal has the present status", found, lambda one: one.wrong.stale, Goal(0))
    yield _means("with a deal without its contact", found, lambda one: one.wrong.alone, Goal(0))
    yield _means("in any way", found, lambda one: one.wrong.in_any_way, Goal(0))
    yield _means("in any way after one more status change each", found, lambda one: one.wrong_later.in_any_way, Goal(0))
    yield _means("deliveries given up, of 400", found, lambda one: one.given_up, Goal(0))


def _machine(step: Step, built: Artifacts, starts: Mapping[str, Start]) -> Iterator[Figure]:
    step("processor time of the consumer")
    cpu = costs.consumer_cpu()
    step("ingest in a process of its own")
    ingest = costs.ingest_footprint(built.path("ingest"))
    step("consumer in a process of its own")
    consumer = costs.consumer_footprint(built.path("consumer"))
    step("consumer with the largest batch")
    large = costs.consumer_footprint(built.path("consumer"), note=LARGE_NOTE)
    over_bare = starts["ingest"].processor_ms / starts[BARE].processor_ms
    yield _own("ingest: cold start, over that of a bare boto3 SQS handler", over_bare, Goal(1.25))
    yield _own("consumer: processor ms per 100 new orders (parse, coalesce, plan)", cpu["new"], Goal(25))
    yield _own("… per 100 status changes", cpu["changed"], Goal(25))
    yield _own("… per 100 unchanged deliveries", cpu["unchanged"], Goal(25))
    yield _own("… per 100 new orders, the whole function (logs, metrics, HTTP)", consumer.event_ms)
    yield _own("ingest: processor ms per delivery, the whole function", ingest.event_ms)
    yield _own("ingest: MiB of memory at most", ingest.peak_mib)
    yield _own("consumer: MiB of memory at most", consumer.peak_mib)
    yield _own("consumer: MiB of memory at most, batches of 6 MB", large.peak_mib)


def _cold_starts(starts: Mapping[str, Start]) -> Listing:
    rows = [
        (name, one.wall_ms, one.processor_ms, one.modules, one.owners[OWN], len(one.packages), _dearest(one))
        for name, one in starts.items()
    ]
    columns = ("wall ms", "processor ms", "modules", "own code ms", "packages", "the dearest, ms")
    return Listing(STARTS, columns, rows)


def _dearest(start: Start) -> str:
    return ", ".join(f"{name} {start.owners[name]:.0f}" for name in start.dearest(DEAREST))


def _sizes(deployed: Artifacts) -> Listing:
    rows = [(name, size.unzipped, size.zipped) for name, size in deployed.sizes().items()]
    note = f"Built for {artifacts.TARGET}, {BYTE_CODE[deployed.have_byte_code()]}."
    return Listing(SIZES, ("unzipped", "zipped"), rows, note)


def _own(name: str, value: float, goal: Goal | None = None) -> Figure:
    return Figure(name, {WOOHUB.name: value}, goal)


def _otherwise(step: Step) -> Iterator[Figure]:
    """The same work in accounts of other kinds."""
    kinds = {
        "customers known to HubSpot already (naive: 5 workers)": (NAIVE_5, WOOHUB, {"known": True}),
        "naive: order ids unique; woohub: not unique, so found by search": (UNIQUE, FALLBACK, {}),
        "the same in chaos": (UNIQUE, FALLBACK, {"chaos": True}),
    }
    for name, (naive, woohub, how) in kinds.items():
        step(name)
        found = {who.name: rushes(one, OTHER_RUNS, **how) for who, one in ((NAIVE_5, naive), (WOOHUB, woohub))}
        yield _means(name, found, lambda one: one.wrong.in_any_way)
