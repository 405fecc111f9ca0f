"""Conclude what is the matter with one order, and what to do: the first rule that applies. Pure: no calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from woohub.counted import counted
from woohub.mapping.mapping_file import STATUS
from woohub.store.payloads import TRASH
from woohub_cli.cli_errors import RENEW_FIX
from woohub_cli.dlq.dead_letters import iso
from woohub_cli.orders.order_diagnosis import Address, Conclusion, OrderDiagnosis
from woohub_cli.period import utc
from woohub_cli.pipeline_names import stage_name
from woohub_cli.verify.comparison import MismatchKind
from woohub_cli.verify.erased import WHAT_TO_DO, is_named

ANONYMISED = (
    " The store has anonymised it (its eraser or retention job): no contact is made or changed, and the {record} keeps "
    "amount, stage and date without the name."
)
ERASED = (
    " The person was erased at {when} (woohub erase): what is from before is not written to any contact, and the "
    "{record} keeps amount, stage and date without the name."
)
BY_POLICY = {
    "auth": f"give the key the scope it lacks, or {RENEW_FIX}; the rest happens by itself",
    "config": "correct what the reason names; `woohub doctor` says how, and the consumer resumes a minute later",
    "daily": "nothing: it resumes when HubSpot's daily limit resets",
    "migration": "nothing: it resumes when HubSpot has moved the portal",
}
BY_ERROR = {
    "SecretUnavailable": "nothing: HubSpot is not called until Secrets Manager returns the token; AWS's health "
    "dashboard shows whether it responds",
}


def conclude(diagnosis: OrderDiagnosis) -> Conclusion:
    """Return the conclusion of the first rule that applies. A remaining dead letter always needs action."""
    conclusion = next(conclusion_of(diagnosis) for fits, conclusion_of in RULES if fits(diagnosis))
    if not (diagnosis.letters and conclusion.fine):
        return conclusion
    return Conclusion(f"{conclusion.text} An older delivery of it is in the dead-letter queue.", _drop_fix(diagnosis))


def _unknown(diagnosis: OrderDiagnosis) -> Conclusion:
    neither = f"Neither the store nor HubSpot has an order {diagnosis.asked}"
    if diagnosis.letters and not diagnosis.hubspot.deals:
        when, reason, _ = _rejection(diagnosis)
        return Conclusion(
            f"{neither}; a delivery of it was rejected at {when} and is in the dead-letter queue: {reason}.",
            f"was it deleted in the store? Then {_drop_fix(diagnosis)}; redriven, it would make a {diagnosis.record} "
            "of an order that the store does not have",
        )
    if not diagnosis.hubspot.deals:
        return Conclusion(
            f"{neither}.",
            "write it as in the store's list of orders, or give its id, which is in the address of the order's page in "
            f"the store's admin (looked for: {'; '.join(diagnosis.lookup.tried)})",
        )
    if diagnosis.hubspot.deals[0].properties.get(STATUS) == TRASH:
        return Conclusion(f"The order was permanently deleted in the store; {_in_lost_stage(diagnosis)}", fine=True)
    return Conclusion(
        "The order was permanently deleted in the store (WooCommerce sends no event for this); its "
        f"{diagnosis.record} still exists.{_letter_beside(diagnosis)}",
        "woohub reconcile --deleted check, or wait for the nightly check",
    )


def _in_lost_stage(diagnosis: OrderDiagnosis) -> str:
    return f"its {diagnosis.record} is in the lost stage, as it should be."


def _rejection(diagnosis: OrderDiagnosis) -> tuple[str, str, str]:
    """Return when the newest dead letter was rejected, the reason, and the advice ("" if there is none)."""
    newest = max(diagnosis.letters, key=lambda letter: letter.rejected or letter.received)
    reason, _, advice = newest.reason.partition(" What to do: ")
    return iso(newest.rejected or newest.received), reason.rstrip("."), advice


def _letter_beside(diagnosis: OrderDiagnosis) -> str:
    """Return a sentence on the dead letter, for a conclusion on something else; "" without a dead letter."""
    if not diagnosis.letters:
        return ""
    when, reason, _ = _rejection(diagnosis)
    return f" A delivery of it was rejected at {when} and is in the dead-letter queue: {reason}."


def _refused(diagnosis: OrderDiagnosis) -> Conclusion:
    when, reason, advice = _rejection(diagnosis)
    return Conclusion(
        f"It was rejected at {when} and is in the dead-letter queue: {reason}.",
        advice or f"woohub dlq redrive {_letter_options(diagnosis)}",
    )


def _breaker_open(diagnosis: OrderDiagnosis) -> Conclusion:
    breaker = diagnosis.stack.breaker
    since = utc(breaker.since * 1000) or "some time ago"
    probed = "nothing: HubSpot is probed every minute, and the consumer resumes when it answers"
    return Conclusion(
        f"Waiting: the circuit breaker has been open since {since}, and HubSpot is not called: {breaker.reason}.",
        BY_POLICY.get(breaker.policy, probed),
    )


def _fine(diagnosis: OrderDiagnosis) -> Conclusion:
    store, hubspot = diagnosis.store, diagnosis.hubspot
    text = "HubSpot matches the store."
    if store.is_trashed:
        text = f"It is in the store's trash, and {_in_lost_stage(diagnosis)}"
    if store.is_anonymised:
        when = utc(store.erased_at_ms)
        text += (ERASED if when else ANONYMISED).format(when=when, record=diagnosis.record)
    if hubspot.contact and store.is_anonymised and is_named(hubspot.contact):
        return Conclusion(f"{text} HubSpot still has the person as contact {hubspot.contact.id}.", WHAT_TO_DO)
    without_contact = hubspot.deals and not hubspot.contact and not store.erased_at_ms
    if hubspot.address is not Address.USABLE and without_contact:
        text += f" It has no contact: {hubspot.address}."
    if hubspot.stage_was_moved:
        stage = stage_name(hubspot.target.table.pipeline, hubspot.stage_is)
        text += f" Its stage was moved in HubSpot to {stage}; it stays there until the status changes."
    return Conclusion(text, fine=True)


def _drop_fix(diagnosis: OrderDiagnosis) -> str:
    return f"woohub dlq drop {_letter_options(diagnosis)}"


def _letter_options(diagnosis: OrderDiagnosis) -> str:
    """Return the options of `woohub dlq` that select the order's dead letters, and no other store's."""
    of_store = f" --store {store}" if (store := diagnosis.letters[0].store) else ""
    return f"--order order:{diagnosis.name.order_id}{of_store}"


def _waiting(diagnosis: OrderDiagnosis) -> Conclusion:
    waiting = diagnosis.traces.waiting[-1]
    tries = [trace for trace in diagnosis.traces.tried if trace.message_id == waiting.message_id]
    if not tries:
        return Conclusion(
            f"Waiting: it was delivered at {waiting.at} and is in the queue.", "wait, then run this command again"
        )
    why = tries[-1].fields.get("error") or "HubSpot did not accept it"
    return Conclusion(
        f"Waiting: it was delivered at {waiting.at} and tried {counted(len(tries), 'time')}, last with {why}.",
        BY_ERROR.get(why, "nothing: it is retried until HubSpot accepts it; woohub status shows the queue"),
    )


def _edited(diagnosis: OrderDiagnosis) -> Conclusion:
    differences = [difference for mismatch in diagnosis.differing_deals for difference in mismatch.differences]
    names = ", ".join(difference.property for difference in differences)
    if not any(difference.hubspot for difference in differences):
        return Conclusion(
            f"HubSpot has this state of the order, but nothing in {names}: the mapping got it later, or somebody has "
            "emptied it in HubSpot.",
            "woohub verify --repair writes it",
        )
    return Conclusion(
        f"HubSpot had this state of the order, but {names} {'was' if len(differences) == 1 else 'were'} changed there "
        "afterwards, by a person or a workflow, unless the mapping was changed.",
        'woohub verify --repair brings the store\'s value back; to leave it to people, set write = "if-empty" or '
        '"on-create" for it in mapping.toml',
    )


def _undelivered(diagnosis: OrderDiagnosis) -> Conclusion:
    when = f"since its last change at {diagnosis.modified_at}Z"
    if diagnosis.traces.refused:
        return Conclusion(
            f"No delivery of it was accepted {when}, and {counted(diagnosis.traces.refused, 'request')} had no valid "
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
    traces, mismatches = diagnosis.traces, diagnosis.hubspot.mismatches
    problems = ", ".join(dict.fromkeys(f"{mismatch.shown} {mismatch.kind.words}" for mismatch in mismatches))
    unread = f"; the logs, which may say why, could not be read: {traces.missing}" if traces.missing else ""
    last = traces.tried[-1] if traces.tried else None
    tried = f"; its last delivery ended with “{last.verdict}” at {last.at}" if last else ""
    return Conclusion(
        f"HubSpot differs: {problems}{tried}{unread}.", f"woohub reconcile --since {diagnosis.modified_at}"
    )


def _not_read(side: str, why: str, diagnosis: OrderDiagnosis) -> Conclusion:
    return Conclusion(f"{side} could not be read: {why}.{_letter_beside(diagnosis)}", "woohub doctor")


def _waits_for_hubspot(diagnosis: OrderDiagnosis) -> bool:
    return diagnosis.store.row is not None and (diagnosis.differs or bool(diagnosis.hubspot.missing))


def _arrived_since(diagnosis: OrderDiagnosis) -> bool:
    """Whether the order's last change arrived, by a delivery or by reconcile."""
    return any(trace.at >= f"{diagnosis.modified_at}Z" for trace in diagnosis.traces.lines)


Rule = tuple[Callable[[OrderDiagnosis], bool], Callable[[OrderDiagnosis], Conclusion]]
RULES: Sequence[Rule] = (
    (lambda order: bool(order.store.missing), lambda order: _not_read("The store", order.store.missing, order)),
    (lambda order: order.stack.breaker.is_open and _waits_for_hubspot(order), _breaker_open),
    (lambda order: bool(order.hubspot.missing), lambda order: _not_read("HubSpot", order.hubspot.missing, order)),
    (lambda order: order.store.row is None, _unknown),
    (
        lambda order: order.store.is_draft,
        lambda order: Conclusion(
            f"It is a cart, not an order yet: it becomes a {order.record} when the order is placed.", fine=True
        ),
    ),
    (
        lambda order: bool(order.store.unreadable),
        lambda order: Conclusion(
            f"The order in the store cannot be read: {order.store.unreadable}.",
            "correct the order in the store and save it there, which delivers it again",
        ),
    ),
    (
        lambda order: order.store.is_trashed and not order.hubspot.deals,
        lambda order: Conclusion(
            f"It is in the store's trash, and HubSpot never had it: no {order.record} is created.", fine=True
        ),
    ),
    (lambda order: not order.differs, _fine),
    (lambda order: bool(order.letters), _refused),
    (
        lambda order: not order.stack.consumer_enabled,
        lambda order: Conclusion(
            "It waits in the queue: somebody has disabled the consumer by hand.",
            f"when the reason is gone: {order.stack.enable}",
        ),
    ),
    (
        lambda order: bool(order.overwrite_blocked),
        lambda order: Conclusion(
            "HubSpot has a newer version than the store, so what the store has now counts as stale and is not written.",
            order.overwrite_blocked[0].fix,
        ),
    ),
    (lambda order: bool(order.traces.waiting), _waiting),
    (lambda order: order.was_edited, _edited),
    (
        lambda order: any(mismatch.attach for mismatch in order.hubspot.mismatches),
        lambda order: Conclusion(
            f"The {order.record} was associated with the order's contact, and somebody removed the association in "
            "HubSpot.",
            "woohub verify --repair associates them again",
        ),
    ),
    (
        lambda order: all(mismatch.kind is MismatchKind.DUPLICATE for mismatch in order.hubspot.mismatches),
        lambda order: Conclusion(
            f"HubSpot has {counted(len(order.hubspot.deals), order.hubspot.target.in_hubspot)} of it: "
            "woocommerce_order_id is not unique there.",
            order.hubspot.mismatches[0].fix,
        ),
    ),
    (lambda order: not order.traces.missing and not _arrived_since(order), _undelivered),
    (lambda _order: True, _unexplained),
)
