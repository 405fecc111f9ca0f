"""The duration of calls to HubSpot by endpoint and number of records, from the consumer's log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from woohub_cli.load.latency import percentile
from woohub_cli.stack import traces
from woohub_cli.stack.stacks import Stack

LOGGED = "hubspot call"  # the consumer's message about each call
RECORDS_STEP = 20  # as in the saved query "HubSpot's time by call and size"


@dataclass(frozen=True)
class CallTimes:
    """Calls of one kind. HubSpot's own time is None if its responses do not tell it; the rest is network time."""

    method: str
    path: str
    records_up_to: int  # records per call, rounded up to a multiple of 20
    calls: int
    p50_ms: float | None
    p95_ms: float | None
    hubspot_p50_ms: float | None
    hubspot_p95_ms: float | None


def read(stack: Stack, since_s: float) -> list[CallTimes]:
    """Return the consumer's calls since a moment (epoch seconds), the most frequent first. Raises botocore's errors."""
    lines = traces.log_lines(stack, traces.GROUPS["consumer"], f'"{LOGGED}"', round(since_s * 1000))
    return summed_up(fields for _, fields in lines if fields.get("message") == LOGGED)


def summed_up(lines: Iterable[Mapping[str, Any]]) -> list[CallTimes]:
    """Summarise log lines by method, path and number of records."""
    kinds: dict[tuple[str, str, int], list[Mapping[str, Any]]] = {}
    for line in lines:
        size = math.ceil(int(line.get("inputs") or 0) / RECORDS_STEP) * RECORDS_STEP
        kinds.setdefault((str(line.get("method", "")), str(line.get("path", "")), size), []).append(line)
    return sorted((_times(*kind, some) for kind, some in kinds.items()), key=lambda times: (-times.calls, times.path))


def _times(method: str, path: str, size: int, lines: list[Mapping[str, Any]]) -> CallTimes:
    whole, own = _sorted(lines, "ms"), _sorted(lines, "hubspot_ms")
    figures = (percentile(times, percent) for times in (whole, own) for percent in (50, 95))
    return CallTimes(method, path, size, len(lines), *figures)


def _sorted(lines: list[Mapping[str, Any]], name: str) -> list[float]:
    return sorted(float(line[name]) for line in lines if line.get(name) is not None)
