"""What the batch writer works with: a set of records that is read, planned and written by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from woohub.errors import HubSpotProblem, TransientError
from woohub.hubspot.answers import Record
from woohub.sync.records import Change

Answer = str | HubSpotProblem  # the record's id, or why not; an input without an answer has an unknown outcome


class Write(NamedTuple):
    """One record to create (no id) or update, for all the keys that turned out to be this record."""

    keys: tuple[str, ...]
    change: Change
    record_id: str = ""
    exclusive: bool = False  # must be the only one in its call

    @property
    def key(self) -> str:
        """The first key: the write goes by it."""
        return self.keys[0]


@dataclass(frozen=True)
class Reading:
    """What HubSpot has: the record of each key it knows, and the keys that have to wait.

    `refused`: the portal has nothing to find them by, so there was no call. `rejected`: HubSpot rejected the call.
    """

    records: Mapping[str, Record] = field(default_factory=dict)
    refused: Mapping[str, HubSpotProblem] = field(default_factory=dict)
    rejected: Mapping[str, HubSpotProblem] = field(default_factory=dict)
    waiting: Mapping[str, TransientError] = field(default_factory=dict)

    def joined(self, other: Reading) -> Reading:
        """Both together; they are of different keys."""
        return Reading(
            {**self.records, **other.records},
            {**self.refused, **other.refused},
            {**self.rejected, **other.rejected},
            {**self.waiting, **other.waiting},
        )


@dataclass
class RoundPlan:
    """The writes of one round, and the keys whose record is right already, with its id ("": nothing to make)."""

    writes: list[Write] = field(default_factory=list)
    done: dict[str, str] = field(default_factory=dict)


class RecordSet(Protocol):
    """The records of one kind in a batch, by key. `read` and `send` may be called together, for different keys."""

    def read(self, keys: Sequence[str], holders: Mapping[str, str]) -> Reading:
        """What HubSpot has of these keys; `holders` are ids of records that conflicts named as holding a key.

        HubSpotRejected when HubSpot rejects them as a whole.
        """

    def plan(self, keys: Sequence[str], reading: Reading) -> RoundPlan:
        """The writes these keys need. No calls."""

    def send(self, writes: Sequence[Write]) -> dict[str, Answer]:
        """Write at most 100 records; answers by `Write.key`. HubSpotRejected when HubSpot rejects them as a whole."""

    def conflict(self, problem: HubSpotProblem) -> str | None:
        """The id of the record that already holds the key, `""` when HubSpot does not say; None: no conflict."""

    def adapt(self, problem: HubSpotProblem, write: Write) -> bool:
        """Whether the next attempt will differ because of what was learned from the problem."""
