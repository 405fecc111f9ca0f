"""The question before a change: `confirm`."""

from __future__ import annotations

import sys
from io import StringIO

import pytest
import typer

from woohub_cli.cli_errors import INTERRUPTED_EXIT, PROBLEMS, WRONG_USAGE, Trouble
from woohub_cli.consent import confirm
from woohub_cli.main import Commands


class Terminal(StringIO):
    """Input that a person types; its end counts as Ctrl-C, which `input` cannot tell from it here."""

    def isatty(self) -> bool:
        return True


def test_answering_no_exits_1_with_the_given_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    with pytest.raises(Trouble, match=r"^nothing was erased$") as raised:
        confirm("Erase?", yes=False, json=False, otherwise="nothing was erased")

    assert raised.value.exit_code == PROBLEMS


def test_confirm_without_a_terminal_exits_2_and_names_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))

    with pytest.raises(Trouble, match="--yes") as raised:
        confirm("Erase?", yes=False, json=False)

    assert raised.value.exit_code == WRONG_USAGE


def test_ctrl_c_at_a_question_exits_130(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    app = typer.Typer(cls=Commands)

    @app.command()
    def erase() -> None:
        confirm("Erase?", yes=False, json=False)

    @app.callback()
    def main() -> None:
        """Make the app a group of commands, as `woohub` is."""

    with pytest.raises(SystemExit) as ended:
        app(["erase"])

    assert ended.value.code == INTERRUPTED_EXIT
