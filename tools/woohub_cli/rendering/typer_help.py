"""Lay out `--help`: flowing paragraphs, examples line by line, flags without a type. Set the store for texts."""

from __future__ import annotations

import inspect
import re
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from woohub_cli import environment
from woohub_cli.rendering import output

BREAK = re.compile(r"(?<=\S)\n(?=\S)")  # within a paragraph; examples and tables are indented


def flowing(text: str | None) -> str | None:
    """Return a docstring without the line breaks inside its paragraphs."""
    return BREAK.sub(" ", inspect.cleandoc(text)) if text else text


def _help(text: str | None) -> str | None:
    """Return the help text with an extra empty line after its first paragraph, which keeps the examples indented.

    Typer dedents what follows the first paragraph by all lines but the first, which may be "Examples:".
    """
    return (flowing(text) or "").replace("\n\n", "\n\n\n\n", 1) or None


def _untyped(parameters: list[Any]) -> list[Any]:
    """Remove the type from flags: typer writes `<bool>` beside a flag, as if it took a value."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag:
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command whose help has this layout."""

    def __init__(self, name: str | None, *, help: str | None = None, **settings: Any) -> None:
        super().__init__(name, help=_help(help), **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command, with texts for the store that --store names."""
        output.about_store("")
        output.about_store(environment.store_named(ctx.params.get("store")))
        return super().invoke(ctx)

    def get_params(self, ctx: Any) -> list[Any]:
        return _untyped(super().get_params(ctx))


class Group(TyperGroup):
    def __init__(self, *, help: str | None = None, **settings: Any) -> None:
        super().__init__(help=_help(help), **settings)

    def get_params(self, ctx: Any) -> list[Any]:
        return _untyped(super().get_params(ctx))
