"""Where each version of HubSpot's API keeps things."""

from __future__ import annotations

from dataclasses import dataclass

AREAS = ("objects", "associations", "properties", "pipelines")


@dataclass(frozen=True)
class Paths:
    """Where one API version keeps things."""

    objects: str
    associations: str
    properties: str
    pipelines: str
    account: str


def paths(version: str) -> Paths:
    """The path table: `v3` are the blueprint's v3/v4 paths, anything else a dated version such as `2026-09`."""
    if version == "v3":
        return Paths(
            "/crm/v3/objects", "/crm/v4/associations", "/crm/v3/properties", "/crm/v3/pipelines", "/account-info/v3"
        )
    objects, associations, properties, pipelines = (f"/crm/{area}/{version}" for area in AREAS)
    return Paths(objects, associations, properties, pipelines, f"/account-info/{version}")
