"""Count, with HubSpot's search, the records that another mapping concerns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from woohub.errors import HubSpotRejected, WooHubError
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import CONTACTS, DEALS, LINE_ITEMS, ORDERS, ObjectType
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import ITEM_KEY, KEY, STATUS
from woohub.mapping.stages import Pipeline
from woohub_cli.mapping.mapping_rows import Change
from woohub_cli.pipeline_names import stage_name
from woohub_cli.targets import written

WOOHUBS_RECORDS = {  # by section of the mapping: the object, and the property that only woohub's records have
    "contact": (CONTACTS, CONTACTS.version),
    "deal": (DEALS, KEY),
    "order": (ORDERS, KEY),
    "line_item": (LINE_ITEMS, ITEM_KEY),
}
Filter = Mapping[str, Any]


@dataclass(frozen=True)
class Affected:
    """The records of one object that a change concerns. HubSpot's search finds new records only seconds later."""

    records: str  # deals, contacts, …
    why: str  # the rows that change, or the order status
    now: str  # the id of the stage before the change; "" for rows
    then: str  # the id of the stage after it
    now_name: str  # the names of these stages for people
    then_name: str
    count: int | None  # None: HubSpot does not tell, for lack of a scope, for example

    @property
    def text(self) -> str:
        number = "an unknown number" if self.count is None else self.count
        if self.then:
            stages = f"stage {self.then_name} instead of {self.now_name} with the next change"
            return f"{self.records} with the status {self.why}: {number}; {stages}"
        return f"{self.records} that can get another value: {number} (changed: {self.why})"


def affected(
    hubspot: HubSpot, changes: Sequence[Change], now: FieldMapping | None, then: FieldMapping
) -> list[Affected]:
    """Return the records of all stores that pushing the mapping `then` concerns."""
    return [*_affected_by_rows(hubspot, changes, then), *(_affected_by_stages(hubspot, now, then) if now else ())]


def _affected_by_rows(hubspot: HubSpot, changes: Sequence[Change], then: FieldMapping) -> Iterator[Affected]:
    """Yield the number of woohub's records for each object with a changed row.

    Which of them have another value is unknown.
    """
    for section, (kind, own) in WOOHUBS_RECORDS.items():
        places = [change.place for change in changes if change.place.startswith(f"{section}.") and change.writes]
        if places and kind.name in written(then):
            count = _count(hubspot, kind, {"propertyName": own, "operator": "HAS_PROPERTY"})
            yield Affected(kind.name.replace("_", " "), ", ".join(places), "", "", "", "", count)


def _affected_by_stages(hubspot: HubSpot, now: FieldMapping, then: FieldMapping) -> Iterator[Affected]:
    pairs = [(DEALS, now.pipeline, then.pipeline)] if now.has_deals and then.has_deals else []
    pairs += [(ORDERS, now.orders.pipeline, then.orders.pipeline)] if now.orders and then.orders else []
    for kind, before, after in pairs:
        listed = sorted(
            {status for pipeline in (before, after) for stage in pipeline.stages for status in stage.statuses}
        )
        moved = {status: (before.stage(status), after.stage(status)) for status in listed}
        for status, (old, new) in moved.items():
            if old != new:
                count = _count(hubspot, kind, {"propertyName": STATUS, "operator": "EQ", "value": status})
                yield _moved_records(kind, status, (before, old), (after, new), count)
        if before.default_stage != after.default_stage:
            count = _count(hubspot, kind, {"propertyName": STATUS, "operator": "NOT_IN", "values": listed})
            defaults = (before, before.default_stage), (after, after.default_stage)
            yield _moved_records(kind, "any that no stage lists", *defaults, count)


def _moved_records(
    kind: ObjectType, status: str, now: tuple[Pipeline, str], then: tuple[Pipeline, str], count: int | None
) -> Affected:
    return Affected(kind.name, status, now[1], then[1], stage_name(*now), stage_name(*then), count)


def _count(hubspot: HubSpot, kind: ObjectType, wanted: Filter) -> int | None:
    asked = {"filterGroups": [{"filters": [wanted]}], "limit": 1}
    try:
        with hubspot.searches.turn():
            return int(hubspot.post(f"{hubspot.paths.objects}/{kind.name}/search", asked)["total"])
    except HubSpotRejected:
        return None if _knows(hubspot, kind, wanted["propertyName"]) else 0
    except WooHubError:
        return None


def _knows(hubspot: HubSpot, kind: ObjectType, name: str) -> bool:
    """Whether HubSpot has the property, or might have it. Before set-up no record has woohub's properties."""
    try:
        return any(row["name"] == name for row in hubspot.property_definitions(kind))
    except WooHubError:
        return True
