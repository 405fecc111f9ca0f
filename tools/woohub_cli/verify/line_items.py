"""Compare a deal's line items with the order's items: each item, and the sum."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from woohub.hubspot.answers import Record
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import ITEM_KEY
from woohub.store.payloads import OrderEvent
from woohub.sync import values
from woohub.sync.parts import usual_key
from woohub_cli.targets import Target
from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind, newer_version

RECORD = "line items"  # the `record` of a Mismatch


def mismatches(
    event: OrderEvent, deal: Record, items: Sequence[Record], target: Target, schema: PropertySchema
) -> list[Mismatch]:
    """Return what is wrong with the line items of an order's deal. Items that people added are ignored."""
    differences = tuple(_differences(event, items, target.table, schema))
    if not differences:
        return []
    fix = newer_version(event, deal.properties, target)
    return [Mismatch(MismatchKind.DIFFERING, f"order:{event.order.id}", RECORD, (deal.id,), differences, fix=fix)]


def _differences(
    event: OrderEvent, items: Sequence[Record], table: FieldMapping, schema: PropertySchema
) -> Iterator[Difference]:
    wanted = table.line_items.read(event.order) if table.line_items else None
    if table.line_items is None or wanted is None:
        return
    begins = f"{table.deal_key(event.order.id)}-"
    made = [record for record in items if _key(record).startswith(begins)]
    store, hubspot = _sum(wanted.items.values()), _sum(record.properties for record in made)
    present = {usual_key(_key(record)): record for record in reversed(made)}
    for number, fields in wanted.items.items():
        record = present.get(f"{begins}{number}")
        if record is None:
            yield Difference(f"item {number}", shown(fields), None)
            continue
        made.remove(record)
        changed, _left_out = values.changed(fields, record.properties, table.line_items.rules, schema)
        for name, text in changed.items():
            yield Difference(f"item {number} {name}", text, record.properties.get(name))
    for record in made:
        yield Difference(f"item {_key(record).removeprefix(begins)}", "", shown(record.properties))
    if store != hubspot:
        yield Difference("sum of the items", f"{store:.2f}", f"{hubspot:.2f}")


def _key(record: Record) -> str:
    return record.properties.get(ITEM_KEY) or ""


def shown(item: Mapping[str, str | None]) -> str:
    """Return an item for people: `2 x Mug`."""
    return f"{item.get('quantity') or '?'} x {item.get('name') or 'without a name'}"


def _sum(items: Iterable[Mapping[str, str | None]]) -> Decimal:
    total = Decimal(0)
    for item in items:
        price, discount, quantity = (amount(item.get(name)) for name in ("price", "discount", "quantity"))
        total += (price - discount) * quantity
    return round(total, 2)


def amount(text: str | None) -> Decimal:
    """Return a number as HubSpot writes it; 0 if the text is none."""
    try:
        return Decimal(text or "0")
    except InvalidOperation:
        return Decimal(0)
