"""Injected faults: error responses, broken connections and missing responses, scripted or at random."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class InjectedFault:
    """A fault for the calls it matches.

    `kind` is `status` (respond with `status`), `reset` (the connection breaks), `hold` (no response for `hold_s`, then
    the connection breaks or, if the call had its effect, the true response follows), `drip` (the true response arrives
    byte by byte, the last one after `hold_s`), `truncate` (the response is cut off half-way) or `omit` (half of a
    batch's results are missing). `when` is how much of its effect the call has: `before` (none), `after` (all of it),
    `half` (the first half of a batch). `skip` matching calls pass first; `count` calls are hit, None for all; `until`
    is a time of the simulator's clock.
    """

    kind: str = "status"
    status: int = 503
    when: str = "before"
    body: str = "json"  # or "html"
    path: str = ""  # a regular expression, searched in the path
    method: str = ""  # "" for any
    probability: float = 1.0
    skip: int = 0
    count: int | None = None
    until: float | None = None
    retry_after: str = ""
    policy: str = "TEN_SECONDLY_ROLLING"  # of a 429: SECONDLY, DAILY
    hold_s: float = 3600.0
    hits: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in ("status", "reset", "hold", "drip", "truncate", "omit"):
            raise ValueError(f"no such kind of fault: {self.kind}")
        if self.when not in ("before", "after", "half"):
            raise ValueError(f"no such moment: {self.when}")
        self._path = re.compile(self.path)

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault applies to such a call."""
        return self.method in ("", method) and self._path.search(path) is not None

    def is_over(self, now: float) -> bool:
        """Whether the fault has hit as many calls as it may, or its time has passed."""
        spent = self.count is not None and self.hits >= self.count
        return spent or (self.until is not None and now >= self.until)


class InjectedFaults:
    """The active faults. A call is hit by the first one that matches it and whose probability allows it."""

    def __init__(self, rng: random.Random, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._clock = clock
        self._faults: list[InjectedFault] = []

    def add(self, fault: InjectedFault) -> InjectedFault:
        """Activate a fault, after those that are already active."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        self._faults.clear()

    def json(self) -> list[dict[str, Any]]:
        """Return all active faults, with their hits so far."""
        return [asdict(fault) for fault in self._faults]

    def draw(self, method: str, path: str) -> InjectedFault | None:
        """Return the fault that hits this call, or None."""
        return next((fault for fault in self._faults if self._hits(fault, method, path)), None)

    def _hits(self, fault: InjectedFault, method: str, path: str) -> bool:
        if not fault.matches(method, path) or fault.is_over(self._clock()):
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.probability < 1.0 and self._rng.random() >= fault.probability:
            return False
        fault.hits += 1
        return True
