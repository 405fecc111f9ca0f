"""Read the messages of a batch and group what they say by record, so that each record is written once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from woohub.erasures import ErasedPeople
from woohub.errors import InvalidMessage, InvalidPayload, StoreUnknown
from woohub.hubspot.objects import ObjectType
from woohub.hubspot.properties import Warn
from woohub.store import payloads
from woohub.store.payloads import Ignored
from woohub.sync.erased import PERSON_ERASED, must_not_return, without_person
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.records import Event, Fact, RecordKind, Ref, Remark

FactsByType = Mapping[ObjectType, Sequence[tuple[str, Fact]]]


class Concern(NamedTuple):
    """A message, and the records that it concerns. `note` is for the message's log line."""

    message: Message
    refs: tuple[Ref, ...]
    note: str = ""


@dataclass
class Batch:
    """What a batch of messages says, by record, and which records each message concerns."""

    outcomes: list[Outcome] = field(default_factory=list)  # of messages that concern no record
    facts: dict[Ref, list[Fact]] = field(default_factory=dict)
    concerns: list[Concern] = field(default_factory=list)

    def keys(self, object_type: ObjectType) -> list[str]:
        """Return the keys of the batch's records of one object."""
        return [ref.key for ref in self.facts if ref.type == object_type]


def grouped(messages: Iterable[Message], kinds: Sequence[RecordKind], erased: ErasedPeople, warn: Warn) -> Batch:
    """Ask each kind of record what each message says, and group that by record.

    A message that cannot be read, or that concerns no record, gets its outcome here.
    """
    grouping = _Grouping(kinds, erased, warn)
    for message in messages:
        grouping.read(message)
    return grouping.batch


class _Grouping:
    def __init__(self, kinds: Sequence[RecordKind], erased: ErasedPeople, warn: Warn) -> None:
        self.batch = Batch()
        self._kinds = kinds
        self._erased = erased
        self._warn = warn

    def read(self, message: Message) -> None:
        try:
            event = _event(message)
            if isinstance(event, Ignored):
                self._ignore(message, event.reason)
            else:
                self._group(message, event)
        except (InvalidMessage, InvalidPayload) as error:
            self.batch.outcomes.append(Outcome(message, Verdict.REJECTED, error))
        except StoreUnknown as error:
            self.batch.outcomes.append(Outcome(message, Verdict.RETRY, error))

    def _group(self, message: Message, event: Event) -> None:
        event, facts, note = self._without_erased(event)
        remarks = [remark for kind in self._kinds for remark in kind.remarks(event, has_facts=bool(facts[kind.type]))]
        self._log(message, remarks)
        pairs = [(Ref(object_type, key), fact) for object_type, of_type in facts.items() for key, fact in of_type]
        for ref, fact in pairs:
            self.batch.facts.setdefault(ref, []).append(fact)
        if pairs:
            self.batch.concerns.append(Concern(message, tuple(dict.fromkeys(ref for ref, _ in pairs)), note))
        else:
            self._ignore(message, note or (remarks[0].name if remarks else "no_record"))

    def _without_erased(self, event: Event) -> tuple[Event, FactsByType, str]:
        """Return the event and its facts, without the person if woohub has erased that person, and a note on this."""
        facts = self._facts(event)
        keys = (key for pairs in facts.values() for key, _ in pairs)
        if not (self._erased and must_not_return(event, keys, self._erased)):
            return event, facts, ""
        event = without_person(event)
        return event, self._facts(event), PERSON_ERASED

    def _facts(self, event: Event) -> FactsByType:
        return {kind.type: list(kind.facts(event)) for kind in self._kinds}

    def _log(self, message: Message, remarks: Iterable[Remark]) -> None:
        for remark in remarks:
            if remark.is_warning:
                self._warn(remark.name, **message.names, **remark.fields)

    def _ignore(self, message: Message, note: str) -> None:
        self.batch.outcomes.append(Outcome(message, Verdict.IGNORED, note=note))


def _event(message: Message) -> Event | Ignored:
    if isinstance(message.delivery, InvalidMessage):
        raise message.delivery
    return payloads.parse(message.delivery)
