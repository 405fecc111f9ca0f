"""Create the property groups, properties and pipeline of mapping.toml in HubSpot. What exists is not changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from woohub.counted import counted
from woohub.errors import Forbidden, HubSpotProblem, HubSpotRejected, TransientError, Unauthorized
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import OBJECT_TYPES, ORDERS
from woohub.mapping.definitions import Definition
from woohub.mapping.fields import FieldMapping
from woohub.mapping.stages import Pipeline, Stage
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import scopes
from woohub_cli.pipeline_names import named
from woohub_cli.targets import SINGULAR, filled, written

SWITCHED_OFF = "it is switched off in this portal"
SWITCH_ON = (
    "switch it on in HubSpot (Data Management > Data Model > Orders), or leave [order] out of the mapping and use deals"
)
ORDERS_OBJECT = "HubSpot's object Orders"
LABEL_TAKEN = "NON_UNIQUE_PROPERTY_LABEL"
SCOPES_FIX = (
    "give the token this scope, or put another one that has {scopes} into HUBSPOT_SETUP_API_KEY: only setup uses it, "
    "the functions need no schema scope"
)
RENEW_KEY = "put a valid token into .env as HUBSPOT_SETUP_API_KEY, or as HUBSPOT_API_KEY and run `woohub setup`"
AGAIN = "run `woohub setup` again: it continues where this one stopped"
NO_PIPELINE_LEFT = (
    "HubSpot's plan allows no further {record} pipeline{numbers}: upgrade, delete one, or "
    "name an existing pipeline and its stages under [{pipeline}] and [{stages}] in your mapping.toml, run "
    "`woohub mapping push`, and run this again"
)
PLANS = " (Free has 1, Starter 2, Professional 15)"  # deal pipelines
NOT_UNIQUE = (
    "it was made without unique values, which HubSpot cannot change afterwards: {records} are looked up by search "
    "instead, which is slower and sees new {records} only after some seconds"
)
NOT_UNIQUE_FIX = (
    "works as it is; to make it unique, delete the property in HubSpot (Settings > Properties) and run `woohub setup` "
    "before the first orders arrive"
)
ARCHIVED_FIX = (
    "if it is among the archived ones (HubSpot: Settings > Properties), restore it there; then run this again"
)
# HubSpot creates a property of type bool only if the request has both options.
CHECKBOX_OPTIONS = [
    {"label": label, "value": value, "displayOrder": order, "hidden": False}
    for order, (label, value) in enumerate((("Yes", "true"), ("No", "false")))
]

SECTIONS = {"deals": ("pipeline", "stages"), "orders": ("order_pipeline", "order_stages")}  # of mapping.toml

Json = Mapping[str, Any]


def provision(
    hubspot: HubSpot, table: FieldMapping, others: Iterable[FieldMapping] = (), *, dry_run: bool
) -> Iterator[Step]:
    """Check everything and create what is missing, with one step for each. Ends early if HubSpot accepts no calls.

    `others` are the mappings of the stack's other stores: the same key must be able to write their objects.
    """
    needed = scopes.setup_scopes(written(table, *others))
    for what, part in _parts(hubspot, table, dry_run=dry_run):
        try:
            yield from part()
        except Forbidden as error:
            yield Step(what, Result.FAILED, str(error), SCOPES_FIX.format(scopes=needed))
        except Unauthorized as error:
            yield Step(what, Result.FAILED, str(error), RENEW_KEY)
            return
        except HubSpotRejected as error:
            yield Step(what, Result.FAILED, f"HubSpot does not allow reading them: {error}")
        except TransientError as error:
            yield Step(what, Result.FAILED, str(error), AGAIN)
            return


def _parts(
    hubspot: HubSpot, table: FieldMapping, *, dry_run: bool
) -> Iterator[tuple[str, Callable[[], Iterator[Step]]]]:
    for kind in filled(table):
        mapping = table.orders if kind == "orders" and table.orders else table
        if kind == "orders":
            yield ORDERS_OBJECT, partial(_orders_object, hubspot)
        yield f"{SINGULAR[kind]} properties", partial(_properties, hubspot, mapping, kind, dry_run=dry_run)
        if kind in ("deals", "orders"):
            yield f"{SINGULAR[kind]} pipeline", partial(_pipeline, hubspot, mapping.pipeline, kind, dry_run=dry_run)


def _orders_object(hubspot: HubSpot) -> Iterator[Step]:
    """Check that this HubSpot account has the Orders object. If HubSpot does not say, the next steps show it."""
    path = f"{hubspot.paths.objects.replace('objects', 'object-library')}/enablement/{ORDERS.type_id}"
    try:
        is_on = hubspot.get(path).get("enablement") is not False
    except (Forbidden, HubSpotRejected) as error:
        yield Step(ORDERS_OBJECT, Result.SKIPPED, f"HubSpot does not show whether it is switched on: {error}")
        return
    yield Step(ORDERS_OBJECT, Result.OK) if is_on else Step(ORDERS_OBJECT, Result.FAILED, SWITCHED_OFF, SWITCH_ON)


def _properties(hubspot: HubSpot, table: FieldMapping, object_type: str, *, dry_run: bool) -> Iterator[Step]:
    yield _group(hubspot, table, object_type, dry_run=dry_run)
    existing = {row["name"]: row for row in hubspot.property_definitions(OBJECT_TYPES[object_type])}
    for wanted in table.definitions:
        if wanted.object_type != object_type:
            continue
        what = f"{SINGULAR[object_type]} property {wanted.name}"
        if wanted.name in existing:
            yield _existing_property(what, wanted, existing[wanted.name])
        else:
            yield _created(what, partial(_create_property, hubspot, wanted), _property_fix, dry_run=dry_run)


def _group(hubspot: HubSpot, table: FieldMapping, object_type: str, *, dry_run: bool) -> Step:
    path = f"{hubspot.paths.properties}/{object_type}/groups"
    what = f"{SINGULAR[object_type]} property group {table.group.name}"
    if any(row["name"] == table.group.name for row in hubspot.get(path).get("results") or []):
        return Step(what, Result.OK)
    body = {"name": table.group.name, "label": table.group.label, "displayOrder": -1}
    return _created(what, partial(_post, hubspot, path, body), lambda _problem: ARCHIVED_FIX, dry_run=dry_run)


def _post(hubspot: HubSpot, path: str, body: Json, remark: str = "") -> str:
    hubspot.post(path, body)
    return remark


def _existing_property(what: str, wanted: Definition, existing: Json) -> Step:
    kind = str(existing.get("type") or "string")
    if kind not in (wanted.type, wanted.other_type) and not (kind == "number" and wanted.name.endswith("_id")):
        detail = f"exists as {kind}, and woohub writes {wanted.type}"
        return Step(what, Result.FAILED, detail, "delete it in HubSpot (Settings > Properties) and run this again")
    if wanted.unique and not existing.get("hasUniqueValue"):
        records = wanted.object_type.replace("_", " ")
        return Step(what, Result.WARNING, NOT_UNIQUE.format(records=records), NOT_UNIQUE_FIX)
    return Step(what, Result.OK)


def _created(what: str, create: Callable[[], str], fix: Callable[[HubSpotProblem], str], *, dry_run: bool) -> Step:
    """Return the step for creating something.

    `create` returns a remark on it, `fix` what to do if HubSpot rejects it.
    """
    if dry_run:
        return Step(what, Result.WOULD_CREATE)
    try:
        return Step(what, Result.CREATED, create())
    except HubSpotRejected as error:
        return Step(what, Result.FAILED, str(error), fix(error.problem))


def _create_property(hubspot: HubSpot, wanted: Definition) -> str:
    body = {
        "name": wanted.name,
        "label": wanted.label,
        "type": wanted.type,
        "fieldType": wanted.field_type,
        "groupName": wanted.group,
        "description": wanted.description,
        "hasUniqueValue": wanted.unique,
        "formField": False,
        **({"options": CHECKBOX_OPTIONS} if wanted.type == "bool" else {}),
    }
    path = f"{hubspot.paths.properties}/{wanted.object_type}"
    try:
        hubspot.post(path, body)
        return "unique" if wanted.unique else ""
    except HubSpotRejected as error:
        if LABEL_TAKEN not in f"{error.problem.code} {error.problem.message}":
            raise
    label = f"{wanted.label} (woohub)"
    hubspot.post(path, body | {"label": label})
    return f'labelled "{label}": another property has the label "{wanted.label}"'


def _property_fix(problem: HubSpotProblem) -> str:
    if problem.status == 409:
        return ARCHIVED_FIX
    if "unique" in problem.message and "limit" in problem.message:
        return "HubSpot allows 10 unique properties: delete one that is no longer used, and run this again"
    return "see HubSpot's message; change [create] in mapping.toml or HubSpot, and run this again"


def _pipeline(hubspot: HubSpot, wanted: Pipeline, kind: str, *, dry_run: bool) -> Iterator[Step]:
    pipelines = hubspot.get(f"{hubspot.paths.pipelines}/{kind}").get("results") or []
    ours = next((row for row in pipelines if str(row["id"]) == wanted.id), None)
    what = f"{SINGULAR[kind]} pipeline {_named(wanted, ours)}"
    namesake = next((row for row in pipelines if row["label"] == wanted.label), None)
    if ours:
        yield Step(what, Result.OK)
        yield from _stages(hubspot, wanted, kind, ours, dry_run=dry_run)
    elif namesake:
        section, _ = SECTIONS[kind]
        fix = f'rename it in HubSpot, or name it and its stages in mapping.toml: [{section}] id = "{namesake["id"]}"'
        yield Step(what, Result.FAILED, f'a pipeline with another id is called "{namesake["label"]}"', fix)
    else:
        create = partial(_create_pipeline, hubspot, wanted, kind, len(pipelines))
        yield _created(what, create, partial(_pipeline_fix, kind=kind), dry_run=dry_run)


def _named(wanted: Pipeline | Stage, existing: Json | None) -> str:
    """Return the name in HubSpot or, if it does not exist there, the name in the mapping, with its id."""
    return named(existing["label"] if existing else wanted.label, wanted.id)


def _create_pipeline(hubspot: HubSpot, wanted: Pipeline, kind: str, order: int) -> str:
    stages = [_stage_body(stage, number) for number, stage in enumerate(wanted.stages)]
    body = {
        "pipelineId": wanted.id,
        "label": wanted.label,
        "displayOrder": order,
        "stages": stages,
    }
    return _post(hubspot, f"{hubspot.paths.pipelines}/{kind}", body, f"with {counted(len(stages), 'stage')}")


def _pipeline_fix(problem: HubSpotProblem, *, kind: str) -> str:
    pipeline, stages = SECTIONS[kind]
    plans = PLANS if kind == "deals" else ""
    none_left = NO_PIPELINE_LEFT.format(record=SINGULAR[kind], numbers=plans, pipeline=pipeline, stages=stages)
    said = f"{problem.message} {' '.join(problem.context)}".lower()
    if "limit" in said or "maximum" in said:
        return none_left
    if "stage" in said:
        return f"stage ids are unique in all of HubSpot: name others under [{stages}] in mapping.toml"
    return f"see HubSpot's message. If it is about the number of pipelines: {none_left}"


def _stages(hubspot: HubSpot, wanted: Pipeline, kind: str, pipeline: Json, *, dry_run: bool) -> Iterator[Step]:
    existing = {str(row["id"]): row for row in pipeline.get("stages") or []}
    path = f"{hubspot.paths.pipelines}/{kind}/{pipeline['id']}/stages"
    for number, stage in enumerate(wanted.stages):
        what = f"{SINGULAR[kind]} stage {_named(stage, existing.get(stage.id))}"
        if stage.id in existing:
            yield _existing_stage(what, stage, existing[stage.id])
        else:
            create = partial(_post, hubspot, path, _stage_body(stage, number))
            yield _created(what, create, _stage_fix(list(existing.values()), stage, kind), dry_run=dry_run)


def _stage_fix(existing: Sequence[Json], stage: Stage, kind: str) -> Callable[[HubSpotProblem], str]:
    _, section = SECTIONS[kind]
    twin = next((row for row in existing if row["label"] == stage.label), None)
    use = f'stage "{twin["id"]}" has the same label: use its id in mapping.toml' if twin else ""
    return lambda _problem: use or f"its id or label is taken: name another under [{section}] in mapping.toml"


def _existing_stage(what: str, stage: Stage, existing: Json) -> Step:
    has = str((existing.get("metadata") or {}).get("probability", ""))
    if stage.state:
        return Step(what, Result.OK)
    if stage.is_closed and has and has != str(stage.probability):
        detail = f"HubSpot has probability {has}, mapping.toml {stage.probability}"
        return Step(what, Result.WARNING, detail, "make them equal, in HubSpot or in mapping.toml")
    return Step(what, Result.OK)


def _stage_body(stage: Stage, number: int) -> dict[str, Any]:
    # HubSpot's specs: metadata values are text
    metadata = {"state": stage.state} if stage.state else {"probability": str(stage.probability)}
    return {"stageId": stage.id, "label": stage.label, "displayOrder": number, "metadata": metadata}
