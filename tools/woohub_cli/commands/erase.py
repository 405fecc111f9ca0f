"""`woohub erase`: erase a person from HubSpot, and keep the person erased."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated

import typer

from woohub.configuration import MAX_AGE_S
from woohub.counted import counted
from woohub.mapping.values import INVISIBLE, usable_email
from woohub.stores import FIRST
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.consent import YesOption, confirm
from woohub_cli.erase import erasure_list
from woohub_cli.erase.erasure import Erasure, ErasureReport, Person, StoreOrders
from woohub_cli.erase.queued_person import purge
from woohub_cli.options import StackOptions
from woohub_cli.period import utc
from woohub_cli.rendering import output
from woohub_cli.stack import connections, stack_configuration, stack_status
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack

CONSUMER_TIMEOUT_S = 60.0  # as in template.yaml: a batch that began before the list was read ends within this time
POLL_S = 2.0
UNDONE = (
    "What HubSpot has deleted stays deleted: the contact comes back as a new one, without its history there.",
    "It comes with the person's next order or change, a minute from now at the earliest; `woohub backfill "
    "--customers` brings it, and the names of deals or orders, from what the store has.",
    "Further addresses of the person have entries of their own: run this for each of them.",
)
WITHOUT_KEY = "without a REST key of the store, only deals or orders associated with the contact are found"
IN_THE_STORE = "woohub changes nothing in the store: see Tools > Erase Personal Data there, and its own backups"


def command(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.", show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be erased.")] = False,
    yes: YesOption = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for the second search.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Remove the address from the stack's list. This alone brings nothing back.")
    ] = False,
    *,
    options: StackOptions,
) -> None:
    """Erase a person: the contact in HubSpot, for good, and the name in the names of the person's deals or orders.

    The deals or orders stay, with amount, stage and date. Queued messages and dead letters of the person are deleted.
    The stack keeps a keyed hash of each of the person's addresses, so that nothing from before this moment (webhooks,
    reconcile, backfill, verify --repair, dlq redrive) brings the person back. An order made afterwards is a new
    relationship.

    After one to two minutes, when all functions have read the list, it searches once more and erases what was written
    meanwhile (not with --no-wait). Interrupted, or run twice, it does what is left.

    What HubSpot has deleted for good cannot be undone. After an erasure by mistake --undo takes the address off the
    list, so that the store's old orders and accounts bring the person back, as a new contact.

    Examples:

        woohub erase jane@example.com --dry-run
        woohub erase jane@example.com
        woohub erase jane@example.com --yes --json
        woohub erase jane@example.com --undo
    """
    address = INVISIBLE.sub("", email).strip().lower()
    if not usable_email(address):
        raise WrongUsage("that is no e-mail address")
    if undo:
        _undo(address, options, yes=yes, dry_run=dry_run)
        return
    target, env = options.target, options.env
    report = ErasureReport(dry_run=dry_run)
    erasure = Erasure(address, connections.hubspot(target, env), _stores(target, env, report), report)
    person = erasure.find()
    _ask_or_stop(person, target, report, address, yes=yes, json=options.json)
    if not dry_run:
        _erase(target, erasure, person, wait=not no_wait)
    else:
        _purge(target, person, report, int(time.time() * 1000))
    report.notes += person.unread
    output.answer(report.facts(), lambda: _print(report), json=options.json)


def _undo(address: str, options: StackOptions, *, yes: bool, dry_run: bool) -> None:
    """Remove the address from the list of erasures: the person's old orders are then written again."""
    target = options.target
    erased_at = utc(erasure_list.people(target).erased_at(address) or 0)
    if not erased_at:
        raise Trouble(
            "nobody with this address is on the list of erasures (each address of a person has an entry of its own)"
        )
    question = f"Take the address off the list? Then orders from before {erased_at} make the contact again."
    if not dry_run:
        confirm(question, yes=yes, json=options.json)
        erasure_list.file_of(target).remove(address, StackSecrets(target).erasure_key())
    facts = {"dry_run": dry_run, "undone": not dry_run, "erased_before_at": erased_at, "notes": list(UNDONE)}
    done = f"The address {'would be' if dry_run else 'is'} off the list; it was erased at {erased_at}."
    output.answer(facts, "\n  ".join((done, *UNDONE)), json=options.json)


def _stores(target: Stack, env: dict[str, str], report: ErasureReport) -> list[StoreOrders]:
    """Return every store of the stack with its mapping. Notes in the report that a store has no key."""
    version = stack_configuration.current(target)
    stores = []
    for name, mapping in version.mappings.items():
        store = None
        try:
            store = connections.store(target if name == FIRST else target.of_store(name), env)
        except Trouble:
            report.notes.append(WITHOUT_KEY)
        stores.append(StoreOrders(mapping, store))
    return stores


def _ask_or_stop(person: Person, target: Stack, report: ErasureReport, address: str, *, yes: bool, json: bool) -> None:
    report.erased_before_ms = erasure_list.people(target).erased_at(address) or 0
    if report.dry_run:
        report.contacts |= {contact.id for contact in person.contacts}
        report.add(person.new_values)
        return
    before = f" (already erased at {utc(report.erased_before_ms)})" if report.erased_before_ms else ""
    contacts, named = (
        counted(len(person.contacts), "contact"),
        counted(person.named, "deal or order", "deals or orders"),
    )
    question = f"Erase for good{before}: {contacts}, the names of {named}, and the person's queued messages?"
    confirm(question, yes=yes, json=json, otherwise="nothing was erased (--dry-run says what would be)")


def _erase(target: Stack, erasure: Erasure, person: Person, *, wait: bool) -> None:
    """Add the person to the list first, so that nothing brings the person back meanwhile."""
    report = erasure.report
    file = erasure_list.file_of(target)
    file.make()
    report.erased_at_ms = file.add(person.addresses, StackSecrets(target).made_erasure_key())
    erasure.erase_from_hubspot(person)
    _purge(target, person, report, report.erased_at_ms)
    if wait:
        wait_until_in_force(report.erased_at_ms / 1000, lambda: stack_status.depth(target).in_flight)
        erasure.erase_from_hubspot(erasure.find(before_ms=report.erased_at_ms))
        _purge(target, person, report, report.erased_at_ms)
        report.checked = True


def _purge(target: Stack, person: Person, report: ErasureReport, until_ms: int) -> None:
    report.queued_messages += _purge_queue(target, "QueueUrl", person, until_ms, dry_run=report.dry_run)
    report.dead_letters += _purge_queue(target, "DeadLetterQueueUrl", person, until_ms, dry_run=report.dry_run)


def _purge_queue(target: Stack, name: str, person: Person, until_ms: int, *, dry_run: bool) -> int:
    with output.progress("reading what is queued", stack_status.depth(target, name).visible) as advance:
        return purge(target.aws.sqs, target.output(name), person.addresses, until_ms, dry_run=dry_run, advance=advance)


def wait_until_in_force(
    since_s: float,
    in_flight: Callable[[], int],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until no function can use the list as it was at that moment (epoch seconds)."""
    read_s, ended_s = since_s + MAX_AGE_S, since_s + MAX_AGE_S + CONSUMER_TIMEOUT_S
    with output.progress("waiting until the functions have read the list", round(read_s - clock())) as advance:
        while clock() < read_s:
            sleep(min(POLL_S, read_s - clock()))
            advance(round(POLL_S))
    while clock() < ended_s and in_flight():
        sleep(POLL_S)


def _print(report: ErasureReport) -> None:
    would = "would be " if report.dry_run else ""
    if report.erased_before_ms:
        output.say(f"The person was already erased at {utc(report.erased_before_ms)}.")
    renamed = sum(map(len, report.renamed.values()))
    records = counted(renamed, "deal or order", "deals or orders")
    output.say(f"{counted(len(report.contacts), 'contact')} {would}erased, {records} {would}renamed.")
    if cleared := sum(map(len, report.cleared.values())):
        records = counted(cleared, "deal, order or line item", "deals, orders or line items")
        output.say(f"The values that may contain the person's data {would or 'are '}removed from {records}.")
    messages, letters = counted(report.queued_messages, "queued message"), counted(report.dead_letters, "dead letter")
    output.say(f"{messages} and {letters} {would}deleted.")
    for note in report.notes:
        output.note(note, style="yellow")
    if report.dry_run:
        return
    if not report.checked:
        output.say(
            "Run the command again in two minutes, when all functions have read the list: it erases what was written "
            "until then."
        )
    output.say(f"Orders and accounts from before {utc(report.erased_at_ms)} no longer bring the person back.")
    output.note(IN_THE_STORE)
