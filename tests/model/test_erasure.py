"""Days around an erasure: in any order and number of deliveries, no erased person comes back."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import START_MS, customer, message, order
from woohub.dates import utc_from_ms
from woohub.erasures import ErasedPeople, ErasureList, hashed
from woohub.hubspot.objects import CONTACTS
from woohub.sync import erased as rule
from woohub.sync import grouping
from woohub.sync.outcome import Message, Verdict

KEY = "k" * 64
PEOPLE = [f"person{number}@example.com" for number in range(8)]
ERASED, ORDERING_AGAIN = PEOPLE[:5], PEOPLE[:2]  # these order again afterwards
ERASED_S = 3600
SEEDS = range(5)


def at(seconds: float) -> str:
    return utc_from_ms(START_MS + round(seconds * 1000))


def of_person(person: int, number: int, created_s: float, changed_s: float, received_s: float, topic: str) -> Message:
    """An order, or the account, as one delivery shows it."""
    dates = {"date_created_gmt": at(created_s), "date_modified_gmt": at(changed_s)}
    who = {"email": PEOPLE[person].upper(), "first_name": f"Name{person}", "last_name": "Person"}
    if topic.startswith("customer"):
        body = customer(person + 1, **dates, email=PEOPLE[person], billing=who)
    else:
        body = order(number, **dates, billing=who, total=f"{number}.00")
    return message(topic, body, received_s)


def deliveries(rng: random.Random) -> tuple[list[Message], list[Message]]:
    """The deliveries before and after the erasure: old orders by every topic, and some new ones."""
    before, after = [], []
    for person in range(len(PEOPLE)):
        for number in (person * 10 + 1, person * 10 + 2):
            created_s = rng.randrange(0, ERASED_S - 60)
            before.append(of_person(person, number, created_s, created_s, created_s + 1, "order.created"))
            for topic in ("order.created", "order.updated", "order.restored", "order.swept"):
                received_s = rng.choice([created_s + 5, ERASED_S + rng.randrange(1, 7200)])
                after.append(of_person(person, number, created_s, ERASED_S + 10, received_s, topic))
        for topic in ("customer.updated", "customer.swept"):
            after.append(of_person(person, 0, 10, ERASED_S + 20, ERASED_S + rng.randrange(30, 7200), topic))
    for person in range(len(ORDERING_AGAIN)):
        made_s = ERASED_S + rng.randrange(2, 3600)
        after.append(of_person(person, person * 10 + 3, made_s, made_s, made_s + 1, "order.created"))
    after += rng.sample(after, len(after) // 2)  # delivered, reconciled or redriven twice
    rng.shuffle(after)
    return before, after


def day(seed: int) -> EngineFixture:
    """Orders, an erasure, and a day of late deliveries in batches while some HubSpot calls fail."""
    rng, engine = random.Random(seed), EngineFixture()  # noqa: S311
    before, after = deliveries(rng)
    engine.deliver(*before)
    hashes = [hashed(email, KEY) for email in ERASED]
    entries = ErasureList(erasures=()).with_entries(hashes, START_MS + ERASED_S * 1000, KEY)
    engine.erased = ErasedPeople.of(entries, KEY)
    engine.timer.start(57)
    for row in engine.portal.state()["contacts"]:
        if row["properties"]["email"] in ERASED:
            engine.hubspot.erase(CONTACTS, row["id"])
    engine.portal.faults.add(InjectedFault(kind="status", status=503, probability=0.2))
    while after:
        batch, after = after[:20], after[20:]
        outcomes = engine.deliver(*batch)
        after += [outcome.message for outcome in outcomes if outcome.verdict is Verdict.RETRY]
        engine.clock.sleep(30)
    return engine


def faults_of(engine: EngineFixture) -> list[str]:
    """What is wrong in HubSpot at the end of such a day."""
    emails = {contact["email"] for contact in engine.contacts}
    wrong = [f"{email} came back" for email in set(ERASED) - set(ORDERING_AGAIN) if email in emails]
    wrong += [f"{email} is missing" for email in {*PEOPLE[5:], *ORDERING_AGAIN} - emails]
    for deal in engine.deals:
        number = int(deal["woocommerce_order_id"])
        person, is_old = divmod(number, 10)[0], number % 10 < 3
        forgotten = PEOPLE[person] in ERASED and is_old
        if (f"Name{person}" in deal["dealname"]) == forgotten:
            wrong.append(f"order {number} is called {deal['dealname']}")
        if ((str(number), PEOPLE[person]) in engine.associated) == forgotten:
            wrong.append(f"order {number} has the wrong contact")
        if deal["amount"] != f"{number}.00":
            wrong.append(f"order {number} lost its amount")
    return wrong


@pytest.mark.parametrize("seed", SEEDS)
def test_erased_people_stay_erased_unless_they_order_again(seed: int) -> None:
    assert faults_of(day(seed)) == []


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("must_not_return", lambda *_: False),
        ("must_not_return", lambda _event, keys, people: any(people.erased_at(key) for key in keys)),
        ("without_person", lambda event: event),
    ],
    ids=["no event is left out", "new orders are left out too", "the person stays in the order"],
)
def test_the_same_days_end_wrong_without_an_erasure_rule(
    name: str, without: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(grouping, name, without)

    assert any(faults_of(day(seed)) for seed in SEEDS)


def test_the_same_days_end_wrong_when_only_the_receipt_is_compared_with_the_erasure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rule, "is_from_before", lambda event, at_ms: event.received_ms <= at_ms)

    assert any(faults_of(day(seed)) for seed in SEEDS)
