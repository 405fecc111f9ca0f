"""The gate: ten thousand deliveries through a rough world, and HubSpot is right."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.model.gate import run

SEEDS = int(os.environ.get("MODEL_SEEDS", "4"))
FIRST = int(os.environ.get("MODEL_FIRST_SEED", "1"))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_nothing_is_lost_doubled_or_wrong(seed: int, record_property: Callable[[str, object], None]) -> None:
    result = run(seed)

    record_property("figures", result.figures())
    assert result.courier.posted >= 10_000
    assert result.complaints() == []
