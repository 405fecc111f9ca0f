"""Responses of a simulator, and its controls under /_simulator/."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

from flask import Flask, Response, request
from werkzeug.wrappers import Request

from .faults import InjectedFault, InjectedFaults

# A Flask app tells the server or transport by these headers how long the response takes, and how it is cut off.
WAIT_HEADER = "X-Simulator-Wait-Seconds"
CUT_HEADER = "X-Simulator-Cut"

Controls = Mapping[str, Mapping[str, Callable[[Any], Any]]]  # path, method, function of the body


@dataclass(frozen=True)
class SimulatedResponse:
    """A response. The server or transport carries out `wait_s` and `cut`."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json;charset=utf-8"
    wait_s: float = 0.0
    cut: str = ""  # "reset", "truncate", or "drip": in single bytes that take `wait_s` together

    def as_flask(self) -> Response:
        headers = dict(self.headers)
        if self.wait_s:
            headers[WAIT_HEADER] = f"{self.wait_s:.6f}"
        if self.cut:
            headers[CUT_HEADER] = self.cut
        return Response(self.text, self.status, headers, content_type=self.content_type)


@runtime_checkable
class DirectApp(Protocol):
    """An app that can also respond without WSGI, which takes a third of the time."""

    def direct(self, req: Request) -> SimulatedResponse | None:
        """Return the response to a call of the API; None for pages and controls, which need WSGI."""


def with_fault(
    fault: InjectedFault, response: SimulatedResponse | None, error: Callable[[], SimulatedResponse]
) -> SimulatedResponse:
    """Return the response after a fault.

    `response` is None if the call had no effect; `error` makes the response of a `status` fault.
    """
    if fault.kind == "status":
        return replace(error(), headers={"Retry-After": fault.retry_after} if fault.retry_after else {})
    if fault.kind == "hold":
        return replace(response or SimulatedResponse(504, cut="reset"), wait_s=fault.hold_s)
    if response is None or fault.kind == "reset":
        return SimulatedResponse(502, cut="reset")
    return replace(response, cut=fault.kind, wait_s=fault.hold_s if fault.kind == "drip" else response.wait_s)


def fault_controls(faults: Callable[[], InjectedFaults]) -> Controls:
    """Return the controls that list, add and clear faults.

    `faults` returns the current ones: a reset of the simulator creates new ones.
    """

    def add(body: Any) -> Any:
        for fault in body if isinstance(body, list) else [body]:
            faults().add(InjectedFault(**fault))
        return faults().json()

    def clear(_: Any) -> Any:
        faults().clear()
        return []

    return {"faults": {"GET": lambda _: faults().json(), "POST": add, "DELETE": clear}}


def add_controls(app: Flask, controls: Controls, lock: AbstractContextManager[Any] = nullcontext()) -> None:  # noqa: B008
    """Serve controls under /_simulator/: JSON in and out. ValueError, TypeError and KeyError become a 400."""

    def view(control: Callable[[Any], Any]) -> Response:
        try:
            with lock:
                status, body = 200, control(request.get_json(silent=True))
        except (ValueError, TypeError, KeyError) as error:
            status, body = 400, {"message": f"not understood: {error}", "error": str(error)}
        return Response(json.dumps(body, ensure_ascii=False), status, content_type="application/json;charset=utf-8")

    for path, methods in controls.items():
        for method, control in methods.items():
            name = f"{method} {path}"
            app.add_url_rule(f"/_simulator/{path}", name, partial(view, control), methods=[method])
