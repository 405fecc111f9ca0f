"""A progress bar for work of minutes: the rate, and the time that remains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import Progress, ProgressColumn, Task, TaskID
from rich.text import Text

from woohub_cli.rendering import output


class Rate(ProgressColumn):
    """How many per second, over the last half a minute."""

    def render(self, task: Task) -> Text:
        """Nothing as long as it is not known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.0f}/s" if speed else "", "dim")


class Bar:
    """One line that says what is being done, and how much of it is."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def show(self, what: str, total: int | None, done: int) -> None:
        """What is being done, how much there is of it, and how much is done; less done than before is other work."""
        if done < self._progress.tasks[0].completed:
            self._progress.reset(self._task)
        self._progress.update(self._task, total=total, completed=done, description=what)

    def say(self, what: str) -> None:
        """Only change the words."""
        self._progress.update(self._task, description=what)


@contextmanager
def bar(what: str) -> Iterator[Bar]:
    """A bar for work of several kinds, with its rate."""
    with output.progress_bar(Rate()) as progress:
        yield Bar(progress, progress.add_task(what, total=None))
