"""The names of stages in the output of commands."""

from __future__ import annotations

import pytest

from tests.support.targets import INSTEAD, mapping_with
from woohub.mapping.fields import load_mapping
from woohub.mapping.stages import Stage
from woohub_cli.pipeline_names import stage_name

DEALS = load_mapping().pipeline
ORDERS = mapping_with(INSTEAD).orders


@pytest.mark.parametrize("stage", DEALS.stages, ids=lambda stage: stage.id)
def test_a_stage_with_a_readable_id_is_shown_by_its_id(stage: Stage) -> None:
    assert stage_name(DEALS, stage.id) == stage.id


def test_a_stage_with_an_opaque_id_is_shown_by_name_and_id() -> None:
    assert ORDERS is not None
    delivered = "3725360f-519b-4b18-a593-494d60a29c9f"

    assert stage_name(ORDERS.pipeline, delivered) == f"Delivered ({delivered})"


def test_a_stage_outside_the_mapping_is_shown_by_its_id() -> None:
    assert stage_name(DEALS, "contractsent") == "contractsent"
