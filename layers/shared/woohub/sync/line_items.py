"""Line items, the parts of a deal: one for each item of the deal's order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from woohub.hubspot.objects import DEALS, LINE_ITEMS, ObjectType
from woohub.mapping.line_items import LineItemMapping, OrderItems
from woohub.mapping.mapping_file import ITEMS_NOTE, ITEMS_STATE
from woohub.store.payloads import Order, OrderEvent
from woohub.sync import values
from woohub.sync.records import Parts, PartSet

PENDING = "pending"
AMOUNT = "amount"  # HubSpot may compute a deal's amount from its line items


class ItemsState(NamedTuple):
    """A deal's note on its line items: `digest`, or `digest|pending|amount` until all of them are written.

    `amount` is written to the deal again after that, because HubSpot may have replaced it by the line items' sum.
    """

    digest: str
    pending: bool = False
    amount: str = ""

    @classmethod
    def of(cls, text: str | None) -> ItemsState:
        """Read the deal's property, which is missing or empty if the deal never had line items."""
        digest, pending, amount = [*(text or "").split("|"), "", ""][:3]
        return cls(digest, bool(pending), amount)

    def __str__(self) -> str:
        return f"{self.digest}|{PENDING}|{self.amount}" if self.pending else self.digest


def announced(order: Order | None, deal: values.Current, line_items: LineItemMapping | None) -> dict[str, str]:
    """Return what the deal notes about its newest order's items before they are written; {} if HubSpot has them.

    `deal` has the deal's values, including those that are about to be written.
    """
    items = line_items.read(order) if line_items and order else None
    known = ItemsState.of(deal.get(ITEMS_STATE))
    if items is None or known == ItemsState(items.digest):
        return {}
    state = ItemsState(items.digest, pending=True, amount=deal.get(AMOUNT) or "")
    return {} if state == known else {ITEMS_STATE: str(state)}


@dataclass(frozen=True)
class LineItems(Parts):
    """The Parts of one store's deals: their line items."""

    line_items: LineItemMapping
    type: ObjectType = LINE_ITEMS
    of: ObjectType = DEALS

    @property
    def properties(self) -> tuple[str, ...]:
        return tuple(self.line_items.rules)

    def wanted(self, key: str, facts: Sequence[object], properties: Mapping[str, str | None]) -> PartSet | None:
        """Return the line items that the deal's note announces, if one of these events has them."""
        state = ItemsState.of(properties.get(ITEMS_STATE))
        if not state.pending:
            return None
        for event in facts:
            if not isinstance(event, OrderEvent):
                continue
            items = self.line_items.read(event.order)
            if items and items.digest == state.digest:
                parts = {f"{key}-{item}": fields for item, fields in items.items.items()}
                gone = self.line_items.personal if event.order.is_anonymised else ()
                return PartSet(parts, self.line_items.rules, _finished_values(state, items, properties), gone)
        return None

    def is_part(self, key: str, part: str) -> bool:
        return part.startswith(f"{key}-")


def _finished_values(state: ItemsState, items: OrderItems, deal: Mapping[str, str | None]) -> dict[str, str]:
    """Return what the deal gets once all items are written: their digest, the note on those left out, the amount."""
    finished = {ITEMS_STATE: items.digest}
    if items.note != (deal.get(ITEMS_NOTE) or ""):
        finished[ITEMS_NOTE] = items.note
    return finished | ({AMOUNT: state.amount} if state.amount else {})
