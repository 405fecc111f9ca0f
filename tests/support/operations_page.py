"""docs/operations.md, which must describe every log event."""

from __future__ import annotations

from generators.operations import DOCS

PAGE = DOCS.read_text(encoding="utf-8")


def assert_described(event: str) -> None:
    """Assert that the page describes this log event; fixtures check every event logged in a test."""
    assert " " in event or f"`{event}`" in PAGE, f"{event} is not described in docs/operations.md"
