"""The record kind of deals, and of HubSpot's orders: one for each order, found by its id, with its contact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from woohub.dates import utc_from_ms
from woohub.errors import HubSpotRejected
from woohub.hubspot.answers import Record, refuses_key
from woohub.hubspot.objects import CONTACTS, DEALS, ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import STATUS
from woohub.store.payloads import TRASH, CustomerEvent, Order, OrderEvent, OrderTrashed
from woohub.sync import values
from woohub.sync.contacts import WITHOUT_EMAIL
from woohub.sync.line_items import announced
from woohub.sync.records import Change, Event, Link, RecordResult, Ref, Remark, Results
from woohub.sync.versions import NO_DATE, DealVersion, OrderState, believable_dates

MAX_FORMER_CONTACTS = 3

OrderFact = OrderEvent | OrderTrashed
ContactId = Callable[[str], str]  # returns HubSpot's id of the contact with an address; "" if there is none


@dataclass(frozen=True)
class DealKind:
    """The RecordKind of the deals of a store's orders, or of HubSpot's orders with another type and mapping."""

    mapping: FieldMapping
    type: ObjectType = DEALS
    needs: tuple[ObjectType, ...] = (CONTACTS,)

    @property
    def properties(self) -> tuple[str, ...]:
        return self.mapping.deal_properties

    def facts(self, event: Event) -> Iterable[tuple[str, OrderFact]]:
        """Yield the event itself, with the order's key."""
        if not isinstance(event, CustomerEvent):
            yield self.mapping.deal_key(order_id(event)), event

    def remarks(self, event: Event, *, has_facts: bool) -> Iterable[Remark]:
        """Yield a remark for a status for which the mapping has no stage."""
        if has_facts and isinstance(event, OrderEvent) and not self.mapping.pipeline.is_known(event.order.status):
            yield Remark("order_status_without_stage", {"status": event.order.status})

    def plan(
        self, facts: Sequence[OrderFact], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        def contact_id(email: str) -> str:
            contact = related.get(Ref(CONTACTS, email))
            return contact.record_id if contact else ""

        return plan(facts, current.properties if current else None, contact_id, self.mapping, schema)

    def goes_without(self, needed: RecordResult) -> str:
        """Return a warning if HubSpot refuses the contact's address: the deal is written without, as that will last."""
        refused = isinstance(needed.error, HubSpotRejected) and refuses_key(needed.error.problem)
        return WITHOUT_EMAIL if refused else ""


class History(NamedTuple):
    """The events of an order, applied in the order of their receipt to the state that HubSpot has."""

    newest: OrderState | None
    fresh: list[OrderEvent]  # events with a full body that were newer than the state before, oldest first
    stale: list[OrderEvent]  # the other events with a full body, newest first

    @classmethod
    def of(cls, events: Sequence[OrderFact], stored: OrderState | None) -> History:
        """Apply the events to `stored`, the state that HubSpot has; None if HubSpot has none."""
        newest, fresh, stale = stored, list[OrderEvent](), list[OrderEvent]()
        for event in sorted(events, key=lambda event: event.received_ms):
            state = state_of(event)
            counts = state.supersedes(newest)
            newest = state.after(newest) if counts else newest
            if isinstance(event, OrderEvent):
                bodies = fresh if counts else stale
                bodies.append(event)
        stale.sort(key=lambda event: (event.order.modified_at, event.received_ms), reverse=True)
        return cls(newest, fresh, stale)

    def order_shown(self, *, creating: bool) -> Order | None:
        """Return the order that the record shall show; a stale one only if the record is created from nothing else."""
        bodies = self.fresh or (self.stale[::-1] if creating else [])
        return bodies[-1].order if bodies else None


def plan(
    events: Sequence[OrderFact],
    current: values.Current | None,
    contact_id: ContactId,
    mapping: FieldMapping,
    schema: PropertySchema,
) -> Change | None:
    """Return the change of one deal; None if the order is in the trash and HubSpot has never had it."""
    version = DealVersion.parse((current or {}).get(DEALS.version))
    stored = _stored_state(version, current or {})
    history = History.of(events, stored)
    if history.newest is None or (current is None and not history.fresh and not history.stale):
        return None
    properties, left_out = _values(history, stored, current, mapping, schema)
    contacts = KnownContacts.of(version, creating=current is None)
    contact = contacts.to_associate(history, contact_id, mapping)
    others = contacts.to_disassociate(contact) if contact else ()
    if properties or contact or history.newest.deserves_a_version(stored):
        known = contacts.after(contact)
        newest = history.newest
        former = _former_contacts(version, others)
        new_version = DealVersion(newest.modified_at, newest.received_ms, known, former, newest.restored)
        properties[DEALS.version] = str(new_version)
    return Change(
        properties,
        left_out,
        (Link(CONTACTS, contact),) if contact else (),
        tuple(Link(CONTACTS, other) for other in others),
        contacts.interim(version, contact),
    )


def _values(
    history: History,
    stored: OrderState | None,
    current: values.Current | None,
    mapping: FieldMapping,
    schema: PropertySchema,
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the values to write, with the note on the order's line items, and the values HubSpot would refuse."""
    wanted = mapping.pipeline.keep_stage(_wanted_values(history, stored, current, mapping), current)
    properties, left_out = values.changed(wanted, current, mapping.deal_rules, schema)
    properties |= _erased_values(history, current, mapping)
    shown = history.order_shown(creating=current is None)
    return properties | announced(shown, {**(current or {}), **properties}, mapping.line_items), left_out


def _former_contacts(version: DealVersion | None, gone: Sequence[str]) -> tuple[str, ...]:
    """Return the contacts that the deal belonged to before; only the latest, as each delivery reads them all.

    They are kept even if customer metrics are off: once these are on, the next delivery corrects these contacts' too.
    """
    known = version.former if version else ()
    return tuple(dict.fromkeys((*(other for other in known if other not in gone), *gone)))[-MAX_FORMER_CONTACTS:]


def _stored_state(version: DealVersion | None, current: values.Current) -> OrderState | None:
    """Return the state that HubSpot's deal shows; None if woohub did not write the deal."""
    if version is None:
        return None
    return OrderState(version.modified_at, version.received_ms, current.get(STATUS) or "", version.restored)


def _wanted_values(
    history: History, stored: OrderState | None, current: values.Current | None, mapping: FieldMapping
) -> dict[str, str]:
    wanted = values.merged([mapping.deal(event.order) for event in history.fresh])
    if history.newest is not stored and history.newest is not None and history.newest.status == TRASH:
        wanted |= mapping.trashed()
    values.fill_gaps(wanted, current, [mapping.deal(event.order) for event in history.stale])
    return wanted


def _erased_values(history: History, current: values.Current | None, mapping: FieldMapping) -> dict[str, str]:
    """Return what replaces an erased person's words in properties, whatever the write rules say."""
    order = history.order_shown(creating=False)
    if not mapping.personal or order is None or not order.is_anonymised:
        return {}
    return values.forgotten(mapping.personal, mapping.deal(order), current)


class KnownContacts(NamedTuple):
    """The contacts that a deal's version lists: none, its contact, or two and more while they are being changed.

    `ids` is None if they are unknown, because woohub did not write the deal. While a deal without a contact gets one,
    the first id is "".
    """

    ids: tuple[str, ...] | None

    @classmethod
    def of(cls, version: DealVersion | None, *, creating: bool) -> KnownContacts:
        """Return the contacts of a deal with this version; none for a deal that is to be created."""
        if version:
            return cls(version.contacts)
        return cls(() if creating else None)

    def to_associate(self, history: History, contact_id: ContactId, mapping: FieldMapping) -> str:
        """Return the contact of the newest order that names one; "" if the deal has it, or only stale orders name it.

        If the deal's contacts are unknown, the contact is associated once more, which does no harm. If the deal has
        none, even a stale order's contact is better.
        """
        orders = [*history.stale[::-1], *history.fresh]
        ids = (contact_id(mapping.email(event.order)) for event in reversed(orders))
        wanted = next((contact for contact in ids if contact), "")
        has_none = self.ids is not None and not any(self.ids[:1])
        if self.ids == (wanted,) or not (history.fresh or has_none):
            return ""
        return wanted

    def to_disassociate(self, contact: str) -> tuple[str, ...]:
        """Return the known contacts other than this one."""
        return tuple(known for known in self.ids or () if known not in ("", contact))

    def after(self, contact: str) -> tuple[str, ...] | None:
        """Return the contacts that the version lists once the change is made."""
        return (contact,) if contact else self.ids

    def interim(self, version: DealVersion | None, contact: str) -> dict[str, str]:
        """Return the stored version with the new contact added to its list, to be written before associations change.

        Return {} if no contact changes, or the version lists the contact already.
        """
        if not contact or version is None or self.ids is None:
            return {}
        if contact in self.ids:  # an interrupted attempt has noted it
            return {}
        return {DEALS.version: str(version._replace(contacts=(*(self.ids or ("",)), contact)))}


def state_of(event: OrderFact) -> OrderState:
    """Return the state of an order after an event. `order.deleted` has no date, so it is dated by its receipt."""
    if isinstance(event, OrderTrashed):
        return OrderState(utc_from_ms(event.received_ms), event.received_ms, TRASH)
    _, modified = believable_dates(event.order, event.received_ms)
    return OrderState(modified or NO_DATE, event.received_ms, event.order.status, event.restored, event.read)


def order_id(event: OrderFact) -> int:
    """Return the store's id of the order."""
    return event.order_id if isinstance(event, OrderTrashed) else event.order.id
