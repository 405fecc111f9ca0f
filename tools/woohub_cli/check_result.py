"""The result of one check, or of one step of a set-up, and its text for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.text import Text


class Result(StrEnum):
    OK = "ok"  # nothing had to be changed
    CREATED = "created"
    STORED = "stored"
    REPAIRED = "repaired"
    REMOVED = "removed"
    WOULD_CREATE = "would create"  # with --dry-run
    WOULD_STORE = "would store"
    WOULD_REPAIR = "would repair"
    WOULD_REMOVE = "would remove"
    SKIPPED = "skipped"
    WARNING = "warning"  # it works, but less well
    FAILED = "failed"


COLOURS = {
    Result.OK: "green",
    Result.SKIPPED: "dim",
    Result.WARNING: "yellow",
    Result.FAILED: "bold red",
}
COLUMN = max(len(outcome) for outcome in Result) + 2


@dataclass(frozen=True)
class Step:
    """One thing that was checked or changed: its name, the outcome, details, and what a person can do about it."""

    what: str
    outcome: Result
    detail: str = ""
    fix: str = ""

    def facts(self) -> dict[str, str]:
        return {"step": self.what, "outcome": self.outcome.value, "detail": self.detail, "fix": self.fix}

    def text(self) -> Text:
        """Return the step for the terminal: one line, and a second one with the fix if there is any."""
        line = Text.assemble((f"{self.outcome:<{COLUMN}}", COLOURS.get(self.outcome, "cyan")), self.what)
        if self.detail:
            line.append(f"  {self.detail}", "dim" if self.outcome is Result.OK else "")
        if self.fix:
            line.append(f"\n{'':<{COLUMN}}{self.fix}", "yellow")
        return line


def failed(steps: Sequence[Step]) -> bool:
    """Whether any of the steps failed, so that a person must act."""
    return any(step.outcome is Result.FAILED for step in steps)
