"""Serve a portal over real HTTP."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from waitress import wasyncore
from waitress.channel import ClientDisconnected
from waitress.server import create_server

from .app import CUT_HEADER, WAIT_HEADER, create_app
from .portal import SimulatedPortal

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
THREADS = 16  # every held call sleeps in one


class PortInUse(Exception):
    """Something else listens on the port."""


def trouble(app: Wsgi, stopping: threading.Event) -> Wsgi:
    """WSGI middleware that carries out what the app only announces: waiting, breaking off, going silent."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kept: list[Any] = []
        body = b"".join(app(environ, lambda status, headers, _exc_info=None: kept.append((status, headers))))
        status, headers = kept[0]
        asked = dict(headers)
        _wait(float(asked.get(WAIT_HEADER, 0)), stopping, gone=environ["waitress.client_disconnected"])
        if asked.get(CUT_HEADER) == "reset":
            raise ClientDisconnected  # waitress then closes the connection without a word
        start_response(status, [(name, value) for name, value in headers if not name.startswith("X-Simulator-")])
        return [body[: len(body) // 2] if asked.get(CUT_HEADER) == "truncate" else body]

    return serve


def _wait(seconds: float, stopping: threading.Event, *, gone: Callable[[], bool]) -> None:
    """Wait, but not for a caller who has hung up: held calls must not use up the threads."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stopping.wait(min(left, 0.25)) and not gone():
        pass


class AppServer:
    """An app behind a port; `url` is where. Port 0 takes any free one. Raises PortInUse."""

    def __init__(self, app: Wsgi, *, host: str = "127.0.0.1", port: int = 0) -> None:
        logging.getLogger("waitress").setLevel(logging.CRITICAL)  # half an answer is what a fault asked for
        listener = _listen(host, port)
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            trouble(app, self._stopping),
            map=self._sockets,
            sockets=[listener],
            threads=THREADS,
            channel_request_lookahead=1,
        )

    def run(self) -> None:
        """Serve until `stop`."""
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        with self._closing:
            wasyncore.close_all(self._sockets, ignore_all=True)

    def stop(self) -> None:
        """End `run`, held calls included; for another thread or a signal handler."""
        self._stopping.set()
        with self._closing:
            if self._sockets:  # else `run` has seen it by itself, and closed the trigger as well
                self._server.pull_trigger()


class Server(AppServer):
    """A portal behind a port."""

    def __init__(self, portal: SimulatedPortal, *, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__(create_app(portal).wsgi_app, host=host, port=port)


@contextmanager
def running(portal: SimulatedPortal, port: int = 0, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a portal from a thread for the length of a with block; gives its URL."""
    with in_thread(Server(portal, host=host, port=port)) as url:
        yield url


@contextmanager
def in_thread(server: AppServer) -> Iterator[str]:
    """Run a server in a thread for the length of a with block; gives its URL."""
    thread = threading.Thread(target=server.run, name="simulator", daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.stop()
        thread.join(timeout=10)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port))
    except OSError as error:
        raise PortInUse(f"port {port} of {host} cannot be used: {error.strerror}") from error
