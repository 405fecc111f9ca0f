"""Orders and accounts of erased people: what is from before the erasure is written as if the store had anonymised it.

The store's date of creation decides, corrected by how far the store's clock was ahead where woohub read it. Where it
cannot be believed (none, in the future, after the receipt, or by a clock that the date of the change shows to be
ahead), the order or account counts as one from before: nobody is brought back in case of doubt. What is made after the
erasure is a new relationship, with the person in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from woohub.dates import moved, utc_from_ms
from woohub.erasures import ErasedPeople
from woohub.store.payloads import ERASED_EMAIL, Customer, CustomerEvent, OrderEvent
from woohub.sync.records import Event
from woohub.sync.versions import Stamp, believable_dates

PERSON_ERASED = "person_erased"  # the note of such a delivery


def must_not_return(event: Event, keys: Iterable[str], people: ErasedPeople) -> bool:
    """Whether one of the records an event concerns is an erased person whom the event would bring back."""
    times = (people.erased_at(key) for key in keys)
    return any(at is not None and is_from_before(event, at) for at in times)


def forgotten_at(event: Event, address: str, people: ErasedPeople) -> int:
    """When the person of an event was erased (epoch milliseconds), if the event is from before; 0 if there is none."""
    at = people.erased_at(address)
    return at if at is not None and is_from_before(event, at) else 0


def is_from_before(event: Event, erased_at_ms: int) -> bool:
    """Whether an order or account was made before the moment, or may have been.

    Dates are whole seconds: what was made in the very second of the erasure counts as before it.
    """
    if not isinstance(event, OrderEvent | CustomerEvent) or event.received_ms <= erased_at_ms:
        return True
    thing = event.order if isinstance(event, OrderEvent) else event.customer
    by_store = believable_dates(thing, event.received_ms)
    created, modified = (moved(date, -event.ahead_s) if date else "" for date in by_store)
    is_credible = all(Stamp(date, event.received_ms).is_credible for date in (created, modified) if date)
    return not (created and is_credible and created > utc_from_ms(erased_at_ms))


def without_person(event: Event) -> Event:
    """The event as if the store had erased the person before."""
    if isinstance(event, OrderEvent):
        return replace(event, order=event.order.without_person())
    if isinstance(event, CustomerEvent):
        return replace(event, customer=Customer(id=event.customer.id, email=ERASED_EMAIL))
    return event
