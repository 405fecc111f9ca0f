"""Print results for people, on a terminal or in a pipe, and JSON for programs."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from io import TextIOWrapper

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.rendering import hints

WIDE = 200  # columns if the output is no terminal
CANNOT_BE_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF)

Advance = Callable[[int], None]  # called with how many more are done

_store: ContextVar[str] = ContextVar("store", default="")


def about_store(name: str) -> None:
    """Adapt the commands and variables in all further texts to this store ("": the first one)."""
    _store.set(name)


def _named(text: str | Text) -> Text:
    return hints.for_store_styled(text if isinstance(text, Text) else Text(text), _store.get())


def console(*, stderr: bool = False) -> Console:
    """Return a console without markup: texts of stores, HubSpot and ARNs may contain [brackets] and :colons:."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(
        file=stream,
        width=None if stream.isatty() else WIDE,
        markup=False,
        emoji=False,
        highlight=False,
        soft_wrap=not stream.isatty(),
    )


@contextmanager
def to_standard_output() -> Iterator[None]:
    """Within it, characters that the encoding of standard output lacks are replaced, as on many a Windows console.

    Ends the command with a sentence if the output cannot be written, for example because the disk is full.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in CANNOT_BE_WRITTEN:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        complain(f"the output cannot be written: {error.strerror}")
        sys.exit(PROBLEMS)


def as_json(value: object) -> None:
    """Write JSON to standard output. A command with --json writes nothing else there."""
    value = hints.in_json(value, _store.get()) if _store.get() else value
    is_unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not is_unicode) + "\n")


def answer(facts: object, show: Callable[[], None] | str | Text, *, json: bool, problems: bool = False) -> None:
    """End a command: print the facts as JSON or show the result to people, and exit with 1 if there are problems."""
    if json:
        as_json(facts)
    elif isinstance(show, str | Text):
        say(show)
    else:
        show()
    if problems:
        raise typer.Exit(PROBLEMS)


def say(text: str | Text = "", style: str = "") -> None:
    console().print(_named(text), style=style)


def note(text: str, style: str = "dim") -> None:
    """Print a line that is not part of the result to standard error."""
    console(stderr=True).print(_named(text), style=style)


def complain(text: str) -> None:
    """Print the reason why a command ends to standard error."""
    console(stderr=True).print(Text.assemble(("woohub: ", "bold red"), _named(text)))


def lines(texts: Iterable[str | Text]) -> None:
    for text in texts:
        say(text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Print a table. Long cells wrap instead of being cut."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", show_header=any(columns))
    for name in columns:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*map(_named, row))
    console().print(drawn, soft_wrap=False)


def progress_bar(*more: ProgressColumn) -> Progress:
    """Return a progress bar on standard error that disappears at the end; invisible without a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *more, TimeRemainingColumn())
    screen = console(stderr=True)
    return Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Advance]:
    """Show a progress bar; yields a function that advances it."""
    with progress_bar() as bar:
        task = bar.add_task(what, total=total)
        yield lambda more: bar.advance(task, more)
