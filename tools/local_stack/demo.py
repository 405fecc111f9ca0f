"""Show the whole stack on this machine: real deliveries in, contacts and deals out, one poison message rejected.

Line items and customer metrics are switched on, as an operator does it. Part 2: a store whose deliveries are lost and
whose webhook is disabled, and the recovery.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from rich.table import Table

from woohub.counted import counted

from . import demo_mapping, demo_recovery, samples, stack_client
from .running import running
from .samples import Sample
from .settings import Settings
from .stack import Stack
from .stack_client import Contact, Deal
from .steps import console, fail_if, step

ITEM_WIDTH = 70  # characters


@dataclass(frozen=True)
class Result:
    """What the stack made of the sample deliveries."""

    status_codes: list[int]
    contacts: list[Contact]
    deals: list[Deal]
    dead_letters: list[dict[str, str]]


def demo(state: Path) -> int:
    """Run a new stack against a simulated HubSpot. Returns 0 if the result is as expected, else raises StepFailed."""
    settings = Settings(state=state, port=0, simulator_port=0, enforce_iam=True)
    sent = samples.samples(settings.webhook_secret)
    with running(settings) as (stack, _):
        demo_mapping.push(stack)
        print("\nPart 1: real deliveries become contacts and deals\n")
        result = _send_all(stack, sent)
        _print_result(sent, result)
        fail_if(problems(sent, result), stack)
        demo_recovery.show(stack)
    print("All checks passed. Keep it running with `make local`; to deploy, see README.md.")
    return 0


def _send_all(stack: Stack, sent: list[Sample]) -> Result:
    with step(f"Send {counted(len(sent), 'delivery')}"):
        status_codes = [stack_client.send(stack, sample.headers, sample.body) for sample in sent]
    stack_client.wait_until_queue_is_empty(stack)
    contacts, deals = stack_client.contacts(stack), stack_client.deals(stack)
    return Result(status_codes, contacts, deals, stack_client.dead_letters(stack))


def problems(sent: list[Sample], result: Result) -> Iterator[str]:
    """Yield the differences from the expected result, as sentences."""
    for sample, status in zip(sent, result.status_codes, strict=True):
        if status != sample.status_code:
            yield f"{sample.title}: answered {status} instead of {sample.status_code}"
    contacts = [(contact.email, contact.metrics) for contact in result.contacts]
    yield from _differences("contact", samples.CONTACTS.items(), contacts)
    yield from _differences("deal", samples.DEALS, result.deals)
    for deal in result.deals:
        if deal.sum_of_items != Decimal(deal.amount):
            yield f"{deal.name}: the items come to {deal.sum_of_items}, the amount is {deal.amount}"
    yield from _differences(
        "dead letter", [samples.POISON], [letter.get("entity", "?") for letter in result.dead_letters]
    )
    if not all(letter.get("reason") for letter in result.dead_letters):
        yield "a dead letter has no reason"


def _differences(kind: str, expected: Iterable[object], actual: Iterable[object]) -> Iterator[str]:
    wanted, present = Counter(expected), Counter(actual)
    yield from (f"{kind} missing: {record}" for record in wanted - present)
    yield from (f"{kind} unexpected: {record}" for record in present - wanted)


def _print_result(sent: list[Sample], result: Result) -> None:
    shown = console()
    shown.print()
    rows = [(sample.title, sample.topic, str(code)) for sample, code in zip(sent, result.status_codes, strict=True)]
    shown.print(_table("Sent", ("delivery", "topic", "status"), rows))
    people = [_person(contact) for contact in result.contacts]
    columns = ("e-mail", "name", "country", "customer", "orders", "paid", "latest order")
    shown.print(_table("Contacts, with customer metrics", columns, people))
    deals = [(deal.name, deal.stage, f"{deal.amount} {deal.currency}", deal.contact) for deal in result.deals]
    shown.print(_table("Deals", ("deal", "stage", "amount", "associated contact"), deals))
    items = [(f"#{deal.order}", _item_lines(deal), str(deal.sum_of_items)) for deal in result.deals]
    shown.print(_table("Line items of the deals", ("order", "items", "sum"), items))
    letters = [(letter.get("entity", "?"), letter.get("reason", "none")) for letter in result.dead_letters]
    shown.print(_table("Dead-letter queue", ("entity", "reason"), letters))


def _person(contact: Contact) -> tuple[str, ...]:
    metrics = contact.metrics
    latest = f"{metrics.last_order[:10]} {metrics.last_status}".strip()
    who = (contact.email, contact.name, contact.country, contact.customer)
    return *who, metrics.orders, metrics.total_paid, latest


def _item_lines(deal: Deal) -> str:
    return "\n".join(textwrap.shorten(str(item), ITEM_WIDTH, placeholder=" …") for item in deal.items)


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*row)
    return table
