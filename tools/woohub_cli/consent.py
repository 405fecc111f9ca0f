"""Ask for confirmation before a change that is hard to undo.

If nobody can be asked (standard input is no terminal, or the output is JSON), only --yes confirms.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from woohub_cli.cli_errors import Trouble, WrongUsage

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Yes to every question. Needed without a terminal, and with --json.")
]


def agreed(question: str, *, yes: bool, json: bool) -> bool:
    """Whether the change is confirmed: by --yes, or by the person at the terminal.

    False if there is no --yes and nobody can be asked. Raises KeyboardInterrupt if the question is interrupted.
    """
    if yes or not _can_ask(json=json):
        return yes
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:  # Ctrl-C, or the end of the input
        typer.echo(err=True)
        raise KeyboardInterrupt from None


def _can_ask(*, json: bool) -> bool:
    return not json and sys.stdin.isatty()


def unconfirmed(otherwise: str = "nothing was changed", *, json: bool) -> Trouble:
    """Return the error for a change that was not confirmed. `otherwise` says what happened instead.

    If nobody could be asked, it is WrongUsage and names --yes.
    """
    return Trouble(otherwise) if _can_ask(json=json) else WrongUsage(f"{otherwise}; pass --yes to confirm")


def confirm(question: str, *, yes: bool, json: bool, otherwise: str = "nothing was changed") -> None:
    """Return if the change is confirmed; otherwise raise the error that `unconfirmed` makes."""
    if not agreed(question, yes=yes, json=json):
        raise unconfirmed(otherwise, json=json)
