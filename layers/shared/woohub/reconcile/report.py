"""What a reconcile run reports to its caller and to the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class RunReport:
    """What a run did. `complete`: everything asked for is on the queue; else the next run continues."""

    queued: Counter[str] = field(default_factory=Counter)  # orders, trash, customers, deleted
    webhooks: list[str] = field(default_factory=list)  # "disabled order.updated: repaired"
    complete: bool = False
    stopped: str = ""  # "out of time: …", or why the first part that failed did
    failed: dict[str, str] = field(default_factory=dict)  # part of the run → why it failed; the other parts were done
    unreadable: dict[str, str] = field(default_factory=dict)  # "order:123" → why it was left out

    def facts(self) -> dict[str, Any]:
        """For the log and the caller."""
        return {
            "queued": dict(self.queued),
            "webhooks": self.webhooks,
            "complete": self.complete,
            "stopped": self.stopped,
            "failed": self.failed,
            "unreadable": self.unreadable,
        }
