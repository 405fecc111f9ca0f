"""The questions that `woohub portal-check` tries, and what woohub assumes about each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from functools import partial
from typing import TypeVar

from woohub.counted import counted
from woohub.errors import Forbidden, HubSpotProblem, HubSpotRejected, TransientError
from woohub.hubspot.client import BATCH
from woohub.hubspot.objects import CONTACTS, DEALS, LINE_ITEMS, ObjectType
from woohub.hubspot.properties import CURRENCY
from woohub.sync.lookup import by_key
from woohub_cli.checks import scopes
from woohub_cli.portal_check.portal_trial import Trial

IN_FLIGHT = 8  # concurrent batches
RECALCULATION_S = 5.0  # the time HubSpot has to change an amount by itself
OBJECTS = ("contacts", "deals", "line_items", "orders")
DEAL_AMOUNT = "100"
ITEMS = (
    {"quantity": "3", "price": "6.6667"},
    {"quantity": "1", "price": "10", "discount": "0.5"},
)
NO_UNIQUE_KEY = "there is no unique property {}: run `woohub setup` on this portal first"
T = TypeVar("T")


class Verdict(StrEnum):
    """How an answer compares with what woohub assumes."""

    AS_ASSUMED = "as assumed"
    DIFFERS = "differs"
    MEASURED = "measured"  # woohub assumes nothing
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class Finding:
    """A question, what woohub assumes, and what HubSpot answered. `details` are for --json."""

    name: str
    question: str
    assumed: str
    answer: str
    verdict: Verdict
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """The answer to a question. `holds`: whether it is as woohub assumes, None if it assumes nothing."""

    text: str
    holds: bool | None = None
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One thing to try. `ask` raises CannotTry, or the errors of HubSpot's client."""

    name: str
    text: str
    assumed: str
    ask: Callable[[Trial], Answer]

    def finding(self, trial: Trial) -> Finding:
        """Try the question. If it cannot be tried, the finding says so, and the other questions are still tried."""
        try:
            answer = self.ask(trial)
        except (CannotTry, Forbidden, HubSpotRejected, TransientError) as error:
            return Finding(self.name, self.text, self.assumed, str(error), Verdict.NOT_TRIED)
        verdicts = {True: Verdict.AS_ASSUMED, False: Verdict.DIFFERS, None: Verdict.MEASURED}
        return Finding(self.name, self.text, self.assumed, answer.text, verdicts[answer.holds], answer.details)


class CannotTry(Exception):
    """The question cannot be tried in this HubSpot account."""


def key_scopes(trial: Trial) -> Answer:
    """Make calls without records: HubSpot checks the scopes first, and names the missing ones."""
    pairs = [(kind, verb) for kind in OBJECTS for verb in scopes.CALLS]
    refusals = {pair: scopes.refusal(trial.hubspot, *pair) for pair in pairs}
    has = [" ".join(pair) for pair in pairs if not refusals[pair]]
    lacks = {" ".join(pair): refusals[pair] for pair in pairs if refusals[pair]}
    text = f"may: {', '.join(has) or 'nothing'}; may not: {', '.join(lacks) or 'nothing of it is refused'}"
    return Answer(text, not any(refusals[needed] for needed in scopes.NEEDED), {"may": has, "may_not": lacks})


def currencies(trial: Trial) -> Answer:
    """Check whether the definition of the deals' currency lists the account's currencies."""
    options = trial.definition(DEALS, CURRENCY).get("options")
    listed = [str(option["value"]) for option in options] if isinstance(options, list) else []
    text = f"listed: {', '.join(listed)}" if listed else "not listed: only refusals show which are enabled"
    return Answer(text, details={"listed": listed})


def read_after_write(trial: Trial) -> Answer:
    """Check whether a batch read by unique value finds records just created."""
    keys = _unique_keys(trial, DEALS, BATCH)
    trial.create(DEALS, [{DEALS.key: key} for key in keys])
    seen = by_key(DEALS, trial.hubspot.read(DEALS, keys, [DEALS.key], id_property=DEALS.key), keys)
    text = f"{len(seen)} of {counted(len(keys), 'deal')}"
    return Answer(text, len(seen) == len(keys), {"made": len(keys), "seen": len(seen)})


def association_after_write(trial: Trial) -> Answer:
    """Check whether a read of associations finds one just created."""
    (email,) = trial.new_keys(CONTACTS, 1)
    (contact,) = trial.create(CONTACTS, [{CONTACTS.key: email}])
    link = {"to": {"id": contact.id}, "types": [DEALS.association_to(CONTACTS)]}
    (deal,) = trial.create(DEALS, [{}], associations=[link])
    seen = deal.id in trial.hubspot.associated(CONTACTS, DEALS, [contact.id]).get(contact.id, set())
    return Answer("yes" if seen else "no: the contact has no such deal yet", seen)


def second_create(trial: Trial) -> Answer:
    """Try how HubSpot rejects a second record with a unique value."""
    (key,) = _unique_keys(trial, DEALS, 1)
    (first,) = trial.create(DEALS, [{DEALS.key: key}])
    problem = _refusal(trial, DEALS, key)
    if problem is None:
        return Answer("a second deal with the same key was created", holds=False)
    names_holder = first.id in problem.message or first.id in problem.context.get("existingId", ())
    text = f"refused with {problem.status} {problem.category}; the holder's id is {'' if names_holder else 'not '}named"
    return Answer(text, names_holder, {"message": problem.message})


def unique_value_after_archiving(trial: Trial, kind: ObjectType) -> Answer:
    """Check whether the unique value of an archived record can be used again."""
    (key,) = _unique_keys(trial, kind, 1)
    (record,) = trial.create(kind, [{kind.key: key}])
    trial.hubspot.archive(kind, [record.id])
    problem = _refusal(trial, kind, key)
    if problem is None:
        return Answer("free: a new record may have it", holds=True)
    return Answer(f"still taken: {problem.status} {problem.category}", False, {"message": problem.message})


def deal_amount(trial: Trial) -> Answer:
    """Check whether writing line items changes the amount of their deal."""
    deal, _ = _deal_with_items(trial)
    at_once = _values(trial, DEALS, [deal], "amount")[0]
    trial.pause(RECALCULATION_S)
    later = _values(trial, DEALS, [deal], "amount")[0]
    kept = _same(at_once, DEAL_AMOUNT) and _same(later, DEAL_AMOUNT)
    text = f"{DEAL_AMOUNT} stays" if kept else f"{DEAL_AMOUNT} became {at_once}, {RECALCULATION_S:.0f} s later {later}"
    return Answer(text, kept, {"written": DEAL_AMOUNT, "at_once": at_once, "later": later})


def unit_price(trial: Trial) -> Answer:
    """Check what HubSpot keeps of a price with more decimals than the currency has, and the amount it computes."""
    _, items = _deal_with_items(trial)
    prices, amounts = _values(trial, LINE_ITEMS, items, "price"), _values(trial, LINE_ITEMS, items, "amount")
    kept = all(_same(price, row["price"]) for price, row in zip(prices, ITEMS, strict=True))
    lines = [
        f"{row['quantity']} at {row['price']} less {row.get('discount', '0')} each: price {price}, amount {amount}"
        for row, price, amount in zip(ITEMS, prices, amounts, strict=True)
    ]
    return Answer("; ".join(lines), kept, {"prices": prices, "amounts": amounts})


def batch_alone(trial: Trial, kind: ObjectType) -> Answer:
    """Measure the seconds of each call for 100 records, with no other call in flight."""
    keys = _unique_keys(trial, kind, BATCH)
    seconds: dict[str, float] = {}
    records = _timed(trial, seconds, "create", lambda: trial.create(kind, [{kind.key: key} for key in keys]))
    _timed(trial, seconds, "read", lambda: trial.hubspot.read(kind, keys, [kind.key], id_property=kind.key))
    ids, edited = [record.id for record in records], {EDITED[kind]: "1"}
    changed = [{"id": key, "objectWriteTraceId": key, "properties": edited} for key in ids]
    _timed(trial, seconds, "update", lambda: trial.hubspot.update(kind, changed))
    _timed(trial, seconds, "archive", lambda: trial.hubspot.archive(kind, ids))
    return Answer(", ".join(f"{call} {took:.2f} s" for call, took in seconds.items()), None, {"seconds": seconds})


def batches_in_flight(trial: Trial) -> Answer:
    """Measure the seconds of eight concurrent creates of 100 deals: of all together, and of each."""
    batches = [[{DEALS.key: key} for key in _unique_keys(trial, DEALS, BATCH)] for _ in range(IN_FLIGHT)]

    def create(rows: Sequence[Mapping[str, str]]) -> float:
        client, began = trial.connect(), trial.clock()
        trial.create(DEALS, rows, hubspot=client)
        return round(trial.clock() - began, 3)

    began = trial.clock()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        each = list(pool.map(create, batches))
    together = round(trial.clock() - began, 3)
    records = IN_FLIGHT * BATCH
    text = f"{counted(records, 'deal')} in {together:.2f} s; a call took {min(each):.2f} to {max(each):.2f} s"
    return Answer(text, None, {"records": records, "seconds": together, "seconds_of_each": each})


EDITED: Mapping[ObjectType, str] = {CONTACTS: "phone", DEALS: "amount"}
QUESTIONS = (
    Question("scopes", "What may the key do?", "contacts and deals, reading and writing", key_scopes),
    Question("currencies", "Does HubSpot list the account's currencies?", "either: both ways work", currencies),
    Question(
        "read_after_write", "Does a read by unique value see a create at once?", "yes, every record", read_after_write
    ),
    Question(
        "association_after_write",
        "Does a read of associations see a new deal at once?",
        "yes",
        association_after_write,
    ),
    Question(
        "second_create", "How is a second deal for one order refused?", "with the id of the first one", second_create
    ),
    Question(
        "unique_after_archiving_deal",
        "Is the key of an archived deal free again?",
        "yes",
        partial(unique_value_after_archiving, kind=DEALS),
    ),
    Question(
        "unique_after_archiving_line_item",
        "Is the key of an archived line item free again?",
        "yes (the store never uses one twice)",
        partial(unique_value_after_archiving, kind=LINE_ITEMS),
    ),
    Question("deal_amount", "Do line items change their deal's amount?", "no", deal_amount),
    Question("unit_price", "What becomes of a price of 6.6667?", "kept as it is", unit_price),
    Question("batch_of_contacts", "How long do calls for 100 contacts take?", "", partial(batch_alone, kind=CONTACTS)),
    Question("batch_of_deals", "How long do calls for 100 deals take?", "", partial(batch_alone, kind=DEALS)),
    Question("in_flight", "How long do eight creates of 100 deals at once take?", "", batches_in_flight),
)


def _unique_keys(trial: Trial, kind: ObjectType, count: int) -> list[str]:
    if not trial.has_unique_key(kind):
        raise CannotTry(NO_UNIQUE_KEY.format(kind.key))
    return trial.new_keys(kind, count)


def _refusal(trial: Trial, kind: ObjectType, key: str) -> HubSpotProblem | None:
    """Return why HubSpot rejects a record with this key; None if it creates one."""
    try:
        trial.create(kind, [{kind.key: key}])
    except HubSpotRejected as refused:
        return refused.problem
    return None


def _deal_with_items(trial: Trial) -> tuple[str, list[str]]:
    """Create a deal with line items. Return its id and theirs, in the order of ITEMS."""
    (deal,) = trial.create(DEALS, [{"amount": DEAL_AMOUNT}])
    link = {"to": {"id": deal.id}, "types": [LINE_ITEMS.association_to(DEALS)]}
    items = [trial.create(LINE_ITEMS, [row], associations=[link])[0] for row in ITEMS]
    return deal.id, [item.id for item in items]


def _values(trial: Trial, kind: ObjectType, ids: Sequence[str], name: str) -> list[str]:
    by_id = {record.id: record.properties.get(name) or "" for record in trial.hubspot.read(kind, ids, [name])}
    return [by_id.get(record_id, "") for record_id in ids]


def _same(left: str, right: str) -> bool:
    try:
        return Decimal(left) == Decimal(right)
    except InvalidOperation:
        return False


def _timed(trial: Trial, seconds: dict[str, float], call: str, make: Callable[[], T]) -> T:
    began = trial.clock()
    answer = make()
    seconds[call] = round(trial.clock() - began, 3)
    return answer
