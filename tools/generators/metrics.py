"""The table of metrics in docs/operations.md, made from woohub/metrics.py.

.venv/bin/python -m generators.metrics          # ends with 1 if the table is not up to date
.venv/bin/python -m generators.metrics --write  # renews it
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from woohub.metrics import METRICS

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
HEAD = "| Metric | Meaning |\n|---|---|\n"
TABLE = re.compile(
    r"(?<=<!-- Made from woohub/metrics\.py by python -m generators\.metrics --write: -->\n\n).*?(?=\n\n)", re.S
)


def table() -> str:
    """Every metric with its meaning, by the function that counts it."""
    rows = []
    for function, metrics in groupby(METRICS, key=lambda metric: metric.function):
        rows += [f"| **{function}** | |", *(f"| `{metric}` | {metric.meaning} |" for metric in metrics)]
    return HEAD + "\n".join(rows)


def docs_renewed(page: str) -> str:
    """docs/operations.md with today's table; ValueError where it has no place for it."""
    renewed, places = TABLE.subn(lambda _: table(), page)
    if places != 1:
        raise ValueError("docs/operations.md must have the comment before the table of metrics exactly once")
    return renewed


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 if the table was not up to date and was not to be written."""
    parser = argparse.ArgumentParser(prog="python -m generators.metrics", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="renew the table")
    write = parser.parse_args(arguments).write
    page = DOCS.read_text(encoding="utf-8")
    renewed = docs_renewed(page)
    if renewed != page:
        print(f"{DOCS.name} {'renewed' if write else 'is not up to date: python -m generators.metrics --write'}")
    if renewed != page and write:
        DOCS.write_text(renewed, encoding="utf-8")
    return int(renewed != page and not write)


if __name__ == "__main__":
    sys.exit(main())
