"""A simulated HubSpot account for tests and demos: as strict as HubSpot, and with faults on request."""

from simulators.core.faults import InjectedFault
from simulators.core.transport import InProcessTransport

from .app import create_app
from .portal import ALL_SCOPES, DEFAULT_TOKEN, RUN_TIME_SCOPES, SimulatedPortal
from .provision import provision, provision_definitions, provision_line_items
from .server import running

__all__ = [
    "ALL_SCOPES",
    "DEFAULT_TOKEN",
    "RUN_TIME_SCOPES",
    "InProcessTransport",
    "InjectedFault",
    "SimulatedPortal",
    "create_app",
    "provision",
    "provision_definitions",
    "provision_line_items",
    "running",
]
