"""Run the simulator: python -m simulators.hubspot."""

from __future__ import annotations

import argparse
import signal
import sys

from simulators.core.server import AppServer, PortInUse

from .app import create_app
from .portal import ALL_SCOPES, DEFAULT_TOKEN, SimulatedPortal
from .provision import provision


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated. Exit code 1: the port is in use."""
    options = _parser().parse_args(arguments)
    tokens = dict.fromkeys(options.token or [DEFAULT_TOKEN], ALL_SCOPES)
    portal = SimulatedPortal(tokens=tokens, search_lag_s=options.search_lag, latency_ms=options.latency_ms)
    if options.provisioned:
        provision(portal)
    try:
        server = AppServer(create_app(portal).wsgi_app, host=options.host, port=options.port)
    except PortInUse as error:
        print(f"hubspot simulator: {error}. Choose another with --port.", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"hubspot simulator: {server.url} (token {', '.join(tokens)})", flush=True)
    server.run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hubspot_simulator", description="A HubSpot account on this machine.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8790, help="0: any free port")
    parser.add_argument("--token", action="append", help=f"accepted token, may be repeated (default {DEFAULT_TOKEN})")
    parser.add_argument("--search-lag", type=float, default=10.0, help="seconds until search sees a write")
    parser.add_argument("--latency-ms", type=float, default=80.0, help="time every call takes")
    parser.add_argument("--provisioned", action="store_true", help="start with woohub's properties and pipeline")
    return parser


if __name__ == "__main__":
    sys.exit(main())
