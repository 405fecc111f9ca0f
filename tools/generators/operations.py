"""Renew what is generated in docs/operations.md, and the dashboard's list of alarms in template.yaml.

.venv/bin/python -m generators.operations          # ends with 1 if one of the two files is not up to date
.venv/bin/python -m generators.operations --write  # renews both
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from generators import alarms, markdown
from generators.template import TEMPLATE
from woohub.metrics import METRICS

DOCS = TEMPLATE.parent / "docs" / "operations.md"
NEXT_SECTION = "\n\n## "


class Place(NamedTuple):
    """A place for generated text in a file: after `begin`, up to the next `end`."""

    begin: str
    end: str
    make: Callable[[], str]


def metrics_table() -> str:
    """Return a table of all metrics with their meaning, grouped by the function that counts them."""
    rows = [["Metric", "Meaning"]]
    for function, metrics in groupby(METRICS, key=lambda metric: metric.function):
        rows += [[f"**{function}**", ""], *([f"`{metric}`", metric.meaning] for metric in metrics)]
    return markdown.table(rows, left_aligned=(0, 1))


def _comment(source: str) -> str:
    return f"<!-- Up to the next section: made from {source} by python -m generators.operations --write -->\n\n"


PLACES = {
    DOCS: (
        Place(_comment("template.yaml"), NEXT_SECTION, alarms.sections),
        Place(_comment("woohub/metrics.py"), NEXT_SECTION, metrics_table),
    ),
    TEMPLATE: (Place('"alarms": [${Silence}\n', "]}}", alarms.dashboard_list),),
}


def renewed(path: Path) -> str:
    """Return the text of a file with newly generated parts. Raises ValueError if a place is missing."""
    text = path.read_text(encoding="utf-8")
    for place in PLACES[path]:
        before, begin, rest = text.partition(place.begin)
        _, end, after = rest.partition(place.end)
        if not end:
            raise ValueError(f"{path.name} has no text between {place.begin!r} and {place.end!r}")
        text = "".join((before, begin, place.make(), end, after))
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the files, or write them with --write. Exit code 1 if one was not up to date and not written."""
    parser = argparse.ArgumentParser(
        prog="python -m generators.operations", description=str(__doc__).partition("\n")[0]
    )
    parser.add_argument("--write", action="store_true", help="renew the files")
    write = parser.parse_args(arguments).write
    stale = {path: text for path in PLACES if (text := renewed(path)) != path.read_text(encoding="utf-8")}
    for path, text in stale.items():
        print(f"{path.name} {'renewed' if write else 'is not up to date: python -m generators.operations --write'}")
        if write:
            path.write_text(text, encoding="utf-8")
    return int(bool(stale) and not write)


if __name__ == "__main__":
    sys.exit(main())
