"""Operations on associations."""

from __future__ import annotations

from collections.abc import Sequence

from .calls import DATED, Call, Result, batch_answer, each
from .definitions import ObjectType
from .errors import ApiError, Json
from .links import associated_json, check_types, type_id
from .objects import Batch
from .objects import object_type as _kind


def put_association(call: Call, object_type: str, object_id: str, to_type: str, to_id: str) -> Result:
    """PUT /{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}."""
    start, end = _kind(object_type), _kind(to_type)
    check_types(start, end, call.body)
    call.portal.objects.link((start, object_id), (end, to_id))
    return 201, _pair(start.id, object_id, end.id, to_id)


def put_default_association(call: Call, object_type: str, object_id: str, to_type: str, to_id: str) -> Result:
    """PUT /{fromObjectType}/{fromObjectId}/associations/default/{toObjectType}/{toObjectId}."""
    start, end = _kind(object_type), _kind(to_type)
    type_id(start, end)
    call.portal.objects.link((start, object_id), (end, to_id))
    return batch_answer(call, Batch(_both_ways((start, object_id), (end, to_id))), 200)


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
    for entry in _association_inputs(call, most=1000):
        key = str(entry["id"])
        ids = call.portal.links.ids((start.id, key), end.id)
        if ids:
            began, size = int(entry.get("after") or 0), call.portal.settings.associations_per_page
            shown, more = ids[began : began + size], len(ids) > began + size
            paging = {"paging": {"next": {"after": str(began + size)}}} if more else {}
            batch.results.append({"from": {"id": key}, "to": [associated_json(start, end, i) for i in shown], **paging})
        else:
            message = f"No {end.singular} is associated with {start.singular} {key}."
            error = ApiError(404, message, "OBJECT_NOT_FOUND", "crm.associations.NO_ASSOCIATIONS_FOUND")
            context = {"fromObjectId": [key], "fromObjectType": [start.singular], "toObjectType": [end.singular]}
            batch.errors.append(error.entry(context))
    return batch_answer(call, batch, 200)


def create_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/create: each pair for itself."""
    start, end = _kind(object_type), _kind(to_type)

    def create(entry: Json) -> list[Json]:
        check_types(start, end, entry["types"])
        pair = str(entry["from"]["id"]), str(entry["to"]["id"])
        call.portal.objects.link((start, pair[0]), (end, pair[1]))
        return [_pair(start.id, pair[0], end.id, pair[1])]

    status = 200 if call.version == "2026-09" else 201
    return batch_answer(call, each(_association_inputs(call), create), status)


def create_defaults(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/associate/default."""
    start, end = _kind(object_type), _kind(to_type)

    def create(entry: Json) -> list[Json]:
        pair = str(entry["from"]["id"]), str(entry["to"]["id"])
        type_id(start, end)
        call.portal.objects.link((start, pair[0]), (end, pair[1]))
        return _both_ways((start, pair[0]), (end, pair[1]))

    return batch_answer(call, each(_association_inputs(call), create), 200)


def archive_associations(call: Call, object_type: str, to_type: str) -> Result:
    """POST /{fromObjectType}/{toObjectType}/batch/archive."""
    start, end = _kind(object_type), _kind(to_type)
    for entry in _association_inputs(call):
        for to in entry["to"]:
            call.portal.objects.unlink((start, str(entry["from"]["id"])), (end, str(to["id"])))
    return batch_answer(call, Batch([]), 200) if call.version in DATED else (204, None)


def _pair(start_type: str, start_id: str, end_type: str, end_id: str) -> Json:
    return {
        "fromObjectTypeId": start_type,
        "fromObjectId": start_id,
        "toObjectTypeId": end_type,
        "toObjectId": end_id,
        "labels": [],
    }


def _both_ways(start: tuple[ObjectType, str], end: tuple[ObjectType, str]) -> list[Json]:
    return [
        {
            "from": {"id": near[1]},
            "to": {"id": far[1]},
            "associationSpec": {
                "associationCategory": "HUBSPOT_DEFINED",
                "associationTypeId": type_id(near[0], far[0]),
            },
        }
        for near, far in ((start, end), (end, start))
    ]


def _association_inputs(call: Call, *, most: int = 2000) -> Sequence[Json]:
    inputs: Sequence[Json] = call.body["inputs"]
    if len(inputs) > most:
        raise ApiError(400, f"The maximum number of inputs supported in a batch request is {most}")
    return inputs
