"""Serve a portal over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from simulators.core.server import AppServer, in_thread

from .app import create_app
from .portal import SimulatedPortal


@contextmanager
def running(portal: SimulatedPortal, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve an account from a thread for the length of a with block; yields its URL."""
    with in_thread(AppServer(create_app(portal).wsgi_app, host=host, port=port)) as url:
        yield url
