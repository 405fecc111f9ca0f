"""Operations on properties, groups, pipelines and the account."""

from __future__ import annotations

from .calls import Call, Result, batch_answer, each
from .errors import not_found
from .objects import object_type as _kind
from .values import iso


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
    batch = each(
        call.body["inputs"],
        lambda entry: [portal.schema.property_json(kind, entry["name"], portal.settings)],
    )
    return batch_answer(call, batch, 200)


def create_properties(call: Call, object_type: str) -> Result:
    """POST /{objectType}/batch/create: each property for itself."""
    portal, kind = call.portal, _kind(object_type)
    batch = each(
        call.body["inputs"],
        lambda entry: [portal.schema.create_property(kind, entry, portal.settings, portal.now())],
    )
    return batch_answer(call, batch, 200 if call.version == "2026-09" else 201)


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


def object_enablement(call: Call, type_id: str) -> Result:
    """GET /enablement/{objectTypeId}."""
    return 200, {"enablement": _kind(type_id).id not in call.portal.settings.switched_off}


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
