"""Compare HubSpot's orders beside deals, and the customer metrics of contacts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, chunks
from woohub.store.payloads import OrderEvent
from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind, deal_mismatches
from woohub_cli.verify.hubspot_records import Crm


def order_mismatches(event: OrderEvent, records: Sequence[Record], orders: Crm) -> Iterator[Mismatch]:
    """Yield what is wrong with HubSpot's order for this order. `records` are those with its key."""
    for mismatch in deal_mismatches(event, records, orders.target, orders.deal_schema):
        yield replace(mismatch, record=orders.target.type.singular)


def metrics_mismatches(crm: Crm, contacts: Mapping[str, Record], entities: Mapping[str, str]) -> Iterator[Mismatch]:
    """Yield the metrics that differ from what the contacts' deals in HubSpot add up to.

    `contacts` and `entities` (such as "order:26") are by contact id.
    """
    for chunk in chunks(list(contacts.values()), BATCH):
        for record_id, change in crm.metrics_differences(chunk).items():
            current = contacts[record_id].properties
            differing = tuple(Difference(name, text, current.get(name)) for name, text in change.properties.items())
            if differing:
                yield Mismatch(MismatchKind.DIFFERING, entities[record_id], "contact", (record_id,), differing)
