"""docs/benchmarks.md and its plot."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from . import plot
from .account import LATENCY_MS, LIMITS
from .engine import INVOCATION
from .figures import CALM_RUNS, CHAOS_RUNS, MACHINE, OTHER_RUNS, STARTS, Figure, Listing, Report, Section
from .report import COLUMNS, limit, number, texts
from .runs import WOOHUB

DOCS = Path(__file__).parents[2] / "docs"
PICTURE = "benchmarks.svg"

METHOD = """\
## Method

Both flows work off the same deliveries against HubSpot simulators with the same settings, in one run. The simulator
counts the calls. Time is virtual, so the figures are the same on every machine, but for those under "{machine}"
and "{starts}".

* **HubSpot**: {latency:.0f} ms per call, {requests_per_10_s} calls in any 10 s, {searches_per_s} searches a second,
  and search shows a write after {search_lag_s:.0f} s.
* **Chaos**: 5 % of all calls are answered 5xx, half of these after an effect (of a batch, half is written); 2 % are
  answered 429; 1 % do their work and are never answered.
* **The naive flow** (`tools/benchmark/naive.py`) does for every delivery what tutorials draw: search the contact,
  create or update it, search the deal, create or update it, associate the two. Every call is tried again after 1, 2, 4,
  8, 16 and 32 s on 429, 5xx and after 30 s of silence; another 4xx ends in the dead-letter queue. One queue, first in,
  first out, with one worker or five. It gets woohub's mapping, so that only the flows differ.
* **woohub** is the real consumer, engine and client, one writer, warm, on a queue that hands out messages in any order,
  in batches of at most 100. Every invocation is charged {invocation:.1f} s for what virtual time does not see.
* **Backlog**: distinct orders that wait in the queue, every second one by a customer HubSpot knows.
* **200 orders of two deliveries each**: 105 registered customers and 45 guests, `order.created` and `order.updated`
  within 10 ms; 40 of the orders are created as `pending` and updated to `processing`, half of these within the same
  second. Later each order changes its status once more, ten of them to a status of a plugin's. The naive flow works in
  an account without unique order ids; woohub in one that `woohub setup` made.
* **Wrong** is what differs from the store one minute after the last delivery was worked off. Means of {calm} runs, in
  chaos and in other accounts of {chaos}; the deliveries are the same, the order of receipt and the faults are not.
* **Processor time** is that of this machine; medians. That of the consumer is measured around its batch, less all that
  is spent inside the connection to HubSpot.
* **Cold start**: from a bare interpreter until the function's module is imported with all it does at import, in a new
  process each, in turn, with warm files; medians. The layers and functions are as `packaging/Makefile` builds them, but
  for this machine and its Python, and found as on Lambda: the function, the layers, then boto3, as from the runtime.
  Bare is a handler that has nothing but `boto3.client("sqs")`. Packages are third-party ones; what each takes is its
  share by `python -X importtime`. Own code is the function with the AWS clients it makes, and the woohub package.

## What these figures do not say

* The simulator is not HubSpot. How long a real batch of a hundred takes is not known here, so the table says what
  remains if every call takes a second.
* A quiet shop gains nothing by batches: an order that comes alone costs four calls, both its deliveries together.
* Two deliveries each: 200 orders take four seconds to arrive and the queue waits up to two for a batch to fill.
* Where order ids are not unique, deals are found by search; an answer lost within the index's lag may double one.
* Lambda was not measured: neither what it does before a function's first import (fetching and unpacking, the start of
  the runtime) nor the functions there, on Python 3.13 and a fraction of an arm64 core.
* The goal for the model test (10,000 deliveries, crashes, outages) is held by `make test`, not here.
"""


def write(report: Report, docs: Path = DOCS) -> None:
    """Renew both files."""
    (docs / PICTURE).write_text(plot.svg(report), encoding="utf-8")
    (docs / "benchmarks.md").write_text(markdown(report), encoding="utf-8")


def markdown(report: Report) -> str:
    """The page."""
    method = METHOD.format(
        machine=MACHINE,
        starts=STARTS,
        latency=LATENCY_MS,
        invocation=INVOCATION,
        calm=CALM_RUNS,
        chaos=CHAOS_RUNS if CHAOS_RUNS == OTHER_RUNS else f"{CHAOS_RUNS} and {OTHER_RUNS}",
        **LIMITS,
    )
    tables = [*map(_section, report.sections), *map(_listing, report.listings)]
    return "\n".join([_head(report), *tables, method])


def _head(report: Report) -> str:
    missed = len(report.missed)
    goals = sum(bool(figure.goal) for figure in report.figures)
    verdict = f"{goals - missed} of {goals} goals are reached." if missed else f"All {goals} goals are reached."
    return f"""\
# Benchmarks

woohub beside the flow it replaces, on the same work. {verdict}
Measured on {datetime.now(UTC):%d %B %Y} by `make bench BENCH=--write`, which writes this page; `make bench` prints it.
Machine: {machine()}.

![HubSpot calls, orders a second and wrong orders: woohub beside the naive flow]({PICTURE})
"""


def machine() -> str:
    """The machine in a few words."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def _section(section: Section) -> str:
    columns = [name for name in COLUMNS if any(name in figure.values for figure in section.figures)]
    goals = any(figure.goal for figure in section.figures)
    head = ["", *columns, *(["goal", ""] if goals else [])]
    rules = ["---", *("---:" for _ in columns), *(["---:", "---"] if goals else [])]
    rows = ([*_cells(figure, columns), *(_verdict(figure) if goals else [])] for figure in section.figures)
    return _table(section.title, head, rules, rows)


def _listing(listing: Listing) -> str:
    rules = ["---", *("---:" for _ in listing.columns)]
    drawn = _table(listing.title, ["", *listing.columns], rules, map(texts, listing.rows))
    return f"{drawn}\n{listing.note}\n" if listing.note else drawn


def _table(title: str, head: Sequence[str], rules: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in (head, rules, *rows)) + "\n"


def _cells(figure: Figure, columns: list[str]) -> list[str]:
    values = [number(figure.values[name]) if name in figure.values else "" for name in columns]
    return [
        figure.name,
        *(f"**{text}**" if name == WOOHUB.name else text for name, text in zip(columns, values, strict=True)),
    ]


def _verdict(figure: Figure) -> list[str]:
    return [limit(figure.goal), figure.verdict]
