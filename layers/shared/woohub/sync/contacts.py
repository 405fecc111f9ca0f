"""The record kind of contacts: each is one person, found by e-mail address, as the newest order or account shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from woohub.dates import ms_from_utc
from woohub.errors import InvalidPayload
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import CONTACTS, ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.fields import FieldMapping
from woohub.mapping.values import usable_email
from woohub.store.payloads import ERASED_EMAIL, UNDATED, CustomerEvent, OrderEvent, OrderTrashed
from woohub.sync import values
from woohub.sync.records import Change, Event, RecordResult, Remark, Results
from woohub.sync.versions import ContactVersion, ContactVersions, believable_dates

WITHOUT_EMAIL = "order_without_usable_email"


class ContactSnapshot(NamedTuple):
    """A customer's values as one delivery shows them, with their version."""

    version: ContactVersion
    properties: Mapping[str, str]


@dataclass(frozen=True)
class ContactKind:
    """The RecordKind of the contacts of a store's orders and accounts."""

    mapping: FieldMapping
    type: ObjectType = CONTACTS
    needs: tuple[ObjectType, ...] = ()

    @property
    def properties(self) -> tuple[str, ...]:
        return (*self.type.aliases, *self.mapping.contact_properties)

    def facts(self, event: Event) -> Iterable[tuple[str, ContactSnapshot]]:
        """Yield the snapshot of the event's customer, with the lower-cased address as the key.

        Raises InvalidPayload for an account whose address cannot be one.
        """
        snapshot = self._snapshot(event)
        email = snapshot.properties.get("email", "") if snapshot else ""
        if snapshot and usable_email(email):
            yield email, snapshot
        elif email and isinstance(event, CustomerEvent):
            raise InvalidPayload("email: not an address HubSpot could take; correct it in the store's customer account")

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """Yield a remark for an order or account without a usable address. That of an erased person is no warning."""
        if has_facts or isinstance(event, OrderTrashed):
            return
        if isinstance(event, CustomerEvent):
            yield Remark("customer_erased" if is_erased(event) else "customer_without_email", is_warning=False)
        elif not is_erased(event):
            yield Remark(WITHOUT_EMAIL)

    def plan(
        self, facts: Sequence[ContactSnapshot], current: Record | None, schema: PropertySchema, _related: Results
    ) -> Change:
        return plan(facts, current.properties if current else None, self.mapping, schema)

    def goes_without(self, _needed: RecordResult) -> str:
        """Return "": contacts need no other record."""
        return ""

    def _snapshot(self, event: Event) -> ContactSnapshot | None:
        if isinstance(event, OrderTrashed) or is_erased(event):
            return None
        return snapshot_of(event, self.mapping)


def is_erased(event: OrderEvent | CustomerEvent) -> bool:
    """Whether the store has erased the person of an event, which then must not create or change a contact."""
    if isinstance(event, OrderEvent):
        return event.order.is_anonymised
    return event.customer.email.strip().lower() == ERASED_EMAIL


def snapshot_of(event: OrderEvent | CustomerEvent, mapping: FieldMapping) -> ContactSnapshot:
    """Return the customer in an order, dated by the order's creation, or in a customer event."""
    if isinstance(event, CustomerEvent):
        return ContactSnapshot(_account_version(event), mapping.contact_from_customer(event.customer))
    return ContactSnapshot(_order_version(event), mapping.contact_from_order(event.order))


def _account_version(event: CustomerEvent) -> ContactVersion:
    """Return an account's version: dated by its last change, or its creation if it was never changed.

    An account without any date is older than everything, unless the store says that it was changed just now.
    """
    created, modified = believable_dates(event.customer, event.received_ms)
    at = modified or ("" if event.is_change else created or UNDATED)
    return ContactVersion.of(at, at, _earliest_receipt_ms(event, at))


def _order_version(event: OrderEvent) -> ContactVersion:
    """Return the version of an order's customer: dated by the order's creation, or its last change if it has none."""
    created, modified = believable_dates(event.order, event.received_ms)
    return ContactVersion.of(created or modified, modified, _earliest_receipt_ms(event, modified))


def _earliest_receipt_ms(event: OrderEvent | CustomerEvent, changed_at: str) -> int:
    """Return when the store's change could have been received, in epoch milliseconds.

    This is the time of receipt, except for what woohub read from a store whose clock is ahead. A late read would look
    as if the clock had been corrected since, and so as if it were newer than all deliveries before.
    """
    if not event.ahead_s or not changed_at:
        return event.received_ms
    return min(event.received_ms, ms_from_utc(changed_at) - event.ahead_s * 1000)


def plan(
    snapshots: Sequence[ContactSnapshot], current: values.Current | None, mapping: FieldMapping, schema: PropertySchema
) -> Change:
    """Return the change of one contact; `current` are HubSpot's values, None if HubSpot does not have the contact."""
    known = current or {}
    stored = ContactVersions.parse(known.get(CONTACTS.version))
    filled = [name for name in mapping.contact_rules if known.get(name)]
    wanted, seen = _newest_values(snapshots, stored, filled)
    if current is not None:
        wanted.pop("email", None)  # it may be the contact's additional address: its primary one must not change
    properties, left_out = values.changed(wanted, current, mapping.contact_rules, schema)
    # If only the date of change differs, nothing is written: every change of an order's status would cost a call more.
    if seen and seen != stored and (properties or stored is None or seen.captured_at != stored.captured_at):
        properties[CONTACTS.version] = str(seen)
    return Change(properties, left_out)


def _newest_values(
    snapshots: Sequence[ContactSnapshot], stored: ContactVersions | None, filled: Iterable[str]
) -> tuple[dict[str, str], ContactVersions | None]:
    """Return each property's newest value, if it is newer than HubSpot's, and the versions once they are written.

    `filled` are the properties that have a value in HubSpot. The result is as if each snapshot had come alone: if a
    clock was corrected, a snapshot may be newer than another one, but not than the stored version.
    """
    newest, wanted = stored.newest if stored else None, dict[str, str]()
    versions = stored.of_each(filled) if stored else {}
    states: set[ContactVersion | None] = {None, newest, *(stored.older.values() if stored else ())}
    for version, properties in oldest_first(snapshots):
        outdated = {state for state in states if version.supersedes(state)}
        given = properties
        if len(outdated) < len(states):
            given = {name: text for name, text in properties.items() if versions.get(name) in outdated}
        wanted |= given
        versions |= dict.fromkeys(given, version)
        newest = version if newest in outdated else newest
        states.add(version)
    older = {name: version for name, version in versions.items() if version != newest}
    return wanted, ContactVersions(newest, older) if newest else None


def oldest_first(snapshots: Sequence[ContactSnapshot]) -> list[ContactSnapshot]:
    """Sort snapshots by version: by receipt first, then each is moved before the first one that is newer."""
    ordered: list[ContactSnapshot] = []
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.version.received_ms):
        newer = (place for place, other in enumerate(ordered) if other.version.supersedes(snapshot.version))
        ordered.insert(next(newer, len(ordered)), snapshot)
    return ordered
