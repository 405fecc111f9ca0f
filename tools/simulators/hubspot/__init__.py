"""A HubSpot account to test and demonstrate against: strict where HubSpot is strict, and as troublesome as asked."""

from .app import create_app
from .faults import Fault
from .inprocess import InProcessTransport
from .portal import ALL_SCOPES, DEFAULT_TOKEN, RUN_TIME_SCOPES, SimulatedPortal
from .provision import provision
from .server import running

__all__ = [
    "ALL_SCOPES",
    "DEFAULT_TOKEN",
    "RUN_TIME_SCOPES",
    "Fault",
    "InProcessTransport",
    "SimulatedPortal",
    "create_app",
    "provision",
    "running",
]
