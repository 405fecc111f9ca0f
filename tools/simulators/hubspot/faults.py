"""Trouble on order: error answers, broken connections and silence, scripted or at random."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from .errors import ApiError, Json
from .limits import too_many

_HTML = (
    "<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {reason}</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {
    423: "Locked",
    477: "Migration in Progress",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}
_REFUSALS = {
    401: ApiError(
        401,
        "Authentication credentials not found. This API supports OAuth 2.0 authentication "
        "and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
        category="INVALID_AUTHENTICATION",
    ),
    403: ApiError(
        403,
        "This app hasn't been granted all required scopes to make this call. "
        "Read more about required scopes here: https://developers.hubspot.com/scopes.",
        category="MISSING_SCOPES",
        extra={"links": {"scopes": "https://developers.hubspot.com/scopes"}},
    ),
    423: ApiError(423, "This resource is locked by another process. Try again later.", category="LOCKED"),
    477: ApiError(477, "This account is being moved to another data centre.", category="MIGRATION_IN_PROGRESS"),
    500: ApiError(500, "internal error", category="INTERNAL_ERROR"),
    502: ApiError(502, "Bad Gateway", category="BAD_GATEWAY"),
    503: ApiError(503, "The service is temporarily unavailable.", category="SERVICE_UNAVAILABLE"),
    504: ApiError(504, "Timed out while processing the request.", category="TIMEOUT"),
}


def refusal(status: int) -> ApiError:
    """HubSpot's usual words for a status."""
    return replace(_REFUSALS.get(status) or ApiError(status, "error", category="ERROR"))


@dataclass
class Fault:
    """One kind of trouble, for the calls it matches.

    `kind` is `status` (answer with `status`), `reset` (the connection breaks), `hold` (silence for `hold_s`, then the
    connection breaks, or after the effect the true answer comes), `truncate` (the answer breaks off half-way) or
    `omit` (a batch answers, but half of its results are missing). `when` says whether the call had its effect:
    `before` (none), `after` (all of it), `half` (the first half of a batch). `skip` lets that many matching calls
    pass first; `count` is how many to hit, None for no end; `until` is a time of the portal's clock.
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
        if self.kind not in ("status", "reset", "hold", "truncate", "omit"):
            raise ValueError(f"no such kind of fault: {self.kind}")
        if self.when not in ("before", "after", "half"):
            raise ValueError(f"no such moment: {self.when}")
        self._path = re.compile(self.path)

    @classmethod
    def from_json(cls, fault: Mapping[str, Any]) -> Fault:
        """From the control endpoint; raises ValueError for names it does not know."""
        unknown = fault.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {', '.join(sorted(unknown))}")
        return cls(**fault)

    def json(self) -> Json:
        """For the control endpoint."""
        return asdict(self)

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is meant for such a call."""
        return self.method in ("", method) and self._path.search(path) is not None

    @property
    def spent(self) -> bool:
        """Whether it has hit as often as it should."""
        return self.count is not None and self.hits >= self.count

    def answer(self) -> ApiError | str:
        """What a `status` fault says: HubSpot's error, or the HTML page of the network in front of it."""
        if self.body == "html":
            return _HTML.format(status=self.status, reason=_REASONS.get(self.status, "Error"))
        if self.status == 429:
            return too_many(self.policy)
        return refusal(self.status)


class Faults:
    """The faults in force. The first that matches and wins its toss hits."""

    def __init__(self, rng: random.Random, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._clock = clock
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault in force, behind those already there."""
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """No more trouble."""
        self._faults.clear()

    def json(self) -> list[Json]:
        """All faults in force, with their hits so far."""
        return [fault.json() for fault in self._faults]

    def draw(self, method: str, path: str) -> Fault | None:
        """The fault that hits this call, if any."""
        return next((fault for fault in self._faults if self._hits(fault, method, path)), None)

    def _hits(self, fault: Fault, method: str, path: str) -> bool:
        if fault.spent or not fault.matches(method, path):
            return False
        if fault.until is not None and self._clock() >= fault.until:
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if fault.probability < 1.0 and self._rng.random() >= fault.probability:
            return False
        fault.hits += 1
        return True
