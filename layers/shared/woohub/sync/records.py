"""The types that the engine works with: records by key, facts about them, the change each needs, and its result."""

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
    """A record by its object and its key; its id in HubSpot need not be known."""

    type: ObjectType
    key: str


class Link(NamedTuple):
    """The other end of an association."""

    type: ObjectType
    record_id: str


# The next two are named tuples, because a batch creates thousands, and a frozen dataclass takes four times as long.
class Change(NamedTuple):
    """What has to be written to one record. `left_out` are changed values that HubSpot would refuse.

    `interim` is written before associations change, so that a retry after a crash knows which change was interrupted.
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
    """How a record ended: its id ("" if there was nothing to create), or the error, after so many attempts.

    `broken_call` is the path of the call that broke last, if this record was alone in it. `properties` are the record's
    properties as far as they were read or written. `is_new`: it was created in this batch.
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
    """One kind of record that woohub writes. Pure: no network, no clock."""

    @property
    def type(self) -> ObjectType:
        """The HubSpot object."""

    @property
    def needs(self) -> tuple[ObjectType, ...]:
        """The objects whose records must be written before this kind's."""

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties of a record that must be read before its change can be planned."""

    def facts(self, event: Event) -> Iterable[tuple[str, Fact]]:
        """Yield the key of each record that an event concerns, and what the event says about it.

        Raises InvalidPayload if the event's values can make no record.
        """

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """Yield what an operator should know about an event.

        `has_facts` says whether the event concerns any record of this kind.
        """

    def plan(
        self, facts: Sequence[Fact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        """Return the change that a record needs; None if there is nothing to create.

        `current` is the record in HubSpot, None if there is none. `related` has the results of the records needed by
        this kind.
        """

    def goes_without(self, needed: RecordResult) -> str:
        """Return the name of a warning if a record is written although one that it needs failed; "" if it must wait."""


class Summary(ABC):
    """Properties that sum up associated records, such as a contact's metrics its deals. Pure, as RecordKind is.

    They are computed after all kinds are written, from what HubSpot has by then.
    """

    type: ObjectType  # of the records that show the summary
    of: ObjectType  # of the records that are summed up
    properties: tuple[str, ...]  # to which the summary is written
    properties_of: tuple[str, ...]  # of the records that are summed up

    @abstractmethod
    def touched(self, results: Results) -> Iterable[str]:
        """Yield the ids of the records whose summary may have become wrong by these writes."""

    @abstractmethod
    def plan(self, current: Record, associated: Sequence[Record], schema: PropertySchema) -> Change:
        """Return the change that makes the summary of the record `current` right."""


@dataclass(frozen=True)
class PartSet:
    """The parts that a record shall have: their values by key, and the rules for writing them.

    `finished` is written to the record itself once all parts are written.
    """

    parts: Mapping[str, Mapping[str, str]]
    rules: Mapping[str, WriteRule]
    finished: Mapping[str, str]
    personal: tuple[str, ...] = ()  # properties whose old values are removed, because the person was erased


class Parts(ABC):
    """Records that belong to exactly one other record, such as a deal's line items. Pure, as RecordKind is.

    They are written after all kinds. The properties of the record that they belong to say whether that is necessary.
    """

    type: ObjectType  # of the parts
    of: ObjectType  # of the records that the parts belong to

    @property
    @abstractmethod
    def properties(self) -> tuple[str, ...]:
        """The properties of a part that must be read before it can be compared."""

    @abstractmethod
    def wanted(self, key: str, facts: Sequence[Fact], properties: Mapping[str, str | None]) -> PartSet | None:
        """Return the parts that a record with this key and these properties shall have.

        Return None if there is nothing to write, or the facts do not show the parts.
        """

    @abstractmethod
    def is_part(self, key: str, part: str) -> bool:
        """Whether woohub created the part with the key `part` for the record. Other parts are never changed."""


@dataclass(frozen=True)
class Kinds:
    """All that woohub writes by a mapping: kinds of records, sorted so that each comes after those it needs; then parts
    of records, then summaries.

    Raises graphlib.CycleError if kinds need each other.
    """

    records: Sequence[RecordKind]
    parts: Sequence[Parts] = ()
    summaries: Sequence[Summary] = ()

    def __post_init__(self) -> None:
        by_type = {kind.type: kind for kind in self.records}
        order = TopologicalSorter({kind.type: kind.needs for kind in self.records}).static_order()
        object.__setattr__(self, "records", tuple(by_type[needed] for needed in order if needed in by_type))
