"""One HTTP exchange, as HubSpot's client and the store's both use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Response(Protocol):
    """The part of urllib3's response that woohub uses; header names in any case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """The part of urllib3.PoolManager that woohub uses; tests and simulators have their own."""

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
    server_ms: int | None = None  # of the answer's own account of it, if it has one: the rest is the way there and back

    def facts(self) -> dict[str, object]:
        """For a log line."""
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
    """The `on_call` of a client whose calls are not counted."""


def no_notice(_seconds: float, _reason: str) -> None:
    """The `on_wait` of a client whose waits nobody watches."""
