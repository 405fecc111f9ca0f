"""Records that HubSpot does not have; a write that it refuses is isolated in tests/unit/test_batch_writer.py."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from woohub.errors import HubSpotProblem, HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.isolation import read_known


def test_a_404_for_a_whole_read_because_of_some_of_its_keys_leaves_out_only_those() -> None:
    def read(keys: Sequence[str]) -> list[Record]:
        if {"gone", "deleted"} & set(keys):
            raise HubSpotRejected(HubSpotProblem(404, "resource not found"))
        return [Record(key, {}) for key in keys]

    records = read_known(read, ["a", "b", "gone", "c", "deleted"])

    assert sorted(record.id for record in records) == ["a", "b", "c"]


def test_any_other_rejection_is_not_taken_for_a_record_that_is_gone() -> None:
    def read(_keys: Sequence[str]) -> list[Record]:
        raise HubSpotRejected(HubSpotProblem(400, "Unable to infer object type"))

    with pytest.raises(HubSpotRejected):
        read_known(read, ["a"])
