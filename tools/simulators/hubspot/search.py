"""The search index: it lags behind the records, and evaluates filters as HubSpot's does."""

from __future__ import annotations

import json
import operator
import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from . import values
from .definitions import PropertyDefinition
from .errors import Json, bad_json, bad_request

MAX_BODY = 3_000
MAX_PAGE = 200
MAX_RESULTS = 10_000
_WORDS = re.compile(r"[^\W_]+")


class SearchIndex:
    """The searchable records of one object type: by id, a copy of their properties as of `lag` seconds ago."""

    def __init__(self) -> None:
        self.documents: dict[str, Mapping[str, str]] = {}
        self._due: deque[tuple[float, str, Mapping[str, str] | None]] = deque()
        self._by_value: dict[str, dict[str, dict[str, None]]] = {}  # built for a property when it is first used

    def put(self, due: float, object_id: str, properties: Mapping[str, str] | None) -> None:
        """Make a record (None: its archiving) visible at `due`, in seconds of the account's clock."""
        self._due.append((due, object_id, properties))

    def catch_up(self, now: float) -> None:
        """Apply the changes that are visible by now."""
        while self._due and self._due[0][0] <= now:
            _, object_id, properties = self._due.popleft()
            self._replace(object_id, properties)

    def having(self, name: str, wanted: Iterable[str]) -> Iterable[str]:
        """Return the ids of the records whose property, in lower case, is one of `wanted`."""
        if name not in self._by_value:
            self._by_value[name] = {}
            for object_id, properties in self.documents.items():
                self._enter(name, object_id, properties)
        by_value = self._by_value[name]
        return [object_id for value in dict.fromkeys(wanted) for object_id in by_value.get(value, ())]

    def _replace(self, object_id: str, properties: Mapping[str, str] | None) -> None:
        before = self.documents.pop(object_id, None)
        for name, by_value in self._by_value.items():
            if before and name in before:
                by_value[before[name].lower()].pop(object_id, None)
        if properties is not None:
            self.documents[object_id] = properties
            for name in self._by_value:
                self._enter(name, object_id, properties)

    def _enter(self, name: str, object_id: str, properties: Mapping[str, str]) -> None:
        if name in properties:
            self._by_value[name].setdefault(properties[name].lower(), {})[object_id] = None


def check_request(body: Json, raw_length: int) -> None:
    """Raise ApiError 400 for a search that HubSpot rejects."""
    if raw_length > MAX_BODY:
        raise bad_request(f"The request body exceeds the maximum of {MAX_BODY} characters")
    sizes = [len(group["filters"]) for group in body.get("filterGroups", [])]
    after = str(body.get("after") or 0)
    if not after.isdigit():
        raise bad_request("after must be an integer")
    if len(sizes) > 5 or any(size > 6 for size in sizes) or sum(sizes) > 18:
        raise bad_request("There are too many filters: at most 5 groups, 6 filters in each and 18 in all")
    if not 0 <= body.get("limit", 10) <= MAX_PAGE:
        raise bad_request(f"The limit must be between 0 and {MAX_PAGE}")
    if len(body.get("sorts", [])) > 1:
        raise bad_request("Only one sort is supported")
    if int(after) + body.get("limit", 10) > MAX_RESULTS:
        raise bad_request(f"Paging through more than {MAX_RESULTS} results is not supported")


def find(index: SearchIndex, definitions: Mapping[str, PropertyDefinition], body: Json) -> list[str]:
    """Return the ids of the matching records, sorted as requested (by default the oldest first)."""
    groups = [group["filters"] for group in body.get("filterGroups", [])]
    for f in (f for group in groups for f in group):
        _check_filter(f, definitions)
    if groups:
        matching = dict.fromkeys(object_id for group in groups for object_id in _group(index, group, definitions))
    else:
        matching = dict.fromkeys(index.documents)
    return _sorted(list(matching), index, body.get("sorts", []), definitions)


def page(matching: list[str], body: Json) -> tuple[list[str], Json]:
    """Return one page of ids, and the `paging` member if there are more."""
    start, limit = int(body.get("after") or 0), int(body.get("limit", 10))
    more = start + limit < len(matching)
    return matching[start : start + limit], ({"paging": {"next": {"after": str(start + limit)}}} if more else {})


def _check_filter(f: Json, definitions: Mapping[str, PropertyDefinition]) -> None:
    name, asked = f["propertyName"], f["operator"]
    if name not in definitions:
        raise bad_request(f"There was a problem with the request. Unknown property: {name}")
    if asked not in _OPERATORS:
        raise bad_json(f"Cannot deserialize value of type `Filter$Operator` from String {json.dumps(asked)}")
    if asked in ("IN", "NOT_IN") and "values" not in f:
        raise bad_request(f"operator {asked} requires values")


def _group(index: SearchIndex, filters: list[Json], definitions: Mapping[str, PropertyDefinition]) -> Iterable[str]:
    """Return the ids that match all filters of a group. An EQ or IN filter avoids testing every record."""
    candidates: Iterable[str] = index.documents
    for f in filters:
        textual = definitions[f["propertyName"]].type in ("string", "enumeration")  # numbers have many spellings
        if textual and f["operator"] in ("EQ", "IN"):
            candidates = index.having(f["propertyName"], (value.lower() for value in _sought(f)))
            break
    return [i for i in candidates if all(_matches(index.documents[i], f, definitions) for f in filters)]


def _sought(f: Json) -> list[str]:
    return [str(v) for v in f["values"]] if f["operator"] == "IN" else [str(f.get("value", ""))]


def _matches(properties: Mapping[str, str], f: Json, definitions: Mapping[str, PropertyDefinition]) -> bool:
    name = f["propertyName"]
    return _OPERATORS[f["operator"]](properties.get(name, ""), f, definitions[name])


def _equal(value: str, f: Json, definition: PropertyDefinition) -> bool:
    wanted = str(f.get("value", ""))
    if definition.type == "enumeration":
        return value == wanted
    return _key(value, definition) == _key(wanted, definition) if value else False


def _in(value: str, f: Json, definition: PropertyDefinition) -> bool:
    # HubSpot: "when using IN with string properties, values must be lowercase": others match nothing, silently
    kept = value if definition.type == "enumeration" else value.lower()
    return bool(value) and kept in [str(v) for v in f["values"]]


def _key(value: str, definition: PropertyDefinition) -> tuple[int, float, str]:
    """Return the value by which a property's values are compared. Values of different kinds are never equal."""
    try:
        if definition.type == "number":
            return (0, float(value), "")
        if definition.type in ("datetime", "date"):
            return (0, values.moment(value).timestamp(), "")
    except (ValueError, values.InvalidValue):
        pass  # no number or date after all: compared as text
    return (1, 0.0, value.lower())


def _compare(test: Callable[[Any, Any], bool]) -> Callable[[str, Json, PropertyDefinition], bool]:
    return lambda value, f, d: bool(value) and test(_key(value, d), _key(str(f.get("value", "")), d))


def _has_token(value: str, f: Json, _: PropertyDefinition) -> bool:
    words = _WORDS.findall(value.lower())
    return all(word in words for word in _WORDS.findall(str(f.get("value", "")).lower()))


_OPERATORS: dict[str, Callable[[str, Json, PropertyDefinition], bool]] = {  # those that callers use
    "EQ": _equal,
    "IN": _in,
    "NOT_IN": lambda value, f, d: bool(value) and not _in(value, f, d),
    "GT": _compare(operator.gt),
    "GTE": _compare(operator.ge),
    "LTE": _compare(operator.le),
    "HAS_PROPERTY": lambda value, _f, _d: bool(value),
    "CONTAINS_TOKEN": _has_token,
}


def _sorted(
    matching: list[str], index: SearchIndex, sorts: list[Any], definitions: Mapping[str, PropertyDefinition]
) -> list[str]:
    if not sorts:
        return sorted(matching, key=int)
    sort = sorts[0] if isinstance(sorts[0], dict) else {"propertyName": sorts[0].lstrip("-")}
    descending = sort.get("direction") == "DESCENDING" or (isinstance(sorts[0], str) and sorts[0].startswith("-"))
    definition = definitions.get(sort["propertyName"])
    if definition is None:
        raise bad_request(f"There was a problem with the request. Unknown property: {sort['propertyName']}")
    return sorted(
        matching,
        key=lambda i: (_key(index.documents[i].get(definition.name, ""), definition), int(i)),
        reverse=descending,
    )
