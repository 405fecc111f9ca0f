"""A WooCommerce store to test and demonstrate against: REST, webhooks, and a real store's ways."""

from simulators.hubspot.faults import Fault
from simulators.hubspot.inprocess import InProcessTransport

from .app import create_app
from .bodies import Item
from .hooks import Attempt
from .server import running
from .shop import KEY, SECRET, SimulatedShop

__all__ = [
    "KEY",
    "SECRET",
    "Attempt",
    "Fault",
    "InProcessTransport",
    "Item",
    "SimulatedShop",
    "create_app",
    "running",
]
