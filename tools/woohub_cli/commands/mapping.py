"""`woohub mapping`: what HubSpot gets, as data of the stack."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from woohub.configuration import ConfigurationUnreadable, Objects
from woohub.hubspot.answers import Record
from woohub.mapping import mapping_file, overlay
from woohub.mapping.fields import FieldMapping
from woohub.mapping.mapping_file import InvalidMapping
from woohub.mapping.overlay import Overlay, Tables
from woohub.store.payloads import OrderEvent
from woohub_cli import connections, environment, mapping_rows, order_names, stacks
from woohub_cli.cli_errors import EXPECTED, PROBLEMS, Trouble, explain
from woohub_cli.commands import why
from woohub_cli.consent import YesOption, agreed
from woohub_cli.mapping_effects import effects, missing_in_hubspot
from woohub_cli.mapping_rows import WOOHUBS_OWN, Change
from woohub_cli.options import JsonOption, StackOption, StoreOption
from woohub_cli.rendering import output
from woohub_cli.rendering.typer_help import Command, Group
from woohub_cli.stack_configuration import OUTPUT, StackMapping
from woohub_cli.stacks import NoSuchStack, Stack

app = typer.Typer(cls=Group, no_args_is_help=True)

FILE = Path("mapping.toml")
FileArgument = Annotated[
    Path, typer.Argument(metavar="[FILE]", help="What differs from woohub's own mapping.", show_default=True)
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")]
IN_FORCE = "The functions use it within a minute."
SET_UP = "run `woohub setup`: it creates what HubSpot lacks"
NOTHING_PUSHED = "the stack has no mapping of its own: woohub's own holds"


@app.callback()
def main() -> None:
    """Show, check, try and change what HubSpot gets, without a deployment.

    A mapping.toml says only what differs from woohub's own: a custom status is one line. docs/mapping.md has recipes.

    Examples:

        echo 'stages.on_hold.statuses = ["awaiting-pickup"]' > mapping.toml
        woohub mapping diff
        woohub mapping preview 1234
        woohub mapping push
        woohub mapping rollback
    """


@dataclass(frozen=True)
class Mappings:
    """The mapping of a stack, and the file that may replace it."""

    stack: Stack
    pushed: StackMapping
    objects: Objects

    @classmethod
    def of(cls, stack: str | None, of_store: str | None) -> Mappings:
        """Of the stack and the store that are asked for."""
        found = _find(stack, of_store)
        pushed = StackMapping.of(found)
        return cls(found, pushed, pushed.objects())

    def now(self) -> Tables:
        """What holds; InvalidMapping where it cannot be read."""
        return mapping_file.tables_and_file(self.pushed.overlays(self.objects))[0]

    def now_or_own(self) -> Tables:
        """The same; woohub's own where what is stored cannot be read, so that it can be replaced."""
        try:
            return self.now()
        except InvalidMapping as error:
            output.note(f"what is stored cannot be read: {error}", style="yellow")
            return mapping_file.tables_and_file()[0]

    def then(self, file: Overlay | None) -> tuple[Tables, FieldMapping]:
        """What would hold with this file (None: without any); InvalidMapping or ConfigurationUnreadable."""
        tables, version = self.pushed.check(self.objects, file)
        return tables, version.mappings[self.stack.store]


def _find(stack: str | None, of_store: str | None) -> Stack:
    folder = Path.cwd()
    return stacks.find(stack, environment.read(os.environ, folder, of_store), folder, of_store)


def _overlay(file: Path) -> Overlay:
    try:
        return Overlay(str(file), file.read_bytes())
    except OSError as error:
        raise Trouble(f"{file} cannot be read: {error.strerror}") from error


@app.command(cls=Command)
def show(stack: StackOption = None, of_store: StoreOption = None, json: JsonOption = False) -> None:
    """Show the mapping that the stack uses, and where each row comes from.

    What no file of the stack says is from woohub's own mapping.

    Examples:

        woohub mapping show
        woohub mapping show --json | jq .files
    """
    mappings = Mappings.of(stack, of_store)
    overlays = mappings.pushed.overlays(mappings.objects)
    origins = mapping_rows.origins(overlays)
    rows = [
        {"place": place, "value": value, "from": origins.get(place, WOOHUBS_OWN)}
        for place, value in mapping_rows.rows(mappings.now()).items()
    ]
    if json:
        output.as_json({"stack": mappings.stack.name, "files": [file.name for file in overlays], "rows": rows})
        return
    output.table(("Row", "Value", "From"), [(row["place"], row["value"], row["from"]) for row in rows])


@app.command(cls=Command)
def check(
    file: FileArgument = FILE,
    pushed: Annotated[
        bool, typer.Option("--pushed", help="Check what the stack has instead, with this version of woohub.")
    ] = False,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Check a file: every mistake is named with its place and what is allowed there.

    Needs no stack and changes nothing. Ends with 1 when there are mistakes. `make deploy` runs it with --pushed.

    Examples:

        woohub mapping check
        woohub mapping check --pushed --stack woohub
    """
    name = "what the stack has" if pushed else str(file)
    try:
        differing = _check_pushed(stack, of_store) if pushed else _check_file(file)
    except (InvalidMapping, ConfigurationUnreadable) as error:
        mistakes = list(error.mistakes) if isinstance(error, InvalidMapping) else [str(error)]
        if json:
            output.as_json({"file": name, "ok": False, "mistakes": mistakes, "rows_changed": None})
        else:
            output.say(str(error), style="red")
        raise typer.Exit(PROBLEMS) from error
    if json:
        output.as_json({"file": name, "ok": True, "mistakes": [], "rows_changed": differing})
    else:
        output.say(f"{name} is fine: {_rows_of(differing)} of woohub's own mapping differ.")


def _rows_of(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"


def _check_file(file: Path) -> int:
    own = mapping_file.tables_and_file()[0]
    return len(mapping_rows.changes(own, mapping_file.tables_and_file([_overlay(file)])[0]))


def _check_pushed(stack: str | None, of_store: str | None) -> int:
    """Every object of the stack's configuration, not the mapping alone; 0 where there is no stack yet, or no bucket."""
    try:
        found = _find(stack, of_store)
    except NoSuchStack:
        return 0
    if OUTPUT not in found.outputs:
        return 0
    pushed = StackMapping.of(found)
    objects = pushed.objects()
    files = pushed.overlays(objects)
    tables, _ = pushed.check(objects, files[-1] if files else None)
    return len(mapping_rows.changes(mapping_file.tables_and_file()[0], tables))


@app.command(cls=Command)
def diff(
    file: FileArgument = FILE,
    short: Annotated[
        bool,
        typer.Option("--overlay", help="Print the shortest mapping.toml that makes FILE out of woohub's own, instead."),
    ] = False,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a push of the file would change.

    With --overlay FILE is a complete mapping.toml, such as one that was edited in a checkout: what is printed is all
    that differs, to be pushed in its place. That needs no stack.

    Examples:

        woohub mapping diff
        woohub mapping diff complete.toml --overlay > mapping.toml
    """
    if short:
        _print_overlay(file, json=json)
        return
    mappings = Mappings.of(stack, of_store)
    changes = mapping_rows.changes(mappings.now_or_own(), mappings.then(_overlay(file))[0])
    if json:
        output.as_json({"stack": mappings.stack.name, "file": str(file), **_facts(changes)})
    else:
        _print_changes(changes)


def _print_overlay(file: Path, *, json: bool) -> None:
    own = mapping_file.tables_and_file()[0]
    tables = overlay.difference(own, mapping_file.tables_of(_overlay(file)))
    text = mapping_rows.toml(tables)
    mapping_file.tables_and_file([Overlay(f"{file}, as an overlay", text.encode())])  # InvalidMapping
    if json:
        output.as_json({"file": str(file), "overlay": text})
    else:
        typer.echo(text, nl=False)


def _facts(changes: Sequence[Change]) -> dict[str, Any]:
    return {"changes": [vars(change) for change in changes], "effects": effects(changes)}


def _print_changes(changes: Sequence[Change]) -> None:
    if not changes:
        output.say("Nothing changes.")
        return
    output.table(("Row", "Now", "Then"), [(change.place, change.now, change.then or "removed") for change in changes])
    output.say()
    for effect in effects(changes):
        output.say(f"  {effect}")


@app.command(cls=Command)
def push(
    file: FileArgument = FILE,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Put the file into the stack: within a minute the functions use it, without a deployment.

    A file with mistakes is refused. Says which rows change, which records get it when, and what HubSpot lacks for it.
    The version before stays in the bucket: `woohub mapping rollback`.

    Examples:

        woohub mapping push --dry-run
        woohub mapping push --yes
    """
    mappings = Mappings.of(stack, of_store)
    _replace(mappings, _overlay(file), yes=yes, dry_run=dry_run, json=json)


@app.command(cls=Command)
def rollback(
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Bring back the version before the last push; once more, and the last push is back.

    Works also where what is stored cannot be read.

    Examples:

        woohub mapping rollback --dry-run
        woohub mapping rollback --yes
    """
    mappings = Mappings.of(stack, of_store)
    versions = mappings.pushed.versions()
    if not versions:
        raise Trouble(f"{NOTHING_PUSHED}, so there is nothing to roll back")
    before = versions[1].content if len(versions) > 1 else None
    since = f"the version of {versions[1].at}" if before is not None else "woohub's own mapping"
    file = None if before is None else Overlay(since, before)
    _replace(mappings, file, yes=yes, dry_run=dry_run, json=json)


def _replace(mappings: Mappings, file: Overlay | None, *, yes: bool, dry_run: bool, json: bool) -> None:
    """Store the file in place of what is there, after saying what that changes."""
    tables, mapping = mappings.then(file)
    changes = mapping_rows.changes(mappings.now_or_own(), tables)
    missing, unknown = _missing(mappings.stack, mapping)
    if not json:
        _print_changes(changes)
        _print_missing(missing, unknown)
    stored = mappings.objects.get(mappings.pushed.key)
    same = (stored.body if stored else None) == (file.content if file else None)
    agrees = not (same or dry_run) and agreed(f"Use it in the stack {mappings.stack.name}?", yes=yes, json=json)
    version = mappings.pushed.push(file.content if file else None) if agrees else ""
    if json:
        done = {"pushed": agrees, "dry_run": dry_run, "version": version}
        name = mappings.stack.name
        output.as_json({"stack": name, **_facts(changes), "missing_in_hubspot": missing, "hubspot": unknown, **done})
    elif agrees:
        output.say(f"\nStored. {IN_FORCE}" + (f" Next: {SET_UP}." if missing else ""), style="green")
    elif same:
        output.say("\nThe stack has it already.")
    if not (agrees or same or dry_run):
        output.note("nothing was changed: answer yes, or pass --yes")
        raise typer.Exit(PROBLEMS)


def _missing(stack: Stack, mapping: FieldMapping) -> tuple[list[str], str]:
    """What HubSpot lacks, and why that is not known ("")."""
    try:
        hubspot = connections.hubspot(stack, environment.read(os.environ, Path.cwd()))
        hubspot.timer.start(why.CLIENT_TIMEOUT_S)
        return missing_in_hubspot(hubspot, mapping), ""
    except EXPECTED as error:
        return [], explain(error)


def _print_missing(missing: Sequence[str], unknown: str) -> None:
    if missing:
        output.say(f"\nHubSpot lacks (until then it is left out): {SET_UP}", style="yellow")
    for what in missing:
        output.say(f"  {what}")
    if unknown:
        output.note(f"whether HubSpot has every property and stage is not known: {unknown}", style="yellow")


@app.command(cls=Command)
def pull(
    file: FileArgument = FILE,
    yes: YesOption = False,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Write the stack's mapping.toml into a file, to be edited and pushed.

    An existing file that differs is overwritten only with --yes, or after a question.

    Examples:

        woohub mapping pull
        woohub mapping pull /tmp/production.toml --stack woohub
    """
    mappings = Mappings.of(stack, of_store)
    stored = mappings.objects.get(mappings.pushed.key)
    if stored is None:
        raise Trouble(f"{NOTHING_PUSHED}; `woohub mapping show` shows it")
    differs = file.exists() and file.read_bytes() != stored.body
    if differs and not agreed(f"Overwrite {file}?", yes=yes, json=json):
        raise Trouble(f"{file} is there and differs, so it stays as it is: pass --yes, or name another file")
    try:
        file.write_bytes(stored.body)
    except OSError as error:
        raise Trouble(f"{file} cannot be written: {error.strerror}") from error
    if json:
        output.as_json({"stack": mappings.stack.name, "file": str(file), "written": True})
    else:
        output.say(f"{file} is written.")


@app.command(cls=Command)
def preview(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number, or its id in the store.")],
    file: FileArgument = FILE,
    stack: StackOption = None,
    of_store: StoreOption = None,
    json: JsonOption = False,
) -> None:
    """Show what HubSpot would get for a real order by this file, beside what it has. Changes nothing.

    Without FILE, and without a mapping.toml in this folder, by the mapping that the stack uses.

    Examples:

        woohub mapping preview 1234
        woohub mapping preview RE-2026-00434 new.toml --json
    """
    mappings = Mappings.of(stack, of_store)
    stored = mappings.pushed.overlays(mappings.objects)
    by = _overlay(file) if file != FILE or file.exists() else (stored[-1] if stored else None)
    table = mappings.then(by)[1]
    env = environment.read(os.environ, Path.cwd(), of_store)
    crm = why.crm_of(mappings.stack, env, table)
    store, lookup = why.looked_up(mappings.stack, env, crm, order_names.reference(order))
    shop = why.in_store(lookup, store)
    if shop.event is None:
        raise Trouble(shop.unreadable or shop.missing or f"the store has no order {order}")
    hubspot = why.in_hubspot(crm, store, shop, lookup.name.order_id, table)
    if hubspot.missing:
        raise Trouble(hubspot.missing)
    differing = {
        (mismatch.record, difference.property) for mismatch in hubspot.mismatches for difference in mismatch.differences
    }
    deal = hubspot.deals[0] if hubspot.deals else None
    rows = [
        {"record": record, "property": name, "hubspot": has, "mapping": gets, "differs": (record, name) in differing}
        for record, current, values in _records(shop.event, deal, hubspot.contact, table)
        for name, has, gets in _beside(current, values)
    ]
    if json:
        facts = {"order": str(lookup.name), "by": by.name if by else WOOHUBS_OWN, "rows": rows}
        output.as_json({"stack": mappings.stack.name, **facts, "new_deal": deal is None})
    else:
        _print_preview(str(lookup.name), by.name if by else "woohub's own mapping", rows, is_new=deal is None)


def _records(
    event: OrderEvent, deal: Record | None, contact: Record | None, table: FieldMapping
) -> Iterator[tuple[str, Record | None, Mapping[str, str]]]:
    if not event.order.is_anonymised:
        yield "contact", contact, table.contact_from_order(event.order)
    yield "deal", deal, table.deal(event.order)


def _beside(current: Record | None, values: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name, value in values.items():
        yield name, (current.properties.get(name) or "") if current else "", value


def _print_preview(order: str, by: str, rows: Sequence[Mapping[str, Any]], *, is_new: bool) -> None:
    output.say(f"{order}, by {by}" + (" (HubSpot has no deal of it yet)" if is_new else ""), style="bold")
    shown = [
        (
            str(row["record"]),
            str(row["property"]),
            str(row["hubspot"]),
            Text(str(row["mapping"]), "yellow" if row["differs"] else ""),
            _why_kept(row),
        )
        for row in rows
    ]
    output.table(("Record", "Property", "HubSpot has", "By the mapping", ""), shown)


def _why_kept(row: Mapping[str, Any]) -> str:
    if row["hubspot"] == row["mapping"]:
        return ""
    return "would be written" if row["differs"] or not row["hubspot"] else "HubSpot's stays"
