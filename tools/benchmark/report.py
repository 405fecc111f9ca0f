"""The figures as a table for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .figures import Figure, Goal, Listing, Report, Section
from .runs import CONTENDERS, WOOHUB

COLUMNS = tuple(one.name for one in CONTENDERS)
STYLES = {"reached": "green", "missed": "bold red", "": ""}


def tables(report: Report) -> Group:
    """One line per figure, goals and verdicts at the end; then the listings."""
    return Group(_figures(report.sections), *(part for one in report.listings for part in _listing(one)))


def _figures(sections: Sequence[Section]) -> Table:
    drawn = _table("", *COLUMNS, "goal")
    drawn.add_column("")
    for section in sections:
        drawn.add_row(Text(section.title, style="bold"))
        for figure in section.figures:
            drawn.add_row(*cells(figure)[:-1], Text(figure.verdict, style=STYLES[figure.verdict]))
        drawn.add_row()
    return drawn


def _listing(listing: Listing) -> Iterator[Table | Text]:
    drawn = _table(listing.title, *listing.columns)
    for row in listing.rows:
        name, *values = texts(row)
        drawn.add_row(f"  {name}", *values)
    yield drawn
    yield Text(f"  {listing.note}\n" if listing.note else "")


def _table(first: str, *others: str) -> Table:
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    drawn.add_column(first)
    for name in others:
        drawn.add_column(name, justify="right")
    return drawn


def cells(figure: Figure) -> list[str]:
    """A line as text: name, values, goal, verdict."""
    values = [number(figure.values[name]) if name in figure.values else "" for name in COLUMNS]
    return [f"  {figure.name}", *values, limit(figure.goal), figure.verdict]


def texts(row: Sequence[str | float]) -> list[str]:
    """A row of a listing."""
    return [one if isinstance(one, str) else number(one) for one in row]


def number(value: float) -> str:
    """Three digits are enough; a small amount is not nothing."""
    if value >= 100 or value == round(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def limit(goal: Goal | None) -> str:
    """A goal as text."""
    if goal is None:
        return ""
    return f"{'≥' if goal.at_least else '≤'} {number(goal.limit)}" if goal.limit else "0"


def shortfalls(report: Report) -> list[str]:
    """What was missed, and by how much."""
    return [
        f"missed: {section.title}, {figure.name}: {number(figure.values[WOOHUB.name])}, the goal is "
        f"{limit(figure.goal)}"
        for section in report.sections
        for figure in section.figures
        if figure.verdict == "missed"
    ]


def as_json(report: Report) -> dict[str, Any]:
    """Everything, unrounded."""
    return {
        "sections": [_section(section) for section in report.sections],
        "listings": [asdict(listing) for listing in report.listings],
        "missed": len(report.missed),
    }


def _section(section: Section) -> Mapping[str, Any]:
    return {"title": section.title, "figures": [_line(figure) for figure in section.figures]}


def _line(figure: Figure) -> Mapping[str, Any]:
    goal = {"limit": figure.goal.limit, "at_least": figure.goal.at_least} if figure.goal else None
    return {"name": figure.name, "values": dict(figure.values), "goal": goal, "verdict": figure.verdict}
