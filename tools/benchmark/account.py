"""The simulated HubSpot account that a flow works against, and its virtual time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulators.hubspot import InjectedFault, SimulatedPortal, provision
from simulators.hubspot.definitions import CONTACTS

from .orders import START_S, Person

LATENCY_MS = 80.0  # of a call
LIMITS: dict[str, Any] = {
    "requests_per_10_s": 100,  # HubSpot's smaller plans
    "searches_per_s": 5,
    "search_lag_s": 10.0,  # until search shows a write
}
# Of all calls: 5 % answered 5xx, half of these after an effect; 2 % answered 429; 1 % done, but not answered.
CHAOS: tuple[dict[str, Any], ...] = (
    {"status": 503, "when": "before", "probability": 0.025},
    {"status": 502, "when": "half", "probability": 0.025},  # of a batch half is written, of a single call all
    {"status": 429, "when": "before", "probability": 0.02},
    {"kind": "hold", "when": "after", "hold_s": 35.0, "probability": 0.01},
)


class Clock:
    """Virtual epoch seconds, which pass by sleeping."""

    def __init__(self) -> None:
        self.now = START_S

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def account(
    clock: Clock, *, seed: int = 0, unique: bool = True, chaos: bool = False, latency_ms: float = LATENCY_MS
) -> SimulatedPortal:
    """An empty account with woohub's properties and pipeline; `unique`: two deals cannot share an order id."""
    portal = SimulatedPortal(clock.read, seed=seed, latency_ms=latency_ms, **LIMITS)
    provision(portal, unique_order_id=unique)
    for fault in CHAOS if chaos else ():
        portal.faults.add(InjectedFault(**fault))
    return portal


def create_contacts(portal: SimulatedPortal, clock: Clock, people: Iterable[Person]) -> None:
    """Contacts from long ago: in the search index, and created without any call."""
    for person in people:
        names = {"email": person.email, "firstname": person.first_name, "lastname": person.last_name}
        portal.objects.create(CONTACTS, {"properties": names})
    clock.sleep(3600)
