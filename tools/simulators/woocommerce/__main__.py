"""Run the simulator: python -m simulators.woocommerce."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time

from simulators.core.server import PortInUse
from woohub.store.webhooks import TOPICS

from .server import ShopServer
from .shop import KEY, SECRET, SimulatedShop
from .zones import ZONES


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated. Exit code 1: the port is in use."""
    options = _parser().parse_args(arguments)
    shop = SimulatedShop(seed=options.seed, zone=options.zone, hpos=not options.no_hpos)
    shop.latency_ms = options.latency_ms
    shop.hooks.lose = options.lose
    shop.keys.clear()
    shop.keys[options.key] = (options.secret, "read_write")
    try:
        server = ShopServer(shop, host=options.host, port=options.port)
    except PortInUse as error:
        print(f"store simulator: {error}. Choose another with --port.", file=sys.stderr)
        return 1
    for _ in range(options.orders):
        shop.place()
    if options.webhook_url:
        shop.add_webhooks(options.webhook_url, options.webhook_secret, TOPICS)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"store simulator: {server.url} (key {options.key}, secret {options.secret})", flush=True)
    if options.per_minute:
        threading.Thread(target=_trade, args=(shop, 60 / options.per_minute), daemon=True).start()
    server.run()
    return 0


def _trade(shop: SimulatedShop, pause_s: float) -> None:
    while True:
        time.sleep(pause_s)
        shop.act()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="store_simulator", description="A WooCommerce store on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8791, help="0 takes any free port")
    parser.add_argument("--key", default=KEY, help="REST API consumer key")
    parser.add_argument("--secret", default=SECRET, help="REST API consumer secret")
    parser.add_argument("--webhook-url", default="", help="where its webhooks deliver to (default: it has none)")
    parser.add_argument("--webhook-secret", default="", help="what they sign with")
    parser.add_argument("--orders", type=int, default=0, help="orders it has from the start")
    parser.add_argument("--per-minute", type=float, default=0, help="things that happen in it by themselves")
    parser.add_argument("--lose", type=float, default=0, help="share of the deliveries that are never sent, 0 to 1")
    parser.add_argument("--latency-ms", type=float, default=0, help="time every REST call takes")
    parser.add_argument("--zone", default="America/New_York", choices=sorted(ZONES))
    parser.add_argument("--no-hpos", action="store_true", help="orders as posts, as before WooCommerce 8")
    parser.add_argument("--seed", type=int, default=0, help="another shop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
