"""Ask before something is done that is hard to undo: without a yes it is not done.

Where nobody can be asked (standard input is no terminal, or the output is JSON), only --yes is a yes.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from woohub_cli.cli_errors import WrongUsage

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Yes to every question. Needed without a terminal, and with --json.")
]


def agreed(question: str, *, yes: bool, json: bool) -> bool:
    """With --yes at once, else what the person at the terminal answers; no where there is none to answer."""
    if yes or json or not sys.stdin.isatty():
        return yes
    return typer.confirm(question, err=True)


def unconfirmed(otherwise: str = "nothing was changed") -> WrongUsage:
    """The error that says what happened instead, and names --yes."""
    return WrongUsage(f"{otherwise}; pass --yes to confirm")


def confirm(question: str, *, yes: bool, json: bool, otherwise: str = "nothing was changed") -> None:
    """Returns if it is agreed; else raises what `unconfirmed` makes."""
    if not agreed(question, yes=yes, json=json):
        raise unconfirmed(otherwise)
