"""Find deals whose orders the store has no more: orders deleted for good, of which a store sends no event."""

from __future__ import annotations

from urllib.parse import quote

from woohub.hubspot import answers
from woohub.hubspot.answers import Record
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import KEY, STATUS
from woohub.store.client import Store
from woohub.store.payloads import TRASH

DEALS_PER_PAGE = 100  # the most HubSpot gives


def undeleted_deal_page(hubspot: HubSpot, mapping: FieldMapping, after: str) -> tuple[list[int], str | None]:
    """The orders of one page of deals that are not in the trash yet, and the cursor of the next page (None: no more).

    Only deals of our pipeline with a key of ours: others belong to other stores or were made by hand. HubSpot's orders
    where the mapping has those instead.
    """
    cursor = f"&after={quote(after)}" if after else ""
    kind, mapping = ("deals", mapping) if mapping.has_deals or not mapping.orders else ("orders", mapping.orders)
    names = ",".join((mapping.pipeline.id_property, KEY, STATUS))
    path = f"{hubspot.paths.objects}/{kind}?limit={DEALS_PER_PAGE}&properties={names}{cursor}"
    answer = answers.with_results(hubspot.get(path), path)
    ids = [_order_id(record, mapping) for record in answers.records(answer)]
    return [order_id for order_id in ids if order_id], answers.next_page(answer)


def missing_in_store(store: Store, order_ids: list[int]) -> list[int]:
    """Those that the store does not list, in the trash or out of it.

    Among them are drafts, and orders whose status was a plugin's that is gone: ask for each by its id.
    """
    listed = store.orders_by_id(order_ids)
    return [order_id for order_id in order_ids if order_id not in listed and not store.leaves_out("order", order_id)]


def _order_id(deal: Record, mapping: FieldMapping) -> int:
    """The order of a deal that is ours and not in the trash; 0 for any other."""
    live = deal.properties.get(STATUS) != TRASH and mapping.pipeline.holds(deal.properties)
    return mapping.order_id(deal.properties.get(mapping.key_property) or "") if live else 0
