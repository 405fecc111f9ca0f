"""The gate: HubSpot is right after ten thousand deliveries under faults of every kind."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.model.gate import CALLS_PER_100, CALLS_WITH_COMMERCE, FULL, HALF, run
from tests.model.mutations import SMALL
from tests.model.traffic import DeliveryConditions

SEEDS = int(os.environ.get("MODEL_SEEDS", "2"))
FIRST = int(os.environ.get("MODEL_FIRST_SEED", "1"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_10000_deliveries_under_faults_leave_nothing_lost_duplicated_or_wrong(
    seed: int, record_property: Callable[[str, object], None]
) -> None:
    """Every second history has line items, metrics and HubSpot's orders, which take more calls."""
    commerce = seed % 2 == 0
    scale = HALF if commerce and SEEDS == 2 else FULL  # `make soak` has more time
    result = run(seed, scale, commerce=commerce)

    record_property("figures", result.figures())
    assert result.sender.posted >= (10_000 if scale is FULL else 5_000)
    assert result.violations(CALLS_WITH_COMMERCE if commerce else CALLS_PER_100) == []


def test_reconcile_recovers_lost_deliveries() -> None:
    result = run(1, SMALL.scale, DeliveryConditions(lost=0.03))

    assert result.sender.lost > 30
    assert result.before_reconcile != {}
    assert [violation for violation in result.violations() if not violation.startswith("before reconcile")] == []


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_four_times_as_many_faults_leave_nothing_lost_duplicated_or_wrong(seed: int) -> None:
    """8 % of all invocations crash, and a third of all calls fail."""
    result = run(seed, SMALL.scale, fault_factor=4.0)

    assert [violation for violation in result.violations() if "HubSpot calls for" not in violation] == []
