"""The JSON that each operation accepts. HubSpot answers 400 for anything else, before it checks values.

A shape is a Python value: `{...}` is an object with these members (a name ending in `?` may be missing),
`[shape]` a list, `dict` any object, `TEXT` a string (or a number, which HubSpot reads as one), `int` a whole number.
The specs mark more members as required than the live API insists on; those it insists on are required here.
"""

from __future__ import annotations

from typing import Any

from .errors import bad_json

TEXT = str
_SPEC = {"associationCategory": TEXT, "associationTypeId": int}
_ID = {"id": TEXT}
_ASSOCIATION = {"to": _ID, "types": [_SPEC]}
_CREATE = {"properties": dict, "associations?": [_ASSOCIATION], "objectWriteTraceId?": TEXT}
_UPDATE = {"id": TEXT, "properties": dict, "idProperty?": TEXT, "objectWriteTraceId?": TEXT}
_FILTER = {"propertyName": TEXT, "operator": TEXT, "value?": TEXT, "values?": [TEXT]}
_OPTION = {"label": TEXT, "value": TEXT}
_STAGE = {"label": TEXT, "metadata": dict, "displayOrder": int, "stageId?": TEXT}

IDS = {"inputs": [_ID]}
ERASE = {"objectId": TEXT, "idProperty?": TEXT}
READS = {"inputs": [_ID], "properties?": [TEXT], "propertiesWithHistory?": [TEXT], "idProperty?": TEXT}
CREATES = {"inputs": [_CREATE]}
UPDATES = {"inputs": [_UPDATE]}
CREATE = _CREATE
UPDATE = {"properties": dict}
_GROUPS = [{"filters": [_FILTER]}]
SEARCH = {"filterGroups?": _GROUPS, "properties?": [TEXT], "sorts?": list, "limit?": int, "after?": TEXT}
LINK = [_SPEC]
LINK_READS = {"inputs": [{"id": TEXT, "after?": TEXT}]}
LINK_CREATES = {"inputs": [{"from": _ID, "to": _ID, "types": [_SPEC]}]}
LINK_ARCHIVES = {"inputs": [{"from": _ID, "to": [_ID]}]}
PROPERTY = {
    "name": TEXT,
    "label": TEXT,
    "type": TEXT,
    "fieldType": TEXT,
    "groupName": TEXT,
    "hasUniqueValue?": bool,
    "options?": [_OPTION],
}
GROUP = {"name": TEXT, "label": TEXT}
PIPELINE = {"label": TEXT, "displayOrder": int, "stages": [_STAGE], "pipelineId?": TEXT}
STAGE = _STAGE


def check(value: Any, shape: Any, where: str = "body") -> None:
    """Raise ApiError 400 unless `value` has the shape."""
    if isinstance(shape, dict):
        _check_members(value, shape, where)
    elif isinstance(shape, list):
        _check_type(value, list, where)
        for number, member in enumerate(value):
            check(member, shape[0], f"{where}[{number}]")
    else:
        _check_type(value, shape, where)


def _check_members(value: Any, shape: dict[str, Any], where: str) -> None:
    _check_type(value, dict, where)
    missing = [name for name in shape if not name.endswith("?") and value.get(name) is None]
    if missing:
        raise bad_json(f"Some required fields were not set: [{', '.join(missing)}]")
    for name, inner in shape.items():
        member = value.get(name.rstrip("?"))
        if member is not None:
            check(member, inner, f"{where}.{name.rstrip('?')}")


def _check_type(value: Any, wanted: Any, where: str) -> None:
    allowed = (str, int, float) if wanted is str else wanted
    if not isinstance(value, allowed) or (isinstance(value, bool) and wanted is not bool):
        raise bad_json(f"Cannot deserialize value of type `{wanted.__name__}` from {type(value).__name__} ({where})")
