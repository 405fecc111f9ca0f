"""Print the figures of woohub and of the naive flow: python -m benchmark [--json] [--write]"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from generators import markdown

from .account import LATENCY_MS, LIMITS
from .figures import CALM_RUNS, CHAOS_RUNS, Figure, measure
from .measures import CONTENDERS
from .woohub_flow import INVOCATION_S

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
NAMES = [contender.name for contender in CONTENDERS]
WIDTH = 140  # columns if the output is no terminal
LIMIT = ("HubSpot's limit", "share")
STYLES = {"reached": "green", "missed": "bold red", "": ""}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and maybe write the figures. Exit code 0: all goals are reached; 1: some are missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    parser.add_argument("--write", action="store_true", help="renew docs/benchmarks.md")
    options = parser.parse_args(arguments)
    figures = measure(lambda what: print(what, file=sys.stderr, flush=True))
    missed = [figure for figure in figures if figure.verdict == "missed"]
    if options.json:
        print(json.dumps(as_json(figures) | {"missed": len(missed)}, indent=2, ensure_ascii=False))
    else:
        Console(width=None if sys.stdout.isatty() else WIDTH, markup=False, highlight=False).print(screen(figures))
    if options.write:
        PAGE.write_text(page(figures), encoding="utf-8")
    for figure in missed:
        print(f"missed: {figure.section}, {': '.join(row(figure)[::3])}, goal {goal(figure)}", file=sys.stderr)
    return 1 if missed else 0


def by_section(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the figures by their section, in order."""
    return {section: list(members) for section, members in groupby(figures, key=lambda figure: figure.section)}


def as_json(figures: Sequence[Figure]) -> dict[str, Any]:
    """Return all figures for --json, unrounded."""
    return {
        "sections": [
            {"title": section, "figures": [figure_as_json(figure) for figure in members]}
            for section, members in by_section(figures).items()
        ]
    }


def figure_as_json(figure: Figure) -> dict[str, Any]:
    """Return one figure for --json. Its goal is null if it has none."""
    at_least = figure.at_least is not None
    limit = {"limit": figure.at_least if at_least else figure.at_most, "at_least": at_least} if figure.verdict else None
    most = {"most": figure.limit, "share_percent": figure.share} if figure.limit else {}
    return {"name": figure.name, "values": dict(figure.values), "goal": limit, "verdict": figure.verdict} | most


def screen(figures: Sequence[Figure]) -> Table:
    """Return a table with a line for each figure."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("", *NAMES, "goal", "", *LIMIT):
        table.add_column(name, justify="right" if name else "left")
    for section, members in by_section(figures).items():
        table.add_row(Text(f"\n{section}", style="bold"))
        for figure in members:
            table.add_row(
                *row(figure), goal(figure), Text(figure.verdict, style=STYLES[figure.verdict]), *share(figure)
            )
    return table


def page(figures: Sequence[Figure]) -> str:
    """Return the text of docs/benchmarks.md."""
    return markdown.render(
        Path(__file__).with_name("benchmarks.md.j2"),
        goals=sum(bool(figure.verdict) for figure in figures),
        missed=sum(figure.verdict == "missed" for figure in figures),
        date=f"{datetime.now(UTC):%d %B %Y}",
        machine=machine(),
        tables={section: section_table(members) for section, members in by_section(figures).items()},
        limits=LIMITS | {"latency_ms": round(LATENCY_MS)},
        invocation_s=INVOCATION_S,
        runs={"calm": CALM_RUNS, "chaos": CHAOS_RUNS},
    )


def section_table(figures: Sequence[Figure]) -> list[list[str]]:
    """Return a header and a row for each figure, without empty columns."""
    rows = [["", *NAMES, "goal", "result", *LIMIT]]
    for figure in figures:
        name, *values, woohub = row(figure)
        rows.append([name, *values, f"**{woohub}**", goal(figure), figure.verdict, *share(figure)])
    used = [column for column in range(len(rows[0])) if any(cells[column] for cells in rows[1:])]
    return [[cells[column] for column in used] for cells in rows]


def row(figure: Figure) -> list[str]:
    """Return the figure's name and its values as text."""
    return [figure.name, *(number(figure.values[name]) if name in figure.values else "" for name in NAMES)]


def share(figure: Figure) -> list[str]:
    """Return what HubSpot's limit allows, and woohub's share of it, as text; "" if no limit applies."""
    if figure.limit is None or figure.share is None:
        return ["", ""]
    return [number(figure.limit), f"{figure.share:.0f} %"]


def goal(figure: Figure) -> str:
    """Return the figure's goal as text; "" if it has none."""
    if figure.at_least is not None:
        return f"≥ {number(figure.at_least)}"
    return "" if figure.at_most is None else f"≤ {number(figure.at_most)}" if figure.at_most else "0"


def number(value: float) -> str:
    """Return the number with three digits, so that a small amount does not become 0."""
    return f"{value:,.0f}" if value >= 100 or value == round(value) else f"{value:.3g}"


def machine() -> str:
    """Return a short description of this machine."""
    info = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    name = model[1].strip() if model else platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
