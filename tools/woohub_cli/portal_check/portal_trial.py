"""The records that `woohub portal-check` creates: marked, remembered and archived again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from woohub.errors import Forbidden, HubSpotRejected, UnknownOutcome
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import CONTACTS, DEALS, LINE_ITEMS, ObjectType
from woohub.hubspot_settings import HubSpotSettings
from woohub_cli.verify.hubspot_records import read_all

MARK = "woohub portal check, may be deleted"  # the name of every record it creates
DOMAIN = "woohub-portal-check.example.com"  # belongs to nobody: example.com is reserved
NAMED_BY = {CONTACTS: "lastname", DEALS: "dealname", LINE_ITEMS: "name"}
MAX_CLEANUP_ROUNDS = 3  # the next round finds what a write without an answer has left


@dataclass(frozen=True)
class Portal:
    """The HubSpot account that a key belongs to. Fields are "" if HubSpot does not show them to this key."""

    id: str
    account_type: str
    is_real: bool

    @classmethod
    def of(cls, hubspot: HubSpot) -> Portal:
        """Read the account's details with one call."""
        is_real = hubspot.caller.base_url == HubSpotSettings.hubspot_api_url
        try:
            details = hubspot.get(f"{hubspot.paths.account}/details")
        except (Forbidden, HubSpotRejected):
            return cls("", "", is_real)
        return cls(str(details.get("portalId") or ""), str(details.get("accountType") or ""), is_real)

    def facts(self) -> dict[str, object]:
        return {"id": self.id, "account_type": self.account_type, "simulated": not self.is_real}

    def __str__(self) -> str:
        number = self.id or "whose id HubSpot does not show to this key"
        return f"the HubSpot portal {number}{f' ({self.account_type})' if self.account_type else ''}"


@dataclass
class Trial:
    """One run. Its records have MARK as their name; deals and contacts also have a key of this run.

    `connect` returns further clients, for concurrent calls.
    """

    hubspot: HubSpot
    connect: Callable[[], HubSpot]
    run: str
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    ids: dict[ObjectType, set[str]] = field(default_factory=lambda: {kind: set() for kind in NAMED_BY})
    keys: dict[ObjectType, list[str]] = field(default_factory=lambda: {kind: [] for kind in NAMED_BY})

    _definitions: dict[ObjectType, dict[str, Mapping[str, object]]] = field(default_factory=dict)

    def new_keys(self, kind: ObjectType, count: int) -> list[str]:
        """Return keys that no record has. Cleaning looks for records with these keys."""
        began = len(self.keys[kind])
        suffix = f"@{DOMAIN}" if kind is CONTACTS else ""
        keys = [f"woohub-portal-check-{self.run}-{number}{suffix}" for number in range(began, began + count)]
        self.keys[kind] += keys
        return keys

    def create(
        self,
        kind: ObjectType,
        rows: Sequence[Mapping[str, str]],
        *,
        associations: Sequence[Mapping[str, object]] = (),
        hubspot: HubSpot | None = None,
    ) -> list[Record]:
        """Create records with these properties and the mark.

        Raises the errors of HubSpot's client, and HubSpotRejected if any record failed.
        """
        inputs = [
            {
                "objectWriteTraceId": f"trial-{number}",
                "properties": {NAMED_BY[kind]: MARK} | dict(row),
                "associations": list(associations),
            }
            for number, row in enumerate(rows)
        ]
        answer = (hubspot or self.hubspot).create(kind, inputs)
        self.ids[kind] |= {record.id for record in answer.records}
        if answer.failures:
            raise HubSpotRejected(answer.failures[0].problem)
        return list(answer.records)

    def definition(self, kind: ObjectType, name: str) -> Mapping[str, object]:
        """Return the definition of a property; empty if it does not exist."""
        if kind not in self._definitions:
            self._definitions[kind] = {row["name"]: row for row in self.hubspot.property_definitions(kind)}
        return self._definitions[kind].get(name, {})

    def has_unique_key(self, kind: ObjectType) -> bool:
        """Whether records of this object can be found by a unique key of woohub's."""
        return kind.has_standard_key or bool(self.definition(kind, kind.key).get("hasUniqueValue"))

    def clean(self) -> tuple[int, int]:
        """Archive the records of this run and of earlier ones. Return how many were archived, and how many remain."""
        archived = sum(self._clean(kind) for kind in reversed(list(NAMED_BY)))
        return archived, sum(len(self._marked_ids(kind)) for kind in NAMED_BY)

    def _clean(self, kind: ObjectType) -> int:
        done: set[str] = set()
        for _ in range(MAX_CLEANUP_ROUNDS):
            there = self._marked_ids(kind)
            if not there:
                break
            for chunk in chunks(sorted(there), BATCH):
                with suppress(UnknownOutcome, HubSpotRejected):  # the next round finds what is left
                    self.hubspot.archive(kind, chunk)
            done |= there
        return len(done)

    def _marked_ids(self, kind: ObjectType) -> set[str]:
        """Return the ids of marked records in HubSpot, found by id, by key, and by name, which may find them late."""
        try:
            named = {record.id for record in self.hubspot.search(kind, NAMED_BY[kind], [MARK])}
            return {record.id for record in self._marked(kind, self.ids[kind] | named)}
        except (Forbidden, HubSpotRejected):  # this account or key does not have the object
            return set()

    def _marked(self, kind: ObjectType, ids: set[str]) -> Iterator[Record]:
        """Read these records, and return only those that have the mark, whatever the search says."""
        records = read_all(self.hubspot, kind, ids, [NAMED_BY[kind]])
        if self.keys[kind] and self.has_unique_key(kind):
            for chunk in chunks(self.keys[kind], BATCH):
                records += self.hubspot.read(kind, chunk, [NAMED_BY[kind]], id_property=kind.key)
        return (record for record in records if record.properties.get(NAMED_BY[kind]) == MARK)
