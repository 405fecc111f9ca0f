"""The `--help` of every command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from tests.support.operations_page import PAGE
from woohub_cli import main
from woohub_cli.main import app
from woohub_cli.rendering.typer_help import flowing


def commands(group: Any, *path: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        yield (*path, name), command
        yield from commands(command, *path, name) if hasattr(command, "commands") else ()


@cache
def help_text(*command: str) -> str:
    result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "80", "TERM": "dumb"})
    assert result.exit_code == 0
    return result.output


COMMANDS = dict(commands(get_command(app)))


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_help_shows_no_bool_value_for_flags(command: tuple[str, ...]) -> None:
    assert "<bool>" not in help_text(*command)


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_every_example_in_the_help_is_one_line_with_a_command(command: tuple[str, ...]) -> None:
    examples = help_text(*command).split("Examples:")[1].split("╭")[0]

    lines = [line.rstrip() for line in examples.splitlines() if line.strip()]

    assert lines
    assert [line for line in lines if not re.match(r" {5}(woohub|sam|echo) ", line)] == []


COMMAND_LINE = Path(main.__file__).parent
ASKING = [path for path, command in COMMANDS.items() if any("--yes" in option.opts for option in command.params)]


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_the_help_of_a_command_that_asks_says_when_yes_is_needed(command: tuple[str, ...]) -> None:
    assert "Needed without a terminal, and with --json." in " ".join(re.sub("│", " ", help_text(*command)).split())


@pytest.mark.parametrize("command", ASKING, ids=" ".join)
def test_operations_md_lists_every_command_that_asks(command: tuple[str, ...]) -> None:
    (asking,) = re.findall(r"^Commands that ask first: ([^.]*)\.", PAGE, re.MULTILINE)

    assert f"`{' '.join(command)}`" in asking


def test_only_consent_py_reads_from_the_terminal() -> None:
    asking = [
        path.name
        for path in COMMAND_LINE.rglob("*.py")
        if re.search(r"stdin|typer\.(confirm|prompt)", path.read_text("utf-8"))
    ]

    assert asking == ["consent.py"]


@pytest.mark.parametrize("command", ["list", "show", "redrive", "drop"])
def test_the_help_of_dlq_commands_has_no_default_store(command: str) -> None:
    assert "Default: the first one" not in " ".join(help_text("dlq", command).split())


def test_flowing_joins_paragraphs_and_keeps_indented_lines() -> None:
    text = """First.

    A sentence that the source
    breaks.

        one example
        another
    """

    assert flowing(text) == "First.\n\nA sentence that the source breaks.\n\n    one example\n    another"
