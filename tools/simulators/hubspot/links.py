"""Associations between records, kept in both directions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .definitions import ASSOCIATION_TYPES, CONTACTS, DEALS, OBJECT_TYPES, ObjectType
from .errors import ApiError, Json, bad_request

Key = tuple[str, str]  # object type id, record id
End = tuple[ObjectType, str]  # one end of an association: a record's id, which may not exist


class Links:
    """The associations between all records."""

    def __init__(self) -> None:
        self._to: dict[Key, dict[str, dict[str, None]]] = {}

    def add(self, start: Key, end: Key) -> None:
        """Associate two records. Repeating it changes nothing."""
        for near, far in ((start, end), (end, start)):
            self._to.setdefault(near, {}).setdefault(far[0], {})[far[1]] = None

    def remove(self, start: Key, end: Key) -> None:
        """Remove an association. An unknown pair is ignored, as by HubSpot."""
        for near, far in ((start, end), (end, start)):
            self._to.get(near, {}).get(far[0], {}).pop(far[1], None)

    def ids(self, start: Key, to_type: str) -> list[str]:
        """Return the ids of records of a type that are associated with `start`, the oldest association first."""
        return list(self._to.get(start, {}).get(to_type, ()))

    def count(self, start: Key, to_type: str) -> int:
        """Return the number of records of a type that are associated with `start`."""
        return len(self._to.get(start, {}).get(to_type, ()))

    def forget(self, key: Key) -> list[Key]:
        """Remove all associations of an archived record, and return them."""
        ends = [(to_type, to_id) for to_type, ids in self._to.pop(key, {}).items() for to_id in ids]
        for end in ends:
            self._to.get(end, {}).get(key[0], {}).pop(key[1], None)
        return ends

    def items(self) -> Iterable[tuple[Key, Key]]:
        """Return every association, from both ends."""
        return [(start, (kind, i)) for start, ends in self._to.items() for kind, ids in ends.items() for i in ids]


def check_types(start: ObjectType, end: ObjectType, types: Iterable[Mapping[str, Any]]) -> None:
    """Raise ApiError 400 unless `types` names the association from `start` to `end`."""
    if not types:
        raise bad_request("At least one association type is required")
    for spec in types:
        _check_spec(start, end, spec)


def end_of(start: ObjectType, types: Iterable[Mapping[str, Any]]) -> ObjectType:
    """Return the object that an inline association of these types leads to.

    If the types do not say, it is the usual one: contacts for deals, deals for contacts.
    """
    usual = DEALS if start is CONTACTS else CONTACTS
    ids = [spec["associationTypeId"] for spec in types]
    return next(
        (OBJECT_TYPES[end] for (begin, end), n in ASSOCIATION_TYPES.items() if begin == start.id and n in ids), usual
    )


def type_id(start: ObjectType, end: ObjectType) -> int:
    """Return the type of the usual association between two objects. Raises ApiError 400 if there is none."""
    try:
        return ASSOCIATION_TYPES[start.id, end.id]
    except KeyError:
        raise bad_request(f"No association type between {start.id} and {end.id}") from None


def _check_spec(start: ObjectType, end: ObjectType, spec: Mapping[str, Any]) -> None:
    directions = {number: pair for pair, number in ASSOCIATION_TYPES.items()}
    pair = directions.get(spec["associationTypeId"])
    if spec["associationCategory"] != "HUBSPOT_DEFINED" or pair is None:
        raise bad_request(f"{spec['associationCategory']}-{spec['associationTypeId']} is not an association type")
    if pair != (start.id, end.id):
        raise bad_request(
            f"invalid from object type {start.id} for associations to be created. expected: {pair[0]}",
        )


def invalid_ids(ids: Iterable[str]) -> ApiError:
    """Return the 400 for an association with records that do not exist."""
    return bad_request("One or more associations are invalid", INVALID_OBJECT_IDS=list(ids))


def associated_json(start: ObjectType, end: ObjectType, to_id: str) -> Json:
    """Return an associated record as the v4 and dated APIs show it."""
    types = [{"category": "HUBSPOT_DEFINED", "typeId": type_id(start, end)}]
    return {"toObjectId": to_id, "associationTypes": types}
