"""Operations on properties, groups, pipelines and the account, as the route table names them."""

from __future__ import annotations

from .calls import Call, Result
from .definitions import ObjectType
from .values import iso


def list_properties(call: Call, object_type: ObjectType) -> Result:
    return 200, call.portal.schema.properties_json(object_type, call.portal.settings)


def create_property(call: Call, object_type: ObjectType) -> Result:
    portal = call.portal
    return 201, portal.schema.create_property(object_type, call.body, portal.settings, portal.now())


def list_groups(call: Call, object_type: ObjectType) -> Result:
    schema = call.portal.schema
    return 200, {"results": [schema.group_json(object_type, name) for name in schema.groups[object_type.id]]}


def create_group(call: Call, object_type: ObjectType) -> Result:
    return 201, call.portal.schema.create_group(object_type, call.body)


def list_pipelines(call: Call, object_type: ObjectType) -> Result:
    return 200, call.portal.schema.pipelines_json(object_type)


def create_pipeline(call: Call, object_type: ObjectType) -> Result:
    portal = call.portal
    return 201, portal.schema.create_pipeline(object_type, call.body, portal.settings, portal.now())


def create_stage(call: Call, object_type: ObjectType, pipeline_id: str) -> Result:
    portal = call.portal
    return 201, portal.schema.create_stage(object_type, pipeline_id, call.body, portal.now())


def object_enablement(call: Call, object_type: ObjectType) -> Result:
    return 200, {"enablement": object_type.id not in call.portal.settings.switched_off}


def account_details(call: Call) -> Result:
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
