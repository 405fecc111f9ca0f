"""What people call a pipeline and its stages: their names in HubSpot, with the ids that say something else."""

from __future__ import annotations

from woohub.mapping.stages import Pipeline


def named(label: str, identifier: str) -> str:
    """The id alone where it says what the name says, such as on_hold of "On hold"; else both."""
    return identifier if _letters(label) == _letters(identifier) else f"{label} ({identifier})"


def stage_name(pipeline: Pipeline, stage_id: str) -> str:
    """A stage by its id; one that the mapping does not know has no name here."""
    labels = {stage.id: stage.label for stage in pipeline.stages}
    return named(labels.get(stage_id, stage_id), stage_id)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))
