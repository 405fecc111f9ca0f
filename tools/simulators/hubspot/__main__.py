"""Run the simulator: python -m simulators.hubspot."""

from __future__ import annotations

import argparse
import sys

from simulators.core.server import AppServer, serve

from .app import create_app
from .portal import ALL_SCOPES, DEFAULT_TOKEN, SimulatedPortal
from .provision import provision


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted or terminated. Return the exit code, which is 1 if the port is in use."""
    parser = argparse.ArgumentParser(prog="hubspot_simulator", description="A HubSpot account on this machine.")
    parser.add_argument("--port", type=int, default=8790, help="0: any free port")
    parser.add_argument("--token", action="append", help=f"accepted token, may be repeated (default {DEFAULT_TOKEN})")
    parser.add_argument("--provisioned", action="store_true", help="start with woohub's properties and pipeline")
    options = parser.parse_args(arguments)
    tokens = dict.fromkeys(options.token or [DEFAULT_TOKEN], ALL_SCOPES)
    portal = SimulatedPortal(tokens=tokens, latency_ms=80.0)
    if options.provisioned:
        provision(portal)
    app = create_app(portal).wsgi_app
    return serve("hubspot", lambda: AppServer(app, port=options.port), f"token {', '.join(tokens)}")


if __name__ == "__main__":
    sys.exit(main())
