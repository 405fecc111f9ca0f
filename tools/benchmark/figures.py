"""All figures of one benchmark, each with its goal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from . import commerce, functions
from .account import LATENCY_MS
from .backfill import backfill, live_delay_s
from .functions import FUNCTIONS, LARGE_NOTE_CHARS, lambda_path
from .measures import (
    CONTENDERS,
    NAIVE_1,
    NAIVE_5,
    NAIVE_UNIQUE,
    OUTAGES_S,
    WOOHUB,
    WOOHUB_SEARCHING,
    WOOHUB_WITH_ITEMS,
    WRONG,
    Contender,
    Rush,
    calls,
    mean,
    quiet_shop,
    recovery,
    rush,
    rushes,
    sustained,
)
from .orders import ORDERS, TWO_DELIVERIES_EACH_S

CALM_RUNS, CHAOS_RUNS, SLOW_MS = 3, 10, 1000.0
# 90 calls in 10 s, of 100 records each; a new order's contact and deal are read once and written once.
MOST_ORDERS_PER_S = 90 / 10 * 100 / 4
T = TypeVar("T")
Progress = Callable[[str], object]  # called with what is measured next


@dataclass(frozen=True)
class Figure:
    """A measured value of each contender, and woohub's goal: at most, or at least, so much."""

    section: str
    name: str
    values: Mapping[str, float]  # by contender
    at_most: float | None = None
    at_least: float | None = None
    limit: float | None = None  # what HubSpot's limit allows at most

    @property
    def share(self) -> float | None:
        """The percentage of the limit that woohub reaches; None without a limit."""
        return None if self.limit is None else 100 * self.values[WOOHUB.name] / self.limit

    @property
    def verdict(self) -> str:
        """`reached`, `missed`, or "" without a goal."""
        value = self.values[WOOHUB.name]
        if self.at_most is None and self.at_least is None:
            return ""
        reached = value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0)
        return "reached" if reached else "missed"


def measure(progress: Progress) -> list[Figure]:
    """Measure everything, which takes a few minutes."""
    calm = _each(progress, "200 orders at once", lambda contender: rushes(contender, CALM_RUNS))
    chaos = _each(
        progress, "200 orders in chaos", lambda contender: rushes(contender, _chaos_runs(contender), chaos=True)
    )
    return [
        *_calls(progress, calm, chaos),
        *_speed(progress, calm, chaos),
        *_wrong("Wrong in HubSpot, of 200 orders", calm),
        *_wrong("Wrong in HubSpot, of 200 orders, in chaos", chaos),
        *_commerce(progress),
        *_other_accounts(progress),
        *_functions(progress),
    ]


def _chaos_runs(contender: Contender) -> int:
    """Return the number of runs in chaos. woohub has goals and so gets more; the naive flow's runs take longest."""
    return CALM_RUNS if contender in (NAIVE_1, NAIVE_5, NAIVE_UNIQUE) else CHAOS_RUNS


def _each(progress: Progress, what: str, run: Callable[[Contender], T]) -> dict[str, T]:
    results: dict[str, T] = {}
    for contender in CONTENDERS:
        progress(f"{what}: {contender.name}")
        results[contender.name] = run(contender)
    return results


Rushes = Mapping[str, Sequence[Rush]]


def _means(runs: Rushes, figure: Callable[[Rush], float]) -> dict[str, float]:
    return {name: mean(results, figure) for name, results in runs.items()}


def _woohub(value: float) -> dict[str, float]:
    return {WOOHUB.name: value}


def _calls(progress: Progress, calm: Rushes, chaos: Rushes) -> Iterator[Figure]:
    section = "HubSpot calls"
    counts = _each(progress, "calls for a backlog", calls)
    quiet = _each(progress, "a quiet shop", quiet_shop)

    def of(kind: str) -> dict[str, float]:
        return {name: count[kind] for name, count in counts.items()}

    def per_100(run: Rush) -> float:
        return run.count.per_100(ORDERS)

    alone = {name: count.per_100(ORDERS) for name, count in quiet.items()}
    yield Figure(section, "per 100 new orders, customers known and new", of("new"), at_most=5)
    yield Figure(section, "per 100 status changes of known orders", of("changed"), at_most=3)
    yield Figure(section, "per 100 repeated deliveries, unchanged", of("unchanged"), at_most=2)
    items = calls(WOOHUB_WITH_ITEMS)
    for kind, most in (("new", 9), ("changed", 3), ("unchanged", 2)):
        yield Figure(section, f"… with line items, three an order: {kind}", _woohub(items[kind]), at_most=most)
    for name, value, limit in commerce.calls_with_metrics():
        yield Figure(section, name, _woohub(value), at_most=limit)
    yield Figure(section, "per 100 orders of two deliveries each", _means(calm, per_100), at_most=25)
    yield Figure(section, "… in chaos", _means(chaos, per_100), at_most=25)
    yield Figure(section, "… if one order comes every 10 s", alone)
    peak = {name: max(run.count.most_in_10_s for run in (*calm[name], *chaos[name])) for name in calm}
    yield Figure(section, "in any 10 s at most (HubSpot allows 100), calm and chaos", peak, at_most=100)
    yield Figure(section, "answered 429, for 200 such orders", _means(calm, lambda run: run.count.answers_429))
    yield Figure(section, "additional after a cold start, and every quarter of an hour", of("cold"))


def _speed(progress: Progress, calm: Rushes, chaos: Rushes) -> Iterator[Figure]:
    section = "Orders a second, within HubSpot's limits"
    usual = _each(progress, "a long backlog", sustained)
    slow = _each(progress, "a long backlog, 1 s a call", lambda contender: sustained(contender, SLOW_MS))
    slow_rush = _each(progress, "200 orders, 1 s a call", lambda contender: rush(contender, latency_ms=SLOW_MS))
    progress("a backlog of 1,000 after an outage")
    rates, calls_per_100 = zip(*map(recovery, OUTAGES_S), strict=True)
    late = {name: run.count.seconds - TWO_DELIVERIES_EACH_S for name, run in slow_rush.items()}
    yield Figure(section, "backlog, 80 ms a call", usual, at_least=175, limit=MOST_ORDERS_PER_S)
    yield Figure(section, "backlog, 1 s a call", slow, at_least=150, limit=MOST_ORDERS_PER_S)
    yield Figure(section, "first 750 of a backlog of 1,000, after 503s end", _woohub(min(rates)), at_least=150)
    yield Figure(section, "… HubSpot calls per 100 orders, without the 503s", _woohub(max(calls_per_100)), at_most=6)
    yield Figure(
        section, "200 orders, two deliveries each, within 4 s", _means(calm, lambda run: ORDERS / run.count.seconds)
    )
    yield Figure(section, "… in chaos", _means(chaos, lambda run: ORDERS / run.count.seconds))
    yield Figure(section, "… 1 s a call: seconds from the last delivery until all is done", late, at_most=8)
    yield from _backfill(progress)


def _backfill(progress: Progress) -> Iterator[Figure]:
    section = "Backfill beside live traffic"
    for words, latency_ms, count in (("80 ms", LATENCY_MS, 3_000), ("1 s", SLOW_MS, 10_000)):
        progress(f"a backfill, {words} a call")
        run = backfill(latency_ms, count)
        mean_s, worst_s = live_delay_s(latency_ms, run)
        most_s = 140 if count == 10_000 else None  # about two minutes
        yield Figure(section, f"{count:,} orders, {words} a call: seconds", _woohub(run.seconds), at_most=most_s)
        yield Figure(section, "… new orders are later by, seconds, on average", _woohub(mean_s))
        yield Figure(section, "… at most", _woohub(worst_s), at_most=1)


def _wrong(section: str, runs: Rushes) -> Iterator[Figure]:
    for name in WRONG:
        yield Figure(section, name, {who: mean(some, lambda run: run.wrong[name]) for who, some in runs.items()}, 0)  # noqa: B023
    yield Figure(section, "in any way after one more status change each", _means(runs, lambda run: run.wrong_later), 0)
    yield Figure(section, "dead letters, of 400 deliveries", _means(runs, lambda run: run.dead_letters), 0)


def _commerce(progress: Progress) -> Iterator[Figure]:
    for chaos in (False, True):
        progress("line items and metrics" + (" in chaos" if chaos else ""))
        for name, value, most in commerce.wrong(chaos=chaos):
            yield Figure("Wrong in HubSpot, line items and metrics", name, _woohub(value), at_most=most)


def _other_accounts(progress: Progress) -> Iterator[Figure]:
    accounts = {
        "customers known to HubSpot": (NAIVE_5, WOOHUB, {"known": True}),
        "order ids: naive unique; woohub not unique, so found by search": (NAIVE_UNIQUE, WOOHUB_SEARCHING, {}),
        "… in chaos": (NAIVE_UNIQUE, WOOHUB_SEARCHING, {"chaos": True}),
    }
    for name, (naive, woohub, options) in accounts.items():
        progress(f"other accounts: {name}")
        runs = {contender.name: rushes(contender, _chaos_runs(contender), **options) for contender in (naive, woohub)}
        wrong = _means(runs, lambda run: run.wrong["in any way"])
        yield Figure("Wrong in HubSpot in any way, of 200 orders, in other accounts", name, wrong)


def _functions(progress: Progress) -> Iterator[Figure]:
    with TemporaryDirectory(prefix="woohub-bench-") as folder:
        progress("building the functions")
        here = functions.build_all(Path(folder) / "here", sys.executable)
        deployed = functions.build_all(Path(folder) / "deployed")
        yield from _machine(progress, {name: lambda_path(here, name) for name in FUNCTIONS}, Path(folder) / "bare")
        for name, artifact in deployed.items():
            yield Figure("Size of what is deployed, KB zipped", name, _woohub(functions.zipped_kb(artifact)))


def _machine(progress: Progress, paths: Mapping[str, Sequence[Path]], bare: Path) -> Iterator[Figure]:
    section = "On this machine"
    progress("cold starts")
    starts = functions.cold_starts({"bare": [functions.bare_handler(bare)]} | dict(paths))
    progress("CPU and memory of the functions")
    cpu = functions.consumer_cpu()
    with_items = functions.consumer_cpu(line_items=True)["new"]
    ingest = functions.ingest_footprint(paths["ingest"])
    consumer = functions.consumer_footprint(paths["consumer"])
    large = functions.consumer_footprint(paths["consumer"], LARGE_NOTE_CHARS)
    over_bare = starts["ingest"] / starts["bare"]
    yield Figure(section, "ingest: cold start, over that of a bare boto3 SQS handler", _woohub(over_bare), at_most=1.15)
    for name, milliseconds in starts.items():
        yield Figure(section, f"{name}: cold start, CPU ms", _woohub(milliseconds))
    rows = (
        ("consumer: CPU ms per 100 new orders (parse, group, plan)", cpu["new"], 20),
        ("… per 100 new orders with line items", with_items, 30),
        ("… per 100 status changes", cpu["changed"], 25),
        ("… per 100 unchanged deliveries", cpu["unchanged"], 25),
    )
    for words, taken, most_ms in rows:
        yield Figure(section, words, _woohub(taken.ms), most_ms)
        yield Figure(section, "… times json.loads of the same deliveries", _woohub(taken.times_json))
    yield Figure(section, "… per 100 new orders, with logs, metrics and HTTP", _woohub(consumer.event_ms))
    yield Figure(section, "ingest: CPU ms per delivery", _woohub(ingest.event_ms))
    yield Figure(section, "ingest: MiB of memory at most", _woohub(ingest.peak_mib))
    yield Figure(section, "consumer: MiB of memory at most", _woohub(consumer.peak_mib))
    yield Figure(section, "consumer: MiB of memory at most, batches of 6 MB", _woohub(large.peak_mib))
