"""The types that the batch writer works with: a set of records that is read, planned and written by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from woohub.errors import HubSpotProblem, TransientError
from woohub.hubspot.answers import Record
from woohub.sync.records import Change

Answer = str | HubSpotProblem  # the record's id, or why HubSpot rejected it; without one the outcome is unknown


class Write(NamedTuple):
    """One record to create (without `record_id`) or update, with all keys of the batch that mean this record."""

    keys: tuple[str, ...]
    change: Change
    record_id: str = ""
    exclusive: bool = False  # whether it must be the only write in its call

    @property
    def key(self) -> str:
        """The first key, which identifies the write."""
        return self.keys[0]


@dataclass(frozen=True)
class Reading:
    """What a read found: the record of each key that HubSpot has, and the keys that must wait, with the reason.

    `refused` are keys that were not read, because the portal lacks the property to find them by. `rejected` are keys
    whose read HubSpot rejected.
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    refused: Mapping[str, HubSpotProblem] = field(default_factory=dict)
    rejected: Mapping[str, HubSpotProblem] = field(default_factory=dict)
    waiting: Mapping[str, TransientError] = field(default_factory=dict)

    def joined(self, other: Reading) -> Reading:
        """Return both readings, which are of different keys, as one."""
        return Reading(
            {**self.records, **other.records},
            {**self.refused, **other.refused},
            {**self.rejected, **other.rejected},
            {**self.waiting, **other.waiting},
        )


@dataclass
class RoundPlan:
    """The writes of one round, and the keys that need none, with the record's id ("" if there is nothing to create)."""

    writes: list[Write] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)


class RecordSet(Protocol):
    """Records of a batch, by key. `read` and `send` may run several times at once, for different keys."""

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        """Read these keys. `holders` are the ids of records that conflicts named as holding a key, by key.

        Raises HubSpotRejected if HubSpot rejects the whole call.
        """

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """Return the writes that these keys need, without making any call."""

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Write at most 100 records. Return the answers by `Write.key`.

        Raises HubSpotRejected if HubSpot rejects the whole call.
        """

    def conflict(self, problem: HubSpotProblem) -> str | None:
        """Return the id of the record that holds the key, "" if HubSpot does not name it; None if it is no conflict."""

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        """Learn from a problem, and return whether the next attempt will differ because of that."""
