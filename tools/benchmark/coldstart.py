"""What starting a function takes, and what it imports."""

from __future__ import annotations

import compileall
import re
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from py_compile import PycInvalidationMode

from .artifacts import FUNCTIONS, Artifacts
from .process import measured_by, python

STARTS, TRACES = 11, 3  # of which the median is taken
BARE, OWN = "bare", "own code"
_INSTALLED = packages_distributions()
HANDLER = """\
import json
import os

import boto3

sqs = boto3.client("sqs")


def lambda_handler(event, context):
    sqs.send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=event["body"])
    return {"statusCode": 200, "body": json.dumps({})}
"""


@dataclass(frozen=True)
class Run:
    """From a bare interpreter until a function is imported: milliseconds on the wall clock and of processor."""

    wall_ms: float
    processor_ms: float
    modules: frozenset[str]


@dataclass(frozen=True)
class Start:
    """A function's start: medians of runs, and the milliseconds of processor by owner, as `owner` names them."""

    wall_ms: float
    processor_ms: float
    modules: int
    packages: frozenset[str]  # distributions
    owners: Mapping[str, float]

    def dearest(self, count: int) -> list[str]:
        """The distributions that take the most time, the worst first."""
        return sorted(self.packages & set(self.owners), key=lambda name: -self.owners[name])[:count]


def starts(built: Artifacts) -> dict[str, Start]:
    """Of a bare handler and of each function; in turn, so all meet the same noise."""
    paths = {BARE: [_bare(built.place / BARE)]} | {name: built.path(name) for name in FUNCTIONS}
    runs: dict[str, list[Run]] = {name: [] for name in paths}
    for _ in range(STARTS + 1):
        for name, path in paths.items():
            runs[name].append(run(path))
    return {name: _summary(runs[name][1:], [traced(path) for _ in range(TRACES)]) for name, path in paths.items()}


def run(path: Sequence[Path]) -> Run:
    """Start the function that this path leads to."""
    found = measured_by("start.py", path)
    return Run(found["wall"] * 1000, found["processor"] * 1000, frozenset(found["modules"]))


def _summary(runs: Sequence[Run], traces: Sequence[Mapping[str, float]]) -> Start:
    wall_ms = statistics.median(one.wall_ms for one in runs)
    processor_ms = statistics.median(one.processor_ms for one in runs)
    owners = {name: processor_ms * statistics.median(one.get(name, 0.0) for one in traces) for name in traces[0]}
    return Start(wall_ms, processor_ms, len(runs[0].modules), distributions(runs[0].modules), owners)


def _bare(folder: Path) -> Path:
    """The least that a handler of this kind needs, compiled as the functions are."""
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER, encoding="utf-8")
    compileall.compile_dir(folder, quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    return folder


def traced(path: Sequence[Path]) -> dict[str, float]:
    """Each owner's share of the time it takes to import the function, by Python's own trace."""
    return shares(python("-P", "-X", "importtime", "-c", "import app", path=path))


def shares(trace: str) -> dict[str, float]:
    """Read Python's trace: the share of each owner of modules; what came with the interpreter is left out."""
    _, _, after_start = trace.rpartition("| site\n")
    spent: Counter[str] = Counter()
    for microseconds, module in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", after_start, re.MULTILINE):
        spent[owner(module)] += int(microseconds)
    return {name: microseconds / spent.total() for name, microseconds in spent.items()}


def owner(module: str) -> str:
    """The distribution a module is of, as locks write it; `OWN` for the function and woohub; "" for Python's own."""
    package = module.partition(".")[0]
    if package in ("app", "woohub"):
        return OWN
    return re.sub("[-_.]+", "-", _INSTALLED[package][0]).lower() if package in _INSTALLED else ""


def distributions(modules: Iterable[str]) -> frozenset[str]:
    """The distributions that modules are of, but for woohub itself."""
    return frozenset(map(owner, modules)) - {OWN, ""}
