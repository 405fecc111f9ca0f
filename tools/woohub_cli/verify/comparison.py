"""Where HubSpot differs from the store, by the rules the engine itself writes by. Pure: no network, no clock.

A difference is what the engine would write if HubSpot had no version stored: so a stage a salesperson moved, a deal
somebody renamed, a currency the portal lacks and a blank in the store are none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from woohub.dates import utc_from_ms
from woohub.hubspot.answers import Record
from woohub.hubspot.properties import PropertySchema
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import CONTACT_VERSION, DEAL_VERSION, ITEMS_STATE, STATUS
from woohub.store.payloads import TRASH, OrderEvent
from woohub.sync import contacts, deals
from woohub.sync.contacts import ContactSnapshot
from woohub.sync.versions import ContactVersion, DealVersion, OrderState
from woohub_cli.orders.order_names import OrderName
from woohub_cli.targets import Target

Current = Mapping[str, str | None]


class MismatchKind(StrEnum):
    """What is wrong."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    DIFFERING = "differing"
    UNASSOCIATED = "unassociated"  # the deal has no contact at all
    WRONG_CONTACT = "wrong_contact"  # the deal has contacts, but not the order's
    DELETED = "deleted_in_store"  # a deal whose order is gone for good
    UNREADABLE = "unreadable"  # the store's record cannot be read, so it cannot be written

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Difference:
    """One property, with what the store says and what HubSpot has (None: nothing)."""

    property: str
    store: str
    hubspot: str | None


@dataclass(frozen=True)
class Mismatch:
    """Something wrong with the deal or contact of one order or account."""

    kind: MismatchKind
    entity: str  # order:1234, customer:56
    record: str  # deal or contact
    record_ids: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    detail: str = ""
    fix: str = ""  # what only a person can do about it; "" where --repair can
    called: str = ""  # what people call the record, where that is another word
    named: OrderName | None = None  # number and name of the order, or the name of the account
    attach: str = ""  # the contact to associate the deal with: the engine would not, its marker says it is done

    @classmethod
    def of_order(cls, kind: MismatchKind, order_id: int, target: Target, *record_ids: str, **more: Any) -> Mismatch:
        """Something wrong with the deal of an order, or with HubSpot's order: for scripts a deal either way."""
        return cls(kind, f"order:{order_id}", "deal", record_ids, called=target.record, **more)

    @property
    def shown(self) -> str:
        """The record in the words of people."""
        return self.called or self.record

    @property
    def queueable(self) -> bool:
        """Whether reading it from the store again repairs it."""
        return not self.fix and not self.attach

    @property
    def number(self) -> int:
        """The store's id of the order or account."""
        return int(self.entity.partition(":")[2])

    def facts(self) -> dict[str, Any]:
        return {
            "kind": self.kind.value,
            "entity": self.entity,
            "record": self.record,
            "record_ids": list(self.record_ids),
            "differences": [asdict(difference) for difference in self.differences],
            "detail": self.detail,
            "fix": self.fix,
            "order_number": self.named.number if self.named else "",
            "name": self.named.customer if self.named else "",
        }


NEWER_VERSION = (
    "HubSpot's version is newer ({version}) than the order in the store, so nothing is overwritten: clear "
    "woocommerce_order_version of the {record} in HubSpot, then `woohub verify --repair`"
)
FUTURE_VERSION = (
    "the contact's version was received in the future ({version}), so nothing is overwritten: clear "
    "woocommerce_customer_version of the contact in HubSpot, then `woohub verify --repair`"
)
MERGE = "merge them in HubSpot; one of them is kept up to date"


def _differences(changed: Mapping[str, str], current: Current, version: str) -> tuple[Difference, ...]:
    return tuple(
        Difference(name, text, current.get(name))
        for name, text in changed.items()
        if name not in (version, ITEMS_STATE)
    )


def newer_version(event: OrderEvent, current: Current, target: Target) -> str:
    """What to do where the deal's version keeps the engine from writing what the store has; "" where it does not."""
    text = current.get(DEAL_VERSION) or ""
    version = DealVersion.parse(text)
    if version is None:
        return ""
    stored = OrderState(version.modified_at, version.received_ms, current.get(STATUS) or "")
    if deals.state_of(event).supersedes(stored):
        return ""
    return NEWER_VERSION.format(version=text, record=target.record)


def deal_mismatches(
    event: OrderEvent, records: Sequence[Record], target: Target, schema: PropertySchema
) -> Iterator[Mismatch]:
    """What is wrong with the deals of an order; `records` are all that HubSpot has for it, the oldest first.

    Properties that the order would change differ, whatever version HubSpot has.
    """
    order_id = event.order.id
    if not records:
        if event.order.status != TRASH:  # an order that was thrown away before HubSpot knew it is no deal
            yield Mismatch.of_order(MismatchKind.MISSING, order_id, target)
        return
    if len(records) > 1:
        detail, ids = f"{len(records)} {target.records}", [record.id for record in records]
        yield Mismatch.of_order(MismatchKind.DUPLICATE, order_id, target, *ids, detail=detail, fix=MERGE)
    kept = records[0]
    plan = deals.plan([event], {**kept.properties, DEAL_VERSION: None}, lambda _: "", target.table, schema)
    if differences := _differences(plan.properties if plan else {}, kept.properties, DEAL_VERSION):
        fix = newer_version(event, kept.properties, target)
        yield Mismatch.of_order(MismatchKind.DIFFERING, order_id, target, kept.id, differences=differences, fix=fix)


def contact_mismatches(
    entity: str,
    snapshots: Sequence[ContactSnapshot],
    record: Record | None,
    table: FieldMapping,
    schema: PropertySchema,
    now: str,
) -> list[Mismatch]:
    """What is wrong with the contact of an address, last seen in `entity`; `now` is UTC as WooCommerce writes it.

    HubSpot's version counts here: it may come from another order than these.
    """
    if record is None:
        return [Mismatch(MismatchKind.MISSING, entity, "contact")]
    version = record.properties.get(CONTACT_VERSION) or ""
    stored = ContactVersion.parse(version)
    ahead = stored is not None and utc_from_ms(stored.received_ms) > now
    current = {**record.properties, CONTACT_VERSION: None} if ahead else record.properties
    differences = _differences(contacts.plan(snapshots, current, table, schema).properties, current, CONTACT_VERSION)
    if not differences:
        return []
    fix = FUTURE_VERSION.format(version=version) if ahead else ""
    return [Mismatch(MismatchKind.DIFFERING, entity, "contact", (record.id,), differences, fix=fix)]


def association_mismatches(
    order_id: int, deal: Record, wanted: str, has: set[str], target: Target
) -> Iterator[Mismatch]:
    """What is wrong with the contacts of a deal. `wanted` is the id of the order's; others beside it are fine."""
    if wanted in has:
        return
    version = DealVersion.parse(deal.properties.get(DEAL_VERSION))
    marked = version is not None and version.contacts == (wanted,)
    kind = MismatchKind.WRONG_CONTACT if has else MismatchKind.UNASSOCIATED
    other = f"it has {', '.join(sorted(has))} instead of {wanted}" if has else f"contact {wanted} is the order's"
    yield Mismatch.of_order(kind, order_id, target, deal.id, detail=other, attach=wanted if marked else "")


def was_refused(event: OrderEvent, current: Current) -> bool:
    """Whether HubSpot took this very state of the order without a contact: it refuses the address."""
    version = DealVersion.parse(current.get(DEAL_VERSION))
    return version is not None and version.contacts == () and version.modified_at >= event.order.modified_at
