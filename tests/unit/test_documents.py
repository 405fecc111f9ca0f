"""The Markdown pages."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
COLUMNS = 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lines_outside_tables_have_at_most_120_characters(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if len(line) > COLUMNS and not line.startswith("|")] == []


def test_architecture_md_names_every_module_of_the_package() -> None:
    modules = {path.name for path in (ROOT / "layers/shared/woohub").rglob("*.py")} - {"__init__.py"}
    named = set((ROOT / "docs/architecture.md").read_text(encoding="utf-8").split())

    assert modules - named == set()
