"""Contacts: one person, found by e-mail address, as the newest order or account shows them."""

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
    """A customer as one delivery showed them."""

    version: ContactVersion
    properties: Mapping[str, str]


@dataclass(frozen=True)
class ContactKind:
    """The contacts of a store's orders and accounts."""

    mapping: FieldMapping
    type: ObjectType = CONTACTS
    needs: tuple[ObjectType, ...] = ()

    @property
    def properties(self) -> tuple[str, ...]:
        """See RecordKind."""
        return (*self.type.aliases, *self.mapping.contact_properties)

    def facts(self, event: Event) -> Iterable[tuple[str, ContactSnapshot]]:
        """The snapshot by lower-cased address; an account with an address that cannot be one is InvalidPayload."""
        snapshot = self._snapshot(event)
        email = snapshot.properties.get("email", "") if snapshot else ""
        if snapshot and usable_email(email):
            yield email, snapshot
        elif email and isinstance(event, CustomerEvent):
            raise InvalidPayload("email: not an address HubSpot could take; correct it in the store's customer account")

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """An order or account without a usable address; of erased people none is expected."""
        if has_facts or isinstance(event, OrderTrashed):
            return
        if isinstance(event, CustomerEvent):
            yield Remark("customer_erased" if is_erased(event) else "customer_without_email", is_warning=False)
        elif not is_erased(event):
            yield Remark(WITHOUT_EMAIL)

    def plan(
        self, facts: Sequence[ContactSnapshot], current: Record | None, schema: PropertySchema, _related: Results
    ) -> Change:
        """See RecordKind."""
        return plan(facts, current.properties if current else None, self.mapping, schema)

    def goes_without(self, _needed: RecordResult) -> str:
        """Contacts need no other record."""
        return ""

    def _snapshot(self, event: Event) -> ContactSnapshot | None:
        if isinstance(event, OrderTrashed) or is_erased(event):
            return None
        return snapshot_of(event, self.mapping)


def is_erased(event: OrderEvent | CustomerEvent) -> bool:
    """Whether the store has erased the person: nothing of it may make or change a contact."""
    if isinstance(event, OrderEvent):
        return event.order.is_anonymised
    return event.customer.email.strip().lower() == ERASED_EMAIL


def snapshot_of(event: OrderEvent | CustomerEvent, mapping: FieldMapping) -> ContactSnapshot:
    """The customer in an order (dated by the order's creation) or in a customer event."""
    if isinstance(event, CustomerEvent):
        return ContactSnapshot(_account_version(event), mapping.contact_from_customer(event.customer))
    return ContactSnapshot(_order_version(event), mapping.contact_from_order(event.order))


def _account_version(event: CustomerEvent) -> ContactVersion:
    """An account that was never changed is as old as itself, one imported past WordPress older than anything."""
    created, modified = believable_dates(event.customer, event.received_ms)
    at = modified or ("" if event.is_change else created or UNDATED)
    return ContactVersion.of(at, at, _shown_ms(event, at))


def _order_version(event: OrderEvent) -> ContactVersion:
    """An order that does not say when it was made shows its customer as of its last change."""
    created, modified = believable_dates(event.order, event.received_ms)
    return ContactVersion.of(created or modified, modified, _shown_ms(event, modified))


def _shown_ms(event: OrderEvent | CustomerEvent, changed_at: str) -> int:
    """When the store's change could have been received, in epoch milliseconds.

    What woohub reads late from a store whose clock is ahead would otherwise look as if the clock had been put right
    meanwhile, and be newer than all that was delivered before.
    """
    if not event.ahead_s or not changed_at:
        return event.received_ms
    return min(event.received_ms, ms_from_utc(changed_at) - event.ahead_s * 1000)


def plan(
    snapshots: Sequence[ContactSnapshot], current: values.Current | None, mapping: FieldMapping, schema: PropertySchema
) -> Change:
    """The properties to write for one contact; `current` is None for a contact HubSpot does not have yet."""
    stored = ContactVersions.parse((current or {}).get(CONTACTS.version))
    filled = [name for name in mapping.contact_rules if (current or {}).get(name)]
    wanted, seen = _newest_values(snapshots, stored, filled)
    if current is not None:
        wanted.pop("email", None)  # found by it, or by an additional address: the primary one is not ours to change
    properties, left_out = values.changed(wanted, current, mapping.contact_rules, schema)
    # Skip the version when only the order's modified time changed: dates decide only between snapshots.
    if seen and seen != stored and (properties or stored is None or seen.captured_at != stored.captured_at):
        properties[CONTACTS.version] = str(seen)
    return Change(properties, left_out)


def _newest_values(
    snapshots: Sequence[ContactSnapshot], stored: ContactVersions | None, filled: Iterable[str]
) -> tuple[dict[str, str], ContactVersions | None]:
    """Of each property the newest value that a snapshot has, if it is newer than HubSpot's; and the versions then.

    `filled` are the properties that have a value in HubSpot. As if each snapshot had come by itself: where a clock was
    put right, one may be newer than another, though not than the stored version.
    """
    newest, wanted = stored.newest if stored else None, dict[str, str]()
    versions = {name: stored.of(name) for name in filled} if stored else {}
    for version, properties in oldest_first(snapshots):
        given = {name: text for name, text in properties.items() if version.supersedes(versions.get(name))}
        wanted |= given
        versions |= dict.fromkeys(given, version)
        newest = version if version.supersedes(newest) else newest
    older = {name: version for name, version in versions.items() if version != newest}
    return wanted, ContactVersions(newest, older) if newest else None


def oldest_first(snapshots: Sequence[ContactSnapshot]) -> list[ContactSnapshot]:
    """In the order of their versions: by receipt, then each before the first that is newer."""
    ordered: list[ContactSnapshot] = []
    for snapshot in sorted(snapshots, key=lambda snapshot: snapshot.version.received_ms):
        newer = (place for place, other in enumerate(ordered) if other.version.supersedes(snapshot.version))
        ordered.insert(next(newer, len(ordered)), snapshot)
    return ordered
