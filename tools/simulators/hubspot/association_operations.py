"""Operations on associations, as the route table names them."""

from __future__ import annotations

from collections.abc import Sequence

from .calls import DATED, Call, Result, batch_answer
from .definitions import ObjectType
from .errors import ApiError, Json
from .links import associated_json, check_types
from .objects import Batch


def put_association(call: Call, object_type: ObjectType, object_id: str, to_type: ObjectType, to_id: str) -> Result:
    check_types(object_type, to_type, call.body)
    return 201, _associated(call, object_type, object_id, to_type, to_id)


def read_associations(call: Call, object_type: ObjectType, to_type: ObjectType) -> Result:
    """Return the associations of each record. A record without any is an error, and the status 207."""
    batch, size = Batch([]), call.portal.settings.associations_per_page
    for entry in _inputs(call, most=1000):
        key, began = str(entry["id"]), int(entry.get("after") or 0)
        ids = call.portal.links.ids((object_type.id, key), to_type.id)
        if ids:
            shown = [associated_json(object_type, to_type, i) for i in ids[began : began + size]]
            paging = {"paging": {"next": {"after": str(began + size)}}} if len(ids) > began + size else {}
            batch.results.append({"from": {"id": key}, "to": shown, **paging})
        else:
            batch.errors.append(_none(object_type, key, to_type))
    return batch_answer(call, batch, 200)


def _none(start: ObjectType, key: str, end: ObjectType) -> Json:
    message = f"No {end.singular} is associated with {start.singular} {key}."
    error = ApiError(404, message, "OBJECT_NOT_FOUND", "crm.associations.NO_ASSOCIATIONS_FOUND")
    return error.entry({"fromObjectId": [key], "fromObjectType": [start.singular], "toObjectType": [end.singular]})


def create_associations(call: Call, object_type: ObjectType, to_type: ObjectType) -> Result:
    """Associate each pair independently. A rejected pair becomes an error of the batch."""
    batch = Batch([])
    for entry in _inputs(call):
        try:
            check_types(object_type, to_type, entry["types"])
            pair = _associated(call, object_type, str(entry["from"]["id"]), to_type, str(entry["to"]["id"]))
            batch.results.append(pair)
        except ApiError as error:
            batch.errors.append(error.entry({}))
    return batch_answer(call, batch, 200 if call.version == "2026-09" else 201)


def archive_associations(call: Call, object_type: ObjectType, to_type: ObjectType) -> Result:
    for entry in _inputs(call):
        for to in entry["to"]:
            call.portal.objects.unlink((object_type, str(entry["from"]["id"])), (to_type, str(to["id"])))
    return batch_answer(call, Batch([]), 200) if call.version in DATED else (204, None)


def _associated(call: Call, start: ObjectType, start_id: str, end: ObjectType, end_id: str) -> Json:
    """Associate two records, and return the pair as HubSpot shows it."""
    call.portal.objects.link((start, start_id), (end, end_id))
    return {
        "fromObjectTypeId": start.id,
        "fromObjectId": start_id,
        "toObjectTypeId": end.id,
        "toObjectId": end_id,
        "labels": [],
    }


def _inputs(call: Call, *, most: int = 2000) -> Sequence[Json]:
    inputs: Sequence[Json] = call.body["inputs"]
    if len(inputs) > most:
        raise ApiError(400, f"The maximum number of inputs supported in a batch request is {most}")
    return inputs
