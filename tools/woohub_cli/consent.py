"""Ask before something is done that is hard to undo."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask: yes to every question.")]


def agreed(question: str, *, yes: bool, json: bool) -> bool:
    """With --yes at once, else what the person at the terminal answers; no where there is none to answer."""
    if yes or json or not sys.stdin.isatty():
        return yes
    return typer.confirm(question, err=True)
