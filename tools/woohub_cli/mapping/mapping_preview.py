"""Preview what HubSpot would get for one order by a mapping: every property of every record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from woohub.hubspot.answers import Record
from woohub.hubspot.objects import ORDERS
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import ITEM_KEY
from woohub.mapping.values import usable_email
from woohub.store.payloads import OrderEvent
from woohub.sync import values
from woohub_cli.cli_errors import Trouble
from woohub_cli.orders.order_diagnosis import InHubSpot
from woohub_cli.orders.order_names import Reference
from woohub_cli.orders.order_reading import OrderReading
from woohub_cli.stack.stacks import Stack
from woohub_cli.verify.comparison import Difference
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.line_items import shown

ABSENT = Record("", {})


@dataclass(frozen=True)
class PreviewRow:
    """One property of one record; "" for a missing value. `differs`: it would be written."""

    record: str  # contact, deal, order, or line item and its id in the store
    property: str
    hubspot: str
    mapping: str
    differs: bool


@dataclass(frozen=True)
class Preview:
    """All rows of an order."""

    order: str
    rows: Sequence[PreviewRow]
    new_deal: bool
    called: str  # the word for the order's record in HubSpot: deal or order
    notes: Sequence[str] = ()  # why records in HubSpot could not be read and are empty here
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)  # of pipelines and stages, by property and id


def of_order(asked: Reference, stack: Stack, env: dict[str, str], table: FieldMapping) -> Preview:
    """Read the order from the store and its records from HubSpot. Raises Trouble if either cannot be read."""
    known = OrderReading.of(asked, stack, env, table)
    crm, shop, hubspot = known.crm, known.shop, known.hubspot
    if shop.event is None:
        raise Trouble(shop.unreadable or shop.missing or f"the store has no order {asked.text}")
    if hubspot.missing and hubspot.missing != crm.lacks:  # setup creates what is lacking after the push
        raise Trouble(hubspot.missing)
    rows = [
        *_contact(shop.event, hubspot, table),
        *_deal(shop.event, hubspot, crm),
        *_order_beside(shop.event, hubspot, table),
        *_line_items(shop.event, hubspot, crm),
        *_metrics(shop.event, hubspot, crm, table),
    ]
    return Preview(
        str(known.lookup.name),
        rows,
        not hubspot.deals,
        crm.target.in_hubspot,
        [note for note in (hubspot.missing, hubspot.no_orders) if note],
        table.pipeline.labels | (table.orders.pipeline.labels if table.orders else {}),
    )


def _rows(
    record: str, current: Record | None, wanted: Mapping[str, str], differing: Iterable[Difference | str]
) -> list[PreviewRow]:
    names = {each if isinstance(each, str) else each.property for each in differing}
    has = (current or ABSENT).properties
    return [PreviewRow(record, name, has.get(name) or "", text, name in names) for name, text in wanted.items()]


def _differing(hubspot: InHubSpot, record: str) -> Iterator[Difference]:
    for mismatch in hubspot.mismatches:
        if mismatch.record == record:
            yield from mismatch.differences


def _contact(event: OrderEvent, hubspot: InHubSpot, table: FieldMapping) -> list[PreviewRow]:
    if event.order.is_anonymised:
        return []
    return _rows("contact", hubspot.contact, table.contact_from_order(event.order), _differing(hubspot, "contact"))


def _deal(event: OrderEvent, hubspot: InHubSpot, crm: Crm) -> list[PreviewRow]:
    """Return the rows of the order's deal, or of HubSpot's order if the mapping writes no deals."""
    target = crm.target
    deal = hubspot.deals[0] if hubspot.deals else None
    return _rows(target.type.singular, deal, target.table.deal(event.order), _differing(hubspot, "deal"))


def _order_beside(event: OrderEvent, hubspot: InHubSpot, table: FieldMapping) -> list[PreviewRow]:
    """Return the rows of HubSpot's order if the mapping writes both deals and orders."""
    if not (table.orders and table.has_deals):
        return []
    return _rows("order", hubspot.order, table.orders.deal(event.order), _differing(hubspot, ORDERS.singular))


def _line_items(event: OrderEvent, hubspot: InHubSpot, crm: Crm) -> Iterator[PreviewRow]:
    """Yield the rows of each item of the order, and of items in HubSpot that the order no longer has."""
    table = crm.target.table
    wanted = table.line_items.read(event.order) if table.line_items else None
    if table.line_items is None or wanted is None:
        return
    begins = f"{table.deal_key(event.order.id)}-"
    present = {(item.properties.get(ITEM_KEY) or "").removeprefix(begins): item for item in hubspot.items}
    for number, fields in wanted.items.items():
        item = present.pop(number, None)
        changed, _ = values.changed(
            fields, item.properties if item else {}, table.line_items.rules, crm.line_item_schema
        )
        yield from _rows(f"line item {number}", item, fields, set(changed) if item else set())
    for number, item in present.items():
        if (item.properties.get(ITEM_KEY) or "").startswith(begins):
            yield PreviewRow(f"line item {number}", "archived", shown(item.properties), "", differs=True)


def _metrics(event: OrderEvent, hubspot: InHubSpot, crm: Crm, table: FieldMapping) -> list[PreviewRow]:
    """Return the rows of the customer metrics, computed with this order as it would be written."""
    if not table.metrics or not usable_email(table.email(event.order)):
        return []
    deal = hubspot.deals[0] if hubspot.deals else ABSENT
    written = deal._replace(properties={**deal.properties, **crm.target.table.deal(event.order)})
    contact = hubspot.contact or ABSENT
    wanted, differing = crm.metrics_with(contact, written)
    return _rows("contact", contact, wanted, differing)
