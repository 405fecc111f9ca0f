"""Compare the store's orders with their deals in HubSpot, and with their line items."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from woohub.errors import InvalidPayload
from woohub.hubspot.answers import Record
from woohub.mapping.values import usable_email
from woohub.store.cursors import ByDate, Cursor, Page
from woohub.store.pagination import CHANGED
from woohub.store.payloads import TRASH, OrderEvent
from woohub.store.rows import StoreRow
from woohub.sync.contacts import snapshot_of
from woohub.sync.versions import DealVersion
from woohub_cli.load.latency import Lag, epoch
from woohub_cli.orders import order_names, order_pages
from woohub_cli.orders.store_deliveries import order_event, without_erased
from woohub_cli.period import SECOND, shifted
from woohub_cli.verify import line_items
from woohub_cli.verify.commerce import order_mismatches
from woohub_cli.verify.comparison import Mismatch, MismatchKind, deal_mismatches, was_refused
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.verification_run import Link, Seen, VerificationRun, made_in

OLD = "a store older than WooCommerce 5.8 cannot list changed orders: only orders created in the period are compared"
CORRECT_IT = "correct it in the store and save it"


def compare_orders(run: VerificationRun) -> None:
    """Compare every order of the period, and note its customer for `compare_contacts`. Raises the clients' errors."""
    for rows in _pages(run):
        _check_orders(run, rows)


def _pages(run: VerificationRun) -> Iterator[list[StoreRow]]:
    """Yield the orders created or changed in the period, trash included, page by page and each order once."""
    total, old = _total(run), order_pages.is_old(run.store)
    if old:
        run.report.notes[OLD] += 1
    known: set[int] = set()
    for walk in _walks(run, old=old):
        for step in walk:
            rows = [row for row in step.rows if not old or made_in(run.period, row)]
            new = {row.id: row for row in rows if row.id not in known}
            known |= new.keys()
            run.show("orders", total, len(known))
            if new:
                yield list(new.values())


def _walks(run: VerificationRun, *, old: bool) -> Iterator[Iterator[Page[Cursor]]]:
    """Yield listings that together have all orders created or changed in the period.

    Orders changed in it are those created in it, too, unless they changed again after its end.
    """
    for status in ("any", TRASH):
        if not old:
            yield run.store.orders(ByDate(run.period.since), by=CHANGED, status=status, until=run.period.until)
        if old or run.period.until:
            yield order_pages.made(run.store, order_pages.start(run.period, old=old), run.period, status, old=old)


def _total(run: VerificationRun) -> int:
    asked = {"modified_after": shifted(run.period.since, -SECOND), "dates_are_gmt": "true"}
    if run.period.until:
        asked["modified_before"] = shifted(run.period.until, SECOND)
    return run.store.count("orders", status="any", **asked)


def _check_orders(run: VerificationRun, rows: Sequence[StoreRow]) -> None:
    run.named.update({f"order:{row.id}": order_names.of_order(row.fields) for row in rows})
    events = [event for row in rows for event in _read(run, row)]
    deals = run.crm.deals([run.table.deal_key(event.order.id) for event in events])
    for event in events:
        _check_order(run, event, deals.get(run.table.deal_key(event.order.id), []))
    if run.beside:
        _check_orders_beside(run, events, run.beside)
    if run.table.line_items:
        _check_line_items(run, events, deals)


def _check_orders_beside(run: VerificationRun, events: Sequence[OrderEvent], crm: Crm) -> None:
    """Compare HubSpot's orders of the same orders. A missing contact is not reported twice."""
    records = crm.deals([crm.key(event.order.id) for event in events])
    for event in events:
        of_order = records.get(crm.key(event.order.id), [])
        run.report.mismatches += order_mismatches(event, of_order, crm)


def _check_line_items(run: VerificationRun, events: Sequence[OrderEvent], deals: Mapping[str, list[Record]]) -> None:
    of_event = [(event, deals[key][0]) for event in events if (key := run.table.deal_key(event.order.id)) in deals]
    items = run.crm.line_items_of([deal.id for _, deal in of_event])
    for event, deal in of_event:
        run.report.mismatches += line_items.mismatches(
            event, deal, items.get(deal.id, []), run.crm.target, run.crm.line_item_schema
        )


def _read(run: VerificationRun, row: StoreRow) -> Iterator[OrderEvent]:
    """Yield the order as the engine reads it; nothing for a draft or an order that cannot be read."""
    try:
        event = order_event(row, run.now_ms(), run.store.ahead_s)
    except InvalidPayload as error:
        mismatch = Mismatch.of_order(MismatchKind.UNREADABLE, row.id, run.crm.target, detail=str(error), fix=CORRECT_IT)
        run.report.mismatches.append(mismatch)
        return
    if event:
        event, erased_at_ms = without_erased(event, run.table, run.people)
        run.report.forgotten += bool(erased_at_ms)
        yield event


def _check_order(run: VerificationRun, event: OrderEvent, records: list[Record]) -> None:
    order, key = event.order, run.table.deal_key(event.order.id)
    entity = f"order:{order.id}"
    run.report.orders += 1
    run.modified[entity] = order.modified_at
    run.deals[key] = {record.id for record in records}
    mismatches = list(deal_mismatches(event, records, run.crm.target, run.crm.deal_schema))
    run.report.mismatches += run.currencies.without_refusals(event, records[0], mismatches) if records else mismatches
    _count_order(run, event, records)
    if order.customer_id:
        run.accounts.add(order.customer_id)
    if records:
        _time(run, event, records[0])
    if order.status != TRASH or records:
        _note_contact(run, event, entity, records)


def _note_contact(run: VerificationRun, event: OrderEvent, entity: str, records: list[Record]) -> None:
    if event.order.is_anonymised:
        run.report.anonymised += 1
        if records:
            run.anonymised[entity] = records[0].id
        return
    snapshot = snapshot_of(event, run.table)
    email = snapshot.properties.get("email", "")
    if not usable_email(email):
        return
    run.seen.setdefault(email, []).append(Seen(entity, snapshot))
    if records and was_refused(event, records[0].properties):
        run.refused.add(email)
    if records and event.order.status != TRASH:
        run.links.append(Link(event.order.id, records[0], email))


def _count_order(run: VerificationRun, event: OrderEvent, records: Sequence[Record]) -> None:
    order = event.order
    if order.status != TRASH and run.report.period.holds(order.created_at):
        totals = run.totals(order.created_at[:10], order.currency)
        totals.orders += 1
        totals.orders_sum += Decimal(order.total)
    for record in records:
        run.count_deal(record, order.currency)


def _time(run: VerificationRun, event: OrderEvent, deal: Record) -> None:
    """Record how long this state of the order took, if HubSpot has exactly this state."""
    version = DealVersion.parse(deal.properties.get("woocommerce_order_version"))
    happened = epoch(f"{event.order.modified_at}Z")
    if version is None or happened is None or version.modified_at != event.order.modified_at:
        return
    created, touched = (epoch(deal.properties.get(name)) for name in ("createdate", "hs_lastmodifieddate"))
    arrived = created if created is not None and created >= happened else touched
    if arrived is not None:
        run.report.lags.add(Lag(happened, version.received_ms / 1000, arrived, f"order:{event.order.id}"))
