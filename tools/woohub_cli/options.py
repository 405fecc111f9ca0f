"""Options of every command."""

from __future__ import annotations

from typing import Annotated

import typer

StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="local|NAME",
        help="The stack: local, or its name in CloudFormation. Default: local while `make local` runs, "
        "else what WOOHUB_STACK names.",
        show_default=False,
    ),
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="NAME",
        help="The store, where the stack has several (`woohub store list`). Default: the first one.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to standard output.")]
