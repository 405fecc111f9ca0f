"""Show pipelines and stages by their names in HubSpot, with their ids where these differ."""

from __future__ import annotations

from woohub.mapping.stages import Pipeline


def named(label: str, identifier: str) -> str:
    """Return the id alone if it says the same as the name (on_hold for "On hold"), else the name with the id."""
    return identifier if _letters(label) == _letters(identifier) else f"{label} ({identifier})"


def stage_name(pipeline: Pipeline, stage_id: str) -> str:
    """Return the name of a stage. For a stage that the mapping does not know, return its id."""
    labels = {stage.id: stage.label for stage in pipeline.stages}
    return named(labels.get(stage_id, stage_id), stage_id)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
