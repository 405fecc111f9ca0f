"""What store, HubSpot, queues and logs show about one order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from woohub.hubspot.answers import Record
from woohub.mapping.values import usable_email
from woohub.store.payloads import TRASH, OrderEvent
from woohub.store.rows import StoreRow
from woohub.sync.versions import NO_DATE, DealVersion
from woohub_cli.dlq.dead_letters import DeadLetter
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_names import OrderName
from woohub_cli.period import utc
from woohub_cli.stack.stack_status import Status
from woohub_cli.stack.traces import Traces
from woohub_cli.targets import Target
from woohub_cli.verify.comparison import Mismatch, MismatchKind


@dataclass(frozen=True)
class InStore:
    """The order as the store has it. `missing` says why the store could not be read."""

    row: StoreRow | None = None
    event: OrderEvent | None = None  # None for drafts and orders that cannot be read
    unreadable: str = ""
    missing: str = ""
    erased_at_ms: int = 0  # when `woohub erase` erased the person after the order; `event` is without the person then

    @property
    def is_draft(self) -> bool:
        """Whether the order is only a cart."""
        return self.row is not None and self.event is None and not self.unreadable

    @property
    def is_anonymised(self) -> bool:
        """Whether the store has removed the person from the order."""
        return self.event is not None and self.event.order.is_anonymised

    @property
    def is_trashed(self) -> bool:
        return self.event is not None and self.event.order.status == TRASH


class Address(StrEnum):
    """Whether the order's e-mail address makes a contact; the value is the reason if it does not."""

    USABLE = ""
    NONE = "the order has no e-mail address"
    UNUSABLE = "HubSpot could not accept the order's e-mail address"
    ERASED = "the store has erased the person"
    REFUSED = "HubSpot rejects the order's e-mail address"

    @classmethod
    def of(cls, email: str) -> Address:
        """Return what the text of the address alone shows. HubSpot may still reject it."""
        if not email:
            return cls.NONE
        return cls.USABLE if usable_email(email) else cls.UNUSABLE


@dataclass(frozen=True)
class InHubSpot:
    """The order's deals, its contact, and the mismatches. `missing` says why HubSpot could not be read.

    `deals` are HubSpot's orders if the mapping writes those instead (`target`).
    """

    target: Target
    deals: tuple[Record, ...] = ()
    contact: Record | None = None
    mismatches: tuple[Mismatch, ...] = ()
    stage_is: str = ""
    stage_wanted: str = ""  # the mapping's stage for the order's status
    address: Address = Address.USABLE
    missing: str = ""
    items: tuple[Record, ...] = ()  # the deal's line items, where they are switched on
    order: Record | None = None  # HubSpot's order, if the mapping writes both deals and orders
    no_orders: str = ""  # why HubSpot's orders cannot be read
    metrics: Mapping[str, str] = field(default_factory=dict)  # the contact's, where they are switched on

    @property
    def version(self) -> DealVersion | None:
        """The order's state that HubSpot has; None if there is no deal, or its version cannot be read."""
        return DealVersion.parse(self.deals[0].properties.get("woocommerce_order_version")) if self.deals else None

    @property
    def state_of(self) -> str | None:
        """When the store changed the order to the state HubSpot has (ISO 8601); None without a credible date."""
        return f"{self.version.modified_at}Z" if self.version and self.version.modified_at != NO_DATE else None

    @property
    def stage_was_moved(self) -> bool:
        """Whether somebody moved the deal to another stage after the last change of its status."""
        return bool(self.stage_is) and self.stage_is != self.stage_wanted

    def of(self, *kinds: MismatchKind) -> list[Mismatch]:
        """Return the mismatches of these kinds."""
        return [mismatch for mismatch in self.mismatches if mismatch.kind in kinds]


@dataclass(frozen=True)
class OrderDiagnosis:
    """Everything known about one order; `order_conclusions.conclude` draws the conclusion."""

    asked: str  # as named on the command line
    lookup: Lookup
    store: InStore
    hubspot: InHubSpot
    stack: Status
    letters: tuple[DeadLetter, ...]
    traces: Traces
    reconciled_until: str = ""  # reconcile has read all changes up to here; "" if that is not known

    @property
    def name(self) -> OrderName:
        """The order's id, number and customer name."""
        return self.lookup.name

    @property
    def record(self) -> str:
        """The word for the order's record in HubSpot."""
        return self.hubspot.target.record

    @property
    def modified_at(self) -> str:
        """When the store last changed the order, UTC; "" if the store does not have it."""
        return self.store.row.modified_at if self.store.row else ""

    @property
    def differs(self) -> bool:
        """Whether HubSpot differs from the store."""
        return bool(self.hubspot.mismatches)

    @property
    def overwrite_blocked(self) -> list[Mismatch]:
        """The differences that woohub does not write because HubSpot has a newer version."""
        return [mismatch for mismatch in self.hubspot.of(MismatchKind.DIFFERING) if mismatch.fix]

    @property
    def differing_deals(self) -> list[Mismatch]:
        """The differences in the values of the order's deal itself."""
        return [mismatch for mismatch in self.hubspot.of(MismatchKind.DIFFERING) if mismatch.record == "deal"]

    @property
    def was_edited(self) -> bool:
        """Whether HubSpot had this state of the order, and its values were changed there afterwards."""
        version = self.hubspot.version
        return bool(self.differing_deals) and version is not None and version.modified_at == self.modified_at

    @property
    def passed_by_reconcile(self) -> bool:
        """Whether reconcile has read all changes up to and beyond the order's last change."""
        return bool(self.reconciled_until) and self.reconciled_until > self.modified_at

    def facts(self) -> dict[str, Any]:
        row, deals, order = self.store.row, self.hubspot.deals, self.hubspot.order
        return {
            "order": self.name.order_id or None,
            "number": self.name.number or None,
            "name": self.name.customer or None,
            "asked": self.asked,
            "other_order": self.lookup.other.facts() if self.lookup.other else None,
            "store": {
                "anonymised": self.store.is_anonymised and not self.store.erased_at_ms,
                "erased_at": utc(self.store.erased_at_ms),
                "known": row is not None if not self.store.missing else None,
                "status": row.status if row else None,
                "created_at": f"{row.created_at}Z" if row else None,
                "modified_at": f"{row.modified_at}Z" if row else None,
                "unreadable": self.store.unreadable or None,
                "not_asked": self.store.missing or None,
            },
            "hubspot": {
                "deals": [{"id": deal.id, "properties": dict(deal.properties)} for deal in deals],
                "line_items": [{"id": item.id, "properties": dict(item.properties)} for item in self.hubspot.items],
                "order": {"id": order.id, "properties": dict(order.properties)} if order else None,
                "metrics": dict(self.hubspot.metrics),
                "contact": self.hubspot.contact.id if self.hubspot.contact else None,
                "state_of": self.hubspot.state_of,
                "stage_moved": self.hubspot.stage_was_moved,
                "findings": [mismatch.facts() for mismatch in self.hubspot.mismatches],
                "not_asked": self.hubspot.missing or None,
            },
            "deliveries": [trace.facts() for trace in self.traces.lines],
            "refused_requests": self.traces.refused,
            "logs_not_read": self.traces.missing or None,
            "dead_letters": [letter.facts() for letter in self.letters],
            "queue": vars(self.stack.queue),
            "breaker": "open" if self.stack.breaker.is_open else "closed",
            "consumer": "enabled" if self.stack.consumer_enabled else "disabled",
            "reconciled_until": f"{self.reconciled_until}Z" if self.reconciled_until else None,
        }


@dataclass(frozen=True)
class Conclusion:
    """A conclusion on an order, and the next step. `fine`: nothing needs to be done."""

    text: str
    next_step: str = ""
    fine: bool = False

    def facts(self) -> dict[str, Any]:
        return {"fine": self.fine, "conclusion": self.text, "next_step": self.next_step}
