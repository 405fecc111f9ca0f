"""python -m benchmark [--json] [--write]"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from . import document
from .figures import STEPS, Step, measured
from .report import as_json, shortfalls, tables

WIDE = 140  # columns where there is no terminal that could say how many it has


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0: all goals reached. 1: some were missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmark", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    parser.add_argument("--write", action="store_true", help="renew docs/benchmarks.md and its plot")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    with _progress() as step:
        report = measured(step)
    if options.json:
        sys.stdout.write(json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n")
    else:
        _console(stderr=False).print(tables(report))
    if options.write:
        document.write(report)
    for line in shortfalls(report):
        print(line, file=sys.stderr)
    print(f"{time.monotonic() - started:.0f} s", file=sys.stderr)
    return 1 if report.missed else 0


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, markup=False, highlight=False)


@contextmanager
def _progress() -> Iterator[Step]:
    """A bar on a terminal, a line per step elsewhere; on standard error, beside the result."""
    screen = _console(stderr=True)
    if not screen.is_terminal:
        yield lambda what: print(what, file=sys.stderr, flush=True)
        return
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=screen, transient=True) as bar:
        task = bar.add_task("", total=STEPS, completed=-1)
        yield lambda what: bar.update(task, advance=1, description=what)


if __name__ == "__main__":
    sys.exit(main())
