"""Contacts and deals: what is written, what is refused, and what a batch answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from . import search, values
from .definitions import CONTACTS, DEALS, LIFECYCLE, OBJECT_TYPES, ObjectType
from .errors import (
    ApiError,
    ContactExists,
    InvalidProperties,
    Json,
    PropertyProblem,
    bad_json,
    bad_request,
    not_found,
)
from .links import Link, Links, check_types, invalid_ids
from .schema import Schema
from .settings import Settings
from .values import iso

MAX_BATCH = 100
_STAGES = [stage for stage, _ in LIFECYCLE]


@dataclass
class Record:
    """A contact or deal. `properties` holds every property that has a value, the read-only ones included."""

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


@dataclass
class Change:
    """A checked write, not yet applied; `record` is None for a create."""

    kind: ObjectType
    record: Record | None
    properties: dict[str, str]  # an empty string clears
    links: list[Link] = field(default_factory=list)


@dataclass
class Written:
    """A record after a batch write."""

    record: Record
    names: Sequence[str]
    new: bool
    trace_id: str = ""


@dataclass
class Batch:
    """What a batch endpoint answers."""

    results: list[Json]
    errors: list[Json] = field(default_factory=list)


class Claims(dict[tuple[str, str], object]):
    """Unique values taken by earlier inputs of the same batch: (property, value) to who took it."""


class Objects:
    """All records of a portal. `tick` gives the portal's time; `settings` its settings as they are now."""

    def __init__(
        self,
        *,
        schema: Schema,
        links: Links,
        settings: Callable[[], Settings],
        tick: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self.schema = schema
        self.links = links
        self.records: dict[str, dict[str, Record]] = {CONTACTS.id: {}, DEALS.id: {}}
        self.indexes = {CONTACTS.id: search.SearchIndex(), DEALS.id: search.SearchIndex()}
        self._unique: dict[tuple[str, str], dict[str, str]] = {}  # (type, property) to value to record id
        self._settings = settings
        self._tick = tick
        self._rng = rng
        self._last_id = {CONTACTS.id: 6000, DEALS.id: 9_100_000}

    # -- one record

    def get(self, kind: ObjectType, key: str, id_property: str = "") -> Record:
        """By record id, or by the value of a unique property; a contact answers to all its addresses."""
        record = self._find(kind, key, id_property)
        if record is None:
            raise self._no_such(key, id_property)
        return record

    def create(self, kind: ObjectType, body: Mapping[str, Any], *, rules: bool = False) -> Record:
        """A new record with its associations, or nothing at all."""
        change = self._plan_create(kind, body, Claims(), rules)
        return self._apply(change)

    def update(
        self, kind: ObjectType, key: str, body: Mapping[str, Any], *, id_property: str = "", rules: bool = False
    ) -> Record:
        """Change some properties of a record."""
        record = self.get(kind, key, id_property)
        raw = body["properties"]
        if not raw:
            raise bad_request("No properties found to update, please provide at least one.")
        return self._apply(self._plan(kind, record, raw, Claims(), rules))

    def archive(self, kind: ObjectType, key: str) -> None:
        """Delete a record; an unknown id is no error."""
        record = self.records[kind.id].pop(key, None)
        if record is None:
            return
        for name in self._unique_names(kind):
            for value in self._keys_of(record.properties, name):
                self._unique.get((kind.id, name), {}).pop(value, None)
        self._index(kind, key, None)
        for end in self.links.forget((kind.id, key)):
            self._count_links(end)

    def page(self, kind: ObjectType, *, after: int, limit: int) -> tuple[list[Record], str]:
        """Records with ids above `after`, and the next `after` if there are more."""
        records = [record for key, record in self.records[kind.id].items() if int(key) > after]
        more = str(records[limit - 1].id) if len(records) > limit else ""
        return records[:limit], more

    # -- batches

    def batch_read(self, kind: ObjectType, body: Mapping[str, Any]) -> Batch:
        """Up to 100 records by id or unique property; one error lists everything that is missing."""
        id_property = str(body.get("idProperty") or "")
        keys = self._ids(_inputs(body), id_property)
        if id_property:
            self._check_readable_by(kind, id_property)
        found: list[Json] = []
        missing: list[str] = []
        names = self._known(kind, body.get("properties") or ())
        for key in keys:
            record = self._find(kind, key, id_property)
            if record is None:
                missing.append(key)
            else:
                found.append(record.json(names or None))
        self._rng.shuffle(found)
        return Batch(found, [_missing(kind, missing)] if missing else [])

    def batch_create(self, kind: ObjectType, body: Mapping[str, Any], *, rules: bool = False) -> Batch:
        """All or nothing; record by record if every input has its own objectWriteTraceId."""
        return self._write(_inputs(body), lambda i, claims: self._plan_create(kind, i, claims, rules))

    def batch_update(self, kind: ObjectType, body: Mapping[str, Any], *, rules: bool = False) -> Batch:
        """Unknown ids never spoil the rest; an invalid value spoils everything, unless inputs have trace ids."""
        inputs = _inputs(body)
        properties = {str(i.get("idProperty") or "") for i in inputs}
        for name in properties - {""}:
            self._check_writable_by(kind, name, email=False)
        for name in properties:
            self._ids([i for i in inputs if str(i.get("idProperty") or "") == name], name)
        known: list[Mapping[str, Any]] = []
        missing: list[Mapping[str, Any]] = []
        for i in inputs:
            found = self._find(kind, str(i["id"]), str(i.get("idProperty") or ""))
            (known if found else missing).append(i)
        batch = self._write(known, lambda i, claims: self._plan_update(kind, i, claims, rules), traced=inputs)
        batch.errors += _missing_inputs(kind, missing, traced=_traced(inputs))
        return batch

    def batch_upsert(self, kind: ObjectType, body: Mapping[str, Any], *, rules: bool = False) -> Batch:
        """By a unique property, or contacts by e-mail, which HubSpot does all or nothing whatever the trace ids."""
        inputs = _inputs(body)
        for name in {str(i.get("idProperty") or "hs_object_id") for i in inputs}:
            self._check_writable_by(kind, name, email=True)
            self._ids([i for i in inputs if i.get("idProperty") == name], name)
        by_email = any(i["idProperty"] == "email" for i in inputs)
        return self._write(
            inputs,
            lambda i, claims: self._plan_upsert(kind, i, claims, rules),
            traced=() if by_email else inputs,
            upsert=True,
        )

    def search(self, kind: ObjectType, body: Json) -> Json:
        """What the lagging index knows."""
        index = self.indexes[kind.id]
        index.catch_up(self._tick())
        found = search.find(index, self.schema.properties[kind.id], body)
        ids, paging = search.page(found, body)
        names = self._known(kind, body.get("properties") or ()) or None
        shown = [self._as_indexed(kind, key, index.documents[key]).json(names) for key in ids]
        return {"total": len(found), "results": shown, **paging}

    def link(self, start: tuple[ObjectType, str], end: tuple[ObjectType, str]) -> None:
        """Associate two records; 400 if one does not exist."""
        ends = [(kind.id, key) for kind, key in (start, end)]
        missing = [key for kind, key in (start, end) if key not in self.records[kind.id]]
        if missing:
            raise invalid_ids(missing)
        self.links.add(ends[0], ends[1])
        for one in ends:
            self._count_links(one)

    def unlink(self, start: tuple[ObjectType, str], end: tuple[ObjectType, str]) -> None:
        """Part two records."""
        ends = [(kind.id, key) for kind, key in (start, end)]
        self.links.remove(ends[0], ends[1])
        for one in ends:
            self._count_links(one)

    # -- planning: what would be written, or why not

    def _plan_create(self, kind: ObjectType, body: Mapping[str, Any], claims: Claims, rules: bool) -> Change:
        links = self._links_of(kind, body.get("associations") or ())
        change = self._plan(kind, None, body["properties"], claims, rules)
        return replace(change, links=links)

    def _plan_update(self, kind: ObjectType, body: Mapping[str, Any], claims: Claims, rules: bool) -> Change:
        record = self._find(kind, str(body["id"]), str(body.get("idProperty") or ""))
        return self._plan(kind, record, body["properties"], claims, rules)

    def _plan_upsert(self, kind: ObjectType, body: Mapping[str, Any], claims: Claims, rules: bool) -> Change:
        name, key = body["idProperty"], str(body["id"])
        raw = dict(body["properties"])
        record = self._find(kind, key, name)
        if record is None:
            raw.setdefault(name, key)
        return self._plan(kind, record, raw, claims, rules)

    def _plan(
        self, kind: ObjectType, record: Record | None, raw: Mapping[str, Any], claims: Claims, rules: bool
    ) -> Change:
        """Check one record's properties against the definitions, the other records and this batch's earlier inputs."""
        properties = self._valid(kind, record, raw)
        after = (record.properties if record else {}) | properties
        problems = self._problems_together(kind, properties, after, rules)
        if problems:
            raise InvalidProperties(problems, self._settings().portal_id)
        if record is None and kind is CONTACTS and not any(after.get(n) for n in ("email", "firstname", "lastname")):
            raise bad_request("A contact needs at least one of: email, firstname, lastname")
        self._claim(kind, record, properties, claims)
        return Change(kind, record, properties)

    def _valid(self, kind: ObjectType, record: Record | None, raw: Mapping[str, Any]) -> dict[str, str]:
        properties: dict[str, str] = {}
        problems: list[PropertyProblem] = []
        for name, value in raw.items():
            try:
                properties[name] = self._value(kind, name, value)
            except values.InvalidValue as error:
                problems.append(PropertyProblem(name, error.code, str(error)))
        if problems:
            raise InvalidProperties(problems, self._settings().portal_id)
        if record and kind is CONTACTS and _goes_backwards(record.properties, properties):
            del properties["lifecyclestage"]  # HubSpot keeps the later stage, without a word
        return properties

    def _value(self, kind: ObjectType, name: str, value: Any) -> str:
        definition = self.schema.properties[kind.id].get(name)
        if definition is None:
            raise values.InvalidValue("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if definition.read_only or definition.calculated:
            message = f'"{name}" is a read only property; its value cannot be set.'
            raise values.InvalidValue("READ_ONLY_VALUE", message)
        text = _as_text(value)
        if text == "" or definition.source in ("pipelines", "stages"):
            return text
        settings = self._settings()
        if kind is CONTACTS and name == "email":
            return values.email(text, settings.unknown_tlds)
        if kind is CONTACTS and name == "hs_additional_emails":
            return ";".join(values.email(one, settings.unknown_tlds) for one in text.split(";") if one)
        options = self.schema.options(definition, settings) if definition.type == "enumeration" else ()
        return values.normalise(definition, text, options=options, canonical_numbers=settings.canonical_numbers)

    def _problems_together(
        self,
        kind: ObjectType,
        properties: dict[str, str],
        after: Mapping[str, str],
        rules: bool,
    ) -> list[PropertyProblem]:
        """Problems that show only in the whole record: stage against pipeline, the admin's rules."""
        problems = []
        if kind is DEALS:
            if properties.get("dealstage") and not after.get("pipeline"):
                properties["pipeline"] = "default"
            problems += self._stage_problems(properties, {**after, **properties})
        if rules:
            problems += [p for rule in self._settings().rules for p in _missing_required(rule, kind, after)]
        return problems

    def _stage_problems(self, properties: Mapping[str, str], after: Mapping[str, str]) -> list[PropertyProblem]:
        pipelines = self.schema.pipelines[DEALS.id]
        if not properties.keys() & {"pipeline", "dealstage"} or not after.get("pipeline"):
            return []
        pipeline, stage = after["pipeline"], after.get("dealstage", "")
        if pipeline not in pipelines:
            message = f"{pipeline} is not a valid pipeline ID. Valid options are: [{', '.join(pipelines)}]"
            return [PropertyProblem("pipeline", "INVALID_OPTION", message)]
        stages = pipelines[pipeline].stages
        if stage and stage not in stages:
            options = f"pipelineId={pipeline} : [{', '.join(stages)}]"
            message = f"{stage} is not a valid pipeline stage ID. Valid options are: {options}"
            return [PropertyProblem("dealstage", "INVALID_OPTION", message)]
        return []

    def _claim(self, kind: ObjectType, record: Record | None, properties: Mapping[str, str], claims: Claims) -> None:
        """Refuse values another record has; remember this input's own for the rest of the batch."""
        me: object = record.id if record else object()
        mine = [
            (name, value)
            for name in self._unique_names(kind)
            if properties.keys() & ({"email", "hs_additional_emails"} if name == "email" else {name})
            for value in self._keys_of(properties, name)
        ]
        for name, value in mine:
            holder = self._unique.get((kind.id, name), {}).get(value) or claims.get((name, value), me)
            if holder != me:
                raise self._taken(kind, record, name, value, holder)
        claims.update(dict.fromkeys(mine, me))

    def _taken(self, kind: ObjectType, record: Record | None, name: str, value: str, holder: object) -> ApiError:
        existing = holder if isinstance(holder, str) else ""
        if record is None and name == "email":
            return ContactExists(existing)
        phantom = record.id if record else self._next_id(kind)  # a create has its id allocated before it fails
        where = (
            f"PropertyValueCoordinates{{portalId={self._settings().portal_id}, "
            f"objectTypeId=ObjectTypeId{{legacyObjectType={kind.java_name}}}, propertyName={name}, value={value}}}"
        )
        other = existing or self._next_id(kind)
        return bad_request(f"Cannot set {where} on {phantom}. {other} already has that value.")

    def _links_of(self, kind: ObjectType, associations: Iterable[Mapping[str, Any]]) -> list[Link]:
        found = []
        for association in associations:
            end = DEALS if kind is CONTACTS else CONTACTS
            check_types(kind, end, association["types"])
            found.append(Link(end, str(association["to"]["id"])))
        missing = [link.to_id for link in found if link.to_id not in self.records[link.to_type.id]]
        if missing:
            raise invalid_ids(missing)
        return found

    # -- applying

    def _write(
        self,
        inputs: Sequence[Mapping[str, Any]],
        plan: Callable[[Mapping[str, Any], Claims], Change],
        *,
        traced: Sequence[Mapping[str, Any]] | None = None,
        upsert: bool = False,
    ) -> Batch:
        claims = Claims()
        planned: list[tuple[Mapping[str, Any], Change]] = []
        refused: list[tuple[Mapping[str, Any], ApiError]] = []
        for one in inputs:
            try:
                planned.append((one, plan(one, claims)))
            except ApiError as error:
                refused.append((one, error))
        if refused and not _traced(inputs if traced is None else traced):
            raise self._together([error for _, error in refused])
        written = [self._written(one, change) for one, change in planned]
        self._rng.shuffle(written)
        errors = [error.entry({"objectWriteTraceId": [str(one["objectWriteTraceId"])]}) for one, error in refused]
        return Batch([self._result(w, upsert) for w in written], errors)

    def _written(self, one: Mapping[str, Any], change: Change) -> Written:
        record = self._apply(change)
        names = list(record.properties) if change.record is None else list(change.properties)
        return Written(record, names, change.record is None, str(one.get("objectWriteTraceId") or ""))

    def _result(self, written: Written, upsert: bool) -> Json:
        result = written.record.written(written.names)
        if upsert:
            result["new"] = written.new
        if written.trace_id and self._settings().echo_trace_ids:
            result["objectWriteTraceId"] = written.trace_id
        return result

    def _together(self, errors: Sequence[ApiError]) -> ApiError:
        """One answer for a refused batch: all property problems, or the first conflict."""
        problems = [p for e in errors if isinstance(e, InvalidProperties) for p in e.problems]
        return InvalidProperties(problems, self._settings().portal_id) if problems else errors[0]

    def _apply(self, change: Change) -> Record:
        now = iso(self._tick())
        kind, record = change.kind, change.record
        if record is None:
            key = self._next_id(kind)
            record = Record(kind, key, {"hs_object_id": key, "createdate": now}, now, now)
            self.records[kind.id][key] = record
        self._reindex_unique(record, change.properties)
        record.updated = record.properties[kind.modified] = now
        for name, value in change.properties.items():
            if value:
                record.properties[name] = value
            else:
                record.properties.pop(name, None)
        self._index(kind, record.id, record.properties)
        for link in change.links:
            self.link((kind, record.id), (link.to_type, link.to_id))
        return record

    def _reindex_unique(self, record: Record, properties: dict[str, str]) -> None:
        after = record.properties | properties
        if after.get("email") and after["email"] in after.get("hs_additional_emails", "").split(";"):
            properties["hs_additional_emails"] = _swapped(record.properties, after)
            after = record.properties | properties
        for name in self._unique_names(record.kind):
            index = self._unique.setdefault((record.kind.id, name), {})
            for value in self._keys_of(record.properties, name):
                index.pop(value, None)
            for value in self._keys_of(after, name):
                index[value] = record.id

    def _index(self, kind: ObjectType, key: str, properties: Mapping[str, str] | None) -> None:
        due = self._tick() + self._settings().search_lag_s
        self.indexes[kind.id].put(due, key, None if properties is None else dict(properties))

    def _count_links(self, end: tuple[str, str]) -> None:
        record = self.records[end[0]].get(end[1])
        if record is None:
            return
        other = DEALS if record.kind is CONTACTS else CONTACTS
        record.properties[f"num_associated_{other.plural}"] = str(self.links.count(end, other.id))
        self._index(record.kind, record.id, record.properties)

    # -- lookups

    def _find(self, kind: ObjectType, key: str, id_property: str) -> Record | None:
        if id_property in ("", "hs_object_id"):
            return self.records[kind.id].get(key)
        self._check_readable_by(kind, id_property)
        value = key.strip().lower() if id_property == "email" else key
        found = self._unique.get((kind.id, id_property), {}).get(value)
        return self.records[kind.id].get(found) if found else None

    def _unique_names(self, kind: ObjectType) -> list[str]:
        emails = ["email"] if kind is CONTACTS else []
        return emails + self.schema.unique_properties(kind)

    def _keys_of(self, properties: Mapping[str, str], name: str) -> list[str]:
        """The unique values of a record: one, but for the addresses of a contact."""
        found = [properties.get(name, "")]
        if name == "email":
            found += properties.get("hs_additional_emails", "").split(";")
        return [value for value in found if value]

    def _check_readable_by(self, kind: ObjectType, name: str) -> None:
        if name not in ("hs_object_id", *self._unique_names(kind)):
            raise bad_request(f"Unable to read by non-unique {kind.id} property {name}")

    def _check_writable_by(self, kind: ObjectType, name: str, *, email: bool) -> None:
        allowed = self.schema.unique_properties(kind) + (["email"] if email and kind is CONTACTS else [])
        if name not in allowed:
            portal = self._settings().portal_id
            raise bad_request(
                f"Unable to perform update/upsert by non-unique {kind.id} property {name} in portal ID {portal}"
            )

    def _ids(self, inputs: Sequence[Mapping[str, Any]], id_property: str) -> list[str]:
        """The ids of a batch, which must differ (addresses: also when their case is ignored)."""
        ids = [str(one["id"]) for one in inputs]
        folded = [i.strip().lower() for i in ids] if id_property == "email" else ids
        twice = sorted({i for i in folded if folded.count(i) > 1}) if len(set(folded)) < len(folded) else []
        if twice:
            raise bad_request(
                f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice
            )
        return ids

    def _no_such(self, key: str, id_property: str) -> ApiError:
        if id_property or key.isdigit():
            return not_found("resource not found")
        return not_found(f"Object not found.  objectId are usually numeric. objectId={key}")

    def _known(self, kind: ObjectType, names: Iterable[str]) -> list[str]:
        """Requested properties that exist; HubSpot ignores the others in reads."""
        return [name for name in names if name in self.schema.properties[kind.id]]

    def _as_indexed(self, kind: ObjectType, key: str, properties: Mapping[str, str]) -> Record:
        return Record(kind, key, dict(properties), properties["createdate"], properties[kind.modified])

    def _next_id(self, kind: ObjectType) -> str:
        self._last_id[kind.id] += 1
        return str(self._last_id[kind.id])


def object_type(name: str) -> ObjectType:
    """An object type by id, plural or singular; 400 for those a portal of ours does not have."""
    try:
        return OBJECT_TYPES[name]
    except KeyError:
        raise bad_request(f"Unable to infer object type from: {name}") from None


def _inputs(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inputs: list[Mapping[str, Any]] = body["inputs"]
    if not inputs:
        raise bad_request("The inputs must not be empty")
    if len(inputs) > MAX_BATCH:
        raise bad_request(
            f"The maximum number of inputs supported in a batch request is {MAX_BATCH}. "
            "Please reduce the number of items and try again"
        )
    return inputs


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise bad_json("Cannot deserialize value of type `java.lang.String` from Object value")


def _traced(inputs: Sequence[Mapping[str, Any]]) -> bool:
    """Whether every input has an objectWriteTraceId of its own."""
    ids = [one.get("objectWriteTraceId") for one in inputs]
    return bool(ids) and all(ids) and len(set(ids)) == len(ids)


def _missing(kind: ObjectType, ids: Sequence[str], trace_id: str = "") -> Json:
    message = (
        f"Could not get some {kind.java_name} objects, they may be deleted or not exist. Check that ids are valid."
    )
    context = {"ids": list(ids)} | ({"objectWriteTraceId": [trace_id]} if trace_id else {})
    return ApiError(404, message, category="OBJECT_NOT_FOUND").entry(context)


def _missing_inputs(kind: ObjectType, missing: Sequence[Mapping[str, Any]], *, traced: bool) -> list[Json]:
    if traced:
        return [_missing(kind, [str(one["id"])], str(one["objectWriteTraceId"])) for one in missing]
    return [_missing(kind, [str(one["id"]) for one in missing])] if missing else []


def _missing_required(rule: Any, kind: ObjectType, after: Mapping[str, str]) -> list[PropertyProblem]:
    if OBJECT_TYPES[rule.object_type] is not kind or any(after.get(n) != v for n, v in rule.when.items()):
        return []
    return [
        PropertyProblem(name, "REQUIRED_PROPERTY_MISSING", f'Property "{name}" is required')
        for name in rule.properties
        if not after.get(name)
    ]


def _goes_backwards(before: Mapping[str, str], properties: Mapping[str, str]) -> bool:
    old, new = before.get("lifecyclestage"), properties.get("lifecyclestage")
    return bool(old and new) and old in _STAGES and new in _STAGES and _STAGES.index(new) < _STAGES.index(old)


def _swapped(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Additional addresses once one of them has become the primary one: the old primary takes its place."""
    others = [one for one in after["hs_additional_emails"].split(";") if one != after["email"]]
    return ";".join([*others, before["email"]] if before.get("email") else others)
