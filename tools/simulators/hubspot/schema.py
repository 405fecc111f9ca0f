"""The account's definitions: properties, property groups, pipelines."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from .definitions import (
    DEALS,
    GROUPS,
    ORDERS,
    ObjectType,
    Pipeline,
    PropertyDefinition,
    Stage,
    default_pipeline,
    default_properties,
    known_types,
    option,
    order_pipeline,
)
from .errors import ApiError, Json, bad_json, bad_request, not_found
from .settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}", re.ASCII)
STATES = ("OPEN", "CLOSED")  # of an order's stage
PIPELINE_SOURCES = {"pipelines": DEALS, "stages": DEALS, "order_pipelines": ORDERS, "order_stages": ORDERS}
_TYPES = ("bool", "date", "datetime", "enumeration", "number", "phone_number", "string")


class Schema:
    """Properties and pipelines by object type id. Methods take `now` as HubSpot writes it (ISO 8601)."""

    def __init__(self, now: str) -> None:
        self.properties = {
            kind.id: {definition.name: definition for definition in default_properties(kind)} for kind in known_types()
        }
        self.groups = {kind.id: dict(GROUPS.get(kind.id, {})) for kind in known_types()}
        self.pipelines: dict[str, dict[str, Pipeline]] = {kind.id: {} for kind in known_types()} | {
            DEALS.id: {"default": default_pipeline(now)},
            ORDERS.id: {(orders := order_pipeline(now)).id: orders},
        }
        for definitions in self.properties.values():
            for definition in definitions.values():
                definition.created = now

    def unique_properties(self, kind: ObjectType) -> list[str]:
        """Return the names of the properties whose values are unique, except a contact's e-mail address."""
        return [name for name, definition in self.properties[kind.id].items() if definition.unique]

    def options(self, definition: PropertyDefinition, settings: Settings) -> Collection[str]:
        return [choice["value"] for choice in self._options(definition, settings)]

    def properties_json(self, kind: ObjectType, settings: Settings) -> Json:
        return {"results": [self._property_json(d, settings) for d in self.properties[kind.id].values()]}

    def create_property(self, kind: ObjectType, body: Mapping[str, Any], settings: Settings, now: str) -> Json:
        """Create a property. Whether it is unique never changes afterwards."""
        self._check_new(kind, body, settings)
        definition = PropertyDefinition(
            name=body["name"],
            label=body["label"],
            type=body["type"],
            field_type=body["fieldType"],
            group=body["groupName"],
            options=[
                option(o["value"], o["label"], o.get("displayOrder", -1), hidden=bool(o.get("hidden")))
                for o in body.get("options", ())
            ],
            description=body.get("description", ""),
            unique=bool(body.get("hasUniqueValue", False)),
            hidden=bool(body.get("hidden", False)),
            hubspot_defined=False,
            created=now,
        )
        self.properties[kind.id][definition.name] = definition
        return self._property_json(definition, settings)

    def archive_property(self, kind: ObjectType, name: str) -> None:
        """Archive a property, as people do in HubSpot's settings."""
        del self.properties[kind.id][name]

    def create_group(self, kind: ObjectType, body: Mapping[str, Any]) -> Json:
        name, label = body["name"], body["label"]
        if name in self.groups[kind.id]:
            raise ApiError(409, f"Property group named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
        self.groups[kind.id][name] = label
        return self.group_json(kind, name)

    def group_json(self, kind: ObjectType, name: str) -> Json:
        return {"name": name, "label": self.groups[kind.id][name], "displayOrder": -1, "archived": False}

    def create_pipeline(self, kind: ObjectType, body: Mapping[str, Any], settings: Settings, now: str) -> Json:
        """Create a pipeline, with the caller's ids (`pipelineId`, each stage's `stageId`)."""
        pipelines = self.pipelines[kind.id]
        self._check_pipeline(kind, body, settings)
        pipeline_id = body.get("pipelineId") or str(75_000_000 + len(pipelines))
        stages = [self._stage(kind, stage, number, now) for number, stage in enumerate(body["stages"])]
        by_id = {stage.id: stage for stage in stages}
        if len(by_id) != len(stages) or any(by_id.keys() & p.stages.keys() for p in pipelines.values()):
            raise bad_request("Stage IDs must be unique across all pipelines")
        pipelines[pipeline_id] = Pipeline(pipeline_id, body["label"], body["displayOrder"], by_id, now, now)
        return pipeline_json(pipelines[pipeline_id])

    def create_stage(self, kind: ObjectType, pipeline_id: str, body: Mapping[str, Any], now: str) -> Json:
        pipeline = self.pipelines[kind.id].get(pipeline_id)
        if pipeline is None:
            raise not_found(f"Pipeline {pipeline_id} does not exist")
        stage = self._stage(kind, body, len(pipeline.stages), now)
        if any(stage.id in p.stages for p in self.pipelines[kind.id].values()):
            raise ApiError(409, f"Stage {stage.id} already exists", category="CONFLICT")
        if stage.label in (other.label for other in pipeline.stages.values()):
            raise bad_request(f"Stage label {stage.label} is not unique in this pipeline")
        pipeline.stages[stage.id] = stage
        return stage_json(stage)

    def pipelines_json(self, kind: ObjectType) -> Json:
        return {"results": [pipeline_json(pipeline) for pipeline in self.pipelines[kind.id].values()]}

    def _check_new(self, kind: ObjectType, body: Mapping[str, Any], settings: Settings) -> None:
        name = body["name"]
        if not _NAME.fullmatch(name):
            raise bad_request(f"Property name {name} is invalid: lower-case letters, digits and underscores only")
        if name in self.properties[kind.id]:
            raise ApiError(409, f"Property named '{name}' already exists.", category="OBJECT_ALREADY_EXISTS")
        if body["groupName"] not in self.groups[kind.id]:
            raise bad_request(f"Property group {body['groupName']} does not exist")
        if body["type"] not in _TYPES:
            raise bad_json(f"Enum type must be one of: {list(_TYPES)}")
        if body.get("hasUniqueValue") and len(self.unique_properties(kind)) >= settings.max_unique_properties:
            raise bad_request(f"You have reached your limit of {settings.max_unique_properties} unique properties")
        self._check_label(kind, body["label"])

    def _check_label(self, kind: ObjectType, label: str) -> None:
        if label.casefold() in (d.label.casefold() for d in self.properties[kind.id].values()):
            message = f'A property with the label "{label}" already exists; property labels must be unique'
            raise ApiError(400, message, sub_category="PropertyValidationError.NON_UNIQUE_PROPERTY_LABEL")

    def _check_pipeline(self, kind: ObjectType, body: Mapping[str, Any], settings: Settings) -> None:
        pipelines = self.pipelines[kind.id]
        if kind is DEALS and len(pipelines) >= settings.max_deal_pipelines:
            allowed = str(settings.max_deal_pipelines)
            message = f"You have reached your limit of {allowed} deal pipelines."
            detail: Json = {"message": message, "context": {"maximum pipelines": [allowed]}}
            raise ApiError(400, "Error validating request.", errors=(detail,))
        if body.get("pipelineId") in pipelines:
            raise ApiError(409, f"Pipeline {body['pipelineId']} already exists", category="CONFLICT")
        if body["label"] in (pipeline.label for pipeline in pipelines.values()):
            raise bad_request(f"Pipeline label {body['label']} is not unique")

    def _stage(self, kind: ObjectType, body: Mapping[str, Any], number: int, now: str) -> Stage:
        metadata = body["metadata"]
        if kind is ORDERS:
            value = str(metadata.get("state", ""))
            if value not in STATES:
                raise bad_request("Order stages need metadata.state: OPEN or CLOSED")
        else:
            value = str(metadata.get("probability", ""))
            if value not in {f"{tenth / 10:.1f}" for tenth in range(11)}:
                raise bad_request("Deal stages need metadata.probability from 0.0 to 1.0 in steps of 0.1")
        taken = sum(len(pipeline.stages) for pipelines in self.pipelines.values() for pipeline in pipelines.values())
        stage_id = body.get("stageId") or str(151_000_000 + taken + number)
        return Stage(stage_id, body["label"], body.get("displayOrder", number), value, now, now)

    def _options(self, definition: PropertyDefinition, settings: Settings) -> list[Json]:
        if definition.source == "currencies":
            return [option(code, code, order) for order, code in enumerate(settings.currencies)]
        if definition.source not in PIPELINE_SOURCES:
            return definition.options
        pipelines = self.pipelines[PIPELINE_SOURCES[definition.source].id].values()
        if definition.source.endswith("pipelines"):
            return [option(p.id, p.label, p.order) for p in pipelines]
        return [option(s.id, s.label, s.order) for p in pipelines for s in p.stages.values()]

    def _shown_options(self, definition: PropertyDefinition, settings: Settings) -> list[Json]:
        """Return the options that the API shows.

        Some accounts do not list their currencies: `options: []` with `externalOptions: true`.
        """
        hidden = definition.source == "currencies" and not settings.lists_currencies
        return [] if hidden else self._options(definition, settings)

    def _property_json(self, definition: PropertyDefinition, settings: Settings) -> Json:
        fixed = definition.read_only or definition.calculated
        return {
            "name": definition.name,
            "label": definition.label,
            "type": definition.type,
            "fieldType": definition.field_type,
            "description": definition.description,
            "groupName": definition.group,
            "options": self._shown_options(definition, settings),
            "displayOrder": -1,
            "calculated": definition.calculated,
            "externalOptions": definition.source == "currencies",
            "hasUniqueValue": definition.unique,
            "hidden": definition.hidden,
            "hubspotDefined": definition.hubspot_defined,
            "formField": not fixed,
            "archived": False,
            "createdAt": definition.created,
            "updatedAt": definition.created,
            "dataSensitivity": "non_sensitive",
            "modificationMetadata": {
                "archivable": not definition.hubspot_defined,
                "readOnlyDefinition": definition.hubspot_defined,
                "readOnlyValue": fixed,
            },
        }


def pipeline_json(pipeline: Pipeline) -> Json:
    return {
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": pipeline.order,
        "stages": [stage_json(stage) for stage in pipeline.stages.values()],
        "createdAt": pipeline.created,
        "updatedAt": pipeline.updated,
        "archived": False,
    }


def stage_json(stage: Stage) -> Json:
    """Return a stage as the API shows it. A deal's stage with probability 0 or 1 is closed."""
    closed = stage.probability in ("0.0", "1.0")
    of_deals = {"probability": stage.probability, "isClosed": str(closed).lower()}
    return {
        "id": stage.id,
        "label": stage.label,
        "displayOrder": stage.order,
        "metadata": {"state": stage.probability} if stage.probability in STATES else of_deals,
        "createdAt": stage.created,
        "updatedAt": stage.updated,
        "archived": False,
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
    }
