"""Options that commands share. A command takes a dataclass of options; `command` makes each field an option."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cached_property
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from woohub_cli import environment
from woohub_cli.rendering.typer_help import Command
from woohub_cli.stack import stacks
from woohub_cli.stack.stacks import Stack

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
        help="The store, if the stack has several (`woohub store list`). Default: the first one.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, and nothing else, to standard output.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@dataclass(frozen=True)
class StackOptions:
    """The options --stack and --json, and the stack that they select."""

    stack: StackOption = None
    json: JsonOption = False

    @property
    def store_name(self) -> str | None:
        """The value of --store; None for commands without that option."""
        return None

    @cached_property
    def env(self) -> dict[str, str]:
        """The variables of the environment and of .env, for the store that --store names."""
        return environment.read(os.environ, Path.cwd(), self.store_name)

    @cached_property
    def name(self) -> str | None:
        """The name of the stack; None if neither --stack nor the environment names one."""
        return stacks.name_of(self.stack, self.env, Path.cwd())

    @cached_property
    def target(self) -> Stack:
        """The stack. Raises WrongUsage if none is named, Trouble if it does not exist."""
        return stacks.find(self.stack, self.env, Path.cwd(), self.store_name)

    @cached_property
    def target_if_named(self) -> Stack | None:
        """The stack; None if none is named. Raises Trouble if it does not exist."""
        return stacks.find(self.name, self.env, Path.cwd(), self.store_name) if self.name else None


@dataclass(frozen=True)
class StoreOptions(StackOptions):
    """The options of commands that concern one store of the stack."""

    store: StoreOption = None

    @property
    def store_name(self) -> str | None:
        return self.store


def command(app: typer.Typer, name: str | None = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that adds a function to the app as a command, under its own name or another one."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        app.command(name, cls=Command)(flat(function))
        return function

    return register


def flat(function: Callable[..., None]) -> Callable[..., None]:
    """Return the function as typer needs it: with one parameter for each field of its dataclasses."""
    signature = inspect.signature(function, eval_str=True)
    given = signature.parameters
    groups: dict[str, Any] = {name: given[name].annotation for name in given if is_dataclass(given[name].annotation)}

    def flattened(**values: Any) -> None:
        for name, group in groups.items():
            values[name] = group(**{field.name: values.pop(field.name) for field in fields(group)})
        function(**values)

    own = [given[name].replace(kind=Parameter.KEYWORD_ONLY) for name in given if name not in groups]
    parameters = [*own, *(parameter for group in groups.values() for parameter in _fields(group))]
    flattened.__name__, flattened.__doc__ = function.__name__, function.__doc__
    flattened.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    flattened.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return flattened


def _fields(group: Any) -> list[Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(group)
    ]
