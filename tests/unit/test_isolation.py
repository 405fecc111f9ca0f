"""Isolating records that HubSpot does not have; rejected writes: tests/unit/test_batch_writer.py."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from woohub.errors import HubSpotProblem, HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.isolation import read_known


def test_read_known_leaves_out_only_the_keys_that_cause_a_404() -> None:
    def read(keys: Sequence[str]) -> list[Record]:
        if {"gone", "deleted"} & set(keys):
            raise HubSpotRejected(HubSpotProblem(404, "resource not found"))
        return [Record(key, {}) for key in keys]

    records = read_known(read, ["a", "b", "gone", "c", "deleted"])

    assert sorted(record.id for record in records) == ["a", "b", "c"]


def test_read_known_raises_any_other_rejection() -> None:
    def read(_keys: Sequence[str]) -> list[Record]:
        raise HubSpotRejected(HubSpotProblem(400, "Unable to infer object type"))

    with pytest.raises(HubSpotRejected):
        read_known(read, ["a"])
