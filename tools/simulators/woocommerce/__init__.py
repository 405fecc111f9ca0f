"""A simulated WooCommerce store for tests and demos: REST API, webhooks, and peculiarities of real stores."""

from simulators.core.faults import InjectedFault
from simulators.core.transport import InProcessTransport

from .app import create_app
from .bodies import Item
from .server import running
from .shop import KEY, SECRET, SimulatedShop

__all__ = [
    "KEY",
    "SECRET",
    "InProcessTransport",
    "InjectedFault",
    "Item",
    "SimulatedShop",
    "create_app",
    "running",
]
