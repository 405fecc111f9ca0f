"""Find where HubSpot differs from the store, by the rules by which the engine writes. Pure: no network, no clock.

A difference is what the engine would write if HubSpot had no version stored. So there is none for a stage that a
salesperson moved, a deal that somebody renamed, a currency that the portal lacks, or a blank value in the store.
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
    """The kinds of mismatches between store and HubSpot."""

    MISSING = "missing"
    DUPLICATE = "duplicate"
    DIFFERING = "differing"
    UNASSOCIATED = "unassociated"  # the deal has no contact at all
    WRONG_CONTACT = "wrong_contact"  # the deal has contacts, but not the order's
    DELETED = "deleted_in_store"  # a deal whose order is gone for good
    UNREADABLE = "unreadable"  # the store's record cannot be read, so HubSpot does not get it

    @property
    def words(self) -> str:
        return self.value.replace("_", " ")


@dataclass(frozen=True)
class Difference:
    """One property that differs. `hubspot` is None if HubSpot has no value."""

    property: str
    store: str
    hubspot: str | None


@dataclass(frozen=True)
class Mismatch:
    """A mismatch in the deal or contact of one order or account."""

    kind: MismatchKind
    entity: str  # order:1234, customer:56
    record: str  # deal or contact
    record_ids: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    detail: str = ""
    fix: str = ""  # what a person has to do; "" if --repair can repair it
    called: str = ""  # the word for the record for people, if it is not `record`
    named: OrderName | None = None  # number and name of the order, or the name of the account
    attach: str = ""  # the contact to associate the deal with here: to the engine, the association is done

    @classmethod
    def of_order(cls, kind: MismatchKind, order_id: int, target: Target, *record_ids: str, **more: Any) -> Mismatch:
        """Return a mismatch of an order's deal or HubSpot order; `record` is "deal" for both, as scripts expect."""
        return cls(kind, f"order:{order_id}", "deal", record_ids, called=target.record, **more)

    @property
    def shown(self) -> str:
        """The word for the record for people."""
        return self.called or self.record

    @property
    def queueable(self) -> bool:
        """Whether queueing the order or account again repairs the mismatch."""
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
    """Return what to do if the deal's version stops the engine from writing the store's state; "" if it does not."""
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
    """Yield what is wrong with an order's deals. `records` are all of them in HubSpot, the oldest first.

    A property differs if the order would change it, whatever version HubSpot has.
    """
    order_id = event.order.id
    if not records:
        if event.order.status != TRASH:  # an order trashed before HubSpot had it gets no deal
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
    """Return what is wrong with the contact of an address.

    `entity` is the order or account that showed it last, `now` is UTC as WooCommerce writes it. HubSpot's version
    counts here, because it may come from an order outside the comparison.
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
    """Yield what is wrong with the deal's contacts. `wanted` is the id of the order's; others may be there too."""
    if wanted in has:
        return
    version = DealVersion.parse(deal.properties.get(DEAL_VERSION))
    marked = version is not None and version.contacts == (wanted,)
    kind = MismatchKind.WRONG_CONTACT if has else MismatchKind.UNASSOCIATED
    other = f"it has {', '.join(sorted(has))} instead of {wanted}" if has else f"contact {wanted} is the order's"
    yield Mismatch.of_order(kind, order_id, target, deal.id, detail=other, attach=wanted if marked else "")


def was_refused(event: OrderEvent, current: Current) -> bool:
    """Whether HubSpot has this state of the order without a contact, because it rejected the address."""
    version = DealVersion.parse(current.get(DEAL_VERSION))
    return version is not None and version.contacts == () and version.modified_at >= event.order.modified_at
