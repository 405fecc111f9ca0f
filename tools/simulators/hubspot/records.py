"""Records as a portal keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .definitions import CONTACTS, ObjectType
from .errors import Json
from .schema import Schema


@dataclass
class Record:
    """A record. `properties` holds every property that has a value, the read-only ones included."""

    kind: ObjectType
    id: str
    properties: dict[str, str]
    created: str
    updated: str

    def json(self, names: Iterable[str] | None = None) -> Json:
        """As the API shows it; names without a value are null, and the system's own three always come along."""
        return {
            "id": self.id,
            "properties": self._shown(names),
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": False,
        }

    def written(self, names: Iterable[str]) -> Json:
        """As a write answers: what was written, without the names that have no value."""
        answer = self.json(names)
        answer["properties"] = {name: value for name, value in answer["properties"].items() if value is not None}
        return answer

    def _shown(self, names: Iterable[str] | None) -> dict[str, str | None]:
        wanted = dict.fromkeys(names if names is not None else self.kind.returned)
        wanted |= dict.fromkeys(("createdate", self.kind.modified, "hs_object_id"))
        return {name: self.properties.get(name) for name in wanted}


class UniqueValues:
    """Who has which value of the properties that no two records may share, a contact's addresses among them."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._holders: dict[tuple[str, str], dict[str, str]] = {}  # (type, property) to value to record id

    def names(self, kind: ObjectType) -> list[str]:
        """The unique properties of an object type."""
        emails = ["email"] if kind is CONTACTS else []
        return emails + self._schema.unique_properties(kind)

    def holder(self, kind: ObjectType, name: str, value: str) -> str:
        """The id of the record with a value, or an empty string."""
        return self._holders.get((kind.id, name), {}).get(value, "")

    def claimed(self, kind: ObjectType, properties: Mapping[str, str]) -> list[tuple[str, str]]:
        """The (property, value) pairs that a write of these properties lays claim to."""
        return [(name, value) for name in self.names(kind) for value in _values(properties, name)]

    def replace(self, record: Record, after: Mapping[str, str]) -> None:
        """Note what a record has from now on; an empty mapping: the record is gone."""
        for name in self.names(record.kind):
            holders = self._holders.setdefault((record.kind.id, name), {})
            for value in _values(record.properties, name):
                holders.pop(value, None)
            holders.update(dict.fromkeys(_values(after, name), record.id))


def _values(properties: Mapping[str, str], name: str) -> list[str]:
    """One value at most, but for the addresses of a contact."""
    values = [properties.get(name, "")]
    if name == "email":
        values += properties.get("hs_additional_emails", "").split(";")
    return [value for value in values if value]
