"""Compare a period of the store with HubSpot: every order, every account, every contact and association."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from woohub.dates import utc_from_ms
from woohub.delivery.webhooks import Delivery
from woohub.erasures import NOBODY, ErasedPeople
from woohub.errors import InvalidPayload, PermanentError, TransientError
from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, chunks
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import CONTACT_VERSION, STATUS
from woohub.mapping.values import usable_email
from woohub.reconcile import deleted_orders
from woohub.store.client import Store
from woohub.store.cursors import ByDate, Cursor, Page
from woohub.store.pagination import CHANGED
from woohub.store.payloads import CUSTOMER_SWEPT, ORDER_SWEPT, TRASH, CustomerEvent, OrderEvent, parse
from woohub.store.rows import StoreRow
from woohub.sync.contacts import ContactSnapshot, oldest_first, snapshot_of
from woohub.sync.erased import forgotten_at, without_person
from woohub.sync.versions import DealVersion
from woohub_cli import erased, line_items, order_names, order_pages
from woohub_cli.checks.currencies import Currencies
from woohub_cli.comparison import (
    Difference,
    Mismatch,
    MismatchKind,
    association_mismatch,
    contact_mismatches,
    deal_mismatches,
    was_refused,
)
from woohub_cli.erased import ErasedPerson
from woohub_cli.hubspot_records import Crm
from woohub_cli.latency import Lag, epoch
from woohub_cli.order_names import OrderName
from woohub_cli.period import DATE_FORMAT, SECOND, Period, shifted
from woohub_cli.verification_report import DayTotals, VerificationReport

RECENTLY = timedelta(minutes=5)  # what changed so lately may wait in a queue that is not empty
OLD = "a store of before WooCommerce 5.8 cannot say what changed: only orders made in the period are compared"
CORRECT_IT = "correct it in the store and save it"
BARE = "HubSpot has no contact of its e-mail address (any more)"
MAX_DELETED_CONTACTS = 50  # contacts deleted in HubSpot whose other orders are searched for
TOO_MANY_DELETED = (
    f"more than {MAX_DELETED_CONTACTS} contacts were deleted in HubSpot: their orders from before the period are not "
    "searched for; include that time with --from"
)
SEARCH_FAILED = "older orders of a contact that was deleted in HubSpot could not be searched for in the store"
GONE = "`woohub reconcile --deleted check` moves the deal to the lost stage; delete it in HubSpot if it is of no use"

Show = Callable[[str, int | None, int], None]


@dataclass(frozen=True)
class _Seen:
    """A customer as an order or account shows them."""

    entity: str
    snapshot: ContactSnapshot


@dataclass(frozen=True)
class _Link:
    """A deal that should have a contact."""

    entity: str
    deal: Record
    email: str


class Verification:
    """One comparison. `clock` gives epoch seconds, `depth` the messages on the queue, `show` what is being done."""

    def __init__(
        self,
        store: Store,
        crm: Crm,
        table: FieldMapping,
        clock: Callable[[], float],
        depth: Callable[[], int] = lambda: 0,
        show: Show = lambda _what, _total, _done: None,
        people: ErasedPeople = NOBODY,
        beside: Crm | None = None,
    ) -> None:
        self._store = store
        self._crm = crm
        self._table = crm.target.table
        self._beside = beside  # HubSpot's orders, where there are both
        self._clock = clock
        self._depth = depth
        self._show = show
        self._people = people
        self._modified: dict[str, str] = {}  # of each order and account that was looked at
        self._seen: dict[str, list[_Seen]] = {}  # by e-mail address
        self._links: list[_Link] = []
        self._deals: dict[str, set[str]] = {}  # record ids by key
        self._accounts: set[int] = set()  # of the orders
        self._refused: set[str] = set()
        self._named: dict[str, OrderName] = {}  # each order and account, as people know it
        self._currencies = Currencies(crm, table)
        self._anonymised: dict[str, str] = {}  # deal ids by order
        self._emptied: dict[str, str] = {}  # e-mail addresses by account

    def run(self, period: Period, *, all_customers: bool = False) -> VerificationReport:
        """Compare; raises what the store's and HubSpot's clients raise."""
        report = self._report = VerificationReport(period, utc_from_ms(int(self._clock() * 1000)))
        self._crm.check()
        for rows in self._orders(period):
            self._check_orders(rows)
        self._check_accounts(self._customers(period, all_customers=all_customers))
        records = self._check_contacts()
        self._check_associations(records)
        self._check_deals_without_their_contact(records)
        self._check_unknown_deals()
        report.erased = [*self._erased_by_order(), *self._erased_by_account(records)]
        report.currencies, differing = self._currencies.result()
        report.mismatches += differing
        self._set_aside_changing()
        report.mismatches = [
            replace(mismatch, named=self._named.get(mismatch.entity)) for mismatch in report.mismatches
        ]
        report.unreadable = self._store.unreadable
        report.mismatches.sort(
            key=lambda mismatch: (mismatch.entity.partition(":")[0] != "order", mismatch.number, mismatch.record)
        )
        return report

    # Orders and their deals

    def _orders(self, period: Period) -> Iterator[list[StoreRow]]:
        """Every order made or changed in the period, once, the trash included; a page at a time."""
        total, old = self._total(period), order_pages.is_old(self._store)
        if old:
            self._report.notes[OLD] += 1
        known: set[int] = set()
        for walk in self._walks(period, old=old):
            for step in walk:
                rows = [row for row in step.rows if not old or _made_in(period, row)]
                new = {row.id: row for row in rows if row.id not in known}
                known |= new.keys()
                self._show("orders", total, len(known))
                if new:
                    yield list(new.values())

    def _walks(self, period: Period, *, old: bool) -> Iterator[Iterator[Page[Cursor]]]:
        """Those changed in the period, which are those made in it, too, unless they changed after its end."""
        for status in ("any", TRASH):
            if not old:
                yield self._store.orders(ByDate(period.since), by=CHANGED, status=status, until=period.until)
            if old or period.until:
                yield order_pages.made(self._store, order_pages.start(period, old=old), period, status, old=old)

    def _total(self, period: Period) -> int:
        asked = {"modified_after": shifted(period.since, -SECOND), "dates_are_gmt": "true"}
        if period.until:
            asked["modified_before"] = shifted(period.until, SECOND)
        return self._store.count("orders", status="any", **asked)

    def _check_orders(self, rows: Sequence[StoreRow]) -> None:
        self._named |= {f"order:{row.id}": order_names.of_order(row.fields) for row in rows}
        events = [event for row in rows for event in self._read(row) if isinstance(event, OrderEvent)]
        deals = self._crm.deals([self._table.deal_key(event.order.id) for event in events])
        for event in events:
            self._check_order(event, deals.get(self._table.deal_key(event.order.id), []))
        if self._beside:
            self._check_orders_beside(events, self._beside)
        if self._table.line_items:
            self._check_line_items(events, deals)

    def _check_orders_beside(self, events: Sequence[OrderEvent], crm: Crm) -> None:
        """HubSpot's orders of the same orders; what is wrong with a deal's contact is not told twice."""
        records = crm.deals([crm.key(event.order.id) for event in events])
        for event in events:
            of_order = records.get(crm.key(event.order.id), [])
            mismatches = deal_mismatches(event, of_order, crm.target.table, crm.deal_schema)
            self._report.mismatches += [replace(mismatch, record=crm.target.type.singular) for mismatch in mismatches]

    def _check_line_items(self, events: Sequence[OrderEvent], deals: Mapping[str, list[Record]]) -> None:
        of_event = [
            (event, deals[key][0]) for event in events if (key := self._table.deal_key(event.order.id)) in deals
        ]
        items = self._crm.line_items_of([deal.id for _, deal in of_event])
        for event, deal in of_event:
            self._report.mismatches += line_items.mismatches(
                event, deal, items.get(deal.id, []), self._table, self._crm.line_item_schema
            )

    def _read(self, row: StoreRow) -> Iterator[object]:
        """The order, as the engine reads it; nothing for drafts and for what cannot be read."""
        entity = f"order:{row.id}"
        try:
            event = parse(Delivery(ORDER_SWEPT, row.body, self._now_ms(), entity, ahead_s=self._store.ahead_s))
            if isinstance(event, OrderEvent) and forgotten_at(event, self._table.email(event.order), self._people):
                self._report.forgotten += 1
                event = without_person(event)
            yield event
        except InvalidPayload as error:
            mismatch = Mismatch(MismatchKind.UNREADABLE, entity, "deal", detail=str(error), fix=CORRECT_IT)
            self._report.mismatches.append(mismatch)

    def _check_order(self, event: OrderEvent, records: list[Record]) -> None:
        order, key = event.order, self._table.deal_key(event.order.id)
        entity = f"order:{order.id}"
        self._report.orders += 1
        self._modified[entity] = order.modified_at
        self._deals[key] = {record.id for record in records}
        mismatches = deal_mismatches(event, records, self._table, self._crm.deal_schema)
        self._report.mismatches += (
            self._currencies.without_refusals(event, records[0], mismatches) if records else mismatches
        )
        self._count_order(event, records)
        if order.customer_id:
            self._accounts.add(order.customer_id)
        if records:
            self._time(event, records[0])
        if order.status != TRASH or records:
            self._note_contact(event, entity, records)

    def _note_contact(self, event: OrderEvent, entity: str, records: list[Record]) -> None:
        if event.order.is_anonymised:
            self._report.anonymised += 1
            if records:
                self._anonymised[entity] = records[0].id
            return
        snapshot = snapshot_of(event, self._table)
        email = snapshot.properties.get("email", "")
        if not usable_email(email):
            return
        self._seen.setdefault(email, []).append(_Seen(entity, snapshot))
        if records and was_refused(event, records[0].properties):
            self._refused.add(email)
        if records and event.order.status != TRASH:
            self._links.append(_Link(entity, records[0], email))

    def _count_order(self, event: OrderEvent, records: Sequence[Record]) -> None:
        order = event.order
        if order.status != TRASH and self._report.period.holds(order.created_at):
            totals = self._totals(order.created_at[:10], order.currency)
            totals.orders += 1
            totals.orders_sum += Decimal(order.total)
        for record in records:
            self._count_deal(record, order.currency)

    def _count_deal(self, record: Record, currency: str) -> None:
        closed = epoch(record.properties.get(self._crm.target.date))
        day = datetime.fromtimestamp(closed, UTC).strftime(DATE_FORMAT) if closed is not None else ""
        if record.properties.get(STATUS) == TRASH or not day or not self._report.period.holds(day):
            return
        totals = self._totals(day[:10], record.properties.get(self._crm.target.currency) or currency)
        totals.deals += 1
        totals.deals_sum += _amount(record.properties.get(self._crm.target.amount))

    def _totals(self, day: str, currency: str) -> DayTotals:
        return self._report.days.setdefault((day, currency), DayTotals())

    def _time(self, event: OrderEvent, deal: Record) -> None:
        """How long this state of the order took; a state HubSpot does not have says nothing."""
        version = DealVersion.parse(deal.properties.get("woocommerce_order_version"))
        happened = epoch(f"{event.order.modified_at}Z")
        if version is None or happened is None or version.modified_at != event.order.modified_at:
            return
        created, touched = (epoch(deal.properties.get(name)) for name in ("createdate", "hs_lastmodifieddate"))
        arrived = created if created is not None and created >= happened else touched
        if arrived is not None:
            self._report.lags.add(Lag(happened, version.received_ms / 1000, arrived, f"order:{event.order.id}"))

    # Accounts and contacts

    def _customers(self, period: Period, *, all_customers: bool) -> Iterator[StoreRow]:
        """Accounts that ordered or were made in the period; of all, those that were changed in it too."""
        rows = self._all_accounts(period) if all_customers else self._new_accounts(period)
        for row in rows:
            self._accounts.discard(row.id)
            yield row
        yield from self._store.customers_by_id(sorted(self._accounts)).values()

    def _all_accounts(self, period: Period) -> Iterator[StoreRow]:
        total, done = self._store.count("customers"), 0
        for step in self._store.customers():
            done += len(step.rows)
            self._show("accounts", total, done)
            yield from (row for row in step.rows if self._concerns(period, row))

    def _concerns(self, period: Period, row: StoreRow) -> bool:
        return period.holds(row.modified_at) or _made_in(period, row) or row.id in self._accounts

    def _new_accounts(self, period: Period) -> Iterator[StoreRow]:
        for rows in self._store.newest_customers(0):
            yield from (row for row in rows if _made_in(period, row))
            dates = [row.created_at for row in rows if row.created_at]
            if dates and max(dates) < period.since:
                return

    def _check_accounts(self, rows: Iterable[StoreRow]) -> None:
        known: set[int] = set()
        for row in rows:
            if row.id not in known:
                known.add(row.id)
                self._check_account(row)

    def _check_account(self, row: StoreRow) -> None:
        entity = f"customer:{row.id}"
        self._named[entity] = OrderName(row.id, "", order_names.of_account(row.fields))
        try:
            event = parse(Delivery(CUSTOMER_SWEPT, row.body, self._now_ms(), entity, ahead_s=self._store.ahead_s))
            if not isinstance(event, CustomerEvent):
                return
            snapshot = snapshot_of(event, self._table)
            email = snapshot.properties.get("email", "")
            if forgotten_at(event, email, self._people):
                return
            if email and not usable_email(email):
                raise InvalidPayload("email: not an address HubSpot could accept")
        except InvalidPayload as error:
            mismatch = Mismatch(MismatchKind.UNREADABLE, entity, "contact", detail=str(error), fix=CORRECT_IT)
            self._report.mismatches.append(mismatch)
            return
        self._report.accounts += 1
        self._modified[entity] = row.modified_at
        if email and erased.is_emptied(row.fields):
            self._emptied[entity] = email
        if email:
            self._seen.setdefault(email, []).append(_Seen(entity, snapshot))

    def _check_contacts(self) -> dict[str, Record]:
        """Each contact once, however many addresses it has; the records by address."""
        self._show("contacts", len(self._seen), 0)
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            self._show("contacts", len(self._seen), done)

        records = self._crm.contacts(self._seen, advance)
        missing = {
            mismatch.entity for mismatch in self._report.mismatches if mismatch.kind is MismatchKind.MISSING
        }  # with them comes theirs
        together: dict[str, list[_Seen]] = {}
        for email, seen in self._seen.items():
            if email in records:
                together.setdefault(records[email].id, []).extend(seen)
            elif email in self._refused:
                self._report.refused_addresses += len(seen)
            elif any(sight.entity not in missing for sight in seen):
                self._judge_contact(seen, None)
        by_id = {record.id: record for record in records.values()}
        for record_id, seen in together.items():
            self._judge_contact(seen, by_id[record_id])
        self._judge_metrics({record_id: seen[-1].entity for record_id, seen in together.items()}, by_id)
        self._report.contacts = len(by_id)
        return records

    def _judge_metrics(self, entities: Mapping[str, str], records: Mapping[str, Record]) -> None:
        """What contacts show of their deals, by the deals that HubSpot has."""
        for chunk in chunks(list(records.values()), BATCH):
            for record_id, change in self._crm.metrics_differences(chunk).items():
                current = records[record_id].properties
                differing = tuple(Difference(name, text, current.get(name)) for name, text in change.properties.items())
                if differing:
                    entity = entities[record_id]
                    self._report.mismatches.append(
                        Mismatch(MismatchKind.DIFFERING, entity, "contact", (record_id,), differing)
                    )

    def _judge_contact(self, seen: Sequence[_Seen], record: Record | None) -> None:
        snapshots = oldest_first([sight.snapshot for sight in seen])
        newest = next(sight for sight in seen if sight.snapshot is snapshots[-1])
        now = utc_from_ms(self._now_ms())
        mismatches = contact_mismatches(newest.entity, snapshots, record, self._table, self._crm.contact_schema, now)
        self._report.mismatches += mismatches

    def _check_associations(self, contacts: dict[str, Record]) -> None:
        links = [link for link in self._links if link.email in contacts]
        self._show("associations", len(links), 0)
        has = self._crm.contacts_of([link.deal.id for link in links])
        for link in links:
            wanted = contacts[link.email].id
            mismatch = association_mismatch(link.entity, link.deal, wanted, has.get(link.deal.id, set()))
            if mismatch:
                self._report.mismatches.append(mismatch)

    def _check_deals_without_their_contact(self, contacts: dict[str, Record]) -> None:
        """Deals whose contact HubSpot has not, or has no more: the contact comes with one of them, the others need it.

        A deleted contact loses its associations, also those of orders outside the period.
        """
        bare = [link for link in self._links if link.email not in contacts | dict.fromkeys(self._refused)]
        comes_with = {mismatch.entity for mismatch in self._report.mismatches if mismatch.queueable}
        self._report.mismatches += [_without_contact(link) for link in bare if link.entity not in comes_with]
        deleted = {link.email: ids for link in bare if (ids := _contacts(link.deal))}
        for email in sorted(deleted)[:MAX_DELETED_CONTACTS]:
            self._report.mismatches += map(_without_contact, self._other_deals(email, deleted[email]))
        if len(deleted) > MAX_DELETED_CONTACTS:
            self._report.notes[TOO_MANY_DELETED] += 1

    def _other_deals(self, email: str, contact_ids: set[str]) -> Iterator[_Link]:
        """The deals outside the period that were associated with a contact, by the store's orders of its address."""
        try:
            rows = [row for row in self._store.search_orders(email) if f"order:{row.id}" not in self._modified]
        except (PermanentError, TransientError) as error:
            self._report.notes[f"{SEARCH_FAILED}: {error}"] += 1
            return
        deals = self._crm.deals([self._table.deal_key(row.id) for row in rows])
        for row in rows:
            self._named[f"order:{row.id}"] = order_names.of_order(row.fields)
            for deal in deals.get(self._table.deal_key(row.id), [])[:1]:
                if _contacts(deal) & contact_ids:
                    yield _Link(f"order:{row.id}", deal, email)

    # People the store has erased

    def _erased_by_order(self) -> Iterator[ErasedPerson]:
        """Contacts of anonymised orders' deals, unless another order shows that the person is still a customer."""
        of_deals = self._crm.contacts_of(list(self._anonymised.values()))
        contacts = self._crm.contacts_by_id({contact_id for ids in of_deals.values() for contact_id in ids})
        for entity, deal_id in self._anonymised.items():
            for contact_id in sorted(of_deals.get(deal_id, set())):
                contact = contacts.get(contact_id)
                if contact and erased.is_named(contact) and not self._has_orders(contact.properties.get("email") or ""):
                    yield ErasedPerson(entity, contact_id, erased.ANONYMISED, deal_id)

    def _erased_by_account(self, contacts: dict[str, Record]) -> Iterator[ErasedPerson]:
        """Contacts that woohub has written for an account whose billing address is empty by now."""
        for entity, email in self._emptied.items():
            contact = contacts.get(email)
            written = contact and contact.properties.get(CONTACT_VERSION)
            if contact and written and erased.has_place(contact) and not self._has_orders(email):
                yield ErasedPerson(entity, contact.id, erased.EMPTIED)

    def _has_orders(self, email: str) -> bool:
        return any(sight.entity.startswith("order:") for sight in self._seen.get(email, ()))

    # Deals that no order of the period accounts for

    def _check_unknown_deals(self) -> None:
        """Deals dated in the period whose order the store has not: more than one per order, or of an order deleted."""
        self._show("deals without an order", None, 0)
        unknown_deals: dict[int, Record] = {}
        for record in self._crm.dated(self._report.period):
            key = record.properties.get(self._table.key_property) or ""
            number = self._crm.order_id(key)
            if (
                number
                and key not in self._deals
                and record.properties.get(self._crm.target.pipeline) == self._table.pipeline.id
            ):
                unknown_deals[number] = record
        for number in deleted_orders.missing_in_store(self._store, sorted(unknown_deals)):
            record = unknown_deals[number]
            if record.properties.get(STATUS) != TRASH and not self._store.has_order(number):
                mismatch = Mismatch(MismatchKind.DELETED, f"order:{number}", "deal", (record.id,), fix=GONE)
                self._named[mismatch.entity] = OrderName(number, "", record.properties.get(self._crm.target.name) or "")
                self._report.mismatches.append(mismatch)
                self._count_deal(record, "")

    # What changes while it is looked at

    def _set_aside_changing(self) -> None:
        """What changed since this began, or just before while messages still wait, is no difference yet."""
        if not self._report.mismatches:
            return
        since = shifted(self._report.began, -RECENTLY) if self._depth() else self._report.began
        moved = {entity for entity, modified in self._modified.items() if modified > since}
        for step in self._store.orders(ByDate(shifted(self._report.began, SECOND)), by=CHANGED):
            moved |= {f"order:{row.id}" for row in step.rows}
        waits = {MismatchKind.MISSING, MismatchKind.DIFFERING, MismatchKind.UNASSOCIATED, MismatchKind.WRONG_CONTACT}
        certain = [
            mismatch
            for mismatch in self._report.mismatches
            if mismatch.entity not in moved or mismatch.kind not in waits
        ]
        gone = {mismatch.entity for mismatch in self._report.mismatches} - {mismatch.entity for mismatch in certain}
        self._report.mismatches, self._report.on_their_way = certain, sorted(gone)

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _contacts(deal: Record) -> set[str]:
    """The ids of the contacts that woohub associated the deal with."""
    version = DealVersion.parse(deal.properties.get("woocommerce_order_version"))
    return {contact_id for contact_id in (version.contacts if version else None) or () if contact_id}


def _without_contact(link: _Link) -> Mismatch:
    return Mismatch(MismatchKind.UNASSOCIATED, link.entity, "deal", (link.deal.id,), detail=BARE)


def _made_in(period: Period, row: StoreRow) -> bool:
    """Whether it was made in the period; one without a date that can be true may have been."""
    return not row.created_at or period.holds(row.created_at)


def _amount(text: str | None) -> Decimal:
    try:
        return Decimal(text or "0")
    except InvalidOperation:
        return Decimal(0)
