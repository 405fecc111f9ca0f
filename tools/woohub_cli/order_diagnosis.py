"""What the store, HubSpot, the queues and the logs show about one order, and the conclusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from woohub_cli.comparison import Mismatch, MismatchKind
from woohub_cli.dead_letters import DeadLetter, iso
from woohub_cli.erased import WHAT_TO_DO, is_named
from woohub_cli.hubspot_records import Target
from woohub_cli.order_lookup import Lookup
from woohub_cli.order_names import OrderName
from woohub_cli.period import utc
from woohub_cli.stack_status import Status
from woohub_cli.traces import Traces


@dataclass(frozen=True)
class InStore:
    """The order as the store has it. `missing` says why it could not be asked."""

    row: StoreRow | None = None
    event: OrderEvent | None = None  # None for drafts and what cannot be read
    unreadable: str = ""
    missing: str = ""
    erased_at_ms: int = 0  # by `woohub erase`, after the order was made; `event` is without the person then

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
    UNUSABLE = "HubSpot could not accept the order's e-mail address"
    ERASED = "the store has erased the person"
    REFUSED = "HubSpot rejects the order's e-mail address"

    @classmethod
    def of(cls, email: str) -> Address:
        """As far as the text itself shows."""
        if not email:
            return cls.NONE
        return cls.USABLE if usable_email(email) else cls.UNUSABLE


@dataclass(frozen=True)
class InHubSpot:
    """The order's deals, its contact, and what differs. `missing` says why HubSpot could not be asked.

    Deals are HubSpot's orders where the mapping has those instead (`target`).
    """

    target: Target
    deals: tuple[Record, ...] = ()
    contact: Record | None = None
    mismatches: tuple[Mismatch, ...] = ()
    stage_is: str = ""
    stage_wanted: str = ""  # of the order's status
    address: Address = Address.USABLE
    missing: str = ""
    items: tuple[Record, ...] = ()  # the deal's line items, where they are switched on
    order: Record | None = None  # HubSpot's own, where it has both
    no_orders: str = ""  # why none of its own can be found
    metrics: Mapping[str, str] = field(default_factory=dict)  # the contact's, where they are switched on

    @property
    def version(self) -> DealVersion | None:
        """The state of the order that HubSpot has."""
        return DealVersion.parse(self.deals[0].properties.get("woocommerce_order_version")) if self.deals else None

    @property
    def stage_was_moved(self) -> bool:
        """Whether somebody moved the deal to another stage since the status changed last."""
        return bool(self.stage_is) and self.stage_is != self.stage_wanted

    def of(self, *kinds: MismatchKind) -> list[Mismatch]:
        """The findings of these kinds."""
        return [mismatch for mismatch in self.mismatches if mismatch.kind in kinds]


@dataclass(frozen=True)
class OrderDiagnosis:
    """Everything known about one order."""

    asked: str  # as it was named on the command line
    lookup: Lookup
    store: InStore
    hubspot: InHubSpot
    stack: Status
    letters: tuple[DeadLetter, ...]
    traces: Traces
    reconciled_until: str = ""  # how far reconcile has come; "" if that is not known

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
        return bool(self.hubspot.mismatches)

    @property
    def overwrite_blocked(self) -> list[Mismatch]:
        """Differences that the version in HubSpot keeps from being written."""
        return [mismatch for mismatch in self.hubspot.of(MismatchKind.DIFFERING) if mismatch.fix]

    @property
    def was_edited(self) -> bool:
        """Whether HubSpot has this very state of the order, but not its values any more."""
        version = self.hubspot.version
        values = any(mismatch.record == "deal" for mismatch in self.hubspot.of(MismatchKind.DIFFERING))
        return values and version is not None and version.modified_at == self.modified_at

    @property
    def passed_by_reconcile(self) -> bool:
        """Whether reconcile has passed the order's last change."""
        return bool(self.reconciled_until) and self.reconciled_until > self.modified_at

    @cached_property
    def conclusion(self) -> Conclusion:
        """The first of the rules that fits; a dead letter is always something to do."""
        conclusion = next(conclude(self) for fits, conclude in RULES if fits(self))
        return _with_older_letter(self, conclusion) if self.letters and conclusion.fine else conclusion

    def facts(self) -> dict[str, Any]:
        """For --json."""
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
                "state_of": f"{self.hubspot.version.modified_at}Z" if self.hubspot.version else None,
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
ERASED = (
    " The person was erased at {when} (woohub erase): what is from before is not written to any contact, and the deal "
    "keeps amount, stage and date without the name."
)
BY_POLICY = {
    "auth": f"give the key the scope it lacks, or {RENEW_IT}; the rest happens by itself",
    "config": "correct what is named; `woohub doctor` says how, and the consumer resumes about a minute later",
    "daily": "nothing: it resumes when HubSpot's daily limit resets",
    "migration": "nothing: it resumes when HubSpot has moved the portal",
}
BY_ERROR = {
    "SecretUnavailable": "nothing: HubSpot is not called until Secrets Manager returns the token; AWS's health "
    "dashboard shows whether it responds",
}


def _unknown(diagnosis: OrderDiagnosis) -> Conclusion:
    if diagnosis.letters and not diagnosis.hubspot.deals:
        when, reason, _ = _rejection(diagnosis)
        return Conclusion(
            f"Neither the store nor HubSpot has an order {diagnosis.asked}; a delivery of it was rejected at {when} "
            f"and is in the dead-letter queue: {reason}.",
            f"was it deleted in the store? Then {_drop(diagnosis)}; redriven, it would make a deal of an order that "
            "the store does not have",
        )
    if not diagnosis.hubspot.deals:
        return Conclusion(
            f"Neither the store nor HubSpot has an order {diagnosis.asked}.",
            f"looked for: {'; '.join(diagnosis.lookup.tried)}. Is it written as in the store's list of orders? Its "
            "id, in the address of the order's page in the store's admin, finds it as well",
        )
    if diagnosis.hubspot.deals[0].properties.get(STATUS) == TRASH:
        return Conclusion(
            "The order was permanently deleted in the store; its deal is in the lost stage, as it should be.", fine=True
        )
    return Conclusion(
        "The order was permanently deleted in the store (WooCommerce sends no event for this); its deal still exists."
        f"{_letter_beside(diagnosis)}",
        "woohub reconcile --deleted check, or wait for the nightly check",
    )


def _rejection(diagnosis: OrderDiagnosis) -> tuple[str, str, str]:
    """When its newest dead letter was rejected, why, and what to do about it (or "")."""
    newest = max(diagnosis.letters, key=lambda letter: letter.rejected or letter.received)
    reason, _, advice = newest.reason.partition(" What to do: ")
    return iso(newest.rejected or newest.received), reason.rstrip("."), advice


def _letter_beside(diagnosis: OrderDiagnosis) -> str:
    """A sentence on the dead letter, where the conclusion is about something else; "" without any."""
    if not diagnosis.letters:
        return ""
    when, reason, _ = _rejection(diagnosis)
    return f" A delivery of it was rejected at {when} and is in the dead-letter queue: {reason}."


def _refused(diagnosis: OrderDiagnosis) -> Conclusion:
    when, reason, advice = _rejection(diagnosis)
    return Conclusion(
        f"It was rejected at {when} and is in the dead-letter queue: {reason}.",
        advice or f"woohub dlq redrive {_letters_of_it(diagnosis)}",
    )


def _breaker_open(diagnosis: OrderDiagnosis) -> Conclusion:
    breaker = diagnosis.stack.breaker
    since = utc(breaker.since * 1000) or "some time ago"
    return Conclusion(
        f"Waiting: the circuit breaker has been open since {since}, and HubSpot is not called: {breaker.reason}.",
        BY_POLICY.get(
            breaker.policy, "nothing: HubSpot is probed every minute, and the consumer resumes when it answers"
        ),
    )


def _fine(diagnosis: OrderDiagnosis) -> Conclusion:
    text = "HubSpot matches the store."
    if diagnosis.store.is_trashed:
        text = "It is in the store's trash, and its deal is in the lost stage, as it should be."
    if diagnosis.store.is_anonymised:
        when = utc(diagnosis.store.erased_at_ms)
        text += ERASED.format(when=when) if when else ANONYMISED
    if diagnosis.hubspot.contact and diagnosis.store.is_anonymised and is_named(diagnosis.hubspot.contact):
        return Conclusion(f"{text} HubSpot still has the person as contact {diagnosis.hubspot.contact.id}.", WHAT_TO_DO)
    without_contact = diagnosis.hubspot.deals and not diagnosis.hubspot.contact and not diagnosis.store.erased_at_ms
    if diagnosis.hubspot.address is not Address.USABLE and without_contact:
        text += f" It has no contact: {diagnosis.hubspot.address}."
    if diagnosis.hubspot.stage_was_moved:
        text += (
            f" Its stage was moved in HubSpot to {diagnosis.hubspot.stage_is}; it stays there until the status changes."
        )
    return Conclusion(text, fine=True)


def _with_older_letter(diagnosis: OrderDiagnosis, conclusion: Conclusion) -> Conclusion:
    return Conclusion(f"{conclusion.text} An older delivery of it is in the dead-letter queue.", _drop(diagnosis))


def _drop(diagnosis: OrderDiagnosis) -> str:
    return f"woohub dlq drop {_letters_of_it(diagnosis)}"


def _letters_of_it(diagnosis: OrderDiagnosis) -> str:
    """What names its dead letters, and no other store's, to `woohub dlq`."""
    of_store = f" --store {store}" if (store := diagnosis.letters[0].store) else ""
    return f"--order order:{diagnosis.name.order_id}{of_store}"


def _on_its_way(diagnosis: OrderDiagnosis) -> Conclusion:
    waiting = diagnosis.traces.waiting[-1]
    tries = [trace for trace in diagnosis.traces.tried if trace.message_id == waiting.message_id]
    if not tries:
        return Conclusion(f"Waiting: it was delivered at {waiting.at} and is in the queue.", "wait, then ask again")
    last = tries[-1].fields
    why = last.get("error") or "HubSpot did not accept it"
    return Conclusion(
        f"Waiting: it was delivered at {waiting.at} and tried {len(tries)} times, last with {why}.",
        BY_ERROR.get(why, "nothing: it is retried until HubSpot accepts it; woohub status shows the queue"),
    )


def _edited(diagnosis: OrderDiagnosis) -> Conclusion:
    names = [
        difference.property
        for mismatch in diagnosis.hubspot.of(MismatchKind.DIFFERING)
        if mismatch.record == "deal"
        for difference in mismatch.differences
    ]
    return Conclusion(
        f"HubSpot had this state of the order, but {', '.join(names)} was changed there afterwards, by a person or "
        "a workflow.",
        'woohub verify --repair brings the store\'s value back; to leave it to people, set write = "if-empty" or '
        '"on-create" for it in mapping.toml',
    )


def _disassociated(_case: OrderDiagnosis) -> Conclusion:
    return Conclusion(
        "The deal was associated with the order's contact, and somebody removed the association in HubSpot.",
        "woohub verify --repair associates them again",
    )


def _undelivered(diagnosis: OrderDiagnosis) -> Conclusion:
    when = f"since its last change at {diagnosis.modified_at}Z"
    if diagnosis.traces.refused:
        return Conclusion(
            f"No delivery of it was accepted {when}, but {diagnosis.traces.refused} requests were refused for their "
            "signature: the webhooks' secret seems to differ.",
            "woohub doctor, then woohub setup; reconcile then queues what was rejected",
        )
    if diagnosis.passed_by_reconcile:
        return Conclusion(
            f"The store never delivered it {when}, and reconcile has passed that moment without it.",
            f"woohub reconcile --since {diagnosis.modified_at}",
        )
    return Conclusion(
        f"The store never delivered it {when}.",
        "woohub reconcile queues it now; the stack does so every 15 minutes. woohub doctor checks the webhooks",
    )


def _unexplained(diagnosis: OrderDiagnosis) -> Conclusion:
    problems = ", ".join(
        dict.fromkeys(f"{mismatch.record} {mismatch.kind.words}" for mismatch in diagnosis.hubspot.mismatches)
    )
    unread = (
        f"; the logs, which may say why, could not be read: {diagnosis.traces.missing}"
        if diagnosis.traces.missing
        else ""
    )
    last = diagnosis.traces.tried[-1] if diagnosis.traces.tried else None
    tried = f"; its last delivery ended with “{last.verdict}” at {last.at}" if last else ""
    return Conclusion(
        f"HubSpot differs: {problems}{tried}{unread}.", f"woohub reconcile --since {diagnosis.modified_at}"
    )


def _conclusion(text: str, next_step: str = "", *, fine: bool = False) -> Callable[[OrderDiagnosis], Conclusion]:
    return lambda _case: Conclusion(text, next_step, fine)


def _waits(diagnosis: OrderDiagnosis) -> bool:
    return diagnosis.store.row is not None and (diagnosis.differs or bool(diagnosis.hubspot.missing))


Rule = tuple[Callable[[OrderDiagnosis], bool], Callable[[OrderDiagnosis], Conclusion]]
RULES: Sequence[Rule] = (
    (
        lambda diagnosis: bool(diagnosis.store.missing),
        lambda diagnosis: Conclusion(
            f"The store could not be read: {diagnosis.store.missing}.{_letter_beside(diagnosis)}", "woohub doctor"
        ),
    ),
    (lambda diagnosis: diagnosis.stack.breaker.is_open and _waits(diagnosis), _breaker_open),
    (
        lambda diagnosis: bool(diagnosis.hubspot.missing),
        lambda diagnosis: Conclusion(
            f"HubSpot could not be read: {diagnosis.hubspot.missing}.{_letter_beside(diagnosis)}", "woohub doctor"
        ),
    ),
    (lambda diagnosis: diagnosis.store.row is None, _unknown),
    (
        lambda diagnosis: diagnosis.store.is_draft,
        _conclusion("It is a cart, not an order yet: it becomes a deal when the order is placed.", fine=True),
    ),
    (
        lambda diagnosis: bool(diagnosis.store.unreadable),
        lambda diagnosis: Conclusion(
            f"What the store has cannot be read: {diagnosis.store.unreadable}.",
            "correct the order in the store and save it there, which delivers it again",
        ),
    ),
    (
        lambda diagnosis: diagnosis.store.is_trashed and not diagnosis.hubspot.deals,
        _conclusion("It is in the store's trash, and HubSpot never had it: nothing is made of it.", fine=True),
    ),
    (lambda diagnosis: not diagnosis.differs, _fine),
    (lambda diagnosis: bool(diagnosis.letters), _refused),
    (
        lambda diagnosis: not diagnosis.stack.consumer_enabled,
        _conclusion(
            "It waits in the queue: the consumer's event source mapping is disabled, by hand.",
            "enable the event source mapping (output EventSourceMappingId) when the reason is gone",
        ),
    ),
    (
        lambda diagnosis: bool(diagnosis.overwrite_blocked),
        lambda diagnosis: Conclusion(
            "HubSpot has a newer version than the store, so what the store has now counts as stale and is not written.",
            diagnosis.overwrite_blocked[0].fix,
        ),
    ),
    (lambda diagnosis: bool(diagnosis.traces.waiting), _on_its_way),
    (lambda diagnosis: bool(diagnosis.was_edited), _edited),
    (lambda diagnosis: any(mismatch.attach for mismatch in diagnosis.hubspot.mismatches), _disassociated),
    (
        lambda diagnosis: all(mismatch.kind is MismatchKind.DUPLICATE for mismatch in diagnosis.hubspot.mismatches),
        lambda diagnosis: Conclusion(
            f"HubSpot has {len(diagnosis.hubspot.deals)} deals of it: woocommerce_order_id is not unique there.",
            diagnosis.hubspot.mismatches[0].fix,
        ),
    ),
    (lambda diagnosis: not diagnosis.traces.missing and not _told_since(diagnosis), _undelivered),
    (lambda _case: True, _unexplained),
)


def _told_since(diagnosis: OrderDiagnosis) -> bool:
    """Whether anything of the order's last change came, by a delivery or by reconcile."""
    return any(trace.at >= f"{diagnosis.modified_at}Z" for trace in diagnosis.traces.lines)
