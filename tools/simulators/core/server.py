"""Serve a simulator over real HTTP."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from waitress import wasyncore
from waitress.channel import ClientDisconnected
from waitress.server import create_server

from .web import CUT_HEADER, WAIT_HEADER

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
THREADS = 16  # each held call sleeps in a thread


class PortInUse(Exception):
    """Another program uses the port."""


def carrying_out(app: Wsgi, stopping: threading.Event) -> Wsgi:
    """Return WSGI middleware that waits and cuts the response off, as the headers of the app's response say."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        started: list[Any] = []
        body = b"".join(app(environ, lambda status, headers, _exc_info=None: started.append((status, headers))))
        status, headers = started[0]
        announced = dict(headers)
        pause = partial(_wait, stopping=stopping, gone=environ["waitress.client_disconnected"])
        wait_s, drips = float(announced.get(WAIT_HEADER, 0)), announced.get(CUT_HEADER) == "drip"
        if not drips:
            pause(wait_s)
        if announced.get(CUT_HEADER) == "reset":
            raise ClientDisconnected  # waitress then closes the connection without a response
        start_response(status, [(name, value) for name, value in headers if not name.startswith("X-Simulator-")])
        if drips:
            return _single_bytes(body, partial(pause, wait_s / max(1, len(body))))
        return [body[: len(body) // 2] if announced.get(CUT_HEADER) == "truncate" else body]

    return serve


def _single_bytes(body: bytes, pause: Callable[[], None]) -> Iterator[bytes]:
    for byte in body:
        pause()
        yield bytes([byte])


def _wait(seconds: float, stopping: threading.Event, *, gone: Callable[[], bool]) -> None:
    """Wait, but not longer than the caller stays connected: held calls must not use up the threads."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not stopping.wait(min(left, 0.25)) and not gone():
        pass


class AppServer:
    """Serves an app on a port, at `url`. Port 0 is any free port. Raises PortInUse."""

    def __init__(self, app: Wsgi, *, host: str = "127.0.0.1", port: int = 0) -> None:
        logging.getLogger("waitress").setLevel(logging.CRITICAL)  # it would warn of truncated responses
        listener = _listen(host, port)
        self.url = f"http://{host}:{listener.getsockname()[1]}"
        self._stopping = threading.Event()
        self._closing = threading.Lock()
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            carrying_out(app, self._stopping),
            map=self._sockets,
            sockets=[listener],
            threads=THREADS,
            channel_request_lookahead=1,
        )

    def run(self) -> None:
        """Serve until `stop` is called."""
        while not self._stopping.is_set():
            wasyncore.loop(timeout=1.0, map=self._sockets, count=1)
        self._server.task_dispatcher.shutdown()
        with self._closing:
            wasyncore.close_all(self._sockets, ignore_all=True)

    def stop(self) -> None:
        """End `run`, held calls included. It is called by another thread or a signal handler."""
        self._stopping.set()
        with self._closing:
            if self._sockets:  # otherwise `run` has already ended and closed the trigger
                self._server.pull_trigger()


def serve(name: str, server_of: Callable[[], AppServer], about: str) -> int:
    """Run a simulator as a command until it is interrupted or terminated.

    Return the exit code, which is 1 if the port is in use.
    """
    try:
        server = server_of()
    except PortInUse as error:
        print(f"{name} simulator: {error}. Choose another with --port.", file=sys.stderr)
        return 1
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    print(f"{name} simulator: {server.url} ({about})", flush=True)
    server.run()
    return 0


@contextmanager
def in_thread(server: AppServer) -> Iterator[str]:
    """Run a server in a thread for the length of a with block; yields its URL."""
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
