"""What a reconcile run reports to its caller and to the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunReport:
    """What a run did. If it is not `complete`, something is not on the queue yet, and the next run continues."""

    queued: Counter[str] = field(default_factory=Counter)  # orders, trash, customers, deleted
    webhooks: list[str] = field(default_factory=list)  # "disabled order.updated: repaired"
    complete: bool = False
    stopped: str = ""  # "out of time: …", or why the first failed part failed
    failed: dict[str, str] = field(default_factory=dict)  # failed part of the run → why it failed
    unreadable: dict[str, str] = field(default_factory=dict)  # "order:123" → why it was left out

    def facts(self) -> dict[str, Any]:
        """Return the report as JSON values, for the log and the caller."""
        return {
            "queued": dict(self.queued),
            "webhooks": self.webhooks,
            "complete": self.complete,
            "stopped": self.stopped,
            "failed": self.failed,
            "unreadable": self.unreadable,
        }
