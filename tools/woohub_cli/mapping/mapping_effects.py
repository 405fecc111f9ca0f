"""What another mapping means for the records in HubSpot, and what HubSpot lacks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import OBJECT_TYPES
from woohub.mapping.fields import FieldMapping
from woohub.mapping.overlay import PIPELINES
from woohub_cli.check_result import Result
from woohub_cli.mapping.mapping_rows import Change
from woohub_cli.set_up.provision import provision
from woohub_cli.targets import SINGULAR, filled

SECTIONS = ("contact", "deal", "order", "line_item")
PREFIX = "order_key_prefix"
FIELDS_CHANGED = (
    "{names}: written when the order or account next changes; `woohub verify --days 365 --repair` queues those of a "
    "year that differ, `woohub backfill --customers` all"
)
FIELDS_REMOVED = "{names}: HubSpot keeps the values that it has; nothing writes them any more"
STAGES_CHANGED = (
    "{names}: a record moves when its order's status next changes; until then its stage stays: move it in HubSpot"
)
PIPELINE_CHANGED = "{name}: a record moves to the new pipeline when its order's status next changes"
PREFIX_CHANGED = (
    "order_key_prefix: HubSpot has orders under the old keys, and every order will get A SECOND RECORD under the "
    "new one: change it only before the first order has arrived"
)


def writes_more(changes: Sequence[Change]) -> bool:
    """Whether a property is written that was not written before, or is written in another way."""
    return any(change.writes and change.place.startswith(tuple(f"{name}." for name in SECTIONS)) for change in changes)


def effects(changes: Sequence[Change]) -> Iterator[str]:
    """Yield a sentence for each group of changes: which records change, when, and how to change them sooner."""
    for section in SECTIONS:
        rows = [change for change in changes if change.place.startswith(f"{section}.")]
        if written := _names(change for change in rows if change.writes):
            yield FIELDS_CHANGED.format(names=written)
        if removed := _names(change for change in rows if not change.writes):
            yield FIELDS_REMOVED.format(names=removed)
    for pipeline, stages in PIPELINES:
        if any(change.place == pipeline for change in changes):
            yield PIPELINE_CHANGED.format(name=pipeline)
        elif names := _names(change for change in changes if change.place.startswith(f"{stages}.")):
            yield STAGES_CHANGED.format(names=names)
    if any(change.place == PREFIX for change in changes):
        yield PREFIX_CHANGED


def _names(changes: Iterator[Change]) -> str:
    return ", ".join(change.place for change in changes)


def missing_in_hubspot(hubspot: HubSpot, mapping: FieldMapping) -> list[str]:
    """Return what `woohub setup` would create for the mapping, and properties that nothing creates.

    Raises the errors of HubSpot's client if HubSpot's definitions cannot be read.
    """
    steps = list(provision(hubspot, mapping, dry_run=True))
    missing = [step.what for step in steps if step.outcome is Result.WOULD_CREATE]
    failed = [f"{step.what}: {step.detail}" for step in steps if step.outcome is Result.FAILED]
    return [*missing, *failed, *_undefined(hubspot, mapping)]


def _undefined(hubspot: HubSpot, mapping: FieldMapping) -> Iterator[str]:
    """Yield the mapped properties that HubSpot does not have and the mapping does not define: mostly typos."""
    for kind, rules in filled(mapping).items():
        object_type = OBJECT_TYPES[kind]
        defined = {row.name for row in mapping.definitions if row.object_type == kind}
        known = {row["name"] for row in hubspot.property_definitions(object_type)}
        for name in rules:
            if name not in known and name not in defined:
                yield f"{SINGULAR[kind]} property {name}: neither HubSpot has it nor [create] makes it"
