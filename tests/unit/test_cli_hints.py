"""Hints (what to run or to set) name the store that the command is about."""

from __future__ import annotations

from typing import Any

import pytest
from rich.text import Text
from typer.main import get_command

from woohub_cli.main import app
from woohub_cli.rendering import hints


def leaf_commands(group: Any, *path: str) -> dict[str, Any]:
    """Commands without subcommands, by name."""
    commands: dict[str, Any] = {}
    for name, each in group.commands.items():
        commands |= leaf_commands(each, *path, name) if hasattr(each, "commands") else {" ".join((*path, name)): each}
    return commands


COMMANDS = leaf_commands(get_command(app))
ABOUT_NO_SINGLE_STORE = {
    "erase": "a person is erased for all stores",
    "portal-check": "asks HubSpot only",
    "store add": "names the store itself",
    "store list": "lists them all",
    "store remove": "names the store itself",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_except_those_for_all_stores_has_the_option_store(command: str) -> None:
    options = {option for parameter in COMMANDS[command].params for option in parameter.opts}

    assert ("--store" in options) == (command not in ABOUT_NO_SINGLE_STORE)
    assert {"--stack", "--json"} <= options


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        ("run `woohub setup`: it creates it", "run `woohub setup --store outlet`: it creates it"),
        ("`woohub verify --days 7`", "`woohub verify --store outlet --days 7`"),
        ("woohub reconcile --since 2d", "woohub reconcile --store outlet --since 2d"),
        ("`woohub doctor`, then `woohub setup`", "`woohub doctor --store outlet`, then `woohub setup --store outlet`"),
        ("`woohub doctor --store second`", "`woohub doctor --store second`"),
        ("`woohub dlq redrive --all`", "`woohub dlq redrive --all`"),
        ("put WOO_COMMERCE_URL into .env", "put WOO_COMMERCE_URL_OUTLET into .env"),
        ("WOO_COMMERCE_URL_OUTLET", "WOO_COMMERCE_URL_OUTLET"),
        ("HUBSPOT_API_KEY", "HUBSPOT_API_KEY"),
    ],
)
def test_hints_name_the_store_in_commands_and_variables(hint: str, expected: str) -> None:
    assert hints.for_store(hint, "outlet") == expected
    assert hints.for_store(hint, "") == hint


def test_styles_stay_on_their_words() -> None:
    text = hints.for_store_styled(Text.assemble("run ", ("woohub setup", "red"), " now"), "outlet")

    (coloured,) = text.spans
    assert text.plain[coloured.start : coloured.end] == "woohub setup"


def test_only_hints_in_json_name_the_store() -> None:
    value = {"steps": [{"fix": "`woohub setup`"}], "left_to_do": ["`woohub doctor`"], "name": "woohub setup"}

    assert hints.in_json(value, "outlet") == {
        "steps": [{"fix": "`woohub setup --store outlet`"}],
        "left_to_do": ["`woohub doctor --store outlet`"],
        "name": "woohub setup",
    }
