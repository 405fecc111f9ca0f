"""What the engine works with: records by key, what a batch says about them, the change each needs, how it ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

from woohub.errors import HubSpotRejected, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.write_rule import WriteRule
from woohub.store.payloads import CustomerEvent, OrderEvent, OrderTrashed

Event = OrderEvent | OrderTrashed | CustomerEvent
NOTHING: Mapping[str, Any] = MappingProxyType({})
Fact = Any  # what one event says about one record; each kind has its own type


class Ref(NamedTuple):
    """A record of HubSpot's before anybody knows its id: the object and the value of its key."""

    type: ObjectType
    key: str


class Link(NamedTuple):
    """The other end of an association."""

    type: ObjectType
    record_id: str


# A batch makes thousands of the following, and a frozen dataclass takes four times as long to make as a named tuple.
class Change(NamedTuple):
    """What one record needs. `left_out` are values that differ and that HubSpot would refuse.

    `interim` is written before associations change, so that a retry after a crash knows what was under way.
    """

    properties: Mapping[str, str] = NOTHING
    left_out: Mapping[str, str] = NOTHING
    associate: tuple[Link, ...] = ()
    disassociate: tuple[Link, ...] = ()
    interim: Mapping[str, str] = NOTHING

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.properties or self.associate)


class RecordResult(NamedTuple):
    """How a record ended: its id (empty: nothing to make), or the error, after so many attempts.

    `broken_call` is the path of the call that broke last, if this record was the only one in it. `properties` are the
    record's as far as they were read or written; `is_new`: it was made in this batch.
    """

    record_id: str = ""
    error: HubSpotRejected | TransientError | None = None
    attempts: int = 1
    broken_call: str = ""
    properties: Mapping[str, str | None] = NOTHING
    is_new: bool = False


Results = Mapping[Ref, RecordResult]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something an operator may want to know about an event: the name of a log line, and its fields."""

    name: str
    fields: Mapping[str, str] = field(default_factory=dict)
    is_warning: bool = True


class RecordKind(Protocol):
    """One kind of record woohub writes. Pure: no network, no clock."""

    @property
    def type(self) -> ObjectType:
        """The HubSpot object."""

    @property
    def needs(self) -> tuple[ObjectType, ...]:
        """The objects whose records must be written before this kind's."""

    @property
    def properties(self) -> tuple[str, ...]:
        """What has to be read of a record before its change can be planned."""

    def facts(self, event: Event) -> Iterable[tuple[str, Fact]]:
        """The keys of the records an event concerns, and what it says about each. InvalidPayload where none fits."""

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """What is odd about the event, though it can be written; whether it concerns any record of this kind."""

    def plan(
        self, facts: Sequence[Fact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        """The change a record needs (`current`: what HubSpot has); None: there is nothing to make.

        `related` has how the records ended that this kind needs.
        """

    def goes_without(self, needed: RecordResult) -> str:
        """The name of the warning if the record is written without a needed one that failed; "": it has to wait."""


class Summary(ABC):
    """What records show of others that are associated with them, such as a contact of its deals. Pure, as kinds are.

    It is made after all kinds are written, from what HubSpot has by then.
    """

    type: ObjectType  # of the records that show it
    of: ObjectType  # of those that are summed up
    properties: tuple[str, ...]  # it is written to
    properties_of: tuple[str, ...]  # of the others, that it is made of

    @abstractmethod
    def touched(self, results: Results) -> Iterable[str]:
        """The ids of the records whose summary may not be right any more, now that these were written."""

    @abstractmethod
    def plan(self, current: Record, associated: Sequence[Record], schema: PropertySchema) -> Change:
        """What has to be written to the record for its summary to be right."""


@dataclass(frozen=True)
class PartSet:
    """The parts that a record shall have: values by key, and when each may be written.

    `finished` is what is written to the record itself once all are in place.
    """

    parts: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, WriteRule]
    finished: Mapping[str, str]
    personal: tuple[str, ...] = ()  # properties whose old values go, because the person was erased


class Parts(ABC):
    """Records that belong to exactly one other, such as a deal's items, and are replaced with it. Pure, as kinds are.

    They are written after all kinds. Whether they have to be, the record they belong to says by its own properties.
    """

    type: ObjectType  # of the parts
    of: ObjectType  # of the records they belong to

    @property
    @abstractmethod
    def properties(self) -> tuple[str, ...]:
        """What has to be read of a part before it can be compared."""

    @abstractmethod
    def wanted(self, key: str, facts: Sequence[Fact], properties: Mapping[str, str | None]) -> PartSet | None:
        """The parts of the record with this key and these properties; None: nothing to do, or the facts cannot say."""

    @abstractmethod
    def is_part(self, key: str, part: str) -> bool:
        """Whether a part with this key is one that woohub made for the record; others are left alone."""


@dataclass(frozen=True)
class Kinds:
    """What is written, by the mapping in force: records, each kind after those it needs, then parts, then summaries.

    graphlib.CycleError where kinds need each other.
    """

    records: Sequence[RecordKind]
    parts: Sequence[Parts] = ()
    summaries: Sequence[Summary] = ()

    def __post_init__(self) -> None:
        by_type = {kind.type: kind for kind in self.records}
        order = TopologicalSorter({kind.type: kind.needs for kind in self.records}).static_order()
        object.__setattr__(self, "records", tuple(by_type[needed] for needed in order if needed in by_type))
