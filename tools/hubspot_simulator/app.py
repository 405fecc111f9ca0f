"""The portal over HTTP: one route table for versions 2026-09, 2026-03 and v3/v4, and the simulator's own controls."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from threading import RLock
from typing import Any

from flask import Flask, Request, Response, request

from . import page, search, shapes
from .definitions import ASSOCIATION_TYPES, OBJECT_TYPES
from .errors import ApiError, Json, bad_json, not_found
from .faults import Fault, refusal
from .links import associated_json, check_types
from .objects import Batch
from .objects import object_type as _kind
from .portal import ALL_SCOPES, SimulatedPortal
from .provision import provision
from .values import iso

DATED = ("2026-09", "2026-03")
_PREFIXES = {
    "objects": {**{v: f"/crm/objects/{v}" for v in DATED}, "v3": "/crm/v3/objects"},
    "links": {**{v: f"/crm/objects/{v}" for v in DATED}, "v4": "/crm/v4/objects"},
    "associations": {**{v: f"/crm/associations/{v}" for v in DATED}, "v4": "/crm/v4/associations"},
    "properties": {**{v: f"/crm/properties/{v}" for v in DATED}, "v3": "/crm/v3/properties"},
    "pipelines": {**{v: f"/crm/pipelines/{v}" for v in DATED}, "v3": "/crm/v3/pipelines"},
    "account": {**{v: f"/account-info/{v}" for v in DATED}, "v3": "/account-info/v3"},
    "tokens": {"v2": "/oauth/v2/private-apps"},
}
# Between the Flask app and the server or transport around it: how long the answer takes, and how it breaks off.
WAIT_HEADER = "X-Simulator-Wait-Seconds"
CUT_HEADER = "X-Simulator-Cut"


@dataclass(frozen=True)
class Call:
    """One request to the API, authenticated and within the limits."""

    portal: SimulatedPortal
    version: str
    body: Any
    raw_length: int
    query: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The `properties` of the query: comma-separated or repeated."""
        return [name for name in self.query.get("properties", "").split(",") if name]

    @property
    def enforces_rules(self) -> bool:
        """2026-09 and later apply the admin's validation rules to API writes."""
        return self.version == "2026-09"


@dataclass(frozen=True)
class Answer:
    """What goes back; `wait_s` and `cut` are carried out by whoever serves the app."""

    status: int
    body: bytes = b""
    content_type: str = "application/json;charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: str = ""  # "reset" or "truncate"


Result = tuple[int, Any]
Handler = Callable[..., Result]


@dataclass(frozen=True)
class Route:
    """An operation of the API. `scope` may name the path's object types as {object_type} or {to_type}."""

    method: str
    family: str
    path: str
    handler: Handler
    scope: str = ""
    shape: Any = None  # of the body; None takes none
    search: bool = False


def create_app(portal: SimulatedPortal) -> Flask:
    """The Flask app of a portal: HubSpot's API, a page to look at, and the controls under /_simulator/."""
    app = Flask(__name__)
    lock = RLock()
    for route in ROUTES:
        for version, prefix in _PREFIXES[route.family].items():
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


# -- handlers: what each operation answers


def _batch_answer(call: Call, batch: Batch, status: int) -> Result:
    now = call.portal.now()
    body: Json = {"status": "COMPLETE", "results": batch.results, "startedAt": now, "completedAt": now}
    if not batch.errors:
        return status, body
    return call.portal.settings.partial_status, {**body, "numErrors": len(batch.errors), "errors": batch.errors}


def batch_read(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/read."""
    return _batch_answer(call, call.portal.objects.batch_read(_kind(object_type), call.body), 200)


def batch_create(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/create."""
    batch = call.portal.objects.batch_create(_kind(object_type), call.body, rules=call.enforces_rules)
    return _batch_answer(call, batch, 201)


def batch_update(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/update."""
    batch = call.portal.objects.batch_update(_kind(object_type), call.body, rules=call.enforces_rules)
    return _batch_answer(call, batch, 200)


def batch_upsert(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/upsert."""
    batch = call.portal.objects.batch_upsert(_kind(object_type), call.body, rules=call.enforces_rules)
    return _batch_answer(call, batch, 200)


def batch_archive(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/archive."""
    for one in call.body["inputs"]:
        call.portal.objects.archive(_kind(object_type), str(one["id"]))
    return 204, None


def search_objects(call: Call, object_type: str) -> Result:
    """POST /{objectType}/search."""
    search.check_request(call.body, call.raw_length)
    return 200, call.portal.objects.search(_kind(object_type), call.body)


def list_objects(call: Call, object_type: str) -> Result:
    """GET /{objectType}."""
    limit = min(int(call.query.get("limit") or 10), 100)
    records, after = call.portal.objects.page(_kind(object_type), after=int(call.query.get("after") or 0), limit=limit)
    paging = {"paging": {"next": {"after": after}}} if after else {}
    return 200, {"results": [record.json(call.names or None) for record in records], **paging}


def create_object(call: Call, object_type: str) -> Result:
    """POST /{objectType}."""
    record = call.portal.objects.create(_kind(object_type), call.body, rules=call.enforces_rules)
    return 201, record.written(record.properties)


def get_object(call: Call, object_type: str, object_id: str) -> Result:
    """GET /{objectType}/{objectId}."""
    kind = _kind(object_type)
    record = call.portal.objects.get(kind, object_id, call.query.get("idProperty", ""))
    body = record.json(call.names or None)
    wanted = [_kind(name) for name in call.query.get("associations", "").split(",") if name]
    associations = {
        other.plural: {"results": [{"id": i, "type": f"{kind.singular}_to_{other.singular}"} for i in ids]}
        for other in wanted
        if (ids := call.portal.links.ids((kind.id, record.id), other.id))
    }
    return 200, {**body, "associations": associations} if associations else body


def update_object(call: Call, object_type: str, object_id: str) -> Result:
    """PATCH /{objectType}/{objectId}."""
    id_property = call.query.get("idProperty", "")
    record = call.portal.objects.update(
        _kind(object_type), object_id, call.body, id_property=id_property, rules=call.enforces_rules
    )
    return 200, record.written(call.body["properties"])


def archive_object(call: Call, object_type: str, object_id: str) -> Result:
    """DELETE /{objectType}/{objectId}."""
    call.portal.objects.archive(_kind(object_type), object_id)
    return 204, None


def put_association(call: Call, object_type: str, object_id: str, to_type: str, to_id: str) -> Result:
    """PUT /{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}."""
    start, end = _kind(object_type), _kind(to_type)
    check_types(start, end, call.body)
    call.portal.objects.link((start, object_id), (end, to_id))
    return 201, _pair(start.id, object_id, end.id, to_id)


def put_default_association(call: Call, object_type: str, object_id: str, to_type: str, to_id: str) -> Result:
    """PUT /{fromObjectType}/{fromObjectId}/associations/default/{toObjectType}/{toObjectId}."""
    start, end = _kind(object_type), _kind(to_type)
    call.portal.objects.link((start, object_id), (end, to_id))
    return _batch_answer(call, Batch(_both_ways((start.id, object_id), (end.id, to_id))), 200)


def delete_association(call: Call, object_type: str, object_id: str, to_type: str, to_id: str) -> Result:
    """DELETE /{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}."""
    call.portal.objects.unlink((_kind(object_type), object_id), (_kind(to_type), to_id))
    return 204, None


def list_associations(call: Call, object_type: str, object_id: str, to_type: str) -> Result:
    """GET /{objectType}/{objectId}/associations/{toObjectType}."""
    start, end = _kind(object_type), _kind(to_type)
    record = call.portal.objects.get(start, object_id)
    ids = call.portal.links.ids((start.id, record.id), end.id)
    return 200, {"results": [associated_json(start, end, i) for i in ids]}


def read_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/read: records without any are errors, and the answer 207."""
    start, end = _kind(object_type), _kind(to_type)
    batch = Batch([])
    for one in _association_inputs(call, most=1000):
        key = str(one["id"])
        ids = call.portal.links.ids((start.id, key), end.id)
        if ids:
            batch.results.append({"from": {"id": key}, "to": [associated_json(start, end, i) for i in ids]})
        else:
            message = f"No {end.singular} is associated with {start.singular} {key}."
            error = ApiError(404, message, "OBJECT_NOT_FOUND", "crm.associations.NO_ASSOCIATIONS_FOUND")
            context = {"fromObjectId": [key], "fromObjectType": [start.singular], "toObjectType": [end.singular]}
            batch.errors.append(error.entry(context))
    return _batch_answer(call, batch, 200)


def create_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/create: each pair for itself."""
    start, end = _kind(object_type), _kind(to_type)

    def create(one: Json) -> list[Json]:
        check_types(start, end, one["types"])
        pair = str(one["from"]["id"]), str(one["to"]["id"])
        call.portal.objects.link((start, pair[0]), (end, pair[1]))
        return [_pair(start.id, pair[0], end.id, pair[1])]

    status = 200 if call.version == "2026-09" else 201
    return _batch_answer(call, _each(_association_inputs(call), create), status)


def create_default_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/associate/default."""
    start, end = _kind(object_type), _kind(to_type)

    def create(one: Json) -> list[Json]:
        pair = str(one["from"]["id"]), str(one["to"]["id"])
        call.portal.objects.link((start, pair[0]), (end, pair[1]))
        return _both_ways((start.id, pair[0]), (end.id, pair[1]))

    return _batch_answer(call, _each(_association_inputs(call), create), 200)


def archive_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/archive."""
    start, end = _kind(object_type), _kind(to_type)
    for one in _association_inputs(call):
        for to in one["to"]:
            call.portal.objects.unlink((start, str(one["from"]["id"])), (end, str(to["id"])))
    return _batch_answer(call, Batch([]), 200) if call.version in DATED else (204, None)


def list_properties(call: Call, object_type: str) -> Result:
    """GET /{objectType}."""
    return 200, call.portal.schema.properties_json(_kind(object_type), call.portal.settings)


def get_property(call: Call, object_type: str, name: str) -> Result:
    """GET /{objectType}/{propertyName}."""
    return 200, call.portal.schema.property_json(_kind(object_type), name, call.portal.settings)


def create_property(call: Call, object_type: str) -> Result:
    """POST /{objectType}."""
    portal = call.portal
    return 201, portal.schema.create_property(_kind(object_type), call.body, portal.settings, portal.now())


def update_property(call: Call, object_type: str, name: str) -> Result:
    """PATCH /{objectType}/{propertyName}."""
    return 200, call.portal.schema.update_property(_kind(object_type), name, call.body, call.portal.settings)


def archive_property(call: Call, object_type: str, name: str) -> Result:
    """DELETE /{objectType}/{propertyName}."""
    call.portal.schema.archive_property(_kind(object_type), name)
    return 204, None


def read_properties(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/read."""
    portal, kind = call.portal, _kind(object_type)
    batch = _each(
        call.body["inputs"],
        lambda one: [portal.schema.property_json(kind, one["name"], portal.settings)],
    )
    return _batch_answer(call, batch, 200)


def create_properties(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/create: each property for itself."""
    portal, kind = call.portal, _kind(object_type)
    batch = _each(
        call.body["inputs"],
        lambda one: [portal.schema.create_property(kind, one, portal.settings, portal.now())],
    )
    return _batch_answer(call, batch, 200 if call.version == "2026-09" else 201)


def list_groups(call: Call, object_type: str) -> Result:
    """GET /{objectType}/groups."""
    schema, kind = call.portal.schema, _kind(object_type)
    return 200, {"results": [schema.group_json(kind, name) for name in schema.groups[kind.id]]}


def get_group(call: Call, object_type: str, name: str) -> Result:
    """GET /{objectType}/groups/{groupName}."""
    return 200, call.portal.schema.group_json(_kind(object_type), name)


def create_group(call: Call, object_type: str) -> Result:
    """POST /{objectType}/groups."""
    return 201, call.portal.schema.create_group(_kind(object_type), call.body)


def list_pipelines(call: Call, object_type: str) -> Result:
    """GET /{objectType}."""
    return 200, call.portal.schema.pipelines_json(_kind(object_type))


def get_pipeline(call: Call, object_type: str, pipeline_id: str) -> Result:
    """GET /{objectType}/{pipelineId}."""
    return 200, call.portal.schema.pipeline_json(_kind(object_type), pipeline_id)


def create_pipeline(call: Call, object_type: str) -> Result:
    """POST /{objectType}."""
    portal = call.portal
    return 201, portal.schema.create_pipeline(_kind(object_type), call.body, portal.settings, portal.now())


def list_stages(call: Call, object_type: str, pipeline_id: str) -> Result:
    """GET /{objectType}/{pipelineId}/stages."""
    return 200, {"results": call.portal.schema.pipeline_json(_kind(object_type), pipeline_id)["stages"]}


def create_stage(call: Call, object_type: str, pipeline_id: str) -> Result:
    """POST /{objectType}/{pipelineId}/stages."""
    portal = call.portal
    return 201, portal.schema.create_stage(_kind(object_type), pipeline_id, call.body, portal.now())


def account_details(call: Call) -> Result:
    """GET /details."""
    settings = call.portal.settings
    sign, seconds = "-" if settings.utc_offset_s < 0 else "+", abs(settings.utc_offset_s)
    return 200, {
        "portalId": settings.portal_id,
        "accountType": "STANDARD",
        "timeZone": settings.time_zone,
        "companyCurrency": settings.currencies[0],
        "additionalCurrencies": list(settings.currencies[1:]),
        "utcOffset": f"{sign}{seconds // 3600:02d}:{seconds % 3600 // 60:02d}",
        "utcOffsetMilliseconds": settings.utc_offset_s * 1000,
        "uiDomain": "app.hubspot.com",
        "dataHostingLocation": "na1",
    }


def daily_usage(call: Call) -> Result:
    """GET /api-usage/daily/private-apps."""
    portal = call.portal
    usage = {
        "name": "private-apps-api-calls-daily",
        "usageLimit": portal.settings.requests_per_day,
        "currentUsage": portal.limits.used_today,
        "collectedAt": portal.now(),
        "fetchStatus": "SUCCESS",
        "resetsAt": iso(portal.limits.resets_at(portal.settings)),
    }
    return 200, {"results": [usage]}


def token_info(call: Call) -> Result:
    """POST /get/access-token-info."""
    scopes = call.portal.tokens.get(call.body.get("tokenKey", ""))
    if scopes is None:
        raise not_found("Token not found")
    return 200, {"userId": 1, "hubId": call.portal.settings.portal_id, "appId": 1, "scopes": sorted(scopes)}


def _pair(start_type: str, start_id: str, end_type: str, end_id: str) -> Json:
    return {
        "fromObjectTypeId": start_type,
        "fromObjectId": start_id,
        "toObjectTypeId": end_type,
        "toObjectId": end_id,
        "labels": [],
    }


def _both_ways(start: tuple[str, str], end: tuple[str, str]) -> list[Json]:
    return [
        {
            "from": {"id": one[1]},
            "to": {"id": other[1]},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": ASSOCIATION_TYPES[one[0], other[0]],
            },
        }
        for one, other in ((start, end), (end, start))
    ]


def _association_inputs(call: Call, *, most: int = 2000) -> Sequence[Json]:
    inputs: Sequence[Json] = call.body["inputs"]
    if len(inputs) > most:
        raise ApiError(400, f"The maximum number of inputs supported in a batch request is {most}")
    return inputs


def _each(inputs: Sequence[Json], do: Callable[[Json], list[Json]]) -> Batch:
    batch = Batch([])
    for one in inputs:
        try:
            batch.results += do(one)
        except ApiError as error:
            batch.errors.append(error.entry({}))
    return batch


_READ = "crm.objects.{object_type}.read"
_WRITE = "crm.objects.{object_type}.write"
_READ_SCHEMA = "crm.schemas.{object_type}.read crm.objects.{object_type}.read"
_WRITE_SCHEMA = "crm.schemas.{object_type}.write"
_OBJECT = "/<object_type>/<object_id>"
_END = "/<to_type>/<to_id>"
_PAIR = "/<object_type>/<to_type>"

ROUTES = (
    Route("POST", "objects", "/<object_type>/batch/read", batch_read, _READ, shapes.READS),
    Route("POST", "objects", "/<object_type>/batch/create", batch_create, _WRITE, shapes.CREATES),
    Route("POST", "objects", "/<object_type>/batch/update", batch_update, _WRITE, shapes.UPDATES),
    Route("POST", "objects", "/<object_type>/batch/upsert", batch_upsert, _WRITE, shapes.UPDATES),
    Route("POST", "objects", "/<object_type>/batch/archive", batch_archive, _WRITE, shapes.IDS),
    Route("POST", "objects", "/<object_type>/search", search_objects, _READ, shapes.SEARCH, search=True),
    Route("GET", "objects", "/<object_type>", list_objects, _READ),
    Route("POST", "objects", "/<object_type>", create_object, _WRITE, shapes.CREATE),
    Route("GET", "objects", _OBJECT, get_object, _READ),
    Route("PATCH", "objects", _OBJECT, update_object, _WRITE, shapes.UPDATE),
    Route("DELETE", "objects", _OBJECT, archive_object, _WRITE),
    Route("PUT", "links", f"{_OBJECT}/associations{_END}", put_association, _WRITE, shapes.ASSOCIATION),
    Route("DELETE", "links", f"{_OBJECT}/associations{_END}", delete_association, _WRITE),
    Route("PUT", "links", f"{_OBJECT}/associations/default{_END}", put_default_association, _WRITE),
    Route("GET", "links", f"{_OBJECT}/associations/<to_type>", list_associations, _READ),
    Route("POST", "associations", f"{_PAIR}/batch/read", read_associations, _READ, shapes.ASSOCIATION_READS),
    Route("POST", "associations", f"{_PAIR}/batch/create", create_associations, _WRITE, shapes.ASSOCIATION_CREATES),
    Route(
        "POST",
        "associations",
        f"{_PAIR}/batch/associate/default",
        create_default_associations,
        _WRITE,
        shapes.ASSOCIATION_DEFAULTS,
    ),
    Route("POST", "associations", f"{_PAIR}/batch/archive", archive_associations, _WRITE, shapes.ASSOCIATION_ARCHIVES),
    Route("GET", "properties", "/<object_type>", list_properties, _READ_SCHEMA),
    Route("POST", "properties", "/<object_type>", create_property, _WRITE_SCHEMA, shapes.PROPERTY),
    Route("POST", "properties", "/<object_type>/batch/read", read_properties, _READ_SCHEMA, shapes.PROPERTY_NAMES),
    Route("POST", "properties", "/<object_type>/batch/create", create_properties, _WRITE_SCHEMA, shapes.PROPERTIES),
    Route("GET", "properties", "/<object_type>/groups", list_groups, _READ_SCHEMA),
    Route("POST", "properties", "/<object_type>/groups", create_group, _WRITE_SCHEMA, shapes.GROUP),
    Route("GET", "properties", "/<object_type>/groups/<name>", get_group, _READ_SCHEMA),
    Route("GET", "properties", "/<object_type>/<name>", get_property, _READ_SCHEMA),
    Route("PATCH", "properties", "/<object_type>/<name>", update_property, _WRITE_SCHEMA, shapes.PROPERTY_UPDATE),
    Route("DELETE", "properties", "/<object_type>/<name>", archive_property, _WRITE_SCHEMA),
    Route("GET", "pipelines", "/<object_type>", list_pipelines, _READ_SCHEMA),
    Route("POST", "pipelines", "/<object_type>", create_pipeline, _WRITE_SCHEMA, shapes.PIPELINE),
    Route("GET", "pipelines", "/<object_type>/<pipeline_id>", get_pipeline, _READ_SCHEMA),
    Route("GET", "pipelines", "/<object_type>/<pipeline_id>/stages", list_stages, _READ_SCHEMA),
    Route("POST", "pipelines", "/<object_type>/<pipeline_id>/stages", create_stage, _WRITE_SCHEMA, shapes.STAGE),
    Route("GET", "account", "/details", account_details),
    Route("GET", "account", "/api-usage/daily/private-apps", daily_usage),
    Route("POST", "tokens", "/get/access-token-info", token_info, shape=shapes.TOKEN),
)


# -- the simulator's own controls


def _add_controls(app: Flask, portal: SimulatedPortal, lock: RLock) -> None:
    def control(do: Callable[[Any], Any]) -> Response:
        try:
            with lock:
                return _response(_json(200, do(request.get_json(silent=True))))
        except (ValueError, TypeError, KeyError) as error:
            return _response(_json(400, {"message": f"not understood: {error}"}))

    for path, methods in _controls(portal).items():
        for method, do in methods.items():
            view = partial(control, do)
            app.add_url_rule(f"/_simulator/{path}", endpoint=f"{method} {path}", view_func=view, methods=[method])

    @app.get("/")
    def look() -> Response:
        with lock:
            text = page.render(portal, fragment="fragment" in request.args)
        return Response(text, content_type="text/html; charset=utf-8")


def _controls(portal: SimulatedPortal) -> dict[str, dict[str, Callable[[Any], Any]]]:
    def reset(body: Any) -> Json:
        portal.reset()
        if (body or {}).get("provisioned"):
            provision(portal)
        return portal.counters()

    def add_faults(body: Any) -> list[Json]:
        for fault in body if isinstance(body, list) else [body]:
            portal.faults.add(Fault.from_json(fault))
        return portal.faults.json()

    def clear_faults(_: Any) -> list[Json]:
        portal.faults.clear()
        return []

    def set_tokens(body: Any) -> Json:
        portal.tokens = {token: frozenset(scopes or ALL_SCOPES) for token, scopes in body["tokens"].items()}
        portal.expired_tokens = set(body.get("expired", ()))
        return tokens(None)

    def tokens(_: Any) -> Json:
        return {
            "tokens": {token: sorted(scopes) for token, scopes in portal.tokens.items()},
            "expired": sorted(portal.expired_tokens),
        }

    def set_rules(body: Any) -> Any:
        portal.change_settings({"rules": body})
        return settings(None)["rules"]

    def settings(_: Any) -> Json:
        return portal.settings_json()

    def set_settings(body: Any) -> Json:
        portal.change_settings(body)
        return portal.settings_json()

    return {
        "state": {"GET": lambda _: portal.state()},
        "requests": {"GET": lambda _: list(portal.requests)},
        "reset": {"POST": reset},
        "faults": {"GET": lambda _: portal.faults.json(), "POST": add_faults, "DELETE": clear_faults},
        "tokens": {"GET": tokens, "POST": set_tokens},
        "rules": {"GET": lambda _: portal.settings_json()["rules"], "POST": set_rules},
        "settings": {"GET": settings, "POST": set_settings},
    }
