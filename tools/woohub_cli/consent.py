"""Ask before something is done that is hard to undo: without a yes it is not done.

Where nobody can be asked (standard input is no terminal, or the output is JSON), only --yes is a yes.
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
    """With --yes at once, else what the person at the terminal answers; no where there is none to answer."""
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
    """The error that says what happened instead; where nobody could be asked, it names --yes."""
    return Trouble(otherwise) if _can_ask(json=json) else WrongUsage(f"{otherwise}; pass --yes to confirm")


def confirm(question: str, *, yes: bool, json: bool, otherwise: str = "nothing was changed") -> None:
    """Returns if it is agreed; else raises what `unconfirmed` makes."""
    if not agreed(question, yes=yes, json=json):
        raise unconfirmed(otherwise, json=json)
