"""One order's case: what the store, HubSpot, the queues and the logs say, and what follows from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import STATUS
from woohub.mapping.values import usable_email
from woohub.store.payloads import TRASH, OrderEvent
from woohub.store.rows import StoreRow
from woohub.sync.versions import DealVersion
from woohub_cli.cli_errors import RENEW_IT
from woohub_cli.commands.status import Status
from woohub_cli.commands.status import iso as moment
from woohub_cli.comparison import Finding, Kind
from woohub_cli.dead_letters import Letter, iso
from woohub_cli.erased import TODO, is_named
from woohub_cli.order_lookup import Lookup
from woohub_cli.order_names import OrderName
from woohub_cli.traces import Traces


@dataclass(frozen=True)
class InStore:
    """The order as the store has it. `missing` says why it could not be asked."""

    row: StoreRow | None = None
    event: OrderEvent | None = None  # None for drafts and what cannot be read
    unreadable: str = ""
    missing: str = ""

    @property
    def is_draft(self) -> bool:
        """A cart, no order yet."""
        return self.row is not None and self.event is None and not self.unreadable

    @property
    def is_anonymised(self) -> bool:
        """Whether the store has removed the person from it."""
        return self.event is not None and self.event.order.is_anonymised

    @property
    def is_trashed(self) -> bool:
        """In the store's trash."""
        return self.event is not None and self.event.order.status == TRASH


class Address(StrEnum):
    """What the order's e-mail address is good for; the value says why there is no contact, for people."""

    USABLE = ""
    NONE = "the order has no e-mail address"
    UNUSABLE = "the order's e-mail address is none that HubSpot could take"
    ERASED = "the store has erased the person"
    REFUSED = "HubSpot refuses the order's e-mail address"

    @classmethod
    def of(cls, email: str) -> Address:
        """As far as the text itself tells."""
        if not email:
            return cls.NONE
        return cls.USABLE if usable_email(email) else cls.UNUSABLE


@dataclass(frozen=True)
class InHubSpot:
    """The order's deals, its contact, and what differs. `missing` says why HubSpot could not be asked."""

    deals: tuple[Record, ...] = ()
    contact: Record | None = None
    findings: tuple[Finding, ...] = ()
    stage_is: str = ""
    stage_wanted: str = ""  # of the order's status
    address: Address = Address.USABLE
    missing: str = ""

    @property
    def version(self) -> DealVersion | None:
        """The state of the order that HubSpot has."""
        return DealVersion.parse(self.deals[0].properties.get("woocommerce_order_version")) if self.deals else None

    @property
    def stage_was_moved(self) -> bool:
        """Whether somebody moved the deal to another stage since the status changed last."""
        return bool(self.stage_is) and self.stage_is != self.stage_wanted

    def of(self, *kinds: Kind) -> list[Finding]:
        """The findings of these kinds."""
        return [one for one in self.findings if one.kind in kinds]


@dataclass(frozen=True)
class Case:
    """Everything known about one order."""

    asked: str  # as it was named on the command line
    lookup: Lookup
    store: InStore
    hubspot: InHubSpot
    stack: Status
    letters: tuple[Letter, ...]
    traces: Traces
    swept_until: str = ""  # how far reconcile has come; "" if that is not known

    @property
    def name(self) -> OrderName:
        """Id, number and the name on it."""
        return self.lookup.name

    @property
    def modified_at(self) -> str:
        """When the store changed it last, UTC."""
        return self.store.row.modified_at if self.store.row else ""

    @property
    def differs(self) -> bool:
        """Whether HubSpot has something else than the store."""
        return bool(self.hubspot.findings)

    @property
    def held(self) -> list[Finding]:
        """Differences that the version in HubSpot keeps from being written."""
        return [one for one in self.hubspot.of(Kind.DIFFERING) if one.fix]

    @property
    def was_edited(self) -> bool:
        """Whether HubSpot has this very state of the order, but not its values any more."""
        version = self.hubspot.version
        values = any(one.record == "deal" for one in self.hubspot.of(Kind.DIFFERING))
        return values and version is not None and version.modified_at == self.modified_at

    @property
    def reached_by_sweep(self) -> bool:
        """Whether reconcile has passed the order's last change."""
        return bool(self.swept_until) and self.swept_until > self.modified_at

    @cached_property
    def conclusion(self) -> Conclusion:
        """The first of the rules that fits."""
        return next(conclude(self) for fits, conclude in RULES if fits(self))

    def facts(self) -> dict[str, Any]:
        """For --json."""
        row, deals = self.store.row, self.hubspot.deals
        return {
            "order": self.name.order_id or None,
            "number": self.name.number or None,
            "name": self.name.customer or None,
            "asked": self.asked,
            "other_order": self.lookup.other.facts() if self.lookup.other else None,
            "store": {
                "anonymised": self.store.is_anonymised,
                "known": row is not None if not self.store.missing else None,
                "status": row.status if row else None,
                "created_at": f"{row.created_at}Z" if row else None,
                "modified_at": f"{row.modified_at}Z" if row else None,
                "unreadable": self.store.unreadable or None,
                "not_asked": self.store.missing or None,
            },
            "hubspot": {
                "deals": [{"id": one.id, "properties": dict(one.properties)} for one in deals],
                "contact": self.hubspot.contact.id if self.hubspot.contact else None,
                "state_of": f"{self.hubspot.version.modified_at}Z" if self.hubspot.version else None,
                "stage_moved": self.hubspot.stage_was_moved,
                "findings": [one.facts() for one in self.hubspot.findings],
                "not_asked": self.hubspot.missing or None,
            },
            "deliveries": [one.facts() for one in self.traces.found],
            "refused_requests": self.traces.refused,
            "logs_not_read": self.traces.missing or None,
            "dead_letters": [one.facts() for one in self.letters],
            "queue": vars(self.stack.queue),
            "breaker": "open" if self.stack.breaker.is_open else "closed",
            "consumer": "enabled" if self.stack.consumer_enabled else "disabled",
            "reconciled_until": f"{self.swept_until}Z" if self.swept_until else None,
            "fine": self.conclusion.fine,
            "conclusion": self.conclusion.text,
            "next_step": self.conclusion.next_step,
        }


@dataclass(frozen=True)
class Conclusion:
    """What it comes down to, and what to do; `fine`: nothing."""

    text: str
    next_step: str = ""
    fine: bool = False


ANONYMISED = (
    " The store has anonymised it (its eraser or retention job): no contact is made or changed, and the deal keeps "
    "amount, stage and date without the name."
)
BY_POLICY = {
    "auth": f"give the key the scope it lacks, or {RENEW_IT}; the rest happens by itself",
    "daily": "nothing: it goes on when HubSpot's day begins anew",
    "migration": "nothing: it goes on when HubSpot has moved the portal",
}


def _unknown(case: Case) -> Conclusion:
    if not case.hubspot.deals:
        return Conclusion(
            f"Neither the store nor HubSpot has an order {case.asked}.",
            f"looked for: {'; '.join(case.lookup.tried)}. Is it written as in the store's list of orders? Its "
            "id, in the address of the order's page in the store's admin, finds it as well",
        )
    if case.hubspot.deals[0].properties.get(STATUS) == TRASH:
        return Conclusion(
            "The store has deleted it for good; its deal is in the lost stage, as it should be.", fine=True
        )
    return Conclusion(
        "The store has deleted it for good, of which it tells nobody, and HubSpot still has its deal.",
        "woohub reconcile --deleted check, or wait for the night's check",
    )


def _refused(case: Case) -> Conclusion:
    newest = max(case.letters, key=lambda one: one.rejected or one.received)
    when = iso(newest.rejected or newest.received)
    reason, _, advice = newest.reason.partition(" What to do: ")
    return Conclusion(
        f"It was given up at {when} and lies in the dead-letter queue: {reason.rstrip('.')}.",
        advice or f"woohub dlq redrive --order {case.name.order_id}",
    )


def _resting(case: Case) -> Conclusion:
    breaker = case.stack.breaker
    since = moment(breaker.since) or "some time ago"
    return Conclusion(
        f"It waits: the circuit breaker is open since {since}, HubSpot is left alone: {breaker.reason}.",
        BY_POLICY.get(breaker.policy, "nothing: HubSpot is asked every minute, and all goes on when it answers"),
    )


def _fine(case: Case) -> Conclusion:
    text = "HubSpot has what the store has."
    if case.store.is_trashed:
        text = "It is in the store's trash, and its deal is in the lost stage, as it should be."
    if case.store.is_anonymised:
        text += ANONYMISED
    if case.hubspot.contact and case.store.is_anonymised and is_named(case.hubspot.contact):
        return Conclusion(f"{text} HubSpot still has the person as contact {case.hubspot.contact.id}.", TODO)
    if case.hubspot.address is not Address.USABLE and case.hubspot.deals and not case.hubspot.contact:
        text += f" It has no contact: {case.hubspot.address}."
    if case.hubspot.stage_was_moved:
        text += f" Its stage was moved in HubSpot to {case.hubspot.stage_is}; it stays there until the status changes."
    if case.letters:
        return Conclusion(
            f"{text} An older delivery of it lies in the dead-letter queue.",
            f"woohub dlq drop --order {case.name.order_id}",
        )
    return Conclusion(text, fine=True)


def _on_its_way(case: Case) -> Conclusion:
    waiting = case.traces.waiting[-1]
    tries = [one for one in case.traces.tried if one.message_id == waiting.message_id]
    if not tries:
        return Conclusion(
            f"It is on its way: delivered at {waiting.at}, it waits in the queue.", "wait, then ask again"
        )
    last = tries[-1].said
    why = last.get("error") or "HubSpot did not take it"
    return Conclusion(
        f"It is on its way: delivered at {waiting.at} and tried {len(tries)} times, last with {why}.",
        "nothing: it is tried again until HubSpot takes it; woohub status shows the queue",
    )


def _edited(case: Case) -> Conclusion:
    names = [it.property for one in case.hubspot.of(Kind.DIFFERING) if one.record == "deal" for it in one.differences]
    return Conclusion(
        f"HubSpot had this state of the order, but {', '.join(names)} was changed there afterwards, by a person or "
        "a workflow.",
        'woohub verify --repair brings the store\'s value back; to leave it to people, set write = "if-empty" or '
        '"on-create" for it in mapping.toml',
    )


def _taken_off(_case: Case) -> Conclusion:
    return Conclusion(
        "The deal was associated with the order's contact, and somebody took that off in HubSpot.",
        "woohub verify --repair associates them again",
    )


def _undelivered(case: Case) -> Conclusion:
    when = f"since its last change at {case.modified_at}Z"
    if case.traces.refused:
        return Conclusion(
            f"No delivery of it was accepted {when}, but {case.traces.refused} requests were refused for their "
            "signature: the webhooks' secret seems to differ.",
            "woohub doctor, then woohub setup; reconcile brings what was refused",
        )
    if case.reached_by_sweep:
        return Conclusion(
            f"The store never delivered it {when}, and reconcile has passed that moment without it.",
            f"woohub reconcile --since {case.modified_at}",
        )
    return Conclusion(
        f"The store never delivered it {when}.",
        "woohub reconcile brings it now; by itself the stack does so every quarter of an hour. woohub doctor checks "
        "the webhooks",
    )


def _unexplained(case: Case) -> Conclusion:
    problems = ", ".join(dict.fromkeys(f"{one.record} {one.kind.words}" for one in case.hubspot.findings))
    unread = (
        f"; the logs, which might tell why, could not be read: {case.traces.missing}" if case.traces.missing else ""
    )
    last = case.traces.tried[-1] if case.traces.tried else None
    tried = f"; its last delivery ended with “{last.verdict}” at {last.at}" if last else ""
    return Conclusion(f"HubSpot differs: {problems}{tried}{unread}.", f"woohub reconcile --since {case.modified_at}")


def _said(text: str, next_step: str = "", *, fine: bool = False) -> Callable[[Case], Conclusion]:
    return lambda _case: Conclusion(text, next_step, fine)


def _waits(case: Case) -> bool:
    return case.store.row is not None and (case.differs or bool(case.hubspot.missing))


Rule = tuple[Callable[[Case], bool], Callable[[Case], Conclusion]]
RULES: Sequence[Rule] = (
    (
        lambda case: bool(case.store.missing),
        lambda case: Conclusion(f"The store could not be asked: {case.store.missing}.", "woohub doctor"),
    ),
    (lambda case: case.stack.breaker.is_open and _waits(case), _resting),
    (
        lambda case: bool(case.hubspot.missing),
        lambda case: Conclusion(f"HubSpot could not be asked: {case.hubspot.missing}.", "woohub doctor"),
    ),
    (lambda case: case.store.row is None, _unknown),
    (
        lambda case: case.store.is_draft,
        _said("It is a cart, not an order yet: it becomes a deal when the order is placed.", fine=True),
    ),
    (
        lambda case: bool(case.store.unreadable),
        lambda case: Conclusion(
            f"What the store has cannot be read: {case.store.unreadable}.",
            "correct the order in the store and save it there, which delivers it again",
        ),
    ),
    (
        lambda case: case.store.is_trashed and not case.hubspot.deals,
        _said("It is in the store's trash, and HubSpot never had it: nothing is made of it.", fine=True),
    ),
    (lambda case: not case.differs, _fine),
    (lambda case: bool(case.letters), _refused),
    (
        lambda case: not case.stack.consumer_enabled,
        _said(
            "It waits in the queue: the consumer's event source mapping is disabled, by hand.",
            "enable the event source mapping (output EventSourceMappingId) when the reason is gone",
        ),
    ),
    (
        lambda case: bool(case.held),
        lambda case: Conclusion(
            "HubSpot has a newer version than the store, so what the store has now counts as stale and is not written.",
            case.held[0].fix,
        ),
    ),
    (lambda case: bool(case.traces.waiting), _on_its_way),
    (lambda case: bool(case.was_edited), _edited),
    (lambda case: any(one.attach for one in case.hubspot.findings), _taken_off),
    (
        lambda case: all(one.kind is Kind.DUPLICATE for one in case.hubspot.findings),
        lambda case: Conclusion(
            f"HubSpot has {len(case.hubspot.deals)} deals of it: woocommerce_order_id is not unique there.",
            case.hubspot.findings[0].fix,
        ),
    ),
    (lambda case: not case.traces.missing and not _told_since(case), _undelivered),
    (lambda _case: True, _unexplained),
)


def _told_since(case: Case) -> bool:
    """Whether anything of the order's last change came, by a delivery or by reconcile."""
    return any(one.at >= f"{case.modified_at}Z" for one in case.traces.found)
