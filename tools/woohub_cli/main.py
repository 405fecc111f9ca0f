"""The `woohub` command."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import Annotated, Any

import typer

from woohub_cli.cli_errors import EXPECTED, INTERRUPTED_EXIT, explain
from woohub_cli.commands import (
    backfill,
    dlq,
    doctor,
    erase,
    load,
    mapping,
    portal_check,
    reconcile,
    remove,
    rotate,
    send,
    setup,
    status,
    store,
    verify,
    why,
)
from woohub_cli.options import command
from woohub_cli.rendering import output
from woohub_cli.rendering.typer_help import Group

COMMANDS: dict[str, Callable[..., None]] = {  # in the order of docs/operations.md
    "setup": setup.command,
    "doctor": doctor.command,
    "status": status.command,
    "send": send.command,
    "why": why.command,
    "verify": verify.command,
    "reconcile": reconcile.command,
    "backfill": backfill.command,
    "erase": erase.command,
    "rotate-webhook-secret": rotate.command,
    "remove": remove.command,
    "load": load.command,
    "portal-check": portal_check.command,
}


CONTINUES = "interrupted: what is done stays done; run the same command again to continue"
ONLY_READS = "interrupted: nothing was changed, the command only reads"
INTERRUPTED: dict[str, str] = {
    "setup": CONTINUES,
    "rotate-webhook-secret": f"{CONTINUES}; until then both secrets are valid",
    "remove": CONTINUES,
    "dlq": CONTINUES,
    "erase": CONTINUES,
    "store": CONTINUES,
    "portal-check": "interrupted: what the check made was removed, unless a line above says otherwise",
    "load": "interrupted: what was placed stays; the first line names the command that removes it",
    "send": "interrupted: what was sent stays sent",
    "verify": "interrupted: comparing changes nothing; what --repair has queued already stays queued",
    "reconcile": "interrupted: a run that has begun continues in the stack; the same command then does the rest",
    "mapping": "interrupted: `woohub mapping show` shows what is in force",
    "doctor": ONLY_READS,
    "status": ONLY_READS,
    "why": ONLY_READS,
}


class Commands(Group):
    """A group that ends a failed or interrupted command with one sentence instead of a traceback."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        with output.to_standard_output():
            return super().main(*arguments, **options)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except EXPECTED as error:
            output.complain(explain(error))
            raise typer.Exit(getattr(error, "exit_code", 1)) from error
        except KeyboardInterrupt as error:
            output.complain(INTERRUPTED.get(ctx.invoked_subcommand or "", "interrupted"))
            raise typer.Exit(INTERRUPTED_EXIT) from error


app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_show_locals=False)
for _name, _command in COMMANDS.items():
    command(app, _name)(_command)
app.add_typer(dlq.app, name="dlq")
app.add_typer(store.app, name="store")
app.add_typer(mapping.app, name="mapping")


def _print_version(wanted: bool) -> None:
    if wanted:
        output.say(f"woohub {version('woohub')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Set up, watch and repair the integration that copies WooCommerce customers and orders to HubSpot.

    Every command accepts --stack (local, or a name in CloudFormation) and --json.
    Exit codes: 0 fine, 1 found problems, 2 wrong usage, 130 interrupted.

    Examples:

        woohub setup --dry-run
        woohub doctor
        woohub status
        woohub send
        woohub dlq list
    """
