"""A progress bar for work of minutes, with its rate and the remaining time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, ProgressColumn, Task, TaskID
from rich.text import Text

from woohub_cli.rendering import output


class Rate(ProgressColumn):
    """A column with the number of items per second during the last half minute."""

    def render(self, task: Task) -> Text:
        """Return the rate, or an empty text while it is unknown."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "", "dim")


class Bar:
    """A progress bar whose description and total change with the stage of the work."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, what: str, total: int | None, done: int) -> None:
        """Set the description, the total and how much is done. A smaller `done` than before starts a new stage."""
        if done < self._progress.tasks[0].completed:
            self._progress.reset(self._task)
        self._progress.update(self._task, total=total, completed=done, description=what)

    def say(self, what: str) -> None:
        """Change only the description."""
        self._progress.update(self._task, description=what)


@contextmanager
def bar(what: str) -> Iterator[Bar]:
    """Show a progress bar with a rate, for work of several stages."""
    with output.progress_bar(Rate()) as progress:
        yield Bar(progress, progress.add_task(what, total=None))
