"""The connection pool against a slow server."""

from __future__ import annotations

import pytest
import urllib3
from urllib3.exceptions import ReadTimeoutError

from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, SimulatedPortal, provision, running
from woohub.pool import Pool

CONTACTS = "/crm/objects/2026-09/contacts"
HALF_A_SECOND, THREE_SECONDS = (urllib3.Timeout(connect=5.0, read=seconds) for seconds in (0.5, 3.0))
BEARER = {"authorization": f"Bearer {DEFAULT_TOKEN}"}


@pytest.fixture
def portal() -> SimulatedPortal:
    return provision(SimulatedPortal())


def test_the_read_timeout_applies_to_the_whole_response(portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(kind="drip", hold_s=3.0))

    with running(portal) as url, Pool() as pool, pytest.raises(ReadTimeoutError):
        pool.request("GET", url + CONTACTS, headers=BEARER, timeout=HALF_A_SECOND, retries=False)


def test_a_reused_connection_gets_the_full_timeout(portal: SimulatedPortal) -> None:
    portal.faults.add(InjectedFault(kind="drip", hold_s=1.6, count=2))

    with running(portal) as url, Pool() as pool:
        statuses = [
            pool.request("GET", url + CONTACTS, headers=BEARER, timeout=THREE_SECONDS, retries=False).status
            for _ in range(2)
        ]
        connections = pool.connection_from_url(url).num_connections

    assert (statuses, connections) == ([200, 200], 1)
