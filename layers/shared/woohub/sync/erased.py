"""Treat orders and accounts of erased people that are older than the erasure as if the store had anonymised them.

The store's date of creation decides. If woohub read the record, the date is corrected by how far the store's clock was
ahead. If the date cannot be believed (it is missing, lies in the future or after the receipt, or the date of the change
shows that the clock was ahead), the order or account counts as older: in case of doubt nobody is written again. An
order or account that was created after the erasure is a new relationship, and is written with the person.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from woohub.dates import moved, utc_from_ms
from woohub.erasures import ErasedPeople
from woohub.store.payloads import ERASED_EMAIL, Customer, CustomerEvent, OrderEvent
from woohub.sync.records import Event
from woohub.sync.versions import Stamp, believable_dates

PERSON_ERASED = "person_erased"  # the note in the log line of such a delivery


def must_not_return(event: Event, keys: Iterable[str], people: ErasedPeople) -> bool:
    """Whether one of the `keys` is the address of an erased person whom this event would write again."""
    times = (people.erased_at(key) for key in keys)
    return any(at is not None and is_from_before(event, at) for at in times)


def forgotten_at(event: Event, address: str, people: ErasedPeople) -> int:
    """Return when the person was erased (epoch milliseconds); 0 if never, or if the event is newer than that."""
    at = people.erased_at(address)
    return at if at is not None and is_from_before(event, at) else 0


def is_from_before(event: Event, erased_at_ms: int) -> bool:
    """Whether an order or account was created before the erasure, or may have been.

    Dates are whole seconds: one that was created in the same second counts as before.
    """
    if not isinstance(event, OrderEvent | CustomerEvent) or event.received_ms <= erased_at_ms:
        return True
    thing = event.order if isinstance(event, OrderEvent) else event.customer
    by_store = believable_dates(thing, event.received_ms)
    created, modified = (moved(date, -event.ahead_s) if date else "" for date in by_store)
    is_credible = all(Stamp(date, event.received_ms).is_credible for date in (created, modified) if date)
    return not (created and is_credible and created > utc_from_ms(erased_at_ms))


def without_person(event: Event) -> Event:
    """Return the event as if the store had erased the person before."""
    if isinstance(event, OrderEvent):
        return replace(event, order=event.order.without_person())
    if isinstance(event, CustomerEvent):
        return replace(event, customer=Customer(id=event.customer.id, email=ERASED_EMAIL))
    return event
