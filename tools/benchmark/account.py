"""The simulated HubSpot account that a flow uses, and its virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulators.hubspot import InjectedFault, SimulatedPortal, provision
from simulators.hubspot.definitions import CONTACTS

from .orders import START_S, Person

LATENCY_MS = 80.0  # per call
LIMITS: dict[str, Any] = {
    "requests_per_10_s": 100,  # HubSpot's smaller plans
    "searches_per_s": 5,
    "search_lag_s": 10.0,  # until search shows a write
}
# Of all calls 5 % get a 5xx answer, half of these after an effect; 2 % get a 429; 1 % are done, but not answered.
CHAOS: tuple[dict[str, Any], ...] = (
    {"status": 503, "when": "before", "probability": 0.025},
    {"status": 502, "when": "half", "probability": 0.025},  # half of a batch is written, or all of a single call
    {"status": 429, "when": "before", "probability": 0.02},
    {"kind": "hold", "when": "after", "hold_s": 35.0, "probability": 0.01},
)


class Clock:
    """A virtual clock in epoch seconds. Sleeping advances it."""

    def __init__(self) -> None:
        self.now = START_S

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def account(
    clock: Clock, *, seed: int = 0, unique: bool = True, chaos: bool = False, latency_ms: float = LATENCY_MS
) -> SimulatedPortal:
    """Return an empty account with woohub's properties and pipeline.

    `unique`: two deals cannot share an order id.
    """
    portal = SimulatedPortal(clock.read, seed=seed, latency_ms=latency_ms, **LIMITS)
    provision(portal, unique_order_id=unique)
    for fault in CHAOS if chaos else ():
        portal.faults.add(InjectedFault(**fault))
    return portal


def create_contacts(portal: SimulatedPortal, clock: Clock, people: Iterable[Person]) -> None:
    """Create contacts without a call, old enough to be in the search index."""
    for person in people:
        names = {"email": person.email, "firstname": person.first_name, "lastname": person.last_name}
        portal.objects.create(CONTACTS, {"properties": names})
    clock.sleep(3600)
