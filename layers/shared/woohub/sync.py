"""One batch of deliveries becomes contacts and deals: parse, coalesce, settle contacts, settle deals, report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from woohub import plans, woocommerce
from woohub.answers import invalid_email
from woohub.contacts import ContactDesk
from woohub.deals import DealDesk, Written
from woohub.errors import Fault, InvalidMessage, InvalidPayload, PermanentError, Refused, TransientError
from woohub.hubspot import HubSpot, Tally
from woohub.mapping import Mapping as FieldMapping
from woohub.mapping import usable_email
from woohub.portal import Portal, Warn
from woohub.rounds import Settled, settle
from woohub.throttle import Timer
from woohub.webhooks import Delivery
from woohub.woocommerce import CustomerEvent, Ignored, OrderEvent, OrderTrashed


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery on its way through the queue, or why it could not be read."""

    id: str
    delivery: Delivery | InvalidMessage
    receive_count: int = 1

    @property
    def entity(self) -> str:
        """`order:1234`, or `unknown`."""
        return (self.delivery.entity if isinstance(self.delivery, Delivery) else "") or "unknown"


class Verdict(StrEnum):
    """What becomes of a message."""

    DONE = "done"  # HubSpot is right; delete it
    IGNORED = "ignored"  # nothing in HubSpot is concerned; delete it
    RETRY = "retry"  # leave it on the queue
    REJECTED = "rejected"  # to the dead-letter queue, with the reason


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict on one message, with the error behind a retry or a rejection."""

    message: Message
    verdict: Verdict
    error: PermanentError | TransientError | None = None
    tries: int = 1
    note: str = ""
    broke: str = ""  # the path of the call that it broke all by itself
    contact_id: str = ""  # HubSpot's, where the message became one
    deal_id: str = ""

    def facts(self) -> dict[str, object]:
        """For a log line: no personal data, so HubSpot's own words on a refusal are left to the dead-letter queue."""
        delivery = self.message.delivery if isinstance(self.message.delivery, Delivery) else None
        problem = self.error.problem if isinstance(self.error, Refused) else None
        return {
            "entity": self.message.entity,
            "topic": delivery.topic if delivery else "",
            "delivery_id": delivery.delivery_id if delivery else "",
            "message_id": self.message.id,
            "receive_count": self.message.receive_count,
            "verdict": self.verdict.value,
            "contact_id": self.contact_id,
            "deal_id": self.deal_id,
            "note": self.note,
            "error": type(self.error).__name__ if self.error else "",
            "fault": str(self.error) if isinstance(self.error, Fault) else "",
            "status": problem.status if problem else 0,
            "category": (problem.code or problem.category) if problem else "",
            "property": ", ".join(problem.properties) if problem else "",
            "correlation_id": problem.correlation_id if problem else "",
        }


NOTHING = Settled()  # of a message that is not about a contact, or not about a deal


@dataclass(frozen=True, slots=True)
class _Concern:
    """What a message is about: a contact by address, a deal by order key, or both."""

    message: Message
    email: str = ""
    order: str = ""


@dataclass
class _Batch:
    """A batch sorted out: what is decided, and each contact and order with everything said about it."""

    outcomes: list[Outcome] = field(default_factory=list)
    concerns: list[_Concern] = field(default_factory=list)
    captures: dict[str, list[plans.Capture]] = field(default_factory=dict)
    orders: dict[str, list[OrderEvent | OrderTrashed]] = field(default_factory=dict)


class Sync:
    """The engine. It keeps what outlives a batch: the portal's definitions and the deals it made."""

    def __init__(self, hubspot: HubSpot, portal: Portal, mapping: FieldMapping, timer: Timer, warn: Warn) -> None:
        self._hubspot = hubspot
        self._portal = portal
        self._mapping = mapping
        self._timer = timer
        self._warn = warn
        self._written = Written()

    def sync(self, messages: Iterable[Message]) -> list[Outcome]:
        """Bring HubSpot up to date with these messages; one outcome each, none raised."""
        batch = _Batch()
        for message in messages:
            self._sort_in(message, batch)
        contacts = self._settle_contacts(batch)
        deals = self._settle_deals(batch, contacts)
        return batch.outcomes + [self._outcome(concern, contacts, deals) for concern in batch.concerns]

    def tally(self) -> Tally:
        """How the batch calls went since this was last asked."""
        tally, self._hubspot.tally = self._hubspot.tally, Tally()
        return tally

    def _sort_in(self, message: Message, batch: _Batch) -> None:
        try:
            event = _event(message)
            if isinstance(event, Ignored):
                batch.outcomes.append(Outcome(message, Verdict.IGNORED, note=event.reason))
            else:
                self._coalesce(message, event, batch)
        except (InvalidMessage, InvalidPayload) as error:
            batch.outcomes.append(Outcome(message, Verdict.REJECTED, error))

    def _coalesce(self, message: Message, event: OrderEvent | OrderTrashed | CustomerEvent, batch: _Batch) -> None:
        """File the event under its customer and its order: each is written once, in its newest version."""
        email, order = "", ""
        if not isinstance(event, OrderTrashed) and not _is_erased(event):
            seen = plans.capture(event, self._mapping)
            email = self._address(message, event, seen)
            if email:
                batch.captures.setdefault(email, []).append(seen)
        if isinstance(event, OrderEvent) and not self._mapping.is_known(event.order.status):
            self._warn("order_status_without_stage", entity=message.entity, status=event.order.status)
        if not isinstance(event, CustomerEvent):
            order = self._mapping.deal_key(plans.order_id(event))
            batch.orders.setdefault(order, []).append(event)
        if email or order:
            batch.concerns.append(_Concern(message, email, order))
        else:
            batch.outcomes.append(Outcome(message, Verdict.IGNORED, note="customer_without_email"))

    def _address(self, message: Message, event: OrderEvent | CustomerEvent, seen: plans.Capture) -> str:
        email = seen.properties.get("email", "")
        if usable_email(email):
            return email
        if email and isinstance(event, CustomerEvent):
            raise InvalidPayload("email: not an address HubSpot could take; correct it in the store's customer account")
        self._warn("order_without_usable_email", entity=message.entity)
        return ""

    def _settle_contacts(self, batch: _Batch) -> dict[str, Settled]:
        desk = ContactDesk(self._hubspot, self._portal, self._mapping, batch.captures)
        return settle(desk, list(batch.captures), self._timer)

    def _settle_deals(self, batch: _Batch, contacts: Mapping[str, Settled]) -> dict[str, Settled]:
        """Settle the deals whose contact is settled; one whose address HubSpot refused is made without a contact."""
        failed = {email: one for email, one in contacts.items() if one.error and not _refused_address(one)}
        held = {one.order: failed[one.email] for one in batch.concerns if one.order and one.email in failed}
        ids = {email: settled.record_id for email, settled in contacts.items() if settled.record_id}
        desk = DealDesk(
            self._hubspot, self._portal, self._mapping, batch.orders, ids, self._written, self._timer, self._warn
        )
        return held | settle(desk, [order for order in batch.orders if order not in held], self._timer)

    def _outcome(self, concern: _Concern, contacts: Mapping[str, Settled], deals: Mapping[str, Settled]) -> Outcome:
        contact, deal = contacts.get(concern.email, NOTHING), deals.get(concern.order, NOTHING)
        settled = deal if concern.order else contact
        if concern.order and _refused_address(contact):
            self._warn("order_without_usable_email", entity=concern.message.entity)
        return Outcome(
            concern.message,
            _verdict(settled.error),
            settled.error,
            settled.tries,
            broke=settled.broke,
            contact_id=contact.record_id,
            deal_id=deal.record_id,
        )


def _verdict(error: Refused | TransientError | None) -> Verdict:
    if error is None:
        return Verdict.DONE
    return Verdict.REJECTED if isinstance(error, Refused) else Verdict.RETRY


def _event(message: Message) -> OrderEvent | OrderTrashed | CustomerEvent | Ignored:
    if isinstance(message.delivery, InvalidMessage):
        raise message.delivery
    return woocommerce.parse(message.delivery)


def _is_erased(event: OrderEvent | CustomerEvent) -> bool:
    """Whether the store has erased the person: nothing of it may make or change a contact."""
    if isinstance(event, OrderEvent):
        return event.order.is_anonymised
    return event.customer.email.strip().lower() == woocommerce.ERASED_EMAIL


def _refused_address(contact: Settled) -> bool:
    return isinstance(contact.error, Refused) and invalid_email(contact.error.problem)
