"""docs/operations.md, as tests of what operators read use it."""

from __future__ import annotations

from generators.operations import DOCS

PAGE = DOCS.read_text(encoding="utf-8")


def assert_described(event: str) -> None:
    """The page has this log event: fixtures ask it of everything that woohub logs in a test."""
    assert " " in event or f"`{event}`" in PAGE, f"{event} is not described in docs/operations.md"
