"""Decide to which stage of a pipeline an order's status leads, and when a known deal moves there. Pure.

The table is [pipeline] and [stages] of mapping.toml; for HubSpot's orders, [order_pipeline] and [order_stages].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from woohub.mapping.mapping_file import STATUS
from woohub.mapping.rows import OrderStageRow, PipelineRow, StageRow
from woohub.mapping.values import as_text


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of the pipeline and the order statuses that lead to it."""

    id: str
    label: str
    probability: float  # 0.0 to 1.0
    statuses: tuple[str, ...]
    state: str = ""  # OPEN or CLOSED; only stages of HubSpot's orders have it, in place of a probability

    @property
    def is_closed(self) -> bool:
        """Whether HubSpot counts the stage as closed: its deals are surely won or lost."""
        return self.probability in (0.0, 1.0)


@dataclass(frozen=True)
class Pipeline:
    """The pipeline of all deals, or of all of HubSpot's orders, with the stage to which each order status leads."""

    id: str
    label: str
    stages: tuple[Stage, ...]
    default_stage: str  # the id of the stage for statuses that no stage lists
    id_property: str  # the property of a deal that holds the pipeline's id
    stage_property: str  # the property of a deal that holds the stage's id

    @property
    def labels(self) -> dict[tuple[str, str], str]:
        """The labels that HubSpot shows in place of ids, by property and id."""
        stages = {(self.stage_property, stage.id): stage.label for stage in self.stages}
        return {(self.id_property, self.id): self.label} | stages

    def stage(self, status: str) -> str:
        """Return the id of an order status's stage; the default stage's if no stage lists the status."""
        return self._stage_of.get(status, self.default_stage)

    def is_known(self, status: str) -> bool:
        """Whether a stage lists this status. If not, somebody should decide on one."""
        return status in self._stage_of

    def holds(self, current: Mapping[str, str | None]) -> bool:
        """Whether a deal with these values is in this pipeline."""
        return current.get(self.id_property) == self.id

    def properties(self, status: str) -> dict[str, str]:
        """Return the values that a deal gets by its order's status: pipeline, stage, and the status itself."""
        return {self.id_property: self.id, self.stage_property: self.stage(status), STATUS: as_text(status)}

    def keep_stage(self, wanted: dict[str, str], current: Mapping[str, str | None] | None) -> dict[str, str]:
        """Return the wanted values of a deal, without pipeline and stage if HubSpot has the order's status already.

        The stage changes only if the order's status did, so a stage that a salesperson chose stays. `current` are
        HubSpot's values, None if the deal is new.
        """
        if current is None or wanted.get(STATUS, current.get(STATUS)) != current.get(STATUS):
            return wanted
        return {name: value for name, value in wanted.items() if name not in (self.id_property, self.stage_property)}

    @cached_property
    def _stage_of(self) -> Mapping[str, str]:
        return {status: stage.id for stage in self.stages for status in stage.statuses}


def deal_pipeline(row: PipelineRow, rows: Mapping[str, StageRow]) -> Pipeline:
    """Return the pipeline of deals, from a file that was checked."""
    stages = tuple(Stage(name, stage.label, stage.probability, stage.statuses) for name, stage in rows.items())
    return Pipeline(row.id, row.label, stages, row.default_stage, "pipeline", "dealstage")


def order_pipeline(row: PipelineRow, rows: Mapping[str, OrderStageRow]) -> Pipeline:
    """Return the pipeline of HubSpot's orders, from a file that was checked."""
    stages = tuple(Stage(name, stage.label, 0.0, stage.statuses, stage.state) for name, stage in rows.items())
    return Pipeline(row.id, row.label, stages, row.default_stage, "hs_pipeline", "hs_pipeline_stage")
