"""Stages are called what HubSpot calls them."""

from __future__ import annotations

import pytest

from tests.support.targets import INSTEAD, mapping_with
from woohub.mapping.fields import load_mapping
from woohub.mapping.stages import Stage
from woohub_cli.pipeline_names import stage_name

DEALS = load_mapping().pipeline
ORDERS = mapping_with(INSTEAD).orders


@pytest.mark.parametrize("stage", DEALS.stages, ids=lambda stage: stage.id)
def test_an_id_that_says_what_the_name_says_is_enough(stage: Stage) -> None:
    assert stage_name(DEALS, stage.id) == stage.id


def test_a_stage_whose_id_says_nothing_has_its_name_before_it() -> None:
    assert ORDERS is not None
    delivered = "3725360f-519b-4b18-a593-494d60a29c9f"

    assert stage_name(ORDERS.pipeline, delivered) == f"Delivered ({delivered})"


def test_a_stage_that_the_mapping_does_not_have_is_shown_by_its_id() -> None:
    assert stage_name(DEALS, "contractsent") == "contractsent"
