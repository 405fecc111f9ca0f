"""Show the whole way on this machine: real deliveries in, contacts and deals out, one poisoned order put aside.

Then a store whose deliveries get lost and whose webhook breaks, and how that is healed.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from . import exchange, healing, samples
from .exchange import Contact, Deal
from .progress import StepFailed, step, wait_until
from .running import running
from .samples import Sample
from .settings import Settings
from .stack import Stack

DRAINED_WITHIN = 120.0  # seconds


@dataclass(frozen=True)
class Result:
    """What the stack made of the samples."""

    answers: list[int]
    contacts: list[Contact]
    deals: list[Deal]
    dead_letters: list[dict[str, str]]


def demo(state: Path) -> int:
    """A fresh stack against a simulated HubSpot; 0 if all is as expected, else StepFailed."""
    settings = Settings(state=state, port=0, simulator_port=0, enforce_iam=True)
    sent = samples.samples(settings.webhook_secret)
    with running(settings) as (stack, _):
        result = _played(stack, sent)
        _show(sent, result)
        if problems := list(differences(sent, result)):
            raise StepFailed("Not as expected:\n  " + "\n  ".join(problems) + f"\nLogs: {stack.log}")
        healing.show(stack)
    print("All as expected. To keep it running: make local. To deploy it: README.md")
    return 0


def _played(stack: Stack, sent: list[Sample]) -> Result:
    with step(f"Send {len(sent)} deliveries"):
        answers = [exchange.send(stack, one.headers, one.body) for one in sent]
    with step("Wait until the queue is empty"):
        late = f"deliveries still wait after {DRAINED_WITHIN:.0f} s; logs: {stack.log}"
        wait_until(lambda: not exchange.waiting(stack), late, timeout=DRAINED_WITHIN)
    return Result(answers, exchange.contacts(stack), exchange.deals(stack), exchange.dead_letters(stack))


def differences(sent: list[Sample], result: Result) -> Iterator[str]:
    """What is not as it must be, in words."""
    for one, status in zip(sent, result.answers, strict=True):
        if status != one.answer:
            yield f"{one.what}: answered {status} instead of {one.answer}"
    yield from _compared("contact", samples.CONTACTS, [contact.email for contact in result.contacts])
    yield from _compared("deal", samples.DEALS, result.deals)
    yield from _compared("dead letter", [samples.POISONED], [one.get("entity", "?") for one in result.dead_letters])
    if not all(one.get("reason") for one in result.dead_letters):
        yield "a dead letter has no reason"


def _compared(what: str, expected: Iterable[object], found: Iterable[object]) -> Iterator[str]:
    must, has = Counter(expected), Counter(found)
    yield from (f"{what} missing: {one}" for one in must - has)
    yield from (f"{what} too many: {one}" for one in has - must)


def _show(sent: list[Sample], result: Result) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=120)
    console.print()
    rows = [(one.what, one.topic, str(status)) for one, status in zip(sent, result.answers, strict=True)]
    console.print(_table("Sent", ("delivery", "topic", "answer"), rows))
    people = [(one.email, one.name, one.city, one.country, one.customer) for one in result.contacts]
    console.print(_table("Contacts", ("e-mail", "name", "city", "country", "customer"), people))
    deals = [(one.name, one.stage, f"{one.amount} {one.currency}", one.contact) for one in result.deals]
    console.print(_table("Deals", ("deal", "stage", "amount", "associated contact"), deals))
    letters = [(one.get("entity", "?"), one.get("reason", "none")) for one in result.dead_letters]
    console.print(_table("Dead-letter queue", ("entity", "reason"), letters))


def _table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*columns, title=title, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*row)
    return table
