"""The route table: every operation, in the versions 2026-09, 2026-03 and v3/v4."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import association_operations as links
from . import record_operations as records
from . import schema_operations as schema
from . import shapes
from .calls import DATED, Result

PREFIXES = {
    "objects": {**{v: f"/crm/objects/{v}" for v in DATED}, "v3": "/crm/v3/objects"},
    "links": {**{v: f"/crm/objects/{v}" for v in DATED}, "v4": "/crm/v4/objects"},
    "associations": {**{v: f"/crm/associations/{v}" for v in DATED}, "v4": "/crm/v4/associations"},
    "properties": {**{v: f"/crm/properties/{v}" for v in DATED}, "v3": "/crm/v3/properties"},
    "pipelines": {**{v: f"/crm/pipelines/{v}" for v in DATED}, "v3": "/crm/v3/pipelines"},
    "library": {**{v: f"/crm/object-library/{v}" for v in DATED}, "v3": "/crm/v3/object-library"},
    "account": {**{v: f"/account-info/{v}" for v in DATED}, "v3": "/account-info/v3"},
}

Handler = Callable[..., Result]


@dataclass(frozen=True, eq=False)
class Route:
    """An operation of the API. `scope` may name the path's object types as {object_type} or {to_type}."""

    method: str
    family: str
    path: str
    handler: Handler
    scope: str = ""
    shape: Any = None  # of the body; None: the operation has no body
    search: bool = False


_READ = "crm.objects.{object_type}.read"
_WRITE = "crm.objects.{object_type}.write"
_ERASE = "crm.objects.contacts.write"
_SEE = "crm.schemas.{object_type}.read crm.objects.{object_type}.read"
_DEFINE = "crm.schemas.{object_type}.write"
_TYPE = "/<object_type>"
_OBJECT = "/<object_type>/<object_id>"
_END = "/<to_type>/<to_id>"
_PAIR = "/<object_type>/<to_type>"

ROUTES = (
    Route("POST", "objects", f"{_TYPE}/batch/read", records.batch_read, _READ, shapes.READS),
    Route("POST", "objects", f"{_TYPE}/batch/create", records.batch_create, _WRITE, shapes.CREATES),
    Route("POST", "objects", f"{_TYPE}/batch/update", records.batch_update, _WRITE, shapes.UPDATES),
    Route("POST", "objects", f"{_TYPE}/batch/archive", records.batch_archive, _WRITE, shapes.IDS),
    Route("POST", "objects", f"{_TYPE}/search", records.search_objects, _READ, shapes.SEARCH, search=True),
    Route("POST", "objects", "/contacts/gdpr-delete", records.erase_contact, _ERASE, shapes.ERASE),
    Route("GET", "objects", _TYPE, records.list_objects, _READ),
    Route("POST", "objects", _TYPE, records.create_object, _WRITE, shapes.CREATE),
    Route("GET", "objects", _OBJECT, records.get_object, _READ),
    Route("PATCH", "objects", _OBJECT, records.update_object, _WRITE, shapes.UPDATE),
    Route("DELETE", "objects", _OBJECT, records.archive_object, _WRITE),
    Route("PUT", "links", f"{_OBJECT}/associations{_END}", links.put_association, _WRITE, shapes.LINK),
    Route("POST", "associations", f"{_PAIR}/batch/read", links.read_associations, _READ, shapes.LINK_READS),
    Route("POST", "associations", f"{_PAIR}/batch/create", links.create_associations, _WRITE, shapes.LINK_CREATES),
    Route("POST", "associations", f"{_PAIR}/batch/archive", links.archive_associations, _WRITE, shapes.LINK_ARCHIVES),
    Route("GET", "properties", _TYPE, schema.list_properties, _SEE),
    Route("POST", "properties", _TYPE, schema.create_property, _DEFINE, shapes.PROPERTY),
    Route("GET", "properties", f"{_TYPE}/groups", schema.list_groups, _SEE),
    Route("POST", "properties", f"{_TYPE}/groups", schema.create_group, _DEFINE, shapes.GROUP),
    Route("GET", "pipelines", _TYPE, schema.list_pipelines, _SEE),
    Route("POST", "pipelines", _TYPE, schema.create_pipeline, _DEFINE, shapes.PIPELINE),
    Route("POST", "pipelines", f"{_TYPE}/<pipeline_id>/stages", schema.create_stage, _DEFINE, shapes.STAGE),
    Route("GET", "library", "/enablement/<object_type>", schema.object_enablement),
    Route("GET", "account", "/details", schema.account_details),
    Route("GET", "account", "/api-usage/daily/private-apps", schema.daily_usage),
)
