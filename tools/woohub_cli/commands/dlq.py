"""`woohub dlq`: what HubSpot would not take, why, and what to do with it."""

from __future__ import annotations

import json as jsonlib
import os
import signal
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
from woohub_cli.dead_letters import Advance, Letter, Wanted
from woohub_cli.options import JsonOption, StackOption
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
    """List, show, redrive or drop what lies in the dead-letter queue.

    Looking hides nothing: whatever these commands do not move stays visible to everybody.

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
    json: JsonOption = False,
) -> None:
    """List the messages with their reasons, the oldest first.

    Ends with 0, whether there are any or not; `woohub status` tells by its exit code.

    Examples:

        woohub dlq list
        woohub dlq list --reason INVALID_EMAIL --since 2h
        woohub dlq list --json | jq -r '.[].entity'
    """
    wanted = _wanted([], reason, order, customer, since, until)
    with _looking(_find(stack)) as letters:
        found = wanted.choose(letters.values())
    if json:
        output.as_json([one.facts() for one in found])
    elif found:
        output.table(("Message", "Entity", "Rejected (UTC)", "Tries", "Status", "Reason"), [_row(one) for one in found])
        output.say(f"{dead_letters.counted(found)}.")
    else:
        output.say("The dead-letter queue is empty." if not letters else f"None of {len(letters)} messages fits.")


@app.command(cls=Command)
def show(
    ids: Ids = None,
    reason: ReasonOption = "",
    order: OrderOption = None,
    customer: CustomerOption = None,
    since: SinceOption = "",
    until: UntilOption = "",
    stack: StackOption = None,
    json: JsonOption = False,
) -> None:
    """Show messages with all their details and payload.

    The payload holds personal data. Ends with 1 when no message fits.

    Examples:

        woohub dlq show 3f2a91c0
        woohub dlq show --order 1234 --json
    """
    wanted = _wanted(ids or [], reason, order, customer, since, until)
    if wanted.everything:
        raise WrongUsage("which messages? Name their ids, or --order, --customer, --reason, --since, --until")
    with _looking(_find(stack)) as letters:
        found = wanted.choose(letters.values())
    if json:
        output.as_json([one.details() for one in found])
    else:
        for one in found:
            _describe(one)
    if not found:
        raise Trouble(f"none of {len(letters)} messages fits")


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
    json: JsonOption = False,
) -> None:
    """Send messages to the delivery queue again, when the cause of their rejection is gone.

    Doing it twice does no harm: what HubSpot has already is not written again.

    Examples:

        woohub dlq redrive 3f2a91c0
        woohub dlq redrive --reason NOT_SET_UP
        woohub dlq redrive --all --dry-run
    """
    wanted = _wanted(ids or [], reason, order, customer, since, until, everything=everything, act="redrive")
    found = _find(stack)
    sqs, queue_url, dlq_url = found.aws.sqs, found.output("QueueUrl"), found.output("DeadLetterQueueUrl")

    def move(letters: dict[str, Letter], chosen: Sequence[Letter], advance: Advance) -> int:
        return dead_letters.redrive(sqs, queue_url, dlq_url, letters, chosen, advance)

    _act("redrive", move, found, wanted, dry_run=dry_run, json=json)


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
    json: JsonOption = False,
) -> None:
    """Delete messages for good.

    On a terminal it asks first.

    Examples:

        woohub dlq drop 3f2a91c0
        woohub dlq drop --reason INVALID_EMAIL --until 3d
    """
    wanted = _wanted(ids or [], reason, order, customer, since, until, everything=everything, act="drop")
    found = _find(stack)
    sqs, dlq_url = found.aws.sqs, found.output("DeadLetterQueueUrl")

    def delete(letters: dict[str, Letter], chosen: Sequence[Letter], advance: Advance) -> int:
        if chosen and not yes and sys.stdin.isatty():
            typer.confirm(f"Delete {len(chosen)} of {len(letters)} messages for good?", abort=True, err=True)
        return dead_letters.drop(sqs, dlq_url, letters, chosen, advance)

    _act("drop", delete, found, wanted, dry_run=dry_run, json=json)


Act = Callable[[dict[str, Letter], Sequence[Letter], Advance], int]
DONE = {"redrive": "redriven", "drop": "dropped"}


def _act(name: str, act: Act, stack: Stack, wanted: Wanted, *, dry_run: bool, json: bool) -> None:
    with _looking(stack, dead_letters.LOOKED_AT if dry_run else dead_letters.WORKED_ON) as letters:
        chosen = wanted.choose(letters.values())
        found = len(letters)
        with output.progress(name, len(chosen)) as advance:
            done = 0 if dry_run else act(letters, chosen, advance)
    entities = [{"message_id": one.message_id, "entity": one.entity} for one in chosen]
    left = found - done
    if json:
        output.as_json(
            {"dry_run": dry_run, "matched": len(chosen), DONE[name]: done, "left": left, "messages": entities}
        )
    elif dry_run:
        output.table(("Message", "Entity"), [(one.message_id, one.about) for one in chosen])
        output.say(f"{len(chosen)} of {found} messages would be {DONE[name]}{_of(chosen)}.")
    else:
        output.say(f"{done} of {len(chosen)} messages {DONE[name]}{_of(chosen)}; {left} stay in the dead-letter queue.")
        if name == "redrive" and _several_of_one(chosen):
            output.say("Several messages of one order do no harm: HubSpot gets its newest state, whichever comes last.")
    if not dry_run and done < len(chosen):
        raise typer.Exit(PROBLEMS)


def _of(chosen: Sequence[Letter]) -> str:
    """ "(2 messages of 1 order)" where messages and orders are not the same number."""
    return f" ({dead_letters.counted(chosen)})" if _several_of_one(chosen) else ""


def _several_of_one(chosen: Sequence[Letter]) -> bool:
    return len({one.entity or one.message_id for one in chosen}) < len(chosen)


def _find(stack: str | None) -> Stack:
    folder = Path.cwd()
    return stacks.find(stack, environment.read(os.environ, folder), folder)


@contextmanager
def _looking(stack: Stack, hidden_s: int = dead_letters.LOOKED_AT) -> Iterator[dict[str, Letter]]:
    """Every message, each visible again afterwards; says so when others are looking at some just now."""
    sqs, url = stack.aws.sqs, stack.output("DeadLetterQueueUrl")
    before = status.depth(sqs, url)
    if before.in_flight:
        output.note(f"held by another reader just now, and so not seen here: {before.in_flight}")
    with _ended_gently(), ExitStack() as afterwards:
        with output.progress("reading the dead-letter queue", before.visible) as advance:
            reading = dead_letters.held(sqs, url, hidden_s=hidden_s, advance=advance, wait_s=dead_letters.WAIT)
            letters = afterwards.enter_context(reading)
        yield letters


@contextmanager
def _ended_gently() -> Iterator[None]:
    """A script's time-out (SIGTERM) ends the block like Ctrl-C, so that nothing stays hidden."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wanted(
    ids: list[str],
    reason: str,
    order: str | None,
    customer: int | None,
    since: str,
    until: str,
    *,
    everything: bool = False,
    act: str = "",
) -> Wanted:
    short = dead_letters.named_too_briefly(ids)
    if order is not None:
        order_names.reference(order)
    if short:
        raise WrongUsage(f"{short[0]} is too short: at least {dead_letters.SHORTEST_ID} characters of a message's id")
    wanted = Wanted(tuple(ids), reason, order, customer, _moment("since", since), _moment("until", until))
    if act and wanted.everything != everything:
        both = "either name messages, or --all, not both" if everything else "name ids or a filter, or --all"
        raise WrongUsage(f"{act} which messages? {both}")
    return wanted


def _moment(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return dead_letters.moment(text, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        raise WrongUsage(f"--{option} {text} is no time: write 90m, 2h, 3d, 2026-11-24 or 2026-11-24T08:30") from error


def _row(one: Letter) -> tuple[str | Text, ...]:
    return (
        one.message_id[: dead_letters.SHOWN],
        one.about,
        _short(one.rejected or one.received),
        str(one.attempts),
        one.attributes.get("status", ""),
        Text(one.reason),
    )


def _short(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _describe(one: Letter) -> None:
    details: dict[str, Any] = one.details() | {"entity": one.about}
    payload = details.pop("payload")
    output.table(("", ""), [(name, str(value)) for name, value in details.items() if value not in (None, "")])
    output.say(payload if isinstance(payload, str) else jsonlib.dumps(payload, indent=2, ensure_ascii=False))
    output.say()
