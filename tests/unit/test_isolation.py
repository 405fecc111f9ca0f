"""A key that HubSpot refuses is isolated; a write is so in tests/unit/test_batch_writer.py."""

from __future__ import annotations

from collections.abc import Sequence

from woohub.errors import HubSpotProblem, HubSpotRejected
from woohub.hubspot.answers import Record
from woohub.sync.isolation import read_apart


def test_a_refused_read_is_narrowed_down_to_the_key_to_blame() -> None:
    def read(keys: Sequence[str]) -> list[Record]:
        if "bad" in keys:
            raise HubSpotRejected(HubSpotProblem(400, "bad"))
        return [Record(key, {}) for key in keys]

    records, refused = read_apart(read, ["a", "b", "bad", "c", "d"])

    assert sorted(record.id for record in records) == ["a", "b", "c", "d"]
    assert list(refused) == ["bad"]
