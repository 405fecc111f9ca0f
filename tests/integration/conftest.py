"""Fixtures: a simulated HubSpot portal with woohub's properties, and callers of its API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from simulators.hubspot import InProcessTransport, SimulatedPortal, create_app, provision
from tests.support.clock import Clock
from tests.support.openapi_contract import Contract, Validated, hubspots_contract
from tests.support.operations_page import assert_described
from tests.support.simulated import VERSIONS, Calls
from tests.support.verification import Case
from woohub.http import Http


@pytest.fixture
def clock() -> Clock:
    """The clock of the portal and of its callers."""
    return Clock(1_795_600_000.0)  # 25 November 2026


@pytest.fixture
def portal(clock: Clock) -> SimulatedPortal:
    """A portal with everything that `woohub setup` creates."""
    return provision(SimulatedPortal(clock))


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    """HubSpot's OpenAPI specs, if HUBSPOT_OPENAPI_DIR has them."""
    return hubspots_contract()


@pytest.fixture
def raw(portal: SimulatedPortal, clock: Clock) -> Calls:
    """A caller whose requests are not checked."""
    return Calls(InProcessTransport(create_app(portal), sleep=clock.sleep))


@pytest.fixture
def hubspot(raw: Calls, contract: Contract | None) -> Calls:
    """A caller whose requests and responses are checked against HubSpot's specs, if there are any."""
    transport: Http = Validated(raw.transport, contract) if contract else raw.transport
    return raw.using(transport=transport)


@pytest.fixture(params=VERSIONS)
def hubspot_of_each_version(request: pytest.FixtureRequest, hubspot: Calls) -> Calls:
    """The same caller, once for each version of the API."""
    return hubspot.using(version=request.param)


@pytest.fixture
def logs_are_described(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Check that docs/operations.md describes every event that the functions log during the test."""
    yield
    for record in caplog.get_records("call"):
        if record.name == "woohub":
            assert_described(record.getMessage())


@pytest.fixture
def case() -> Case:
    return Case()
