"""How records are found by key: by a unique property, or by search where the portal's key property is not unique."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol, TypeVar

from woohub.clock import Timer
from woohub.errors import HubSpotProblem, HubSpotRejected, HubSpotUnavailable, KeyChanged, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import ObjectType
from woohub.sync.isolation import read_known
from woohub.sync.record_set import Answer

INDEX_LAG_S = 60.0  # seconds after which a created record is surely in the search index
T = TypeVar("T")
NOT_UNIQUE = "order_id_not_unique_in_hubspot"  # the warning's name since deals were all that could be searched


class Lookup(Protocol):
    """Finds records, and hears of creates."""

    def waiting(self, keys: Sequence[str]) -> dict[str, TransientError]:
        """The keys that nobody may create yet, and why."""

    def find(self, keys: Sequence[str]) -> list[Record]:
        """The records of these keys, in any order."""

    def must_be_alone(self, key: str) -> bool:
        """Whether the create of this key must be the only one in its call."""

    def created(self, answers: Mapping[str, Answer]) -> None:
        """What became of creates."""

    def unanswered(self, keys: Iterable[str]) -> None:
        """Creates whose outcome is unknown."""


@dataclass(frozen=True)
class ByUniqueKey:
    """The usual way: HubSpot reads its store, not the lagging search index, and lets nobody create a key twice.

    `key_has_changed` is asked where HubSpot refuses to read by the key: then KeyChanged is raised, and no record is
    judged by it.
    """

    hubspot: HubSpot
    type: ObjectType
    properties: Sequence[str]
    key_has_changed: Callable[[], bool]

    def waiting(self, _keys: Sequence[str]) -> dict[str, TransientError]:
        """None: HubSpot refuses a second create of a key."""
        return {}

    def find(self, keys: Sequence[str]) -> list[Record]:
        """See Lookup."""
        return read_known(self._read, keys)

    def _read(self, keys: Sequence[str]) -> list[Record]:
        try:
            return self.hubspot.read(self.type, keys, self.properties, id_property=self.type.key, retry=False)
        except HubSpotRejected:
            if self.key_has_changed():
                raise KeyChanged(f"HubSpot's property {self.type.key} was deleted, or created again") from None
            raise

    def must_be_alone(self, _key: str) -> bool:
        """Never."""
        return False

    def created(self, _answers: Mapping[str, Answer]) -> None:
        """Nothing to remember."""

    def unanswered(self, _keys: Iterable[str]) -> None:
        """Nothing to remember: the next round reads the key."""


@dataclass
class RecentCreates:
    """What this process knows of records that search does not show yet.

    `ids` of those it created, by key; `unsure`, the keys of creates whose answer was lost, with the moment at which
    the index will surely show it: until then nobody may create them again.
    """

    ids: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, float] = field(default_factory=dict)

    def created(self, answers: Mapping[str, Answer]) -> None:
        """Keep the ids of what was created."""
        self.ids |= {key: answer for key, answer in answers.items() if isinstance(answer, str)}
        self.unsure = {key: until for key, until in self.unsure.items() if key not in answers}

    def unanswered(self, keys: Iterable[str], now: float) -> None:
        """Keep that nobody knows whether these were created."""
        self.unsure |= dict.fromkeys(keys, now + INDEX_LAG_S)

    def seconds_to_wait(self, key: str, now: float) -> float:
        """Seconds until the index shows this key; 0 when it may be written."""
        return max(0.0, self.unsure.get(key, 0.0) - now)


@dataclass(frozen=True)
class BySearch:
    """For a portal whose key property is not unique: search lags behind writes, `recent` fills the gap."""

    hubspot: HubSpot
    type: ObjectType
    properties: Sequence[str]
    recent: RecentCreates
    timer: Timer
    warn: Callable[..., None]

    def waiting(self, keys: Sequence[str]) -> dict[str, TransientError]:
        """See Lookup."""
        seconds = {key: self.recent.seconds_to_wait(key, self.timer.now()) for key in keys}
        words = "create outcome unknown; waiting for the search index"
        return {key: HubSpotUnavailable(words, retry_after=wait) for key, wait in seconds.items() if wait}

    def find(self, keys: Sequence[str]) -> list[Record]:
        """See Lookup."""
        self.warn(NOT_UNIQUE, property=self.type.key)
        return self._search(keys)

    def must_be_alone(self, key: str) -> bool:
        """A create whose answer was lost: two in a call would be lost together once more."""
        return key in self.recent.unsure

    def created(self, answers: Mapping[str, Answer]) -> None:
        """See Lookup."""
        self.recent.created(answers)

    def unanswered(self, keys: Iterable[str]) -> None:
        """See Lookup."""
        self.recent.unanswered(keys, self.timer.now())

    def _search(self, keys: Sequence[str]) -> list[Record]:
        """The records this process made, and for the other keys what the index knows."""
        known = self.recent.ids
        unknown = [key for key in keys if key not in known]
        hits = self.hubspot.search(self.type, self.type.key, unknown, retry=False) if unknown else []
        ids = [known[key] for key in keys if key in known] + [hit.id for hit in by_key(self.type, hits, keys).values()]
        read = partial(self.hubspot.read, self.type, properties=self.properties, retry=False)
        return list(asked_twice(partial(by_id_read, read), ids).values())


def by_key(kind: ObjectType, records: Sequence[Record], keys: Sequence[str]) -> dict[str, Record]:
    """The record of each key, the oldest where somebody made duplicates.

    HubSpot also finds records by their aliases and does not say which input a result answers.
    """
    wanted, by_value = set(keys), dict[str, Record]()
    for record in sorted(records, key=lambda record: (len(record.id), record.id)):  # ids are numbers
        for value in _key_values(kind, record):
            if value in wanted:
                by_value.setdefault(value, record)
    return by_value


def _key_values(kind: ObjectType, record: Record) -> list[str]:
    texts = [record.properties.get(kind.key) or ""]
    texts += [text for name in kind.aliases for text in (record.properties.get(name) or "").split(";")]
    return [text.strip().lower() for text in texts]


def associated_records(
    hubspot: HubSpot, start: ObjectType, end: ObjectType, ids: Sequence[str], properties: Sequence[str]
) -> dict[str, list[Record]]:
    """The records that each of these is associated with, by id. Raises as HubSpot's reads."""
    ends = asked_twice(partial(hubspot.associated, start, end, retry=False), ids)
    read = partial(hubspot.read, end, properties=properties, retry=False)
    by_id = asked_twice(partial(by_id_read, read), sorted(set().union(*ends.values())))
    return {key: [by_id[record] for record in sorted(ends.get(key, ())) if record in by_id] for key in ids}


def asked_twice(ask: Callable[[Sequence[str]], Mapping[str, T]], ids: Sequence[str]) -> dict[str, T]:
    """What HubSpot has for these ids. An answer may leave something out: what is missing is asked for once more.

    Who reads by key notices it when the record is created again; of associations, or by id, nobody would.
    """
    known = dict(ask(ids)) if ids else {}
    missing = [key for key in ids if key not in known]
    return {**known, **ask(missing)} if missing else known


def by_id_read(read: Callable[[Sequence[str]], list[Record]], ids: Sequence[str]) -> dict[str, Record]:
    """The records that `read` gives for these ids, by the id each has: a merged record has another one."""
    return {record.id: record for chunk in chunks(ids, BATCH) for record in read_known(read, chunk)}


def not_set_up(kind: ObjectType) -> HubSpotProblem:
    """The portal lacks the property by which records are found."""
    return HubSpotProblem(
        404, f"HubSpot has no property {kind.key} to find {kind.name} by: run `woohub setup`", "NOT_SET_UP"
    )
