"""The arguments and results of operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import Json, bad_request
from .objects import Batch
from .portal import SimulatedPortal

DATED = ("2026-09", "2026-03")
Result = tuple[int, Any]


@dataclass(frozen=True)
class Call:
    """One request to the API, authenticated and within the limits."""

    portal: SimulatedPortal
    version: str
    body: Any
    raw_length: int
    query: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The names in the query's `properties`, comma-separated or repeated."""
        return [name for name in self.query.get("properties", "").split(",") if name]

    def number(self, name: str, default: int) -> int:
        """Return a whole number of the query. Raises ApiError 400 if it is none."""
        text = self.query.get(name) or str(default)
        if not text.isdigit():
            raise bad_request(f"{name} must be a whole number")
        return int(text)

    @property
    def enforces_rules(self) -> bool:
        """Whether the admin's validation rules apply to API writes, as in 2026-09 and later."""
        return self.version == "2026-09"


def batch_answer(call: Call, batch: Batch, status: int) -> Result:
    """Return a batch as the API shows it, with `status` or, if some of it failed, 207."""
    now = call.portal.now()
    body: Json = {"status": "COMPLETE", "results": batch.results, "startedAt": now, "completedAt": now}
    if not batch.errors:
        return status, body
    return 207, {**body, "numErrors": len(batch.errors), "errors": batch.errors}
