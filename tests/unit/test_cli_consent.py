from __future__ import annotations

import sys
from io import StringIO

import pytest
import typer

from woohub_cli.cli_errors import PROBLEMS, WRONG_USAGE, Trouble
from woohub_cli.consent import confirm
from woohub_cli.main import INTERRUPTED_EXIT, Commands


class Terminal(StringIO):
    """What a person types. A terminal that ends counts as Ctrl-C: Python's `input` cannot tell them apart here."""

    def isatty(self) -> bool:
        return True


def test_a_person_who_says_no_is_told_what_happened_instead_and_nothing_of_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))

    with pytest.raises(Trouble, match=r"^nothing was erased$") as refusal:
        confirm("Erase?", yes=False, json=False, otherwise="nothing was erased")

    assert refusal.value.exit_code == PROBLEMS


def test_a_script_is_told_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO("y\n"))

    with pytest.raises(Trouble, match="--yes") as refusal:
        confirm("Erase?", yes=False, json=False)

    assert refusal.value.exit_code == WRONG_USAGE


def test_ctrl_c_at_a_question_ends_like_ctrl_c_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    app = typer.Typer(cls=Commands)

    @app.command()
    def erase() -> None:
        confirm("Erase?", yes=False, json=False)

    @app.callback()
    def main() -> None:
        """A group, as the command `woohub` is."""

    with pytest.raises(SystemExit) as ended:
        app(["erase"])

    assert ended.value.code == INTERRUPTED_EXIT
