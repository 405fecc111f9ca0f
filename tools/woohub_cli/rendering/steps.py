"""Show the steps of a command as they are done, and its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import typer

from woohub_cli.check_result import Step, failed
from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.rendering import output


def show_each(steps: Iterable[Step], *, json: bool) -> list[Step]:
    """Run all steps and return them. Each is printed when it is done, unless the output is JSON."""
    done = []
    for step in steps:
        done.append(step)
        if not json:
            output.say(step.text())
    return done


def finish(
    steps: Sequence[Step], facts: Mapping[str, object], *, json: bool, left_to_do: Sequence[str] | None = None
) -> None:
    """Report the end of a command with steps, and exit with 1 if a step failed.

    With `json`, write `facts`, the steps and what is left to do; otherwise only the latter.
    """
    if json:
        left = {} if left_to_do is None else {"left_to_do": left_to_do}
        output.as_json({**facts, "steps": [step.facts() for step in steps], **left})
    elif left_to_do:
        output.say("\nLeft to do:", style="bold")
        for line in left_to_do:
            output.say(f"  {line}")
    if failed(steps):
        raise typer.Exit(PROBLEMS)
