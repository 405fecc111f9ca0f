"""A HubSpot account in memory: records, definitions, limits, tokens and faults. HTTP is in app.py."""

from __future__ import annotations

import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from simulators.core.faults import InjectedFaults

from .definitions import CONTACTS, DEALS, ObjectType, known_types
from .errors import Json
from .fault_responses import refusal
from .limits import RateLimits
from .links import Links
from .objects import Objects
from .records import Record
from .schema import Schema
from .settings import Settings
from .values import iso

DEFAULT_TOKEN = "pat-na1-simulator"  # noqa: S105  # opens nothing but the simulator
RUN_TIME_SCOPES = frozenset(
    f"crm.objects.{kind.plural}.{verb}" for kind in (CONTACTS, DEALS) for verb in ("read", "write")
)


def scopes_for(kind: ObjectType) -> frozenset[str]:
    """Return all scopes that a token needs for an object."""
    return frozenset(
        f"crm.{area}.{kind.plural}.{verb}" for area in ("objects", "schemas") for verb in ("read", "write")
    )


ALL_SCOPES = frozenset().union(*map(scopes_for, known_types()))
LOGGED_REQUESTS = 1000


class SimulatedPortal:
    """One HubSpot account.

    `clock` returns seconds since the epoch and `seed` fixes every random choice, so a test with its own clock is
    repeatable. `tokens` maps accepted tokens to their scopes. Other keyword arguments are fields of Settings.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        seed: int = 0,
        tokens: Mapping[str, Iterable[str]] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = clock
        self.settings = Settings().changed(settings)
        self.tokens = {
            t: frozenset(s)
            for t, s in (tokens or {DEFAULT_TOKEN: ALL_SCOPES.union(*map(scopes_for, known_types()))}).items()
        }
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Make the account empty again; settings and tokens stay."""
        self._rng = random.Random(self._seed)  # noqa: S311  # repeatable, not secret
        self.schema = Schema(iso(self.clock()))
        self.links = Links()
        self.objects = Objects(
            schema=self.schema,
            links=self.links,
            settings=lambda: self.settings,
            tick=lambda: self.clock(),
            rng=random.Random(self._seed),  # noqa: S311
        )
        self.limits = RateLimits(self.clock)
        self.faults = InjectedFaults(random.Random(self._seed), self.clock)  # noqa: S311
        self.requests: deque[Json] = deque(maxlen=LOGGED_REQUESTS)
        self.calls: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    def now(self) -> str:
        """Return the account's time as HubSpot writes it."""
        return iso(self.clock())

    def correlation_id(self) -> str:
        """Return a new correlation id, repeatable from the seed."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Change some settings. Raises TypeError for a name that is no setting."""
        self.settings = self.settings.changed(changes)

    def scopes(self, authorization: str) -> frozenset[str]:
        """Return the scopes of the caller's token. Raises ApiError 401."""
        kind, _, token = authorization.partition(" ")
        if kind.lower() != "bearer" or token not in self.tokens:
            raise refusal(401)
        return self.tokens[token]

    def record_request(self, route: str, entry: Json) -> None:
        """Add a call to the log and the counters."""
        self.calls[route] += 1
        self.statuses[entry["status"]] += 1
        self.requests.append(entry)

    def state(self) -> Json:
        """Return everything for tests and tools: records with all properties, associations, counters."""
        kinds = known_types()
        return {
            **{kind.plural: [self._record(r, kinds) for r in self.objects.records[kind.id].values()] for kind in kinds},
            "associations": [
                {"deal": start[1], "contact": end[1]}
                for start, end in self.links.items()
                if (start[0], end[0]) == (DEALS.id, CONTACTS.id)
            ],
            "requests": self.counters(),
        }

    def counters(self) -> Json:
        """Return the number of calls by route and status, and how close they came to the limits."""
        return {
            "total": sum(self.calls.values()),
            "by_route": dict(self.calls),
            "by_status": {str(status): count for status, count in sorted(self.statuses.items())},
            "peak_per_10_s": self.limits.peak,
            "peak_searches_per_s": self.limits.search_peak,
            "refused_429": self.limits.refused,
            "used_today": self.limits.used_today,
        }

    def _record(self, record: Record, kinds: Sequence[ObjectType]) -> Json:
        end = (record.kind.id, record.id)
        return {
            "id": record.id,
            "properties": dict(record.properties),
            "createdAt": record.created,
            "updatedAt": record.updated,
            **{other.plural: self.links.ids(end, other.id) for other in kinds if other is not record.kind},
        }
