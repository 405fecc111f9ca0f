"""Operations on records, as the route table names them."""

from __future__ import annotations

from . import search
from .calls import Call, Result, batch_answer
from .definitions import CONTACTS, ObjectType


def batch_read(call: Call, object_type: ObjectType) -> Result:
    return batch_answer(call, call.portal.objects.batch_read(object_type, call.body), 200)


def batch_create(call: Call, object_type: ObjectType) -> Result:
    batch = call.portal.objects.batch_create(object_type, call.body, rules=call.enforces_rules)
    return batch_answer(call, batch, 201)


def batch_update(call: Call, object_type: ObjectType) -> Result:
    batch = call.portal.objects.batch_update(object_type, call.body, rules=call.enforces_rules)
    return batch_answer(call, batch, 200)


def batch_archive(call: Call, object_type: ObjectType) -> Result:
    call.portal.objects.batch_archive(object_type, call.body)
    return 204, None


def search_objects(call: Call, object_type: ObjectType) -> Result:
    search.check_request(call.body, call.raw_length)
    return 200, call.portal.objects.search(object_type, call.body)


def list_objects(call: Call, object_type: ObjectType) -> Result:
    limit = min(call.number("limit", 10), 100)
    records, after = call.portal.objects.page(object_type, after=call.number("after", 0), limit=limit)
    paging = {"paging": {"next": {"after": after}}} if after else {}
    return 200, {"results": [record.json(call.names or None) for record in records], **paging}


def create_object(call: Call, object_type: ObjectType) -> Result:
    record = call.portal.objects.create(object_type, call.body, rules=call.enforces_rules)
    return 201, record.written(record.properties)


def get_object(call: Call, object_type: ObjectType, object_id: str) -> Result:
    record = call.portal.objects.get(object_type, object_id, call.query.get("idProperty", ""))
    return 200, record.json(call.names or None)


def update_object(call: Call, object_type: ObjectType, object_id: str) -> Result:
    id_property = call.query.get("idProperty", "")
    record = call.portal.objects.update(
        object_type, object_id, call.body, id_property=id_property, rules=call.enforces_rules
    )
    return 200, record.written(call.body["properties"])


def archive_object(call: Call, object_type: ObjectType, object_id: str) -> Result:
    call.portal.objects.archive(object_type, object_id)
    return 204, None


def erase_contact(call: Call) -> Result:
    call.portal.objects.erase(CONTACTS, str(call.body["objectId"]), str(call.body.get("idProperty") or ""))
    return 204, None
