"""Read one order from store, HubSpot, queues and logs, for `woohub why` and `woohub mapping preview`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from woohub.dates import utc_from_ms
from woohub.erasures import ErasedPeople
from woohub.errors import InvalidPayload, PermanentError, TransientError
from woohub.hubspot.answers import Record
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import STATUS
from woohub.mapping.values import usable_email
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub.store.client import Store
from woohub.store.payloads import TRASH, OrderEvent
from woohub.store.rows import StoreRow
from woohub.sync.contacts import ContactSnapshot, snapshot_of
from woohub_cli.cli_errors import EXPECTED, Trouble, explain
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.dlq.dead_letters import DeadLetter
from woohub_cli.erase import erasure_list
from woohub_cli.orders import order_lookup
from woohub_cli.orders.order_diagnosis import Address, InHubSpot, InStore, OrderDiagnosis
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_names import Reference
from woohub_cli.orders.store_deliveries import customer_event, order_event, without_erased
from woohub_cli.stack import connections, stack_status, traces
from woohub_cli.stack.stacks import Stack
from woohub_cli.verify import commerce, line_items
from woohub_cli.verify.comparison import association_mismatches, contact_mismatches, deal_mismatches, was_refused
from woohub_cli.verify.erased import is_named
from woohub_cli.verify.hubspot_records import Crm

CLIENT_TIMEOUT_S = 60.0  # for all calls to the store, and for all calls to HubSpot
LOG_MARGIN = timedelta(minutes=10)  # logs are read from so long before the order's last change: clocks differ
MAX_LOG_AGE = timedelta(days=14)  # older log lines are not read


@dataclass(frozen=True)
class OrderReading:
    """An order as the store and HubSpot have it."""

    crm: Crm
    lookup: Lookup
    shop: InStore
    hubspot: InHubSpot

    @classmethod
    def of(
        cls,
        asked: Reference,
        stack: Stack,
        env: dict[str, str],
        table: FieldMapping,
        say: Callable[[str], None] = lambda _what: None,
    ) -> OrderReading:
        """Read the order, with this mapping. `say` is called with the name of each stage.

        What cannot be read raises nothing: `missing` of `shop` and `hubspot` says why.
        """
        say("reading the store")
        crm = _crm_of(stack, env, table)
        store, lookup = _find_order(stack, env, crm, asked)
        shop = _without_erased(in_store(lookup, store), erasure_list.people(stack), table)
        say("reading HubSpot")
        return cls(crm, lookup, shop, in_hubspot(crm, store, shop, lookup.name.order_id))


def _find_order(stack: Stack, env: dict[str, str], crm: Crm, asked: Reference) -> tuple[Store | None, Lookup]:
    """Return the store (None if its key is not known) and the order that was named."""
    try:
        store = connections.store(stack, env)
    except Trouble as trouble:
        return None, order_lookup.in_hubspot(crm, asked, str(trouble))
    store.timer.start(CLIENT_TIMEOUT_S)
    return store, order_lookup.find(store, crm, asked)


def _without_erased(shop: InStore, people: ErasedPeople, table: FieldMapping) -> InStore:
    """Return the order without the person if `woohub erase` erased the person since: as the engine takes it."""
    if shop.event is None:
        return shop
    event, at_ms = without_erased(shop.event, table, people)
    return replace(shop, event=event, erased_at_ms=at_ms)


def in_store(lookup: Lookup, store: Store | None) -> InStore:
    """Return the order as the store has it."""
    row = lookup.row
    if row is None:
        return InStore(missing=lookup.missing)
    try:
        return InStore(row, order_event(row, _now_ms(), store.ahead_s if store else 0))
    except InvalidPayload as error:
        return InStore(row, unreadable=str(error))


def _crm_of(stack: Stack, env: dict[str, str], table: FieldMapping) -> Crm:
    """Return the HubSpot account with this mapping."""
    hubspot = connections.hubspot(stack, env)
    hubspot.caller.timer.start(CLIENT_TIMEOUT_S)
    return Crm(hubspot, table, connections.warn)


def in_hubspot(crm: Crm, store: Store | None, shop: InStore, order_id: int) -> InHubSpot:
    """Return the order's records in HubSpot, and where they differ from the store."""
    target = crm.target
    if not order_id:
        return InHubSpot(target)
    key = crm.key(order_id)
    try:
        lacks = crm.lacks
        deals = [] if lacks else crm.deals([key]).get(key, [])
        if shop.event is None:
            return InHubSpot(target, tuple(deals), missing=lacks)
        known = _compare_records(crm, shop.event, _account(store, shop.event), deals)
        for with_more in (_with_line_items, _with_order, _with_metrics):
            known = with_more(known, crm, shop.event)
        return replace(known, missing=lacks)
    except EXPECTED as error:
        return InHubSpot(target, missing=explain(error))


def _with_line_items(known: InHubSpot, crm: Crm, event: OrderEvent) -> InHubSpot:
    if not (crm.target.table.line_items and known.deals):
        return known
    deal = known.deals[0]
    items = crm.line_items_of([deal.id]).get(deal.id, [])
    wrong = line_items.mismatches(event, deal, items, crm.target, crm.line_item_schema)
    return replace(known, items=tuple(items), mismatches=(*known.mismatches, *wrong))


def _with_order(known: InHubSpot, crm: Crm, event: OrderEvent) -> InHubSpot:
    """Add HubSpot's own order, if the mapping writes one beside the deal."""
    orders = crm.orders_beside()
    if orders is None:
        return known
    key, lacks = orders.key(event.order.id), orders.lacks
    records = [] if lacks else orders.deals([key]).get(key, [])
    mismatches = (*known.mismatches, *commerce.order_mismatches(event, records, orders))
    return replace(known, order=records[0] if records else None, mismatches=mismatches, no_orders=lacks)


def _with_metrics(known: InHubSpot, crm: Crm, event: OrderEvent) -> InHubSpot:
    """Add the contact's customer metrics, as far as they are switched on."""
    metrics, contact = crm.target.table.metrics, known.contact
    if contact is None or metrics is None:
        return known
    wrong = commerce.metrics_mismatches(crm, {contact.id: contact}, {contact.id: f"order:{event.order.id}"})
    shown = {name: text for name in metrics.names if (text := contact.properties.get(name))}
    return replace(known, metrics=shown, mismatches=(*known.mismatches, *wrong))


def _account(store: Store | None, event: OrderEvent) -> StoreRow | None:
    """Return the account that placed the order; None for a guest, or if the store does not return the account."""
    if store is None or not event.order.customer_id:
        return None
    with suppress(PermanentError, TransientError):
        return store.customers_by_id([event.order.customer_id]).get(event.order.customer_id)
    return None


def _compare_records(crm: Crm, event: OrderEvent, account: StoreRow | None, deals: Sequence[Record]) -> InHubSpot:
    target, table = crm.target, crm.target.table
    mismatches = list(deal_mismatches(event, deals, target, crm.deal_schema))
    stage, wanted = _stages(event, deals, table)
    if event.order.is_anonymised:
        return InHubSpot(
            target, tuple(deals), _named_contact(crm, deals), tuple(mismatches), stage, wanted, Address.ERASED
        )
    seen = snapshot_of(event, table)
    email = seen.properties.get("email", "")
    address = Address.of(email)
    contact = crm.contacts([email]).get(email) if usable_email(email) else None
    refused = bool(deals) and contact is None and was_refused(event, deals[0].properties)
    if usable_email(email) and not refused and (deals or event.order.status != TRASH):
        snapshots = [seen, *_snapshots(account, event.ahead_s, email, table)]
        now = utc_from_ms(_now_ms())
        mismatches += contact_mismatches(f"order:{event.order.id}", snapshots, contact, table, crm.contact_schema, now)
    if deals and contact and event.order.status != TRASH:
        has = crm.contacts_of([deals[0].id]).get(deals[0].id, set())
        mismatches += association_mismatches(event.order.id, deals[0], contact.id, has, target)
    address = Address.REFUSED if refused and address is Address.USABLE else address
    return InHubSpot(target, tuple(deals), contact, tuple(mismatches), stage, wanted, address)


def _named_contact(crm: Crm, deals: Sequence[Record]) -> Record | None:
    """Return a contact of the deal that still has a person's name or address; None if there is none."""
    ids = crm.contacts_of([deals[0].id]).get(deals[0].id, set()) if deals else set()
    return next((contact for _, contact in sorted(crm.contacts_by_id(ids).items()) if is_named(contact)), None)


def _snapshots(account: StoreRow | None, ahead_s: int, email: str, table: FieldMapping) -> Iterator[ContactSnapshot]:
    """Yield the customer's data in the account, if the account has the order's e-mail address."""
    if account is None:
        return
    with suppress(InvalidPayload):
        if event := customer_event(account, _now_ms(), ahead_s):
            snapshot = snapshot_of(event, table)
            if snapshot.properties.get("email") == email:
                yield snapshot


def _stages(event: OrderEvent, deals: Sequence[Record], table: FieldMapping) -> tuple[str, str]:
    """Return the deal's stage and the stage for the order's status; both "" if HubSpot has an older status."""
    if not deals or deals[0].properties.get(STATUS) != event.order.status:
        return "", ""
    return deals[0].properties.get(table.pipeline.stage_property) or "", table.pipeline.stage(event.order.status)


def diagnosis(stack: Stack, asked: Reference, known: OrderReading) -> OrderDiagnosis:
    """Combine the reading with what queues, breaker and logs show."""
    entity = f"order:{known.lookup.name.order_id}"
    since = _log_since(known.shop)
    return OrderDiagnosis(
        asked=asked.text,
        lookup=known.lookup,
        store=known.shop,
        hubspot=known.hubspot,
        stack=stack_status.read(stack),
        letters=tuple(_letters(stack, entity)),
        traces=traces.read(stack, entity, int(since.timestamp() * 1000)),
        reconciled_until=_reconciled_until(stack),
    )


def _log_since(shop: InStore) -> datetime:
    longest = datetime.now(UTC) - MAX_LOG_AGE
    if shop.row is None:
        return longest
    changed = datetime.fromisoformat(shop.row.modified_at).replace(tzinfo=UTC)
    return max(longest, changed - LOG_MARGIN)


def _letters(stack: Stack, entity: str) -> list[DeadLetter]:
    sqs, url = stack.aws.sqs, stack.output("DeadLetterQueueUrl")
    with dead_letter_queue.peek_all(sqs, url) as letters:
        return [letter for letter in letters.values() if (letter.store, letter.entity) == (stack.store, entity)]


def _reconciled_until(stack: Stack) -> str:
    name = stack.outputs.get("WatermarkParameter")
    mark = WatermarkParameter(stack.aws.ssm, name).read() if name else ""
    return mark.orders.moment if isinstance(mark, Watermark) else ""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
