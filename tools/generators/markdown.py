"""Render a page of docs/ from a Jinja template next to the module that computes its figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jinja2

_ENVIRONMENT = jinja2.Environment(  # noqa: S701  # Markdown, no HTML
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)


def render(template: Path, **values: object) -> str:
    """Return the page. The template can use the filter `table`."""
    return _ENVIRONMENT.from_string(template.read_text(encoding="utf-8")).render(values)


def table(rows: Sequence[Sequence[str]], left_aligned: Sequence[int] = (0,)) -> str:
    """Return a Markdown table; the first row is its header. Other columns are aligned to the right."""
    rules = ["---" if column in left_aligned else "---:" for column in range(len(rows[0]))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (rows[0], rules, *rows[1:]))


_ENVIRONMENT.filters["table"] = table
