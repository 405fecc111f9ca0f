"""Counts in messages: 1 order, 2 orders."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

import woohub
import woohub_cli
from woohub.counted import counted

FOLDERS = [Path(package.__path__[0]) for package in (woohub, woohub_cli)]
CONSTANT = re.compile(r"\b[A-Z_]{3,}\b")


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (1, ("order",), "1 order"),
        (0, ("order",), "0 orders"),
        (2, ("order",), "2 orders"),
        (1, ("delivery",), "1 delivery"),
        (2, ("delivery",), "2 deliveries"),
        (1, ("deal or order", "deals or orders"), "1 deal or order"),
        (2, ("deal or order", "deals or orders"), "2 deals or orders"),
    ],
)
def test_counted_uses_singular_or_plural(count: int, words: tuple[str, ...], text: str) -> None:
    assert counted(count, *words) == text


def counted_nouns(nodes: list[ast.AST]) -> set[str]:
    """The plurals of all nouns that `counted` is called with."""
    calls = [node for node in nodes if isinstance(node, ast.Call) and ast.unparse(node.func) == "counted"]
    nouns = [ast.literal_eval(call.args[1]) for call in calls if isinstance(call.args[1], ast.Constant)]
    return {counted(2, noun).split()[-1] for noun in nouns}


def words_after_numbers(nodes: list[ast.AST]) -> Iterator[tuple[str, list[str]]]:
    """The expressions of f-strings, each with the next two words, except constants, which are never 1."""
    for node in nodes:
        for value, text in pairwise(node.values if isinstance(node, ast.JoinedStr) else []):
            if isinstance(value, ast.FormattedValue) and isinstance(text, ast.Constant):
                computed, words = ast.unparse(value.value), str(ast.literal_eval(text))
                if words.startswith(" ") and not computed.startswith("counted(") and not CONSTANT.search(computed):
                    yield computed, words.split()[:2]


def test_no_counted_noun_follows_a_number_without_counted() -> None:
    sources = [path.read_text("utf-8") for folder in FOLDERS for path in folder.rglob("*.py")]
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    nouns = counted_nouns(nodes)

    bare = [
        (number, words)
        for number, words in words_after_numbers(nodes)
        if {*words} & nouns and not {*words} & {"of", "per"}  # a share, and a rate
    ]

    assert bare == []
