"""A WooCommerce store to test and demonstrate against: REST, webhooks, and a real store's ways."""

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
