"""The stage of an order's status, and when a deal moves there."""

from __future__ import annotations

import pytest

from tests.support.deliveries import labelled
from tests.support.payloads import event, order
from woohub.mapping.fields import load_mapping
from woohub.store.payloads import OrderEvent

MAPPING = load_mapping()


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("pending", "awaiting_payment"),
        ("on-hold", "on_hold"),
        ("processing", "newly_created_order"),
        ("completed", "completed"),
        ("cancelled", "cancelled"),
        ("refunded", "refunded"),
        ("failed", "failed"),
        ("trash", "cancelled"),
        ("wc-completed", "completed"),
    ],
)
def test_every_status_of_woocommerce_is_mapped_to_a_stage(status: str, stage: str) -> None:
    placed = order(status=status)

    assert MAPPING.deal(placed)["dealstage"] == stage
    assert MAPPING.deal(placed)["woocommerce_order_status"] == status.removeprefix("wc-")
    assert MAPPING.pipeline.is_known(placed.status)


def test_a_custom_status_has_the_default_stage_and_is_not_known() -> None:
    read = event("order.updated", labelled("status-awaiting-pickup").body)

    assert isinstance(read, OrderEvent)
    assert MAPPING.deal(read.order)["dealstage"] == MAPPING.pipeline.default_stage == "newly_created_order"
    assert MAPPING.deal(read.order)["woocommerce_order_status"] == "awaiting-pickup"
    assert not MAPPING.pipeline.is_known("awaiting-pickup")


def test_a_trashed_order_moves_to_the_stage_cancelled() -> None:
    assert MAPPING.trashed() == {
        "dealstage": "cancelled",
        "pipeline": "ecommerce_sales",
        "woocommerce_order_status": "trash",
    }


def test_the_default_pipeline_has_these_stages() -> None:
    assert (MAPPING.pipeline.id, [stage.id for stage in MAPPING.pipeline.stages]) == (
        "ecommerce_sales",
        ["awaiting_payment", "on_hold", "newly_created_order", "completed", "cancelled", "refunded", "failed"],
    )


def test_stages_with_probability_0_or_1_are_closed() -> None:
    closed = {stage.id: stage.probability for stage in MAPPING.pipeline.stages if stage.is_closed}

    assert closed == {"completed": 1.0, "cancelled": 0.0, "refunded": 0.0, "failed": 0.0}


@pytest.mark.parametrize(
    ("current", "moves"),
    [
        (None, True),
        ({"woocommerce_order_status": "processing", "dealstage": "on_hold"}, True),
        ({"woocommerce_order_status": "completed", "dealstage": "on_hold"}, False),
        ({"woocommerce_order_status": None, "dealstage": "on_hold"}, True),
    ],
    ids=["new deal", "another status", "same status", "no status"],
)
def test_a_deal_moves_only_if_the_status_of_its_order_changed(
    current: dict[str, str | None] | None, moves: bool
) -> None:
    kept = MAPPING.pipeline.keep_stage(MAPPING.deal(order(status="completed")), current)

    assert ("dealstage" in kept, "pipeline" in kept) == (moves, moves)
