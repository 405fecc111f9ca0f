"""Decide what to write to one contact or deal: the newest values, only where they change something, never a blank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from woohub.dates import utc_from_ms
from woohub.mapping import Mapping as FieldMapping
from woohub.mapping import WriteRule
from woohub.mapping_file import CONTACT_VERSION, DEAL_VERSION, STATUS
from woohub.versions import NO_DATE, ContactVersion, DealVersion, OrderState
from woohub.woocommerce import TRASH, CustomerEvent, OrderEvent, OrderTrashed

STAGE = ("dealstage", "pipeline")

Same = Callable[[str, str | None, str], bool]  # (property, HubSpot's value, ours) -> whether they mean the same


@dataclass(frozen=True, slots=True)
class Capture:
    """A customer as one delivery saw it."""

    version: ContactVersion
    properties: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DealPlan:
    """What one deal needs: properties to write, a contact to associate, others to take off.

    `notice` is the version to write before the contacts are changed.
    """

    properties: Mapping[str, str]
    attach: str = ""
    detach: tuple[str, ...] = ()
    notice: str = ""


def capture(event: OrderEvent | CustomerEvent, mapping: FieldMapping) -> Capture:
    """The customer in an order (dated by the order's creation) or in a customer event."""
    if isinstance(event, CustomerEvent):
        seen = event.customer.captured_at
        version = ContactVersion.of(seen, seen, event.received_ms)
        return Capture(version, mapping.contact_from_customer(event.customer))
    version = ContactVersion.of(event.order.created_at, event.order.modified_at, event.received_ms)
    return Capture(version, mapping.contact_from_order(event.order))


def contact(
    captures: Sequence[Capture], current: Mapping[str, str | None] | None, mapping: FieldMapping, same: Same
) -> dict[str, str]:
    """The properties to write for one contact; `current` is None for a contact HubSpot does not have yet."""
    known = ContactVersion.parse((current or {}).get(CONTACT_VERSION))
    ordered = oldest_first(captures)
    fresh = [capture for capture in ordered if capture.version.supersedes(known)]
    stale = [capture for capture in ordered if not capture.version.supersedes(known)]
    wanted = _merged([capture.properties for capture in fresh])
    _fill(wanted, current, [capture.properties for capture in reversed(stale)])
    if current is not None:
        wanted.pop("email", None)  # found by it, or by an additional address: the primary one is not ours to change
    changed = _changed(wanted, current, mapping.contact_rules, same)
    # Dates decide only between captures: a redelivery or a status change of the same order is not worth a write.
    if fresh and (changed or known is None or fresh[-1].version.captured_at != known.captured_at):
        changed[CONTACT_VERSION] = str(fresh[-1].version)
    return changed


def oldest_first(captures: Sequence[Capture]) -> list[Capture]:
    """Captures in the order of their versions: by receipt, then each before the first that is newer."""
    ordered: list[Capture] = []
    for capture in sorted(captures, key=lambda capture: capture.version.received_ms):
        place = next((n for n, other in enumerate(ordered) if other.version.supersedes(capture.version)), len(ordered))
        ordered.insert(place, capture)
    return ordered


def deal(
    events: Sequence[OrderEvent | OrderTrashed],
    current: Mapping[str, str | None] | None,
    contacts: Mapping[str, str],
    mapping: FieldMapping,
    same: Same,
) -> DealPlan | None:
    """The plan for one deal; None when there is nothing to make (a trashed order HubSpot has never seen).

    `contacts` gives the HubSpot id of each usable e-mail address.
    """
    version = DealVersion.parse((current or {}).get(DEAL_VERSION))
    stored = _stored_state(version, current or {})
    newest, fresh, stale = _fold(events, stored)
    if newest is None or (current is None and not fresh and not stale):
        return None
    wanted = _merged([mapping.deal(one.order) for one in fresh])
    if newest is not stored and newest.status == TRASH:
        wanted |= mapping.trashed()
    _fill(wanted, current, [mapping.deal(one.order) for one in stale])
    changed = _changed(_keep_stage(wanted, current), current, mapping.deal_rules, same)
    attach, detach = _association([*stale[::-1], *fresh], bool(fresh), version, contacts, mapping)
    if changed or attach or newest.deserves_a_version(stored):
        marked = _marked(attach, version, creating=current is None)
        changed[DEAL_VERSION] = str(DealVersion(newest.modified_at, newest.received_ms, marked))
    return DealPlan(changed, attach, detach, _notice(version, attach))


def _stored_state(version: DealVersion | None, current: Mapping[str, str | None]) -> OrderState | None:
    """The state that HubSpot's deal is in; None where woohub did not write it."""
    return OrderState(version.modified_at, version.received_ms, current.get(STATUS) or "") if version else None


def _fold(
    events: Sequence[OrderEvent | OrderTrashed], stored: OrderState | None
) -> tuple[OrderState | None, list[OrderEvent], list[OrderEvent]]:
    """Play the events in the order of receipt: the newest state, and the full bodies that did and did not count."""
    newest, fresh, stale = stored, list[OrderEvent](), list[OrderEvent]()
    for event in sorted(events, key=lambda one: one.received_ms):
        state = state_of(event)
        counts = state.supersedes(newest)
        if counts:
            newest = state
        if isinstance(event, OrderEvent):
            (fresh if counts else stale).append(event)
    return newest, fresh, sorted(stale, key=lambda one: (one.order.modified_at, one.received_ms), reverse=True)


def state_of(event: OrderEvent | OrderTrashed) -> OrderState:
    """When and what: `order.deleted` says neither, so it is a trashed order as of its receipt."""
    if isinstance(event, OrderTrashed):
        return OrderState(utc_from_ms(event.received_ms), event.received_ms, TRASH)
    order = event.order
    return OrderState(order.modified_at or NO_DATE, event.received_ms, order.status, event.restored, event.read)


def order_id(event: OrderEvent | OrderTrashed) -> int:
    """The store's id of the order."""
    return event.order_id if isinstance(event, OrderTrashed) else event.order.id


def _association(
    orders: Sequence[OrderEvent],
    any_fresh: bool,
    version: DealVersion | None,
    contacts: Mapping[str, str],
    mapping: FieldMapping,
) -> tuple[str, tuple[str, ...]]:
    """The contact to associate and those to take off; `orders` from the oldest to the one that counts."""
    emails = [mapping.email(one.order) for one in orders]
    wanted = next((contacts[email] for email in reversed(emails) if email in contacts), "")
    marked = version.contacts if version else None  # None: not known, and associating again does no harm
    if not wanted or marked == (wanted,):
        return "", ()
    had_none = marked is not None and not any(marked[:1])  # then any contact the order ever had is better than none
    if not any_fresh and not had_none:
        return "", ()
    return wanted, tuple(one for one in marked or () if one not in ("", wanted))


def _marked(attach: str, version: DealVersion | None, *, creating: bool) -> tuple[str, ...] | None:
    """The contacts to note in the deal's version: those it has once this plan is carried out; None: nobody knows."""
    if attach:
        return (attach,)
    if version:
        return version.contacts
    return () if creating else None


def _notice(version: DealVersion | None, attach: str) -> str:
    """The stored version with the contact that comes added to the list: two or more say that a change is under way."""
    if not attach or version is None or version.contacts is None:
        return ""
    if len(version.contacts) > 1 and attach in version.contacts:  # given already, by a try that was cut off
        return ""
    return str(replace(version, contacts=(*(version.contacts or ("",)), attach)))


def _merged(layers: Sequence[Mapping[str, str]]) -> dict[str, str]:
    merged: dict[str, str] = {}
    for layer in layers:
        merged |= layer
    return merged


def _fill(
    wanted: dict[str, str], current: Mapping[str, str | None] | None, layers: Sequence[Mapping[str, str]]
) -> None:
    """What is stale may still fill a gap: a value is not lost because it arrives late."""
    for layer in layers:
        for name, value in layer.items():
            if not (current or {}).get(name):
                wanted.setdefault(name, value)


def _keep_stage(wanted: dict[str, str], current: Mapping[str, str | None] | None) -> dict[str, str]:
    """A deal's stage moves only when the store's status did: a salesperson's own move stays."""
    if current is None or wanted.get(STATUS, current.get(STATUS)) != current.get(STATUS):
        return wanted
    return {name: value for name, value in wanted.items() if name not in STAGE}


def _changed(
    wanted: Mapping[str, str],
    current: Mapping[str, str | None] | None,
    rules: Mapping[str, WriteRule],
    same: Same,
) -> dict[str, str]:
    if current is None:
        return {name: value for name, value in wanted.items() if value}
    return {
        name: value
        for name, value in wanted.items()
        if value
        and rules[name].writes(current.get(name), value, creating=False)
        and not same(name, current.get(name), value)
    }
