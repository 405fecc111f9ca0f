"""Run the simulator: python -m simulators.woocommerce."""

from __future__ import annotations

import argparse
import sys
import threading
import time

from simulators.core.server import serve

from .server import ShopServer
from .shop import KEY, SECRET, SimulatedShop


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated. Return the exit code, which is 1 if the port is in use."""
    parser = argparse.ArgumentParser(prog="store_simulator", description="A WooCommerce store on this machine.")
    parser.add_argument("--port", type=int, default=8791, help="0: any free port")
    parser.add_argument("--orders", type=int, default=0, help="number of orders at the start")
    parser.add_argument("--per-minute", type=float, default=0, help="number of random events per minute")
    options = parser.parse_args(arguments)

    def shop_server() -> ShopServer:
        shop = SimulatedShop()
        server = ShopServer(shop, port=options.port)
        for _ in range(options.orders):
            shop.place()
        if options.per_minute:
            threading.Thread(target=_trade, args=(shop, 60 / options.per_minute), daemon=True).start()
        return server

    return serve("store", shop_server, f"key {KEY}, secret {SECRET}")


def _trade(shop: SimulatedShop, pause_s: float) -> None:
    while True:
        time.sleep(pause_s)
        shop.act()


if __name__ == "__main__":
    sys.exit(main())
