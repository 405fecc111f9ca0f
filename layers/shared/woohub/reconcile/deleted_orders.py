"""Find deals whose orders were deleted from the store for good, of which a store sends no event."""

from __future__ import annotations

from urllib.parse import quote

from woohub.hubspot import answers
from woohub.hubspot.answers import Record
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import KEY, STATUS
from woohub.store.client import Store
from woohub.store.payloads import TRASH

DEALS_PER_PAGE = 100  # HubSpot's largest page


def undeleted_deal_page(hubspot: HubSpot, mapping: FieldMapping, after: str) -> tuple[list[int], str | None]:
    """Return the order ids of one page of deals that are not in the trash, and the next page's cursor (None: the end).

    Deals of other pipelines, or with keys of other stores, are left out. If the mapping has HubSpot's orders in place
    of deals, these are read.
    """
    cursor = f"&after={quote(after)}" if after else ""
    kind, mapping = ("deals", mapping) if mapping.has_deals or not mapping.orders else ("orders", mapping.orders)
    names = ",".join((mapping.pipeline.id_property, KEY, STATUS))
    path = f"{hubspot.paths.objects}/{kind}?limit={DEALS_PER_PAGE}&properties={names}{cursor}"
    answer = answers.with_results(hubspot.get(path), path)
    ids = [_order_id(record, mapping) for record in answers.records(answer)]
    return [order_id for order_id in ids if order_id], answers.next_page(answer)


def missing_in_store(store: Store, order_ids: list[int]) -> list[int]:
    """Return the orders that the store does not list, neither in the trash nor outside.

    They may still exist, as drafts or in a removed plugin's status, so look up each by its id.
    """
    listed = store.orders_by_id(order_ids)
    return [order_id for order_id in order_ids if order_id not in listed and not store.leaves_out("order", order_id)]


def _order_id(deal: Record, mapping: FieldMapping) -> int:
    """Return the order id of a deal; 0 if the deal is in the trash, or is not this store's."""
    live = deal.properties.get(STATUS) != TRASH and mapping.pipeline.holds(deal.properties)
    return mapping.order_id(deal.properties.get(mapping.key_property) or "") if live else 0
