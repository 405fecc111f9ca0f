"""An invented HubSpot object, which shows what a new one needs: a row for the object and a module for its records.

A parcel stands for one item of an order. It is found by `<order>-<item>`, follows its order's versions and belongs to
the order's deal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from simulators.hubspot import SimulatedPortal, definitions
from woohub.hubspot.answers import Record
from woohub.hubspot.objects import DEALS, ObjectType
from woohub.hubspot.properties import PropertySchema
from woohub.store.payloads import OrderEvent
from woohub.sync.deals import state_of
from woohub.sync.records import Change, Event, Link, RecordResult, Ref, Remark, Results
from woohub.sync.versions import DealVersion, OrderState

PARCELS = ObjectType(
    "parcels",
    "parcel",
    "2-42",
    key="woocommerce_parcel_id",
    version="woocommerce_parcel_version",
    association_type_ids={"deals": 901},
)
PROPERTIES = ("woocommerce_parcel_id", "woocommerce_parcel_version", "parcel_name", "parcel_status")


@dataclass(frozen=True)
class Parcel:
    """One item of an order in one delivery."""

    order: OrderEvent
    name: str


@dataclass(frozen=True)
class ParcelKind:
    """See RecordKind."""

    type: ObjectType = PARCELS
    needs: tuple[ObjectType, ...] = (DEALS,)
    properties: tuple[str, ...] = PROPERTIES

    def facts(self, event: Event) -> Iterable[tuple[str, Parcel]]:
        if isinstance(event, OrderEvent):
            for item in event.order.line_items or ():
                yield f"{event.order.id}-{item.get('id')}", Parcel(event, str(item["name"]))

    def remarks(self, _event: Event, *, has_facts: bool) -> Iterable[Remark]:
        return ()

    def plan(
        self, facts: Sequence[Parcel], current: Record | None, schema: PropertySchema, related: Results
    ) -> Change | None:
        values = current.properties if current else {}
        version = DealVersion.parse(values.get(PARCELS.version))
        stored = OrderState(version.modified_at, version.received_ms, "") if version else None
        newest, state = None, stored
        for parcel in sorted(facts, key=lambda parcel: parcel.order.received_ms):
            if state_of(parcel.order).supersedes(state):
                newest, state = parcel, state_of(parcel.order)
        if newest is None or state is None:
            return None
        deal = related[Ref(DEALS, str(newest.order.order.id))].record_id
        wanted = {"parcel_name": newest.name, "parcel_status": newest.order.order.status}
        properties = {name: value for name, value in wanted.items() if not schema.equal(name, values.get(name), value)}
        links = () if version and version.contacts == (deal,) else (Link(DEALS, deal),)
        if current is None:
            properties[PARCELS.key] = f"{newest.order.order.id}-{_item_id(newest)}"
        if properties or links or state.deserves_a_version(stored):
            properties[PARCELS.version] = str(DealVersion(state.modified_at, state.received_ms, (deal,)))
        return Change(properties, associate=links)

    def goes_without(self, _needed: RecordResult) -> str:
        return ""


def _item_id(parcel: Parcel) -> object:
    items = parcel.order.order.line_items or []
    return next(item.get("id") for item in items if item["name"] == parcel.name)


@contextmanager
def known_to_simulators() -> Iterator[None]:
    """Portals created in this context have parcels besides contacts and deals."""
    row = definitions.ObjectType("2-42", "parcels", "parcel", "hs_lastmodifieddate", ("parcel_name",))
    names = dict.fromkeys((row.id, row.plural, row.singular), row)
    ends = {(row.id, definitions.DEALS.id): 901, (definitions.DEALS.id, row.id): 902}
    with patch.dict(definitions.OBJECT_TYPES, names), patch.dict(definitions.ASSOCIATION_TYPES, ends):
        yield


def provision_parcels(portal: SimulatedPortal) -> None:
    """Create the properties of parcels in a portal."""
    kind = definitions.OBJECT_TYPES["parcels"]
    portal.schema.create_group(kind, {"name": "woocommerce", "label": "WooCommerce"})
    for name in PROPERTIES:
        body = {"name": name, "label": name, "type": "string", "fieldType": "text", "groupName": "woocommerce"}
        unique = name == PARCELS.key
        portal.schema.create_property(kind, {**body, "hasUniqueValue": unique}, portal.settings, portal.now())
