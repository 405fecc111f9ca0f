"""`woohub dlq`: list, show, redrive and drop the deliveries that HubSpot rejected."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.text import Text

from woohub.counted import counted
from woohub_cli import environment
from woohub_cli.cli_errors import PROBLEMS, Trouble, WrongUsage
from woohub_cli.consent import YesOption, confirm
from woohub_cli.dlq import dead_letter_queue, dead_letters
from woohub_cli.dlq.dead_letter_queue import Moved
from woohub_cli.dlq.dead_letters import DeadLetter, LetterFilter
from woohub_cli.interrupts import sigterm_interrupts
from woohub_cli.options import DryRunOption, StackOptions, command
from woohub_cli.orders import order_names
from woohub_cli.period import parsed_moment
from woohub_cli.rendering import output
from woohub_cli.rendering.output import Advance
from woohub_cli.rendering.typer_help import Group
from woohub_cli.stack import stack_status
from woohub_cli.stack.stacks import Stack

app = typer.Typer(cls=Group, no_args_is_help=True)


def _only(about: str, metavar: str) -> Any:
    return typer.Option(metavar=metavar, help=f"Only those {about}.", show_default=False)


@dataclass(frozen=True)
class FilterOptions:
    """Options that select messages."""

    reason: Annotated[str, _only("whose reason or category has this text", "TEXT")] = ""
    order: Annotated[str | None, _only("about this order: its number, or its id in the store", "ORDER")] = None
    customer: Annotated[int | None, _only("about this customer", "N")] = None
    since: Annotated[str, _only("rejected since then: 90m, 2h, 3d, or a date or time in UTC", "WHEN")] = ""
    until: Annotated[str, _only("rejected until then", "WHEN")] = ""
    store: Annotated[
        str | None,
        _only("of this store; numbers without it (--order, --customer) are the first store's", "NAME"),
    ] = None

    def filter(self, ids: Sequence[str] = ()) -> LetterFilter:
        """Return the filter for these options and ids. Raises WrongUsage for an option that is not valid."""
        if short := dead_letters.too_short_ids(ids):
            least = dead_letters.MIN_ID_CHARACTERS
            raise WrongUsage(f"{short[0]} is too short: at least {least} characters of a message's id")
        if self.order is not None:
            order_names.reference(self.order)
        now = datetime.now(UTC)
        since, until = (
            parsed_moment(option, text, now) if text else None
            for option, text in (("--since", self.since), ("--until", self.until))
        )
        # Numbers of orders and customers mean the first store's, as in every command without --store.
        of_one_store = any(value is not None for value in (self.store, self.order, self.customer))
        store = environment.store_named(self.store) if of_one_store else None
        return LetterFilter(tuple(ids), self.reason, self.order, self.customer, since, until, store)


@dataclass(frozen=True)
class ShowOptions(FilterOptions):
    """Options that select messages, also by id."""

    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="MESSAGE_ID", help="Messages, by id or its first characters.", show_default=False),
    ] = None


@dataclass(frozen=True)
class MoveOptions(ShowOptions):
    """Options that select messages, also all of them, and --dry-run."""

    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False
    dry_run: DryRunOption = False

    def filter_for(self, act: str) -> LetterFilter:
        """Return the filter. Raises WrongUsage unless either --all or a filter is given. `act`: the command's verb."""
        letter_filter = self.filter(self.ids or ())
        if letter_filter.everything != self.everything:
            both = "either name messages, or --all, not both" if self.everything else "name ids or a filter, or --all"
            raise WrongUsage(f"{act} which messages? {both}")
        return letter_filter


@app.callback()
def main() -> None:
    """List, show, redrive or drop the messages of the dead-letter queue.

    Messages that these commands do not move become visible to everybody again.

    Examples:

        woohub dlq list --reason email
        woohub dlq show 3f2a
        woohub dlq redrive --order RE-2026-00434
        woohub dlq redrive --all --dry-run
        woohub dlq drop --until 2026-01-31
    """


@command(app, "list")
def list_command(wanted: FilterOptions, options: StackOptions) -> None:
    """List the messages with their reasons, the oldest first.

    Ends with 0, whether there are any or not; `woohub status` ends with 1 if there are.

    Examples:

        woohub dlq list
        woohub dlq list --reason INVALID_EMAIL --since 2h
        woohub dlq list --json | jq -r '.[].entity'
    """
    letter_filter = wanted.filter()
    with _reading(options.target) as letters:
        chosen = letter_filter.select(letters.values())
    if options.json:
        output.as_json([letter.facts() for letter in chosen])
    elif chosen:
        output.table(
            ("Message", "Entity", "Rejected (UTC)", "Tries", "Status", "Reason"), [_row(letter) for letter in chosen]
        )
        output.say(f"{dead_letters.summary(chosen)}.")
    else:
        output.say(_no_match(len(letters)))


def _no_match(total: int) -> str:
    return f"None of {counted(total, 'message')} matches." if total else "The dead-letter queue is empty."


@command(app)
def show(wanted: ShowOptions, options: StackOptions) -> None:
    """Show messages with all their details and payload.

    The payload has personal data. Ends with 1 when no message matches.

    Examples:

        woohub dlq show 3f2a91c0
        woohub dlq show --order 1234 --json
    """
    letter_filter = wanted.filter(wanted.ids or ())
    if letter_filter.everything:
        raise WrongUsage("which messages? Name their ids, or --order, --customer, --reason, --since, --until")
    with _reading(options.target) as letters:
        chosen = letter_filter.select(letters.values())
    details = [letter.details() for letter in chosen]
    output.answer(details, lambda: _describe(chosen), json=options.json)
    if not chosen:
        raise Trouble(f"none of {counted(len(letters), 'message')} matches")


@command(app)
def redrive(wanted: MoveOptions, options: StackOptions) -> None:
    """Send messages to the delivery queue again, once the cause of their rejection is fixed.

    Doing it twice does no harm: what HubSpot has already is not written again.

    Examples:

        woohub dlq redrive 3f2a91c0
        woohub dlq redrive --reason NOT_SET_UP
        woohub dlq redrive --all --dry-run
    """
    letter_filter, target = wanted.filter_for("redrive"), options.target
    urls = target.output("QueueUrl"), target.output("DeadLetterQueueUrl")
    move = partial(dead_letter_queue.redrive, target.aws.sqs, *urls)
    _act("redrive", move, target, letter_filter, dry_run=wanted.dry_run, json=options.json)


@command(app)
def drop(wanted: MoveOptions, options: StackOptions, yes: YesOption = False) -> None:
    """Delete messages for good, after a question that --yes answers.

    Examples:

        woohub dlq drop 3f2a91c0
        woohub dlq drop --reason INVALID_EMAIL --until 3d --yes
    """
    letter_filter, target = wanted.filter_for("drop"), options.target

    def delete(letters: dict[str, DeadLetter], chosen: Sequence[DeadLetter], advance: Advance) -> Moved:
        if chosen:
            question = f"Delete {len(chosen)} of {counted(len(letters), 'message')} for good?"
            confirm(question, yes=yes, json=options.json, otherwise="nothing was deleted")
        return dead_letter_queue.drop(target.aws.sqs, target.output("DeadLetterQueueUrl"), letters, chosen, advance)

    _act("drop", delete, target, letter_filter, dry_run=wanted.dry_run, json=options.json)


Act = Callable[[dict[str, DeadLetter], Sequence[DeadLetter], Advance], Moved]
DONE = {"redrive": "redriven", "drop": "dropped"}


def _act(name: str, act: Act, stack: Stack, letter_filter: LetterFilter, *, dry_run: bool, json: bool) -> None:
    """Apply `act` to the selected messages, and report the result. `name` is a key of DONE."""
    hidden_s = dead_letter_queue.HIDDEN_WHILE_READ_S if dry_run else dead_letter_queue.HIDDEN_WHILE_MOVED_S
    with _reading(stack, hidden_s) as letters:
        chosen = letter_filter.select(letters.values())
        total = len(letters)
        with output.progress(name, len(chosen)) as advance:
            moved = Moved() if dry_run else act(letters, chosen, advance)
    entities = [{"message_id": letter.message_id, "entity": letter.entity} for letter in chosen]
    done, left = moved.count, total - moved.count
    facts = {"dry_run": dry_run, "matched": len(chosen), DONE[name]: done, "left": left, "messages": entities}
    if json:
        output.as_json(facts | {"refusals": sorted(moved.refusals)})
    elif not chosen:
        output.say(_no_match(total))
    elif dry_run:
        output.table(("Message", "Entity"), [(letter.message_id, letter.about) for letter in chosen])
        output.say(f"{len(chosen)} of {counted(total, 'message')} would be {DONE[name]}{_message_counts(chosen)}.")
    else:
        _print_moved(name, chosen, moved, left)
    if not dry_run and done < len(chosen):
        raise typer.Exit(PROBLEMS)


def _print_moved(name: str, chosen: Sequence[DeadLetter], moved: Moved, left: int) -> None:
    done = f"{moved.count} of {counted(len(chosen), 'message')} {DONE[name]}{_message_counts(chosen)}"
    output.say(f"{done}; {counted(left, 'message')} left in the dead-letter queue.")
    if moved.refusals:
        output.say(f"SQS refused the others ({', '.join(sorted(moved.refusals))}): run the command again.")
    if name == "redrive" and _several_of_one(chosen):
        output.say("Several messages of one order are safe: HubSpot gets its newest state, whichever arrives last.")


def _message_counts(chosen: Sequence[DeadLetter]) -> str:
    """Return " (2 messages of 1 order)" if messages and orders differ in number, else ""."""
    return f" ({dead_letters.summary(chosen)})" if _several_of_one(chosen) else ""


def _several_of_one(chosen: Sequence[DeadLetter]) -> bool:
    return len({(letter.store, letter.entity or letter.message_id) for letter in chosen}) < len(chosen)


@contextmanager
def _reading(stack: Stack, hidden_s: int = dead_letter_queue.HIDDEN_WHILE_READ_S) -> Iterator[dict[str, DeadLetter]]:
    """Read every message, and make it visible again afterwards.

    Prints a note if another reader hides some messages at the moment.
    """
    sqs, url = stack.aws.sqs, stack.output("DeadLetterQueueUrl")
    before = stack_status.depth(stack, "DeadLetterQueueUrl")
    if before.in_flight:
        output.note(f"hidden by another reader right now, so not listed here: {before.in_flight}")
    with sigterm_interrupts(), ExitStack() as afterwards:
        with output.progress("reading the dead-letter queue", before.visible) as advance:
            reading = dead_letter_queue.peek_all(sqs, url, hidden_s=hidden_s, advance=advance)
            letters = afterwards.enter_context(reading)
        yield letters


def _row(letter: DeadLetter) -> tuple[str | Text, ...]:
    return (
        letter.message_id[: dead_letters.SHOWN_ID_CHARACTERS],
        letter.about,
        f"{letter.rejected or letter.received:%Y-%m-%d %H:%M:%S}",
        str(letter.attempts),
        letter.attributes.get("status", ""),
        Text(letter.reason),
    )


def _describe(letters: Sequence[DeadLetter]) -> None:
    for letter in letters:
        details: dict[str, Any] = letter.details() | {"entity": letter.about}
        payload = details.pop("payload")
        output.table(("", ""), [(name, str(value)) for name, value in details.items() if value not in (None, "")])
        output.say(payload if isinstance(payload, str) else jsonlib.dumps(payload, indent=2, ensure_ascii=False))
        output.say()
