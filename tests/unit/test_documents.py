"""What holds for every page of documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
COLUMNS = 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_line_outside_of_tables_is_not_too_long_to_compare(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()

    assert [line for line in lines if len(line) > COLUMNS and not line.startswith("|")] == []


def test_the_tree_of_architecture_names_every_module_of_the_package() -> None:
    modules = {path.name for path in (ROOT / "layers/shared/woohub").rglob("*.py")} - {"__init__.py"}
    named = set((ROOT / "docs/architecture.md").read_text(encoding="utf-8").split())

    assert modules - named == set()
