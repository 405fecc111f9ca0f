"""`woohub mapping`: show, check and change what HubSpot gets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from woohub.configuration import ConfigurationUnreadable, parse
from woohub.counted import counted
from woohub.mapping import mapping_file, overlay
from woohub.mapping.mapping_file import InvalidMapping
from woohub.mapping.overlay import Overlay
from woohub_cli.cli_errors import Trouble, WrongUsage, configuration_repair
from woohub_cli.consent import YesOption, confirm
from woohub_cli.mapping import mapping_preview, mapping_push, mapping_rows
from woohub_cli.mapping.mapping_push import changes_facts, print_changes
from woohub_cli.mapping.mapping_rows import WOOHUBS_OWN
from woohub_cli.options import DryRunOption, StoreOptions, command
from woohub_cli.orders import order_names
from woohub_cli.rendering import output
from woohub_cli.rendering.preview_text import print_preview
from woohub_cli.rendering.typer_help import Group
from woohub_cli.stack.stack_configuration import OUTPUT
from woohub_cli.stack.stack_mapping import StackMapping
from woohub_cli.stack.stacks import NoSuchStack

app = typer.Typer(cls=Group, no_args_is_help=True)

FILE = Path("mapping.toml")
FileArgument = Annotated[
    Path, typer.Argument(metavar="[FILE]", help="The file with the rows that differ from woohub's.", show_default=True)
]
NOTHING_PUSHED = "the stack has no mapping of its own: woohub's own is in force"


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


def _overlay(file: Path) -> Overlay:
    try:
        return Overlay(str(file), file.read_bytes())
    except FileNotFoundError as error:
        others = "name another one, or write it; `woohub mapping pull` writes what the stack has"
        raise WrongUsage(f"there is no file {file}: {others}") from error
    except OSError as error:
        raise WrongUsage(f"{file} cannot be read: {error.strerror}") from error


@command(app)
def show(options: StoreOptions) -> None:
    """Show the mapping that the stack uses, and where each row comes from.

    What no file of the stack says is from woohub's own mapping.

    Examples:

        woohub mapping show
        woohub mapping show --json | jq .files
    """
    mapping = StackMapping.of(options.target)
    parse(mapping.objects)  # ConfigurationUnreadable, which names what repairs it
    overlays = mapping.overlays()
    origins = mapping_rows.origins(overlays)
    rows = [
        (place, value, origins.get(place, WOOHUBS_OWN)) for place, value in mapping_rows.rows(mapping.now()).items()
    ]
    facts = {
        "stack": mapping.stack.name,
        "files": [file.name for file in overlays],
        "rows": [{"place": place, "value": value, "from": origin} for place, value, origin in rows],
    }
    output.answer(facts, lambda: output.table(("Row", "Value", "From"), rows), json=options.json)


@command(app)
def check(
    file: FileArgument = FILE,
    pushed: Annotated[
        bool, typer.Option("--pushed", help="Check the stack's configuration instead of a file.")
    ] = False,
    *,
    options: StoreOptions,
) -> None:
    """Check a file: every mistake is named with its place and what is allowed there.

    Needs no stack and changes nothing. Ends with 1 when there are mistakes. `make deploy` runs it with --pushed.

    Examples:

        woohub mapping check
        woohub mapping check --pushed --stack woohub
    """
    name = "what the stack has" if pushed else str(file)
    try:
        differing = _check_pushed(options) if pushed else _check_file(file)
    except (InvalidMapping, ConfigurationUnreadable) as error:
        mistakes = list(error.mistakes) if isinstance(error, InvalidMapping) else [str(error)]
        facts: dict[str, object] = {"file": name, "ok": False, "mistakes": mistakes, "rows_changed": None}
        repair = f"\n{configuration_repair(str(error))}" if pushed else ""
        output.answer(facts, Text(f"{error}{repair}", "red"), json=options.json, problems=True)
        return
    facts = {"file": name, "ok": True, "mistakes": [], "rows_changed": differing}
    rows = counted(differing, "row")
    output.answer(facts, f"{name} is fine: it changes {rows} of woohub's own mapping.", json=options.json)


def _check_file(file: Path) -> int:
    return len(mapping_rows.changes(mapping_rows.own(), mapping_file.tables_and_file([_overlay(file)])[0]))


def _check_pushed(options: StoreOptions) -> int:
    """Check the stack's whole configuration, and return how many rows its mapping changes.

    0 if there is no stack yet, or it has no bucket.
    """
    try:
        stack = options.target
    except NoSuchStack:
        return 0
    if OUTPUT not in stack.outputs:
        return 0
    mapping = StackMapping.of(stack)
    files = mapping.overlays()
    tables, _ = mapping.check(files[-1] if files else None)
    return len(mapping_rows.changes(mapping_rows.own(), tables))


@command(app)
def diff(
    file: FileArgument = FILE,
    short: Annotated[
        bool,
        typer.Option("--overlay", help="Print instead the shortest mapping.toml with the effect of FILE."),
    ] = False,
    *,
    options: StoreOptions,
) -> None:
    """Show what a push of the file would change.

    With --overlay, FILE is a complete mapping.toml, such as one that was edited in a checkout. The command then prints
    only what differs from woohub's own mapping: push that file instead. This needs no stack.

    Examples:

        woohub mapping diff
        woohub mapping diff complete.toml --overlay > mapping.toml
    """
    if short:
        _print_overlay(file, options)
        return
    mapping = StackMapping.of(options.target)
    changes = mapping_rows.changes(mapping.now_or_own(), mapping.then(_overlay(file))[0])
    facts = {"stack": mapping.stack.name, "file": str(file), **changes_facts(changes)}
    output.answer(facts, lambda: print_changes(changes), json=options.json)


def _print_overlay(file: Path, options: StoreOptions) -> None:
    text = mapping_rows.toml(overlay.difference(mapping_rows.own(), mapping_file.tables_of(_overlay(file))))
    mapping_file.tables_and_file([Overlay(f"{file}, as an overlay", text.encode())])  # InvalidMapping
    output.answer({"file": str(file), "overlay": text}, lambda: typer.echo(text, nl=False), json=options.json)


@command(app)
def push(
    file: FileArgument = FILE,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    *,
    options: StoreOptions,
) -> None:
    """Push the file to the stack: the functions use it within a minute, without a deployment.

    A file with mistakes is refused. Says which rows change, how many records get it when, and what HubSpot lacks for
    it. The version before stays in the bucket: `woohub mapping rollback`. Where somebody else has pushed meanwhile,
    nothing is changed.

    Examples:

        woohub mapping push --dry-run
        woohub mapping push --yes
    """
    mapping = StackMapping.of(options.target)
    mapping_push.replace(mapping, _overlay(file), options, yes=yes, dry_run=dry_run)


@command(app)
def rollback(
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    *,
    options: StoreOptions,
) -> None:
    """Restore the version before the last push. A second rollback restores the last push.

    Works even if the stored mapping cannot be read.

    Examples:

        woohub mapping rollback --dry-run
        woohub mapping rollback --yes
    """
    mapping = StackMapping.of(options.target)
    versions = mapping.versions()
    if not versions:
        raise Trouble(f"{NOTHING_PUSHED}, so there is nothing to roll back")
    before = versions[1].content if len(versions) > 1 else None
    since = f"the version of {versions[1].at}" if before is not None else "woohub's own mapping"
    file = None if before is None else Overlay(since, before)
    mapping_push.replace(mapping, file, options, yes=yes, dry_run=dry_run)


@command(app)
def pull(
    file: FileArgument = FILE,
    yes: YesOption = False,
    *,
    options: StoreOptions,
) -> None:
    """Write the stack's mapping.toml into a file, to be edited and pushed.

    An existing file that differs is overwritten only with --yes, or after a question.

    Examples:

        woohub mapping pull
        woohub mapping pull /tmp/production.toml --stack woohub
    """
    mapping = StackMapping.of(options.target)
    stored = mapping.stored
    if stored is None:
        raise Trouble(f"{NOTHING_PUSHED}; `woohub mapping show` shows it")
    differs = file.exists() and file.read_bytes() != stored.body
    if differs:
        instead = f"{file} exists and differs, so it was not overwritten: name another file"
        confirm(f"Overwrite {file}?", yes=yes, json=options.json, otherwise=instead)
    try:
        file.write_bytes(stored.body)
    except OSError as error:
        raise WrongUsage(f"{file} cannot be written: {error.strerror}") from error
    facts = {"stack": mapping.stack.name, "file": str(file), "written": True}
    output.answer(facts, f"{file} is written.", json=options.json)


@command(app)
def preview(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's number, or its id in the store.")],
    file: FileArgument = FILE,
    *,
    options: StoreOptions,
) -> None:
    """Show what HubSpot would get for a real order by this file, and what it has. Changes nothing.

    Contact, deal, HubSpot's order, line items and customer metrics, as far as the mapping has them. Without FILE, and
    without a mapping.toml in this folder, by the mapping that the stack uses.

    Examples:

        woohub mapping preview 1234
        woohub mapping preview RE-2026-00434 new.toml --json
    """
    mapping = StackMapping.of(options.target)
    stored = mapping.overlays()
    by = _overlay(file) if file != FILE or file.exists() else (stored[-1] if stored else None)
    shown = mapping_preview.of_order(order_names.reference(order), mapping.stack, options.env, mapping.then(by)[1])
    facts = {
        "stack": mapping.stack.name,
        "order": shown.order,
        "by": by.name if by else WOOHUBS_OWN,
        "new_deal": shown.new_deal,
        "rows": [vars(row) for row in shown.rows],
        "not_read": list(shown.notes),
    }
    name = by.name if by else "woohub's own mapping"
    output.answer(facts, lambda: print_preview(shown, name), json=options.json)
