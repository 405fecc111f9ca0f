"""One HTTP exchange, as HubSpot's client and the store's both use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Response(Protocol):
    """The part of urllib3's response that woohub uses. Headers are found by their names in any case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """The part of urllib3.PoolManager that woohub uses. Tests and simulators have their own."""

    def request(self, method: str, url: str, **kwargs: Any) -> Response: ...


@dataclass(frozen=True)
class Call:
    """One finished HTTP exchange, for logs and metrics."""

    method: str
    path: str
    status: int  # 0: no response
    seconds: float
    inputs: int  # records in the request
    correlation_id: str = ""
    daily_left: float | None = None  # percent of the daily limit, if HubSpot reports it
    server_ms: int | None = None  # the server's own time, if the response names it; the rest is the network's

    def facts(self) -> dict[str, object]:
        """Return the fields of this call's log line."""
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(self.seconds * 1000),
            "hubspot_ms": self.server_ms,
            "inputs": self.inputs,
            "correlation_id": self.correlation_id,
        }


def unnoticed(_call: Call) -> None:
    """Ignore the call: the `on_call` of a client whose calls nobody counts."""


def no_notice(_seconds: float, _reason: str) -> None:
    """Ignore the wait: the `on_wait` of a client whose waits nobody watches."""
