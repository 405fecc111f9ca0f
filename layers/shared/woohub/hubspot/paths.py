"""The paths of each version of HubSpot's API."""

from __future__ import annotations

from dataclasses import dataclass

AREAS = ("objects", "associations", "properties", "pipelines")


@dataclass(frozen=True)
class Paths:
    """The paths of one API version, up to the name of an object."""

    objects: str
    associations: str
    properties: str
    pipelines: str
    account: str


def paths(version: str) -> Paths:
    """Return the paths of a version: `v3` (with v4 for associations), or a dated version such as `2026-09`."""
    if version == "v3":
        return Paths(
            "/crm/v3/objects", "/crm/v4/associations", "/crm/v3/properties", "/crm/v3/pipelines", "/account-info/v3"
        )
    objects, associations, properties, pipelines = (f"/crm/{area}/{version}" for area in AREAS)
    return Paths(objects, associations, properties, pipelines, f"/account-info/{version}")
