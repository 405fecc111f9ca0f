"""The portal over HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from threading import RLock
from typing import Any

from flask import Flask, Request, Response, request

from . import page, shapes
from .calls import Call
from .controls import controls
from .definitions import OBJECT_TYPES
from .errors import ApiError, bad_json, not_found
from .faults import Fault, refusal
from .portal import SimulatedPortal
from .routes import PREFIXES, ROUTES, Route

# Between the Flask app and the server or transport around it: how long the answer takes, and how it breaks off.
WAIT_HEADER = "X-Simulator-Wait-Seconds"
CUT_HEADER = "X-Simulator-Cut"


@dataclass(frozen=True)
class Answer:
    """What goes back; `wait_s` and `cut` are carried out by whoever serves the app."""

    status: int
    body: bytes = b""
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: str = ""  # "reset" or "truncate"


def create_app(portal: SimulatedPortal) -> Flask:
    """The Flask app of a portal: HubSpot's API, a page to look at, and the controls under /_simulator/."""
    app = Flask(__name__)
    lock = RLock()
    for route in ROUTES:
        for version, prefix in PREFIXES[route.family].items():
            view = partial(_view, portal, lock, route, version)
            name = f"{route.method} {prefix}{route.path}"
            app.add_url_rule(prefix + route.path, endpoint=name, view_func=view, methods=[route.method])
    _add_controls(app, portal, lock)
    app.register_error_handler(404, lambda _: _response(_error(portal, not_found())))
    app.register_error_handler(405, lambda _: _response(_error(portal, ApiError(405, "Method Not Allowed", ""))))
    return app


def _view(portal: SimulatedPortal, lock: RLock, route: Route, version: str, **path: str) -> Response:
    with lock:
        answer = _answer(portal, route, version, request, path)
        answer = replace(answer, wait_s=answer.wait_s + portal.settings.latency_ms / 1000)
        _log(portal, route, answer)
    return _response(answer)


def _answer(portal: SimulatedPortal, route: Route, version: str, req: Request, path: dict[str, str]) -> Answer:
    fault: Fault | None = None
    try:
        scopes = portal.scopes(req.headers.get("Authorization", ""))
        portal.limits.admit(portal.settings, search=route.search)
        fault = portal.faults.draw(req.method, req.path)
        if fault and fault.when == "before" and fault.kind in ("status", "reset", "hold"):
            return _broken(portal, fault, None)
        _check_scope(route, path, scopes)
        call = _call(portal, version, req, half=fault is not None and fault.when == "half")
        if route.shape is not None:
            shapes.check(call.body, route.shape)
        answer = _json(*route.handler(call, **path))
    except ApiError as error:
        answer = _error(portal, error)
    if not route.search and answer.status != 401:
        answer = replace(answer, headers={**answer.headers, **portal.limits.headers(portal.settings)})
    return _broken(portal, fault, answer) if fault else answer


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


def _broken(portal: SimulatedPortal, fault: Fault, answer: Answer | None) -> Answer:
    """The answer as the fault leaves it; None: the call had no effect."""
    if fault.kind == "status":
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        said = fault.answer()
        broken = _error(portal, said) if isinstance(said, ApiError) else _html(fault.status, said)
        return replace(broken, headers=headers)
    if fault.kind == "hold":
        return replace(answer or Answer(504, cut="reset"), wait_s=fault.hold_s)
    if answer is None or fault.kind == "reset":
        return Answer(502, cut="reset")
    if fault.kind == "omit":
        return _without_half(answer)
    return replace(answer, cut="truncate")


def _without_half(answer: Answer) -> Answer:
    body = json.loads(answer.body) if answer.body else {}
    results = body.get("results", [])
    return replace(answer, body=_dumps({**body, "results": results[: len(results) // 2]}))


def _dumps(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _json(status: int, body: Any) -> Answer:
    return Answer(status, b"" if body is None else _dumps(body))


def _html(status: int, text: str) -> Answer:
    return Answer(status, text.encode(), content_type="text/html")


def _error(portal: SimulatedPortal, error: ApiError) -> Answer:
    return _json(error.status, error.body(portal.correlation_id()))


def _response(answer: Answer) -> Response:
    headers = dict(answer.headers)
    if answer.wait_s:
        headers[WAIT_HEADER] = f"{answer.wait_s:.6f}"
    if answer.cut:
        headers[CUT_HEADER] = answer.cut
    return Response(answer.body, answer.status, headers, content_type=answer.content_type)


def _log(portal: SimulatedPortal, route: Route, answer: Answer) -> None:
    entry = {
        "at": portal.now(),
        "method": request.method,
        "path": request.path,
        "status": 0 if answer.cut else answer.status,
        "cut": answer.cut,
        "used": portal.limits.used_in_window(),
    }
    portal.record_request(f"{route.method} {route.family}{route.path}", entry)


def _add_controls(app: Flask, portal: SimulatedPortal, lock: RLock) -> None:
    def control(do: Callable[[Any], Any]) -> Response:
        try:
            with lock:
                return _response(_json(200, do(request.get_json(silent=True))))
        except (ValueError, TypeError, KeyError) as error:
            return _response(_json(400, {"message": f"not understood: {error}"}))

    for path, methods in controls(portal).items():
        for method, do in methods.items():
            view = partial(control, do)
            app.add_url_rule(f"/_simulator/{path}", endpoint=f"{method} {path}", view_func=view, methods=[method])

    @app.get("/")
    def look() -> Response:
        with lock:
            text = page.render(portal, fragment="fragment" in request.args)
        return Response(text, content_type="text/html; charset=utf-8")
