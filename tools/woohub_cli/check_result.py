"""One checked or done step of a set-up, and how it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.text import Text


class Result(StrEnum):
    OK = "ok"  # it was so already
    CREATED = "created"
    STORED = "stored"
    REPAIRED = "repaired"
    REMOVED = "removed"
    WOULD_CREATE = "would create"  # the same four, with --dry-run
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
    """What was looked at, how it is, and what a person can do about it."""

    what: str
    outcome: Result
    detail: str = ""
    fix: str = ""

    def facts(self) -> dict[str, str]:
        return {"step": self.what, "outcome": self.outcome.value, "detail": self.detail, "fix": self.fix}

    def text(self) -> Text:
        """For people: one line, and one more with the fix."""
        line = Text.assemble((f"{self.outcome:<{COLUMN}}", COLOURS.get(self.outcome, "cyan")), self.what)
        if self.detail:
            line.append(f"  {self.detail}", "dim" if self.outcome is Result.OK else "")
        if self.fix:
            line.append(f"\n{'':<{COLUMN}}{self.fix}", "yellow")
        return line


def failed(steps: Sequence[Step]) -> bool:
    """Whether any step needs a person."""
    return any(step.outcome is Result.FAILED for step in steps)
