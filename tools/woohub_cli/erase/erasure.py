"""Erase a person: from the deals' names, the contact and the queues, and enter the person in the list of erasures.

Each step can be repeated.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from woohub.dates import utc_from_ms
from woohub.errors import HubSpotRejected, InvalidPayload, PermanentError, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import CONTACTS, DEALS, LINE_ITEMS, ORDERS, ObjectType
from woohub.mapping.fields import FieldMapping
from woohub.store.client import Store
from woohub.store.payloads import Order
from woohub.sync import values
from woohub.sync.erased import is_from_before
from woohub.sync.versions import ContactVersion, Stamp
from woohub_cli.orders.store_deliveries import order_event
from woohub_cli.period import utc
from woohub_cli.verify.hubspot_records import read_all, read_by_search

NAMES = ("firstname", "lastname")
NAME_OF = {DEALS: "dealname", ORDERS: "hs_order_name"}
GONE = 404
NEVER_MS = 253_402_300_799_000  # the end of the calendar
MIN_NAME_CHARACTERS = 2  # shorter parts of a name identify nobody, and any text contains them

NewValues = Mapping[ObjectType, Mapping[str, Mapping[str, str]]]  # by object, record id and property: "" clears it


@dataclass(frozen=True)
class StoreOrders:
    """A store of the stack: the mapping that keys and names its deals, and its client if it can be called."""

    mapping: FieldMapping
    store: Store | None = None


@dataclass(frozen=True)
class Person:
    """What HubSpot and the stores have about a person. `addresses` are in lower case."""

    addresses: frozenset[str]
    contacts: tuple[Record, ...] = ()
    new_values: NewValues = field(default_factory=dict)  # for names and other properties that may contain the person
    unread: tuple[str, ...] = ()  # why a store's orders could not be searched

    @property
    def named(self) -> int:
        """The number of records whose name contains the person's."""
        return sum(NAME_OF.get(kind) in new for kind, rows in self.new_values.items() for new in rows.values())


@dataclass
class ErasureReport:
    """What was done or, with --dry-run, would be done. It contains no address and no name."""

    dry_run: bool = False
    erased_at_ms: int = 0
    erased_before_ms: int = 0
    contacts: set[str] = field(default_factory=set)
    renamed: dict[ObjectType, set[str]] = field(default_factory=lambda: defaultdict(set))
    cleared: dict[ObjectType, set[str]] = field(default_factory=lambda: defaultdict(set))
    queued_messages: int = 0
    dead_letters: int = 0
    checked: bool = False  # HubSpot was searched again after the consumer had read the list
    notes: list[str] = field(default_factory=list)

    def add(self, new_values: NewValues) -> None:
        """Record which records get another name, and which get other values."""
        for kind, rows in new_values.items():
            self.renamed[kind] |= {key for key, new in rows.items() if NAME_OF.get(kind) in new}
            self.cleared[kind] |= {key for key, new in rows.items() if new.keys() - {NAME_OF.get(kind)}}

    def facts(self) -> dict[str, Any]:
        return {
            "dry_run": self.dry_run,
            "erased_at": utc(self.erased_at_ms),
            "erased_before_at": utc(self.erased_before_ms),
            "contacts": sorted(self.contacts, key=int),
            "deals_renamed": sorted(self.renamed[DEALS], key=int),
            "orders_renamed": sorted(self.renamed[ORDERS], key=int),
            "cleared": {kind.name: sorted(ids, key=int) for kind, ids in self.cleared.items() if ids},
            "messages_deleted": self.queued_messages,
            "dead_letters_deleted": self.dead_letters,
            "checked": self.checked,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Erasure:
    """The erasure of one e-mail address. Raises the errors of HubSpot's client, boto3 and the stores."""

    _address: str
    _hubspot: HubSpot
    _stores: Sequence[StoreOrders]
    report: ErasureReport

    def find(self, *, before_ms: int = NEVER_MS) -> Person:
        """Find the person's contact with all its addresses, and the person's records of orders.

        What an order or account after `before_ms` has made is left out: it is a new relationship.
        """
        names = (CONTACTS.key, *CONTACTS.aliases, CONTACTS.version, *NAMES)
        known = self._hubspot.read(CONTACTS, [self._address], names, id_property=CONTACTS.key)
        contacts = [contact for contact in known if not is_newer(contact, before_ms)]
        addresses = frozenset({self._address, *(text for contact in contacts for text in _addresses(contact))})
        orders, unread = self._orders(addresses, before_ms)
        words = {word for text in _names(contacts, orders.values()) for word in _words(text)} | addresses
        ids = [contact.id for contact in contacts]
        records = {kind: self._records(kind, ids, orders) for kind in self._objects()}
        new = {kind: dict(self._new_values(kind, of_kind, orders, words)) for kind, of_kind in records.items()}
        items = [self._new_item_values(kind, of_kind) for kind, of_kind in records.items()]
        return Person(addresses, tuple(contacts), {**new, LINE_ITEMS: dict(chain.from_iterable(items))}, unread)

    def _objects(self) -> list[ObjectType]:
        """Return the objects that may hold orders. Deals may remain from a time before only orders were written."""
        return [DEALS, ORDERS] if any(each.mapping.orders for each in self._stores) else [DEALS]

    def erase_from_hubspot(self, person: Person) -> None:
        """Erase the deals first, since they are found by their contact, and then the contact."""
        for kind, rows in person.new_values.items():
            self._update(kind, rows)
            self.report.add({kind: rows})
        for contact in person.contacts:
            self._erase(contact.id)

    def _update(self, kind: ObjectType, rows: Mapping[str, Mapping[str, str]]) -> None:
        for chunk in chunks(sorted(rows), BATCH):
            inputs = [{"id": key, "objectWriteTraceId": key, "properties": dict(rows[key])} for key in chunk]
            for failure in self._hubspot.update(kind, inputs).failures:
                raise HubSpotRejected(failure.problem)

    def _erase(self, contact_id: str) -> None:
        """Erase a contact by its id. By address, HubSpot would block an unknown address for ever."""
        try:
            self._hubspot.erase(CONTACTS, contact_id)
        except HubSpotRejected as error:
            if error.problem.status != GONE:
                raise
        self.report.contacts.add(contact_id)

    def _orders(self, addresses: Collection[str], before_ms: int) -> tuple[dict[str, Order], tuple[str, ...]]:
        """Return the person's orders by deal key, and the reasons why a store could not be searched."""
        orders: dict[str, Order] = {}
        unread = []
        for each in self._stores:
            try:
                theirs = list(_orders_of(each.store, each.mapping, addresses, before_ms)) if each.store else []
                orders |= {each.mapping.deal_key(order.id): order for order in theirs}
            except (PermanentError, TransientError) as error:
                unread.append(f"the store could not be searched for orders ({error})")
        return orders, tuple(unread)

    def _records(self, kind: ObjectType, contact_ids: Sequence[str], orders: Mapping[str, Order]) -> list[Record]:
        """Return the deals (or HubSpot's orders) of the contacts, and those of the store's orders."""
        associated = self._hubspot.associated(CONTACTS, kind, contact_ids) if contact_ids else {}
        names = (kind.key, NAME_OF[kind], *self._personal(kind))
        records = read_all(self._hubspot, kind, set().union(*associated.values()), names)
        for chunk in chunks(sorted(orders), BATCH):
            records += self._read_by_key(kind, chunk, names)
        return list({record.id: record for record in records}.values())

    def _read_by_key(self, kind: ObjectType, keys: Sequence[str], names: Sequence[str]) -> list[Record]:
        """Read by the unique key. If it is not unique in this portal, HubSpot refuses that, so search for it."""
        try:
            return self._hubspot.read(kind, keys, names, id_property=kind.key)
        except HubSpotRejected:
            return read_by_search(self._hubspot, kind, keys, names)

    def _new_values(
        self, kind: ObjectType, records: Sequence[Record], orders: Mapping[str, Order], words: Collection[str]
    ) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield, by record id, the values that replace the person's, as for an order that the store anonymised."""
        for record in records:
            key, name = record.properties.get(kind.key) or "", (record.properties.get(NAME_OF[kind]) or "").lower()
            mapping, said = self._values_without_person(kind, key, orders.get(key))
            named = key and any(word in name for word in words)
            new = {NAME_OF[kind]: said.get(NAME_OF[kind]) or key} if named else {}
            if mapping:
                new |= values.forgotten(mapping.personal, said, record.properties)
            if new:
                yield record.id, new

    def _new_item_values(self, kind: ObjectType, records: Sequence[Record]) -> Iterator[tuple[str, Mapping[str, str]]]:
        """Yield the same for the line items of these records."""
        names = sorted({name for each in self._mappings(kind) if each.line_items for name in each.line_items.personal})
        if not names or not records:
            return
        of_records = self._hubspot.associated(kind, LINE_ITEMS, [record.id for record in records])
        for item in read_all(self._hubspot, LINE_ITEMS, set().union(*of_records.values()), (LINE_ITEMS.key, *names)):
            if item.properties.get(LINE_ITEMS.key) and (new := values.forgotten(names, {}, item.properties)):
                yield item.id, new

    def _mappings(self, kind: ObjectType) -> Iterator[FieldMapping]:
        """Yield the mapping of each store for deals, or for HubSpot's orders."""
        for each in self._stores:
            if mapping := each.mapping if kind is DEALS else each.mapping.orders:
                yield mapping

    def _personal(self, kind: ObjectType) -> list[str]:
        return sorted({name for mapping in self._mappings(kind) for name in mapping.personal})

    def _values_without_person(
        self, kind: ObjectType, key: str, order: Order | None
    ) -> tuple[FieldMapping | None, Mapping[str, str]]:
        """Return the mapping of the store with this order, and its values for the order without the person."""
        for mapping in self._mappings(kind):
            if order_id := mapping.order_id(key):
                unknown = {"id": order_id, "number": str(order_id), "status": "unknown", "total": "0"}
                return mapping, mapping.deal((order or Order.model_validate(unknown)).without_person())
        return None, {}


def _addresses(contact: Record) -> Iterator[str]:
    for name in (CONTACTS.key, *CONTACTS.aliases):
        yield from filter(None, (text.strip().lower() for text in (contact.properties.get(name) or "").split(";")))


def _names(contacts: Iterable[Record], orders: Iterable[Order]) -> Iterator[str]:
    for contact in contacts:
        yield from (contact.properties.get(name) or "" for name in NAMES)
    for order in orders:
        yield from (order.billing.first_name, order.billing.last_name)


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,.]+", text.lower()) if len(word) >= MIN_NAME_CHARACTERS]


def _orders_of(store: Store, mapping: FieldMapping, addresses: Collection[str], before_ms: int) -> Iterator[Order]:
    """Yield the store's orders whose contact has one of these addresses, in any spelling."""
    for address in addresses:
        for row in store.search_orders(address):
            with suppress(InvalidPayload):  # the engine cannot read it either: it has no deal
                event = order_event(row, round(time.time() * 1000), store.ahead_s)
                if event and mapping.email(event.order) in addresses and is_from_before(event, before_ms):
                    yield event.order


def is_newer(contact: Record, since_ms: int) -> bool:
    """Whether the contact was certainly made from something later than a moment (epoch ms)."""
    version = ContactVersion.parse(contact.properties.get(CONTACTS.version))
    if version is None or version.received_ms <= since_ms:
        return False
    return Stamp(version.captured_at, version.received_ms).is_credible and version.captured_at > utc_from_ms(since_ms)
