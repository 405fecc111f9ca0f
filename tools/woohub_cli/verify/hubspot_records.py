"""Read HubSpot's records for a comparison with the store: by unique key, and the deals of a period by search."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from woohub.errors import UnknownOutcome
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, HubSpot, chunks
from woohub.hubspot.objects import CONTACTS, LINE_ITEMS, ObjectType
from woohub.hubspot.properties import PropertyCatalog, PropertySchema
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import ITEMS_STATE
from woohub.sync.customer_metrics import CustomerMetricsSummary
from woohub.sync.isolation import read_known
from woohub.sync.lookup import by_key
from woohub.sync.records import Change
from woohub_cli.cli_errors import Trouble
from woohub_cli.period import Period
from woohub_cli.targets import Target

DATES = ("createdate", "hs_lastmodifieddate")
SEARCH_PAGE = 200  # the most records per page of a search
NEWEST_FIRST = ({"propertyName": "createdate", "direction": "DESCENDING"},)
SEARCH_RETRY_PAUSES_S = (1.0, 4.0, 10.0)  # before each retry of a search without an answer

Filter = Mapping[str, str]


class Crm:
    """The HubSpot account as the engine reads it. Raises the errors of HubSpot's client.

    Its deals are HubSpot's orders if the mapping writes those instead.
    """

    def __init__(
        self, hubspot: HubSpot, table: FieldMapping, warn: Callable[..., None], target: Target | None = None
    ) -> None:
        self._hubspot = hubspot
        self._mapping, self._warn = table, warn
        self.target = target or Target.of(table)
        self._type, self._table = self.target.type, self.target.table
        self._catalog = PropertyCatalog(hubspot, hubspot.caller.timer, warn)

    def orders_beside(self) -> Crm | None:
        """Return the same account with its orders instead of deals, or None unless the mapping writes both."""
        if not (self._mapping.orders and self._mapping.has_deals):
            return None
        return Crm(self._hubspot, self._mapping, self._warn, Target.orders(self._mapping.orders))

    @property
    def lacks(self) -> str:
        """Why no record can be found by its key, since `woohub setup` never ran for this account; "" if it did."""
        if self.deal_schema.has(self._table.key_property):
            return ""
        return f"this HubSpot has no {self.target.in_hubspot} property {self._table.key_property}: run `woohub setup`"

    def check(self) -> None:
        """Raise Trouble if `woohub setup` never ran for this HubSpot account."""
        if lacks := self.lacks:
            raise Trouble(lacks)

    @property
    def deal_schema(self) -> PropertySchema:
        return self._catalog.schema(self._type)

    @property
    def contact_schema(self) -> PropertySchema:
        return self._catalog.schema(CONTACTS)

    @property
    def lists_currencies(self) -> bool:
        """Whether HubSpot lists the currencies it accepts. If not, only its rejections show them."""
        return bool(self.deal_schema.options(self.target.accepted_currency))

    def takes_currency(self, code: str) -> bool:
        """Return False only if HubSpot says that it does not accept the currency."""
        return self.deal_schema.accepts(self.target.accepted_currency, code)

    def newest_deal_in(self, currency: str) -> Record | None:
        """Return the last created deal of the orders in this currency, as far as HubSpot has indexed them."""
        same = {"propertyName": self.target.currency, "operator": "EQ", "value": currency}
        return next(iter(self._search([same], [self.target.accepted_currency], limit=1, sorts=NEWEST_FIRST)), None)

    def key(self, order_id: int) -> str:
        """Return the value of a deal's unique property for an order."""
        return self._table.deal_key(order_id)

    def order_id(self, key: str) -> int:
        """Return the order's id for a key of this store; 0 for any other key."""
        return self._table.order_id(key)

    def orders_named(self, number: str) -> dict[int, str]:
        """Return the orders whose deal has exactly this number in its name: deal names by order id."""
        has = {"propertyName": self.target.name, "operator": "CONTAINS_TOKEN", "value": number}
        exactly = re.compile(rf"(?<![\w-]){re.escape(number)}(?![\w-])", re.IGNORECASE)
        names: dict[int, str] = {}
        for record in self._search([has], [self._table.key_property, self.target.name]):
            name = record.properties.get(self.target.name) or ""
            order_id = self.order_id(record.properties.get(self._table.key_property) or "")
            if order_id and exactly.search(name):
                names[order_id] = name
        return names

    def deals(self, keys: Sequence[str]) -> dict[str, list[Record]]:
        """Return all deals of each key, the oldest first.

        If the key is not unique in HubSpot, the deals are searched for, and new ones are found late.
        """
        names = (*self._table.deal_properties, self.target.amount, self.target.date, *DATES)
        records: list[Record] = []
        for chunk in chunks(list(keys), BATCH):
            if self.deal_schema.is_unique(self._table.key_property):
                records += self._hubspot.read(self._type, chunk, names, id_property=self._table.key_property)
            else:
                records += read_by_search(self._hubspot, self._type, chunk, names)
        return self._grouped_by_key(records)

    def _grouped_by_key(self, records: Sequence[Record]) -> dict[str, list[Record]]:
        by_deal_key: dict[str, list[Record]] = {}
        for record in sorted(records, key=lambda deal: int(deal.id)):
            by_deal_key.setdefault(record.properties.get(self._table.key_property) or "", []).append(record)
        return by_deal_key

    def latest(self, count: int) -> list[Record]:
        """Return the last created deals of any orders, at most 200, as far as HubSpot has indexed them."""
        key = self._table.key_property
        has_key = {"propertyName": key, "operator": "HAS_PROPERTY"}
        return self._search([has_key], [key, *self._table.deal_properties], limit=count, sorts=NEWEST_FIRST)

    def contacts(self, emails: Collection[str], advance: Callable[[int], None] = lambda _: None) -> dict[str, Record]:
        """Return the contact of each address, primary or additional. Addresses that HubSpot rejects are left out."""
        names = [*CONTACTS.aliases, *self._table.contact_properties, "createdate"]
        read = partial(self._hubspot.read, CONTACTS, properties=names, id_property=CONTACTS.key)
        contacts: dict[str, Record] = {}
        for chunk in chunks(sorted(emails), BATCH):
            contacts |= by_key(CONTACTS, read_known(read, chunk, unknown=(400, 404)), chunk)
            advance(len(chunk))
        return contacts

    def contacts_by_id(self, ids: Collection[str]) -> dict[str, Record]:
        """Return the contacts with these ids that HubSpot has."""
        read = read_all(self._hubspot, CONTACTS, ids, self._table.contact_properties)
        return {record.id: record for record in read}

    def contacts_of(self, deal_ids: Sequence[str]) -> dict[str, set[str]]:
        """Return the ids of the contacts of each deal."""
        return self._hubspot.associated(self._type, CONTACTS, deal_ids)

    def metrics_differences(self, contacts: Sequence[Record]) -> dict[str, Change]:
        """Return the changes that the contacts' metrics need, by contact id; empty if the mapping has none."""
        if not self._table.metrics or not contacts:
            return {}
        summary = CustomerMetricsSummary(self._table.metrics, self._type)
        deals = self._deals_by_contact(contacts, summary)
        return {contact.id: summary.plan(contact, deals[contact.id], self.contact_schema) for contact in contacts}

    def metrics_with(self, contact: Record, deal: Record) -> tuple[dict[str, str], set[str]]:
        """Return a contact's metrics with this state of one of its deals, and which of them would be written.

        The id of contact or deal is "" if HubSpot does not have it. Empty if the mapping has no metrics.
        """
        if not self._table.metrics:
            return {}, set()
        summary = CustomerMetricsSummary(self._table.metrics, self._type)
        known = self._deals_by_contact([contact], summary)[contact.id] if contact.id else []
        deals = [*(each for each in known if each.id != deal.id), deal]
        whole = summary.plan(Record("", {}), deals, self.contact_schema)
        written = summary.plan(contact, deals, self.contact_schema).properties
        return {**whole.properties, **whole.left_out}, set(written)

    def _deals_by_contact(self, contacts: Sequence[Record], summary: CustomerMetricsSummary) -> dict[str, list[Record]]:
        """Return the deals of each contact, by contact id."""
        ids = [contact.id for contact in contacts]
        deals = self._associated(CONTACTS, self._type, ids, summary.properties_of)
        return {contact_id: deals.get(contact_id, []) for contact_id in ids}

    def _associated(
        self, start: ObjectType, end: ObjectType, ids: Sequence[str], names: Sequence[str]
    ) -> dict[str, list[Record]]:
        """Return the records that each of these is associated with, by id; records without any are left out."""
        ends = self._hubspot.associated(start, end, ids)
        by_id = {record.id: record for record in read_all(self._hubspot, end, set().union(*ends.values()), names)}
        return {start_id: [by_id[key] for key in sorted(keys) if key in by_id] for start_id, keys in ends.items()}

    @property
    def line_item_schema(self) -> PropertySchema:
        return self._catalog.schema(LINE_ITEMS)

    def line_items_of(self, deal_ids: Sequence[str]) -> dict[str, list[Record]]:
        if self._table.line_items is None:
            return {}
        return self._associated(self._type, LINE_ITEMS, deal_ids, tuple(self._table.line_items.rules))

    def doubt_line_items(self, deal_ids: Sequence[str]) -> None:
        """Mark on these deals that their line items may be wrong, so that the engine compares them again."""
        for chunk in chunks(list(deal_ids), BATCH):
            inputs = [{"id": deal, "properties": {ITEMS_STATE: ""}, "objectWriteTraceId": deal} for deal in chunk]
            self._hubspot.update(self._type, inputs)

    def associate(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Associate deals with contacts, given as pairs (deal, contact). Existing associations stay."""
        self._hubspot.associate(self._type, CONTACTS, pairs)

    def dated(self, period: Period) -> Iterator[Record]:
        """Yield the deals whose close date is in the period, as far as HubSpot has indexed them.

        Pages are read by record id, because one search returns at most 10,000 results.
        """
        last = "0"
        names = [self._table.key_property, self.target.amount, self.target.date, *self._table.deal_rules]
        while True:
            page = self._search(self._dated_after(period, last), names, sorts=["hs_object_id"])
            yield from page
            if len(page) < SEARCH_PAGE:
                return
            last = page[-1].id

    def _dated_after(self, period: Period, last: str) -> list[Filter]:
        filters: list[Filter] = [
            {"propertyName": self._table.key_property, "operator": "HAS_PROPERTY"},
            {"propertyName": "hs_object_id", "operator": "GT", "value": last},
            {"propertyName": self.target.date, "operator": "GTE", "value": _ms(period.since)},
        ]
        if period.until:
            filters.append({"propertyName": self.target.date, "operator": "LTE", "value": _ms(period.until, 999)})
        return filters

    def _search(
        self, filters: Sequence[Filter], names: Iterable[str], *, limit: int = SEARCH_PAGE, sorts: Sequence[Any] = ()
    ) -> list[Record]:
        """Return one page of deals that meet all filters, with these properties."""
        asked = {"filterGroups": [{"filters": filters}], "properties": list(dict.fromkeys(names))}
        body = {**asked, "sorts": sorts, "limit": limit, "after": "0"}
        for pause in SEARCH_RETRY_PAUSES_S:
            try:
                return self._search_once(body)
            except UnknownOutcome as error:
                self._hubspot.caller.back_off(pause, str(error))
        return self._search_once(body)

    def _search_once(self, body: Mapping[str, Any]) -> list[Record]:
        with self._hubspot.searches.turn():
            return _records(self._hubspot.post(f"{self._hubspot.paths.objects}/{self._type.name}/search", body))


def read_all(hubspot: HubSpot, kind: ObjectType, ids: Iterable[str], names: Sequence[str]) -> list[Record]:
    """Return the records with these ids that HubSpot has, read in batches of a hundred."""
    return [record for chunk in chunks(sorted(ids), BATCH) for record in hubspot.read(kind, chunk, names)]


def read_by_search(hubspot: HubSpot, kind: ObjectType, keys: Sequence[str], names: Sequence[str]) -> list[Record]:
    """Return records by their key if it is not unique in HubSpot: by search, which finds new records late."""
    return read_all(hubspot, kind, [record.id for record in hubspot.search(kind, kind.key, keys)], names)


def _records(answer: Mapping[str, Any]) -> list[Record]:
    return [Record(str(row["id"]), row.get("properties") or {}) for row in answer.get("results") or []]


def _ms(moment: str, more: int = 0) -> str:
    """Convert WooCommerce's UTC to epoch milliseconds, as HubSpot's searches need it."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return str(at // timedelta(milliseconds=1) + more)
