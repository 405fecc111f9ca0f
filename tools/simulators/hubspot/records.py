"""Records as an account stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .definitions import CONTACTS, ObjectType
from .errors import Json
from .schema import Schema


@dataclass
class Record:
    """A record. `properties` has every property with a value, read-only ones included."""

    kind: ObjectType
    id: str
    properties: dict[str, str]
    created: str
    updated: str

    def json(self, names: Iterable[str] | None = None) -> Json:
        """Return the record as the API shows it.

        Names without a value are null; the system's three properties are always included.
        """
        return {
            "id": self.id,
            "properties": self._shown(names),
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": False,
        }

    def written(self, names: Iterable[str]) -> Json:
        """Return the record as the response to a write: the written properties that have a value."""
        answer = self.json(names)
        answer["properties"] = {name: value for name, value in answer["properties"].items() if value is not None}
        return answer

    def _shown(self, names: Iterable[str] | None) -> dict[str, str | None]:
        wanted = dict.fromkeys(names if names is not None else self.kind.returned)
        wanted |= dict.fromkeys(("createdate", self.kind.modified, "hs_object_id"))
        return {name: self.properties.get(name) for name in wanted}


class UniqueValues:
    """Which record has which value of the unique properties, including a contact's addresses."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._holders: dict[tuple[str, str], dict[str, str]] = {}  # (type, property) to value to record id

    def names(self, kind: ObjectType) -> list[str]:
        """Return the unique properties of an object type."""
        emails = ["email"] if kind is CONTACTS else []
        return emails + self._schema.unique_properties(kind)

    def holder(self, kind: ObjectType, name: str, value: str) -> str:
        """Return the id of the record with this value; "" if there is none."""
        return self._holders.get((kind.id, name), {}).get(value, "")

    def claimed(self, kind: ObjectType, properties: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return the pairs (property, value) of these properties that must be unique."""
        return [(name, value) for name in self.names(kind) for value in _values(properties, name)]

    def replace(self, record: Record, after: Mapping[str, str]) -> None:
        """Record the new values of a record. An empty mapping: the record is gone."""
        for name in self.names(record.kind):
            holders = self._holders.setdefault((record.kind.id, name), {})
            for value in _values(record.properties, name):
                holders.pop(value, None)
            holders.update(dict.fromkeys(_values(after, name), record.id))


def _values(properties: Mapping[str, str], name: str) -> list[str]:
    """Return the property's value, if it has one, or all addresses of a contact."""
    values = [properties.get(name, "")]
    if name == "email":
        values += properties.get("hs_additional_emails", "").split(";")
    return [value for value in values if value]
