"""The HubSpot account over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from threading import RLock
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request

from simulators.core.faults import InjectedFault
from simulators.core.web import SimulatedResponse, add_controls, with_fault

from . import page, shapes
from .calls import Call
from .controls import controls
from .definitions import OBJECT_TYPES
from .errors import ApiError, bad_json, in_words, not_found
from .fault_responses import fault_response, refusal
from .objects import object_type
from .portal import SimulatedPortal
from .routes import PREFIXES, ROUTES, Route

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
API = Map(  # of every portal; its endpoints are routes and versions
    [
        Rule(prefix + route.path, endpoint=(route, version), methods=[route.method])
        for route in ROUTES
        for version, prefix in PREFIXES[route.family].items()
    ],
    merge_slashes=False,
).bind("api")


class PortalApp(Flask):
    """HubSpot's API, a page for people, and the simulator's controls under /_simulator/."""

    def __init__(self, portal: SimulatedPortal) -> None:
        super().__init__(__name__, static_folder=None)
        self._portal = portal
        self._lock = RLock()
        add_controls(self, controls(portal), self._lock)
        self.add_url_rule("/", "page", lambda: _page(portal, self._lock))
        self.add_url_rule("/<path:_>", "api", lambda _: self._respond(request).as_flask(), methods=METHODS)
        self.register_error_handler(404, lambda _: _error(portal, not_found()).as_flask())
        self.register_error_handler(405, lambda _: _error(portal, _not_allowed()).as_flask())

    def direct(self, req: Request) -> SimulatedResponse | None:
        """Return the response to a call of the API; None for the page and the controls (see DirectApp)."""
        return None if req.path == "/" or req.path.startswith("/_simulator/") else self._respond(req)

    def _respond(self, req: Request) -> SimulatedResponse:
        try:
            route, version, path = _match(req.path, req.method)
        except MethodNotAllowed:
            return _error(self._portal, _not_allowed())
        except HTTPException:
            return _error(self._portal, not_found())
        with self._lock:
            response = _respond(self._portal, route, version, req, path)
            latency_ms = self._portal.settings.latency_ms
            own_time = {"X-Envoy-Upstream-Service-Time": str(round(latency_ms))}  # as seen in a log of a real answer
            headers = {**response.headers, **own_time}
            response = replace(response, wait_s=response.wait_s + latency_ms / 1000, headers=headers)
            _log(self._portal, route, req, response)
        return response


@lru_cache(maxsize=1024)  # tests make the same few calls a hundred thousand times
def _match(path: str, method: str) -> tuple[Route, str, Mapping[str, str]]:
    """Return the route, the API version and the parts of the path. Raises werkzeug's HTTPException if none matches."""
    (route, version), parts = API.match(path, method)
    return route, version, parts


def create_app(portal: SimulatedPortal) -> PortalApp:
    return PortalApp(portal)


def _not_allowed() -> ApiError:
    return ApiError(405, "Method Not Allowed", "")


def _respond(
    portal: SimulatedPortal, route: Route, version: str, req: Request, path: Mapping[str, str]
) -> SimulatedResponse:
    fault: InjectedFault | None = None
    try:
        scopes = portal.scopes(req.headers.get("Authorization", ""))
        portal.limits.admit(portal.settings, search=route.search)
        fault = portal.faults.draw(req.method, req.path)
        if fault and fault.when == "before" and fault.kind in ("status", "reset", "hold"):
            return _with_fault(portal, fault, None)
        _check_scope(route, path, scopes)
        call = _call(portal, version, req, half=fault is not None and fault.when == "half")
        if route.shape is not None:
            shapes.check(call.body, route.shape)
        kinds = {name: object_type(text) for name, text in path.items() if name in ("object_type", "to_type")}
        response = _json(*route.handler(call, **{**path, **kinds}))
    except ApiError as error:
        response = _error(portal, error)
    if not route.search and response.status != 401:
        response = replace(response, headers={**response.headers, **portal.limits.headers(portal.settings)})
    return _with_fault(portal, fault, response) if fault else response


def _call(portal: SimulatedPortal, version: str, req: Request, *, half: bool) -> Call:
    raw = req.get_data()
    body = None
    if raw:
        if req.mimetype != "application/json":
            raise ApiError(415, "Unsupported Media Type", category="UNSUPPORTED_MEDIA_TYPE")
        try:
            body = json.loads(raw)
        except ValueError as error:
            raise bad_json("Unexpected character") from error
    if half and isinstance(body, dict) and isinstance(body.get("inputs"), list):
        body = {**body, "inputs": body["inputs"][: (len(body["inputs"]) + 1) // 2]}
    query = {key: ",".join(req.args.getlist(key)) for key in req.args}
    return Call(portal, version, body, len(raw.decode(errors="replace")), query)


def _check_scope(route: Route, path: Mapping[str, str], scopes: frozenset[str]) -> None:
    names = {key: OBJECT_TYPES[value].plural for key, value in path.items() if value in OBJECT_TYPES}
    wanted = [alternative.format(**names) for alternative in route.scope.split() if _fits(alternative, names)]
    if wanted and not scopes.intersection(wanted):
        detail = {
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": wanted},
        }
        raise replace(refusal(403), errors=(detail,))


def _fits(scope: str, names: Mapping[str, str]) -> bool:
    return all(name in names for name in re.findall(r"{(\w+)}", scope))


def _with_fault(portal: SimulatedPortal, fault: InjectedFault, response: SimulatedResponse | None) -> SimulatedResponse:
    if fault.kind == "omit" and response:
        return _omit_half(response)

    def error() -> SimulatedResponse:
        body = fault_response(fault)
        return _error(portal, body) if isinstance(body, ApiError) else _html(fault.status, body)

    return with_fault(fault, response, error)


def _omit_half(response: SimulatedResponse) -> SimulatedResponse:
    body = json.loads(response.text) if response.text else {}
    results = body.get("results", [])
    return replace(response, text=_dumps({**body, "results": results[: len(results) // 2]}))


def _dumps(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def _json(status: int, body: Any) -> SimulatedResponse:
    return SimulatedResponse(status, "" if body is None else _dumps(body))


def _html(status: int, text: str) -> SimulatedResponse:
    return SimulatedResponse(status, text, content_type="text/html")


def _error(portal: SimulatedPortal, error: ApiError) -> SimulatedResponse:
    body = error.body(portal.correlation_id())
    return _json(error.status, in_words(body) if portal.settings.errors_in_words else body)


def _log(portal: SimulatedPortal, route: Route, req: Request, response: SimulatedResponse) -> None:
    entry = {
        "at": portal.now(),
        "method": req.method,
        "path": req.path,
        "status": 0 if response.cut else response.status,
        "cut": response.cut,
        "used": portal.limits.used_in_window(),
    }
    portal.record_request(f"{route.method} {route.family}{route.path}", entry)


def _page(portal: SimulatedPortal, lock: RLock) -> Response:
    with lock:
        text = page.render(portal, fragment="fragment" in request.args)
    return Response(text, content_type="text/html; charset=utf-8")
