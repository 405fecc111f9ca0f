"""How `--help` looks: paragraphs that flow, examples line by line, and flags without a type. Texts name --store."""

from __future__ import annotations

import inspect
import re
from typing import Any

from typer.core import TyperCommand, TyperGroup, TyperOption

from woohub_cli import environment
from woohub_cli.rendering import output

BREAK = re.compile(r"(?<=\S)\n(?=\S)")  # within a paragraph; examples and tables are indented


def flowing(text: str | None) -> str | None:
    """A docstring without the line breaks of its source."""
    return BREAK.sub(" ", inspect.cleandoc(text)) if text else text


def _help(text: str | None) -> str | None:
    """With an empty line after the first paragraph, which keeps typer from removing the examples' indentation.

    Typer dedents what follows the first paragraph by all lines but the first, which may be "Examples:".
    """
    return (flowing(text) or "").replace("\n\n", "\n\n\n\n", 1) or None


def _untyped(parameters: list[Any]) -> list[Any]:
    """Typer writes `<bool>` beside a flag, as if it took a value."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_flag:
            parameter.metavar = ""
    return parameters


class Command(TyperCommand):
    """A command whose help looks like that."""

    def __init__(self, name: str | None, *, help: str | None = None, **settings: Any) -> None:
        super().__init__(name, help=_help(help), **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run it, about the store that --store names."""
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
