"""Call a simulator's app without sockets, with the interface and the exceptions of urllib3.PoolManager."""

from __future__ import annotations

import io
import json as jsonlib
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode, urlsplit

import urllib3
from urllib3.exceptions import ProtocolError, ReadTimeoutError
from werkzeug.test import run_wsgi_app
from werkzeug.wrappers import Request

from .web import CUT_HEADER, WAIT_HEADER, DirectApp

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True)
class InProcessResponse:
    """The part of urllib3's response that callers use."""

    status: int
    headers: urllib3.HTTPHeaderDict
    data: bytes

    def json(self) -> Any:
        return jsonlib.loads(self.data)


class InProcessTransport:
    """Has `request` of urllib3.PoolManager. Latency and missing responses advance the caller's clock by `sleep`."""

    def __init__(self, app: Wsgi, *, sleep: Callable[[float], None] = lambda _seconds: None) -> None:
        self._app = app
        self._direct = app.direct if isinstance(app, DirectApp) else None
        self._sleep = sleep

    def request(
        self,
        method: str,
        url: str,
        body: bytes | str | None = None,
        fields: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | urllib3.Timeout | None = None,
        **_: Any,
    ) -> InProcessResponse:
        """Make one call. Raises ReadTimeoutError or ProtocolError where a real connection would."""
        if json is not None:
            body, headers = jsonlib.dumps(json), {"Content-Type": "application/json", **(headers or {})}
        raw = body.encode() if isinstance(body, str) else body or b""
        response, wait_s, cut = self._call(_environ(method, url, raw, fields, headers or {}))
        self._wait(wait_s, _read_seconds(timeout), url)
        if cut == "reset":
            gone = RemoteDisconnected("Remote end closed connection without response")
            raise ProtocolError("Connection aborted.", gone)
        if cut == "truncate" and response.data:
            half = response.data[: len(response.data) // 2]
            partial = IncompleteRead(half, len(response.data) - len(half))
            raise ProtocolError(f"Connection broken: {partial!r}", partial)
        return response

    def _wait(self, wait_s: float, patience_s: float | None, url: str) -> None:
        if patience_s is not None and wait_s >= patience_s:
            self._sleep(patience_s)
            raise ReadTimeoutError(None, url, f"Read timed out. (read timeout={patience_s})")  # type: ignore[arg-type]
        if wait_s:
            self._sleep(wait_s)

    def _call(self, environ: dict[str, Any]) -> tuple[InProcessResponse, float, str]:
        """Return the response, the seconds it takes, and how it is cut off ("" if it is not)."""
        direct = self._direct(Request(environ)) if self._direct else None
        if direct is not None:
            headers = urllib3.HTTPHeaderDict({**direct.headers, "Content-Type": direct.content_type})
            return InProcessResponse(direct.status, headers, direct.text.encode()), direct.wait_s, direct.cut
        chunks, status, sent = run_wsgi_app(self._app, environ, buffered=True)
        headers = urllib3.HTTPHeaderDict(sent.items())
        wait_s, cut = float(headers.pop(WAIT_HEADER, 0)), headers.pop(CUT_HEADER, "")
        return InProcessResponse(int(status[:3]), headers, b"".join(chunks)), wait_s, cut


def _environ(
    method: str, url: str, body: bytes, fields: Mapping[str, str] | None, headers: Mapping[str, str]
) -> dict[str, Any]:
    parts = urlsplit(url)
    query = "&".join(text for text in (parts.query, urlencode(fields or {})) if text)
    environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(parts.path or "/").decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": parts.hostname or "localhost",
        "SERVER_PORT": str(parts.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": parts.scheme or "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def _read_seconds(timeout: float | urllib3.Timeout | None) -> float | None:
    """Return how long the caller waits for a response; None: without a limit."""
    if isinstance(timeout, urllib3.Timeout):
        limits = [limit for limit in (timeout._read, timeout.total) if isinstance(limit, int | float)]
        return float(min(limits)) if limits else None
    return None if timeout is None else float(timeout)
