"""Serve a shop over real HTTP, with its cron running."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from simulators.core.server import AppServer, in_thread

from .app import create_app
from .shop import SimulatedShop

CRON_S = 0.2  # as a shop with much traffic; others take up to a minute


class ShopServer(AppServer):
    """Serves a shop on a port, whose address becomes the shop's. Without `cron`, deliveries wait for `run_webhooks`."""

    def __init__(self, shop: SimulatedShop, *, port: int = 0, cron: bool = True) -> None:
        super().__init__(create_app(shop).wsgi_app, port=port)
        shop.url = shop.hooks.home = self.url
        self._shop = shop
        self._has_cron = cron
        self._ended = threading.Event()

    def run(self) -> None:
        """Serve until `stop` is called. A second thread sends the deliveries."""
        if not self._has_cron:
            super().run()
            return
        cron = threading.Thread(target=self._cron, name="shop-cron", daemon=True)
        cron.start()
        try:
            super().run()
        finally:
            self._ended.set()
            cron.join(timeout=10)

    def _cron(self) -> None:
        while not self._ended.wait(CRON_S):
            self._shop.run_webhooks(most=25)


@contextmanager
def running(shop: SimulatedShop, *, cron: bool = True) -> Iterator[str]:
    """Serve a shop from a thread for the length of a with block; yields its URL."""
    with in_thread(ShopServer(shop, cron=cron)) as url:
        yield url
