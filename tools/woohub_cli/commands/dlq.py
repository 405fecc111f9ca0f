"""`woohub dlq`: what HubSpot rejected, why, and what to do about it."""

from __future__ import annotations

import json as jsonlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from woohub_cli import dead_letters, environment, order_names, stacks
from woohub_cli.cli_errors import PROBLEMS, Trouble, WrongUsage
from woohub_cli.commands import status
from woohub_cli.dead_letters import Advance, DeadLetter, LetterFilter
from woohub_cli.interrupts import sigterm_interrupts
from woohub_cli.options import JsonOption, StackOption, StoreOption
from woohub_cli.rendering import output
from woohub_cli.rendering.typer_help import Command, Group
from woohub_cli.stacks import Stack

app = typer.Typer(cls=Group, no_args_is_help=True)

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="MESSAGE_ID", help="Messages, by id or its first characters.", show_default=False),
]
ReasonOption = Annotated[str, typer.Option(metavar="TEXT", help="Only those whose reason or category has this text.")]
OrderOption = Annotated[
    str | None, typer.Option(metavar="ORDER", help="Only those about this order: its number, or its id in the store.")
]
CustomerOption = Annotated[int | None, typer.Option(metavar="N", help="Only those about this customer.")]
SinceOption = Annotated[
    str, typer.Option(metavar="WHEN", help="Only those rejected since then: 90m, 2h, 3d, or a date or time in UTC.")
]
UntilOption = Annotated[str, typer.Option(metavar="WHEN", help="Only those rejected until then.")]
AllOption = Annotated[bool, typer.Option("--all", help="All of them.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say which.")]


@app.callback()
def main() -> None:
    """List, show, redrive or drop the messages of the dead-letter queue.

    Reading hides nothing: messages that these commands do not move stay visible to everybody.

    Examples:

        woohub dlq list --reason email
        woohub dlq show 3f2a
        woohub dlq redrive --order RE-2026-00434
        woohub dlq redrive --all --dry-run
        woohub dlq drop --until 2026-01-31
    """


@app.command("list", cls=Command)
def list_command(
    reason: ReasonOption = "",
    order: OrderOption = None,
    customer: CustomerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    stack: StackOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """List the messages with their reasons, the oldest first.

    Ends with 0, whether there are any or not; `woohub status` ends with 1 if there are.

    Examples:

        woohub dlq list
        woohub dlq list --reason INVALID_EMAIL --since 2h
        woohub dlq list --json | jq -r '.[].entity'
    """
    letter_filter = _filter([], reason, order, customer, since, until, store)
    with _reading(_find(stack)) as letters:
        chosen = letter_filter.select(letters.values())
    if json:
        output.as_json([letter.facts() for letter in chosen])
    elif chosen:
        output.table(
            ("Message", "Entity", "Rejected (UTC)", "Tries", "Status", "Reason"), [_row(letter) for letter in chosen]
        )
        output.say(f"{dead_letters.summary(chosen)}.")
    else:
        output.say("The dead-letter queue is empty." if not letters else f"None of {len(letters)} messages matches.")


@app.command(cls=Command)
def show(
    ids: Ids = None,
    reason: ReasonOption = "",
    order: OrderOption = None,
    customer: CustomerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    stack: StackOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show messages with all their details and payload.

    The payload holds personal data. Ends with 1 when no message fits.

    Examples:

        woohub dlq show 3f2a91c0
        woohub dlq show --order 1234 --json
    """
    letter_filter = _filter(ids or [], reason, order, customer, since, until, store)
    if letter_filter.everything:
        raise WrongUsage("which messages? Name their ids, or --order, --customer, --reason, --since, --until")
    with _reading(_find(stack)) as letters:
        chosen = letter_filter.select(letters.values())
    if json:
        output.as_json([letter.details() for letter in chosen])
    else:
        for letter in chosen:
            _describe(letter)
    if not chosen:
        raise Trouble(f"none of {len(letters)} messages matches")


@app.command(cls=Command)
def redrive(
    ids: Ids = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    order: OrderOption = None,
    customer: CustomerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    dry_run: DryRunOption = False,
    stack: StackOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Send messages to the delivery queue again, once the cause of their rejection is fixed.

    Doing it twice does no harm: what HubSpot has already is not written again.

    Examples:

        woohub dlq redrive 3f2a91c0
        woohub dlq redrive --reason NOT_SET_UP
        woohub dlq redrive --all --dry-run
    """
    letter_filter = _filter(
        ids or [], reason, order, customer, since, until, store, everything=everything, act="redrive"
    )
    target = _find(stack)
    sqs, queue_url, dlq_url = target.aws.sqs, target.output("QueueUrl"), target.output("DeadLetterQueueUrl")

    def move(letters: dict[str, DeadLetter], chosen: Sequence[DeadLetter], advance: Advance) -> int:
        return dead_letters.redrive(sqs, queue_url, dlq_url, letters, chosen, advance)

    _act("redrive", move, target, letter_filter, dry_run=dry_run, json=json)


@app.command(cls=Command)
def drop(
    ids: Ids = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    order: OrderOption = None,
    customer: CustomerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    dry_run: DryRunOption = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    stack: StackOption = None,
    store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Delete messages for good.

    On a terminal it asks first.

    Examples:

        woohub dlq drop 3f2a91c0
        woohub dlq drop --reason INVALID_EMAIL --until 3d
    """
    letter_filter = _filter(ids or [], reason, order, customer, since, until, store, everything=everything, act="drop")
    target = _find(stack)
    sqs, dlq_url = target.aws.sqs, target.output("DeadLetterQueueUrl")

    def delete(letters: dict[str, DeadLetter], chosen: Sequence[DeadLetter], advance: Advance) -> int:
        if chosen and not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {len(chosen)} of {len(letters)} messages for good?", abort=True, err=True)
        return dead_letters.drop(sqs, dlq_url, letters, chosen, advance)

    _act("drop", delete, target, letter_filter, dry_run=dry_run, json=json)


Act = Callable[[dict[str, DeadLetter], Sequence[DeadLetter], Advance], int]
DONE = {"redrive": "redriven", "drop": "dropped"}


def _act(name: str, act: Act, stack: Stack, letter_filter: LetterFilter, *, dry_run: bool, json: bool) -> None:
    with _reading(stack, dead_letters.HIDDEN_WHILE_READ_S if dry_run else dead_letters.HIDDEN_WHILE_MOVED_S) as letters:
        chosen = letter_filter.select(letters.values())
        total = len(letters)
        with output.progress(name, len(chosen)) as advance:
            done = 0 if dry_run else act(letters, chosen, advance)
    entities = [{"message_id": letter.message_id, "entity": letter.entity} for letter in chosen]
    left = total - done
    if json:
        output.as_json(
            {"dry_run": dry_run, "matched": len(chosen), DONE[name]: done, "left": left, "messages": entities}
        )
    elif dry_run:
        output.table(("Message", "Entity"), [(letter.message_id, letter.about) for letter in chosen])
        output.say(f"{len(chosen)} of {total} messages would be {DONE[name]}{_of(chosen)}.")
    else:
        output.say(f"{done} of {len(chosen)} messages {DONE[name]}{_of(chosen)}; {left} stay in the dead-letter queue.")
        if name == "redrive" and _several_of_one(chosen):
            output.say("Several messages of one order are safe: HubSpot gets its newest state, whichever arrives last.")
    if not dry_run and done < len(chosen):
        raise typer.Exit(PROBLEMS)


def _of(chosen: Sequence[DeadLetter]) -> str:
    """ "(2 messages of 1 order)" where messages and orders are not the same number."""
    return f" ({dead_letters.summary(chosen)})" if _several_of_one(chosen) else ""


def _several_of_one(chosen: Sequence[DeadLetter]) -> bool:
    return len({(letter.store, letter.entity or letter.message_id) for letter in chosen}) < len(chosen)


def _find(stack: str | None) -> Stack:
    folder = Path.cwd()
    return stacks.find(stack, environment.read(os.environ, folder), folder)


@contextmanager
def _reading(stack: Stack, hidden_s: int = dead_letters.HIDDEN_WHILE_READ_S) -> Iterator[dict[str, DeadLetter]]:
    """Every message, each visible again afterwards; says so when others are looking at some just now."""
    sqs, url = stack.aws.sqs, stack.output("DeadLetterQueueUrl")
    before = status.depth(sqs, url)
    if before.in_flight:
        output.note(f"hidden by another reader right now, so not listed here: {before.in_flight}")
    with sigterm_interrupts(), ExitStack() as afterwards:
        with output.progress("reading the dead-letter queue", before.visible) as advance:
            reading = dead_letters.peek_all(
                sqs, url, hidden_s=hidden_s, advance=advance, wait_s=dead_letters.RECEIVE_WAIT_S
            )
            letters = afterwards.enter_context(reading)
        yield letters


def _filter(
    ids: list[str],
    reason: str,
    order: str | None,
    customer: int | None,
    since: str,
    until: str,
    store: str | None,
    *,
    everything: bool = False,
    act: str = "",
) -> LetterFilter:
    short = dead_letters.too_short_ids(ids)
    if order is not None:
        order_names.reference(order)
    if short:
        raise WrongUsage(
            f"{short[0]} is too short: at least {dead_letters.MIN_ID_CHARACTERS} characters of a message's id"
        )
    # Numbers of orders and customers mean the first store's, as in every command without --store.
    of_one = store is not None or order is not None or customer is not None
    letter_filter = LetterFilter(
        tuple(ids),
        reason,
        order,
        customer,
        _moment("since", since),
        _moment("until", until),
        environment.store_named(store) if of_one else None,
    )
    if act and letter_filter.everything != everything:
        both = "either name messages, or --all, not both" if everything else "name ids or a filter, or --all"
        raise WrongUsage(f"{act} which messages? {both}")
    return letter_filter


def _moment(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return dead_letters.moment(text, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        raise WrongUsage(f"--{option} {text} is no time: write 90m, 2h, 3d, 2026-11-24 or 2026-11-24T08:30") from error


def _row(letter: DeadLetter) -> tuple[str | Text, ...]:
    return (
        letter.message_id[: dead_letters.SHOWN_ID_CHARACTERS],
        letter.about,
        _short(letter.rejected or letter.received),
        str(letter.attempts),
        letter.attributes.get("status", ""),
        Text(letter.reason),
    )


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _describe(letter: DeadLetter) -> None:
    details: dict[str, Any] = letter.details() | {"entity": letter.about}
    payload = details.pop("payload")
    output.table(("", ""), [(name, str(value)) for name, value in details.items() if value not in (None, "")])
    output.say(payload if isinstance(payload, str) else jsonlib.dumps(payload, indent=2, ensure_ascii=False))
    output.say()
