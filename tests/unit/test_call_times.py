"""Call times from the consumer's log lines, by endpoint and number of records."""

from __future__ import annotations

from typing import Any

from woohub_cli.stack.call_times import CallTimes, summed_up


def line(inputs: int, ms: int, hubspot_ms: int | None = None, path: str = "/deals/batch/create") -> dict[str, Any]:
    return {"method": "POST", "path": path, "inputs": inputs, "ms": ms, "hubspot_ms": hubspot_ms}


def test_call_times_are_grouped_by_endpoint_and_size() -> None:
    lines = [line(81, 1000, 900), line(100, 1200, 1100), line(100, 3000, 2500), line(3, 90, 80)]

    assert summed_up(lines) == [
        CallTimes("POST", "/deals/batch/create", 100, 3, 1200.0, 3000.0, 1100.0, 2500.0),
        CallTimes("POST", "/deals/batch/create", 20, 1, 90.0, 90.0, 80.0, 80.0),
    ]


def test_hubspots_own_time_is_none_without_hubspot_ms() -> None:
    assert summed_up([line(0, 50)]) == [CallTimes("POST", "/deals/batch/create", 0, 1, 50.0, 50.0, None, None)]
