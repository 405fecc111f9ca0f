"""The gate: ten thousand deliveries under faults of every kind, and HubSpot is right."""

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
def test_nothing_is_lost_doubled_or_wrong(seed: int, record_property: Callable[[str, object], None]) -> None:
    """Every second history with line items, metrics and HubSpot's orders, which take more calls."""
    commerce = seed % 2 == 0
    scale = HALF if commerce and SEEDS == 2 else FULL  # `make soak` has more time
    result = run(seed, scale, commerce=commerce)

    record_property("figures", result.figures())
    assert result.sender.posted >= (10_000 if scale is FULL else 5_000)
    assert result.complaints(CALLS_WITH_COMMERCE if commerce else CALLS_PER_100) == []


def test_reconcile_brings_what_never_arrived() -> None:
    result = run(1, SMALL.scale, DeliveryConditions(lost=0.03))

    assert result.sender.lost > 30
    assert result.before_reconcile != {}
    assert [complaint for complaint in result.complaints() if not complaint.startswith("before reconcile")] == []


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_four_times_the_trouble_makes_it_slower_but_not_wrong(seed: int) -> None:
    """8 % of all invocations crash, and a third of all calls go wrong."""
    result = run(seed, SMALL.scale, trouble=4.0)

    assert [complaint for complaint in result.complaints() if "HubSpot calls for" not in complaint] == []
