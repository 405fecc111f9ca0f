"""Check whether HubSpot accepts a write: values, stages, rules, uniqueness. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import values
from .definitions import CONTACTS, DEALS, LIFECYCLE, LINE_ITEMS, OBJECT_TYPES, ORDERS, ObjectType
from .errors import ApiError, ContactExists, InvalidProperties, PropertyProblem, bad_json, bad_request
from .records import Record, UniqueValues
from .schema import PIPELINE_SOURCES, Schema
from .settings import RequiredProperties, Settings

_LIFECYCLE = [stage for stage, _ in LIFECYCLE]

STAGES_IN = {DEALS: ("pipeline", "dealstage"), ORDERS: ("hs_pipeline", "hs_pipeline_stage")}  # pipeline, stage


# Unique values of earlier inputs in the same batch: by (property, value), the input that has it.
Claims = dict[tuple[str, str], object]


@dataclass(frozen=True)
class Checks:
    """Checks properties against the definitions, the record they change, and all other records."""

    _schema: Schema
    _unique: UniqueValues
    _settings: Callable[[], Settings]
    _new_id: Callable[[ObjectType], str]

    def accept(
        self, kind: ObjectType, record: Record | None, raw: Mapping[str, Any], *, claims: Claims, rules: bool
    ) -> dict[str, str]:
        """Return the properties as HubSpot keeps them ("" clears one), or raise ApiError.

        `record` is None for a create.
        """
        properties = self._values(kind, raw)
        if record and kind is CONTACTS and _goes_backwards(record.properties, properties):
            del properties["lifecyclestage"]  # HubSpot silently keeps the later stage
        before = record.properties if record else {}
        pipeline, stage = STAGES_IN.get(kind, ("", ""))
        if stage and properties.get(stage) and not (before | properties).get(pipeline):
            properties[pipeline] = next(iter(self._schema.pipelines[kind.id]))
        self._check_together(kind, properties, before | properties, rules=rules)
        if kind is CONTACTS and not any((before | properties).get(n) for n in ("email", "firstname", "lastname")):
            raise bad_request("A contact needs at least one of: email, firstname, lastname")
        self._claim(kind, record, properties, claims)
        return properties

    def readable_by(self, kind: ObjectType, name: str) -> None:
        """Raise ApiError 400 unless records can be read by this property."""
        if name not in ("hs_object_id", *self._unique.names(kind)):
            raise bad_request(f"Unable to read by non-unique {kind.id} property {name}")

    def writable_by(self, kind: ObjectType, name: str) -> None:
        """Raise ApiError 400 unless batches can be updated by this property, which they cannot by an e-mail address."""
        if name not in self._unique.names(kind) or name == "email":
            what = f"non-unique {kind.id} property {name} in portal ID {self._settings().portal_id}"
            raise bad_request(f"Unable to perform update/upsert by {what}")

    def _values(self, kind: ObjectType, raw: Mapping[str, Any]) -> dict[str, str]:
        properties: dict[str, str] = {}
        problems: list[PropertyProblem] = []
        for name, value in raw.items():
            try:
                properties[name] = self._value(kind, name, value)
            except values.InvalidValue as error:
                problems.append(PropertyProblem(name, error.code, str(error)))
        self._refuse(problems)
        return properties

    def _value(self, kind: ObjectType, name: str, value: Any) -> str:
        definition = self._schema.properties[kind.id].get(name)
        if definition is None:
            raise values.InvalidValue("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist')
        if definition.read_only or definition.calculated:
            message = f'"{name}" is a read only property; its value cannot be set.'
            raise values.InvalidValue("READ_ONLY_VALUE", message)
        text = _as_text(value)
        if text == "" or definition.source in PIPELINE_SOURCES:  # stages are checked with their pipeline
            return text
        settings = self._settings()
        if kind is CONTACTS and name == "email":
            return values.email(text, settings.unknown_tlds)
        if kind is CONTACTS and name == "hs_additional_emails":
            return ";".join(values.email(part, settings.unknown_tlds) for part in text.split(";") if part)
        if kind is LINE_ITEMS and name == "price" and text.strip().startswith("-"):
            raise values.InvalidValue("INVALID_INTEGER", f"{value} was not a valid price: it must not be negative.")
        options = self._schema.options(definition, settings) if definition.type == "enumeration" else ()
        return values.normalise(definition, text, options)

    def _check_together(
        self, kind: ObjectType, written: Mapping[str, str], after: Mapping[str, str], *, rules: bool
    ) -> None:
        """Check the record as a whole: its stage against its pipeline, and the admin's rules."""
        problems = []
        names = STAGES_IN.get(kind, ())
        if names and written.keys() & set(names) and after.get(names[0]):
            problems += self._stage_problems(kind, after)
        if rules:
            problems += [p for rule in self._settings().rules for p in _missing_required(rule, kind, after)]
        self._refuse(problems)

    def _stage_problems(self, kind: ObjectType, after: Mapping[str, str]) -> list[PropertyProblem]:
        pipelines, (pipeline_property, stage_property) = self._schema.pipelines[kind.id], STAGES_IN[kind]
        pipeline, stage = after[pipeline_property], after.get(stage_property, "")
        if pipeline not in pipelines:
            message = f"{pipeline} is not a valid pipeline ID. Valid options are: [{', '.join(pipelines)}]"
            return [PropertyProblem(pipeline_property, "INVALID_OPTION", message)]
        stages = pipelines[pipeline].stages
        if stage and stage not in stages:
            options = f"pipelineId={pipeline} : [{', '.join(stages)}]"
            message = f"{stage} is not a valid pipeline stage ID. Valid options are: {options}"
            return [PropertyProblem(stage_property, "INVALID_OPTION", message)]
        return []

    def _refuse(self, problems: list[PropertyProblem]) -> None:
        if problems:
            raise InvalidProperties(problems, self._settings().portal_id)

    def _claim(self, kind: ObjectType, record: Record | None, written: Mapping[str, str], claims: Claims) -> None:
        """Refuse values that another record has, and keep this input's values from later inputs of the batch."""
        me: object = record.id if record else object()
        mine = self._unique.claimed(kind, written)
        for name, value in mine:
            holder = self._unique.holder(kind, name, value) or claims.get((name, value), me)
            if holder != me:
                raise self._taken(kind, record, name, value, holder if isinstance(holder, str) else "")
        claims.update(dict.fromkeys(mine, me))

    def _taken(self, kind: ObjectType, record: Record | None, name: str, value: str, existing: str) -> ApiError:
        if record is None and name == "email":
            return ContactExists(existing)
        phantom = record.id if record else self._new_id(kind)  # a create has its id allocated before it fails
        where = (
            f"PropertyValueCoordinates{{portalId={self._settings().portal_id}, "
            f"objectTypeId=ObjectTypeId{{legacyObjectType={kind.java_name}}}, propertyName={name}, value={value}}}"
        )
        other = existing or self._new_id(kind)
        return bad_request(f"Cannot set {where} on {phantom}. {other} already has that value.")


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise bad_json("Cannot deserialize value of type `java.lang.String` from Object value")


def _missing_required(rule: RequiredProperties, kind: ObjectType, after: Mapping[str, str]) -> list[PropertyProblem]:
    if OBJECT_TYPES[rule.object_type] is not kind or any(after.get(n) != v for n, v in rule.when.items()):
        return []
    return [
        PropertyProblem(name, "REQUIRED_PROPERTY_MISSING", f'Property "{name}" is required')
        for name in rule.properties
        if not after.get(name)
    ]


def _goes_backwards(before: Mapping[str, str], properties: Mapping[str, str]) -> bool:
    old, new = before.get("lifecyclestage"), properties.get("lifecyclestage")
    return old in _LIFECYCLE and new in _LIFECYCLE and _LIFECYCLE.index(new) < _LIFECYCLE.index(old)
