"""What HubSpot has of an order beside deal and contact: an order of its own, and what the contact's deals come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from woohub.hubspot.answers import Record
from woohub.hubspot.client import BATCH, chunks
from woohub.store.payloads import OrderEvent
from woohub_cli.verify.comparison import Difference, Mismatch, MismatchKind, deal_mismatches
from woohub_cli.verify.hubspot_records import Crm


def order_mismatches(event: OrderEvent, records: Sequence[Record], orders: Crm) -> Iterator[Mismatch]:
    """What is wrong with HubSpot's order of this order; `records` are those with its key."""
    for mismatch in deal_mismatches(event, records, orders.target, orders.deal_schema):
        yield replace(mismatch, record=orders.target.type.singular)


def metrics_mismatches(crm: Crm, contacts: Mapping[str, Record], entities: Mapping[str, str]) -> Iterator[Mismatch]:
    """What contacts show of their deals, by the deals that HubSpot has; both by contact id."""
    for chunk in chunks(list(contacts.values()), BATCH):
        for record_id, change in crm.metrics_differences(chunk).items():
            current = contacts[record_id].properties
            differing = tuple(Difference(name, text, current.get(name)) for name, text in change.properties.items())
            if differing:
                yield Mismatch(MismatchKind.DIFFERING, entities[record_id], "contact", (record_id,), differing)
