"""Find records by key: by a unique property, or by search if the portal's key property is not unique."""

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

INDEX_LAG_S = 60.0  # after this time, a new record is surely in the search index
T = TypeVar("T")
NOT_UNIQUE = "order_id_not_unique_in_hubspot"  # the warning's name is from a time when only deals were searched


class Lookup(Protocol):
    """Finds records by key, and is told how creates ended."""

    def waiting(self, keys: Sequence[str]) -> dict[str, TransientError]:
        """Return the keys that must not be created yet, each with the reason."""

    def find(self, keys: Sequence[str]) -> list[Record]:
        """Return the records with these keys, in any order."""

    def must_be_alone(self, key: str) -> bool:
        """Whether the create of this key must be the only one in its call."""

    def created(self, answers: Mapping[str, Answer]) -> None:
        """Note the answers to creates, by key."""

    def unanswered(self, keys: Iterable[str]) -> None:
        """Note creates whose outcome is unknown."""


@dataclass(frozen=True)
class ByUniqueKey:
    """The usual Lookup: HubSpot reads its database, not the lagging search index, and refuses to create a key twice.

    If HubSpot refuses to read by the key, and `key_has_changed` returns True, KeyChanged is raised instead of a
    rejection, so that no record is rejected for it.
    """

    hubspot: HubSpot
    type: ObjectType
    properties: Sequence[str]
    key_has_changed: Callable[[], bool]

    def waiting(self, _keys: Sequence[str]) -> dict[str, TransientError]:
        """Return {}: HubSpot itself refuses to create a key twice."""
        return {}

    def find(self, keys: Sequence[str]) -> list[Record]:
        return read_known(self._read, keys)

    def _read(self, keys: Sequence[str]) -> list[Record]:
        try:
            return self.hubspot.read(self.type, keys, self.properties, id_property=self.type.key, retry=False)
        except HubSpotRejected:
            if self.key_has_changed():
                raise KeyChanged(f"HubSpot's property {self.type.key} was deleted, or created again") from None
            raise

    def must_be_alone(self, _key: str) -> bool:
        return False

    def created(self, _answers: Mapping[str, Answer]) -> None:
        """Note nothing: the next read by key finds the record."""

    def unanswered(self, _keys: Iterable[str]) -> None:
        """Note nothing: the next round reads the key."""


@dataclass
class RecentCreates:
    """What this process knows about new records that search may not find yet.

    `ids` are those of the records it created, by key. `unsure` are the keys of creates whose answer was lost, each with
    the time from which search surely finds the record: until then the key must not be created again.
    """

    ids: dict[str, str] = field(default_factory=dict)
    unsure: dict[str, float] = field(default_factory=dict)

    def created(self, answers: Mapping[str, Answer]) -> None:
        """Keep the ids of the records that were created."""
        self.ids |= {key: answer for key, answer in answers.items() if isinstance(answer, str)}
        self.unsure = {key: until for key, until in self.unsure.items() if key not in answers}

    def unanswered(self, keys: Iterable[str], now: float) -> None:
        """Keep the keys of creates whose outcome is unknown, at the timer's time `now`."""
        self.unsure |= dict.fromkeys(keys, now + INDEX_LAG_S)

    def seconds_to_wait(self, key: str, now: float) -> float:
        """Return the seconds until search surely finds this key; 0 if the key may be written."""
        return max(0.0, self.unsure.get(key, 0.0) - now)


@dataclass(frozen=True)
class BySearch:
    """The Lookup for a portal whose key property is not unique. Search lags behind writes; `recent` fills the gap."""

    hubspot: HubSpot
    type: ObjectType
    properties: Sequence[str]
    recent: RecentCreates
    timer: Timer
    warn: Callable[..., None]

    def waiting(self, keys: Sequence[str]) -> dict[str, TransientError]:
        seconds = {key: self.recent.seconds_to_wait(key, self.timer.now()) for key in keys}
        words = "it is unknown whether the record was created; waiting until HubSpot's search would show it"
        return {key: HubSpotUnavailable(words, retry_after=wait) for key, wait in seconds.items() if wait}

    def find(self, keys: Sequence[str]) -> list[Record]:
        self.warn(NOT_UNIQUE, property=self.type.key)
        return self._search(keys)

    def must_be_alone(self, key: str) -> bool:
        """Whether a create of this key got no answer. Two such creates in one call could be lost together again."""
        return key in self.recent.unsure

    def created(self, answers: Mapping[str, Answer]) -> None:
        self.recent.created(answers)

    def unanswered(self, keys: Iterable[str]) -> None:
        self.recent.unanswered(keys, self.timer.now())

    def _search(self, keys: Sequence[str]) -> list[Record]:
        """Return the records that this process created, and for the other keys those that search finds."""
        known = self.recent.ids
        unknown = [key for key in keys if key not in known]
        hits = self.hubspot.search(self.type, self.type.key, unknown, retry=False) if unknown else []
        ids = [known[key] for key in keys if key in known] + [hit.id for hit in by_key(self.type, hits, keys).values()]
        read = partial(self.hubspot.read, self.type, properties=self.properties, retry=False)
        return list(read_twice(partial(read_by_id, read), ids).values())


def by_key(kind: ObjectType, records: Sequence[Record], keys: Sequence[str]) -> dict[str, Record]:
    """Return the record of each key; the oldest one if there are duplicates.

    HubSpot also finds records by their aliases, and does not say which input a result answers.
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
    """Return the records associated with each of these ids, by id. Raises the errors of a read from HubSpot."""
    ends = read_twice(partial(hubspot.associated, start, end, retry=False), ids)
    read = partial(hubspot.read, end, properties=properties, retry=False)
    by_id = read_twice(partial(read_by_id, read), sorted(set().union(*ends.values())))
    return {key: [by_id[record] for record in sorted(ends.get(key, ())) if record in by_id] for key in ids}


def read_twice(read: Callable[[Sequence[str]], Mapping[str, T]], ids: Sequence[str]) -> dict[str, T]:
    """Return what `read` returns for these ids, after reading those that were missing once more.

    HubSpot's answer may leave something out. In a read by key that shows when the record is created again; in a read
    by id or of associations, nothing else would show it.
    """
    known = dict(read(ids)) if ids else {}
    missing = [key for key in ids if key not in known]
    return {**known, **read(missing)} if missing else known


def read_by_id(read: Callable[[Sequence[str]], list[Record]], ids: Sequence[str]) -> dict[str, Record]:
    """Read these ids in calls of 100, and return the records by their own ids, which differ for merged records."""
    return {record.id: record for chunk in chunks(ids, BATCH) for record in read_known(read, chunk)}


def not_set_up(kind: ObjectType) -> HubSpotProblem:
    """Return the problem of a portal that lacks the property by which records are found."""
    return HubSpotProblem(
        404, f"HubSpot has no property {kind.key} to find {kind.name} by: run `woohub setup`", "NOT_SET_UP"
    )
