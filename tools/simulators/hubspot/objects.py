"""Records: read and write them, one at a time and in batches."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from . import search
from .checks import Checks, Claims
from .definitions import CONTACTS, DEALS, LINE_ITEMS, OBJECT_TYPES, ORDERS, ObjectType, known_types
from .errors import ApiError, InvalidProperties, Json, bad_request, in_words, not_found
from .links import End, Links, check_types, end_of, invalid_ids
from .records import Record, UniqueValues
from .schema import Schema
from .settings import Settings
from .values import iso

MAX_BATCH = 100
Input = Mapping[str, Any]


@dataclass
class Change:
    """A write that was checked but not yet applied; `record` is None for a create."""

    kind: ObjectType
    record: Record | None
    properties: dict[str, str]  # an empty string clears
    links: list[End] = field(default_factory=list)


@dataclass
class Batch:
    """The results and errors of a batch endpoint."""

    results: list[Json]
    errors: list[Json] = field(default_factory=list)


class Objects:
    """All records of an account. `tick` returns the account's time, `settings` its current settings."""

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
        self.records: dict[str, dict[str, Record]] = {kind.id: {} for kind in known_types()}
        self.indexes = {kind.id: search.SearchIndex() for kind in known_types()}
        self._unique = UniqueValues(schema)
        self._checks = Checks(schema, self._unique, settings, self._new_id)
        self._settings = settings
        self._tick = tick
        self._rng = rng
        self._merged: dict[tuple[str, str], str] = {}  # by (type, id) of a merged record: the id of the new one
        self._last_id = dict.fromkeys(self.records, 40_000) | {CONTACTS.id: 6000, DEALS.id: 9_100_000}

    def get(self, kind: ObjectType, key: str, id_property: str = "") -> Record:
        """Return a record by id, or by the value of a unique property.

        A contact can be read by each of its addresses. Raises ApiError 404 if there is none.
        """
        if record := self._find(kind, key, id_property):
            return record
        numeric = id_property or key.isdigit()
        raise not_found() if numeric else not_found(f"Object not found.  objectId are usually numeric. objectId={key}")

    def create(self, kind: ObjectType, body: Input, *, rules: bool = False) -> Record:
        """Create a record with its associations, or nothing at all."""
        return self._apply(self._plan_create(kind, body, Claims(), rules))

    def update(self, kind: ObjectType, key: str, body: Input, *, id_property: str = "", rules: bool = False) -> Record:
        record = self.get(kind, key, id_property)
        if not body["properties"]:
            raise bad_request("No properties found to update, please provide at least one.")
        properties = self._checks.accept(kind, record, body["properties"], claims=Claims(), rules=rules)
        return self._apply(Change(kind, record, properties))

    def archive(self, kind: ObjectType, key: str) -> None:
        """Archive a record. An unknown id is no error."""
        record = self.records[kind.id].pop(key, None)
        if record is None:
            return
        if self._settings().frees_archived_values:
            self._unique.replace(record, {})
        self._index(kind, key, None)
        for end in self.links.forget((kind.id, key)):
            self._links_changed((kind.id, key), end)

    def batch_archive(self, kind: ObjectType, body: Input) -> None:
        """Archive up to 100 records by id. Unknown ids are no error."""
        for entry in _inputs(body):
            self.archive(kind, str(entry["id"]))

    def erase(self, kind: ObjectType, key: str, id_property: str) -> None:
        """Delete a record for good; its unique values can be used again.

        HubSpot's spec says that an address nobody has is put on a blocklist "and prevent[ed] from being used in the
        future"; its knowledge base says that a request to the API may add an erased contact back. So an address stays
        usable here. It is an assumption that an unknown id is a 404.
        """
        record = self._find(kind, key, id_property)
        if record is None and id_property:
            return
        self.archive(kind, self.get(kind, key, id_property).id)
        if record is not None:
            self._unique.replace(record, {})

    def merge(self, kind: ObjectType, primary: str, other: str) -> Record:
        """Merge two records into a new one with the primary's values, else the other's, and all links, as people do.

        The ids of both return the new record when it is read, and no associations (HubSpot's changelog, "Deals now
        support merging"). HubSpot does not document what becomes of the other's unique values; here, the same as an
        archived record's.
        """
        before = [self.records[kind.id][key] for key in (other, primary)]
        ends = dict.fromkeys(end for record in before for end in self.links.forget((kind.id, record.id)))
        properties = before[0].properties | before[1].properties
        for record in before:
            self.archive(kind, record.id)
        self._unique.replace(before[1], {})
        own = ("hs_object_id", "createdate", kind.modified)
        kept = {name: value for name, value in properties.items() if name not in own}
        types = {known.id: known for known in known_types()}
        merged = self._apply(Change(kind, None, kept, [(types[end], key) for end, key in ends]))
        self._merged |= {(kind.id, record.id): merged.id for record in before}
        return merged

    def page(self, kind: ObjectType, *, after: int, limit: int) -> tuple[list[Record], str]:
        """Return records with ids above `after`, and the next `after` if there are more ("" if not)."""
        records = [record for key, record in self.records[kind.id].items() if int(key) > after]
        more = str(records[limit - 1].id) if len(records) > limit else ""
        return records[:limit], more

    def batch_read(self, kind: ObjectType, body: Input) -> Batch:
        """Return up to 100 records by id or unique property. One error lists all that are missing."""
        inputs, id_property = _inputs(body), str(body.get("idProperty") or "")
        _check_distinct(inputs, id_property)
        records = {str(entry["id"]): self._find(kind, str(entry["id"]), id_property) for entry in inputs}
        names = self._known(kind, body.get("properties") or ()) or None
        results = [record.json(names) for record in records.values() if record]
        self._rng.shuffle(results)
        missing = [key for key, record in records.items() if record is None]
        return Batch(results, [_missing(kind, missing)] if missing else [])

    def batch_create(self, kind: ObjectType, body: Input, *, rules: bool = False) -> Batch:
        """Create all records or none; independently if every input has its own objectWriteTraceId."""
        inputs = _inputs(body)
        return self._write(inputs, lambda i, claims: self._plan_create(kind, i, claims, rules))

    def batch_update(self, kind: ObjectType, body: Input, *, rules: bool = False) -> Batch:
        """Update records. An invalid value fails the whole batch, unless the inputs have trace ids.

        Unknown ids never affect the others.
        """
        inputs = _inputs(body)
        for name, same in _by_id_property(inputs).items():
            if name:
                self._checks.writable_by(kind, name)
            _check_distinct(same, name)
        known = [entry for entry in inputs if self._found(kind, entry)]
        missing = [entry for entry in inputs if not self._found(kind, entry)]
        batch = self._write(known, lambda i, claims: self._plan_update(kind, i, claims, rules))
        batch.errors += _missing_inputs(kind, missing, _traced(inputs))
        return batch

    def search(self, kind: ObjectType, body: Json) -> Json:
        """Search the index, which lags behind."""
        index = self.indexes[kind.id]
        index.catch_up(self._tick())
        matching = search.find(index, self.schema.properties[kind.id], body)
        ids, paging = search.page(matching, body)
        names = self._known(kind, body.get("properties") or ()) or None
        shown = [_as_indexed(kind, key, index.documents[key]).json(names) for key in ids]
        return {"total": len(matching), "results": shown, **paging}

    def link(self, start: End, end: End) -> None:
        """Associate two records. Raises ApiError 400 if one does not exist."""
        missing = [key for kind, key in (start, end) if key not in self.records[kind.id]]
        if missing:
            raise invalid_ids(missing)
        ends = (start[0].id, start[1]), (end[0].id, end[1])
        for item, parent in (ends, ends[::-1]):
            self._check_one_parent(item, parent)
        self.links.add(*ends)
        self._links_changed(*ends)

    def unlink(self, start: End, end: End) -> None:
        ends = (start[0].id, start[1]), (end[0].id, end[1])
        self.links.remove(*ends)
        self._links_changed(*ends)

    def _links_changed(self, start: tuple[str, str], end: tuple[str, str]) -> None:
        for item, other in ((start, end), (end, start)):
            self._count_links(item)
            self._calculate_amount(item, changed=other[0])

    def _plan_create(self, kind: ObjectType, body: Input, claims: Claims, rules: bool) -> Change:
        links = self._links_of(kind, body.get("associations") or ())
        properties = self._checks.accept(kind, None, body["properties"], claims=claims, rules=rules)
        return Change(kind, None, properties, links)

    def _plan_update(self, kind: ObjectType, entry: Input, claims: Claims, rules: bool) -> Change:
        record = self._found(kind, entry)
        return Change(kind, record, self._checks.accept(kind, record, entry["properties"], claims=claims, rules=rules))

    def _links_of(self, kind: ObjectType, associations: Iterable[Input]) -> list[End]:
        links = []
        for association in associations:
            end = end_of(kind, association["types"])
            check_types(kind, end, association["types"])
            links.append((end, str(association["to"]["id"])))
        missing = [key for end, key in links if key not in self.records[end.id]]
        if missing:
            raise invalid_ids(missing)
        return links

    def _write(self, inputs: Sequence[Input], plan: Callable[[Input, Claims], Change]) -> Batch:
        """Plan all inputs, then apply the valid ones.

        Without trace ids, one invalid input fails all.
        """
        claims = Claims()
        planned: list[tuple[Input, Change]] = []
        refused: list[tuple[Input, ApiError]] = []
        for entry in inputs:
            try:
                planned.append((entry, plan(entry, claims)))
            except ApiError as error:
                refused.append((entry, error))
        if refused and not (self._settings().partial_writes and _traced(inputs)):
            raise self._together([error for _, error in refused])
        results = [self._written(entry, change) for entry, change in planned]
        self._rng.shuffle(results)
        errors = [error.entry({"objectWriteTraceId": [_trace(entry)]}) for entry, error in refused]
        return Batch(results, [in_words(error) for error in errors] if self._settings().errors_in_words else errors)

    def _written(self, entry: Input, change: Change) -> Json:
        record = self._apply(change)
        result = record.written(record.properties if change.record is None else change.properties)
        return result | ({"objectWriteTraceId": _trace(entry)} if _trace(entry) else {})

    def _together(self, errors: Sequence[ApiError]) -> ApiError:
        """Return one error for a rejected batch: all property problems, or the first conflict."""
        problems = [p for e in errors if isinstance(e, InvalidProperties) for p in e.problems]
        return InvalidProperties(problems, self._settings().portal_id) if problems else errors[0]

    def _apply(self, change: Change) -> Record:
        now = iso(self._tick())
        record = change.record or self._new_record(change.kind, now)
        after = {**record.properties, **change.properties}
        _keep_addresses_apart(record.properties, after)
        self._unique.replace(record, after)
        record.properties = {name: value for name, value in after.items() if value}
        if record.kind is LINE_ITEMS:
            record.properties["amount"] = _net_price(record)
        record.updated = record.properties[record.kind.modified] = now
        self._index(record.kind, record.id, record.properties)
        for end in change.links:
            self.link((record.kind, record.id), end)
        if record.kind is LINE_ITEMS and change.record is not None:
            for deal in self.links.ids((record.kind.id, record.id), DEALS.id):
                self._calculate_amount((DEALS.id, deal), changed=LINE_ITEMS.id)
        return record

    def _new_record(self, kind: ObjectType, now: str) -> Record:
        key = self._new_id(kind)
        record = Record(kind, key, {"hs_object_id": key, "createdate": now}, now, now)
        self.records[kind.id][key] = record
        return record

    def _new_id(self, kind: ObjectType) -> str:
        self._last_id[kind.id] += 1
        return str(self._last_id[kind.id])

    def _index(self, kind: ObjectType, key: str, properties: Mapping[str, str] | None) -> None:
        due = self._tick() + self._settings().search_lag_s
        self.indexes[kind.id].put(due, key, None if properties is None else dict(properties))

    def _count_links(self, end: tuple[str, str]) -> None:
        record = self.records[end[0]].get(end[1])
        if record is None:
            return
        for other in known_types():
            if (name := f"num_associated_{other.plural}") in self.schema.properties[record.kind.id]:
                record.properties[name] = str(self.links.count(end, other.id))
        self._index(record.kind, record.id, record.properties)

    def _check_one_parent(self, item: tuple[str, str], parent: tuple[str, str]) -> None:
        """Refuse a second parent of a line item.

        HubSpot's guide says that a line item has one parent; that a second one is refused is an assumption.
        """
        if item[0] != LINE_ITEMS.id or parent[0] not in (DEALS.id, ORDERS.id):
            return
        parents = [(kind.id, key) for kind in (DEALS, ORDERS) for key in self.links.ids(item, kind.id)]
        if parents and parents != [parent]:
            raise bad_request(f"Line item {item[1]} belongs to another record: line items have a single parent")

    def _calculate_amount(self, deal: tuple[str, str], *, changed: str) -> None:
        """Set a deal's amount to the sum of its line items when these have changed, if the account does so."""
        record = self.records[deal[0]].get(deal[1])
        if (deal[0], changed) != (DEALS.id, LINE_ITEMS.id) or not self._settings().calculates_amounts or not record:
            return
        items = [self.records[LINE_ITEMS.id][key] for key in self.links.ids(deal, LINE_ITEMS.id)]
        if items:
            record.properties["amount"] = f"{sum(Decimal(_net_price(item)) for item in items):f}"

    def _found(self, kind: ObjectType, entry: Input) -> Record | None:
        return self._find(kind, str(entry["id"]), str(entry.get("idProperty") or ""))

    def _find(self, kind: ObjectType, key: str, id_property: str) -> Record | None:
        if id_property in ("", "hs_object_id"):
            return self._by_id(kind, key)
        self._checks.readable_by(kind, id_property)
        value = key.strip().lower() if id_property == "email" else key
        return self._by_id(kind, self._unique.holder(kind, id_property, value))

    def _by_id(self, kind: ObjectType, key: str) -> Record | None:
        while (kind.id, key) in self._merged:
            key = self._merged[kind.id, key]
        return self.records[kind.id].get(key)

    def _known(self, kind: ObjectType, names: Iterable[str]) -> list[str]:
        """Return the requested properties that exist; reads in HubSpot ignore the others."""
        return [name for name in names if name in self.schema.properties[kind.id]]


def _net_price(item: Record) -> str:
    """Return (price - discount) x quantity, as HubSpot calculates it. The discount is per unit."""
    price, discount, quantity = (
        Decimal(item.properties.get(name) or default)
        for name, default in (("price", "0"), ("discount", "0"), ("quantity", "1"))
    )
    return f"{(price - discount) * quantity:f}"


def object_type(name: str) -> ObjectType:
    """Return an object type by id, plural or singular. Raises ApiError 400 for any other."""
    try:
        return OBJECT_TYPES[name]
    except KeyError:
        raise bad_request(f"Unable to infer object type from: {name}") from None


def _inputs(body: Input) -> list[Input]:
    inputs: list[Input] = body["inputs"]
    if not inputs:
        raise bad_request("The inputs must not be empty")
    if len(inputs) > MAX_BATCH:
        raise bad_request(
            f"The maximum number of inputs supported in a batch request is {MAX_BATCH}. "
            "Please reduce the number of items and try again"
        )
    return inputs


def _by_id_property(inputs: Iterable[Input]) -> dict[str, list[Input]]:
    by_property: dict[str, list[Input]] = {}
    for entry in inputs:
        by_property.setdefault(str(entry.get("idProperty") or ""), []).append(entry)
    return by_property


def _check_distinct(inputs: Iterable[Input], id_property: str) -> None:
    """Raise ApiError 400 if an id is twice in a batch. Addresses are compared without case."""
    ids = [str(entry["id"]) for entry in inputs]
    if id_property == "email":
        ids = [address.strip().lower() for address in ids]
    if len(set(ids)) < len(ids):
        twice = sorted({record_id for record_id in ids if ids.count(record_id) > 1})
        raise bad_request(f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique", ids=twice)


def _trace(entry: Input) -> str:
    return str(entry.get("objectWriteTraceId") or "")


def _traced(inputs: Sequence[Input]) -> bool:
    """Whether every input has its own objectWriteTraceId."""
    ids = [_trace(entry) for entry in inputs]
    return all(ids) and len(set(ids)) == len(ids)


def _missing(kind: ObjectType, ids: Sequence[str], trace_id: str = "") -> Json:
    message = (
        f"Could not get some {kind.java_name} objects, they may be deleted or not exist. Check that ids are valid."
    )
    context = {"ids": list(ids)} | ({"objectWriteTraceId": [trace_id]} if trace_id else {})
    return ApiError(404, message, category="OBJECT_NOT_FOUND").entry(context)


def _missing_inputs(kind: ObjectType, missing: Sequence[Input], traced: bool) -> list[Json]:
    if traced:
        return [_missing(kind, [str(entry["id"])], _trace(entry)) for entry in missing]
    return [_missing(kind, [str(entry["id"]) for entry in missing])] if missing else []


def _keep_addresses_apart(before: Mapping[str, str], after: dict[str, str]) -> None:
    """Let the old primary address take the place of an additional one that becomes the primary."""
    additional = after.get("hs_additional_emails", "").split(";")
    if after.get("email") and after["email"] in additional:
        additional[additional.index(after["email"])] = before.get("email", "")
        after["hs_additional_emails"] = ";".join(address for address in additional if address)


def _as_indexed(kind: ObjectType, key: str, properties: Mapping[str, str]) -> Record:
    return Record(kind, key, dict(properties), properties["createdate"], properties[kind.modified])
