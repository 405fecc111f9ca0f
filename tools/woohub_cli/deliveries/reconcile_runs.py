"""Invoke the reconcile function for a person, as often as needed to complete the request."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.config import Config

from woohub.json_values import object_in
from woohub.reconcile.watermark import Watermark
from woohub.store.client import Store
from woohub_cli.cli_errors import Trouble
from woohub_cli.period import SECOND, shifted
from woohub_cli.stack import connections
from woohub_cli.stack.stacks import Aws

# The function has five minutes. No retry: a second call would reconcile the same beside the first.
INVOKE_CONFIG = Config(connect_timeout=10, read_timeout=330, retries={"mode": "standard", "total_max_attempts": 1})
MAX_RUNS = 100  # of five minutes each
OUT_OF_TIME = "out of time"
KINDS = {  # what a run queues: the word for one and for several of it
    "orders": ("order", "orders"),
    "trash": ("order from the trash", "orders from the trash"),
    "customers": ("account", "accounts"),
    "deleted": ("deleted order", "deleted orders"),
}

Facts = Mapping[str, Any]
Invoke = Callable[[Facts], Facts]


@dataclass
class ReconcileResult:
    """The combined result of the function's runs."""

    queued: Counter[str] = field(default_factory=Counter)
    webhooks: list[str] = field(default_factory=list)
    runs: int = 0
    complete: bool = False
    stopped: str = ""
    failed: dict[str, str] = field(default_factory=dict)  # part of the last run → why it failed
    unreadable: dict[str, str] = field(default_factory=dict)  # record → why the store could not show it

    def add(self, facts: Facts) -> None:
        """Add the answer of one run."""
        self.runs += 1
        self.queued.update(facts.get("queued") or {})
        self.webhooks += facts.get("webhooks") or []
        self.failed, self.unreadable = dict(facts.get("failed") or {}), dict(facts.get("unreadable") or {})
        self.complete, self.stopped = bool(facts.get("complete")), str(facts.get("stopped") or "")

    def facts(self) -> dict[str, Any]:
        return {
            "queued": {name: self.queued[name] for name in KINDS},
            "webhooks": self.webhooks,
            "complete": self.complete,
            "stopped": self.stopped or None,
            "runs": self.runs,
            "failed": self.failed,
            "unreadable": self.unreadable,
        }


def run_until_complete(
    invoke: Invoke, event: Facts, on_progress: Callable[[ReconcileResult], None] = lambda _result: None
) -> ReconcileResult:
    """Invoke the function, and again as long as it ran out of time; the next run resumes the request.

    Raises Trouble if the stack has no store.
    """
    done = ReconcileResult()
    while done.runs < MAX_RUNS:
        facts = invoke(event if not done.runs else {})
        if facts.get("configured") is False:
            raise Trouble(connections.store_unknown("the stack has"))
        done.add(facts)
        on_progress(done)
        if done.complete or not done.stopped.startswith(OUT_OF_TIME):
            break
    return done


def invoked(aws: Aws, function: str) -> Invoke:
    """Return a function that invokes the Lambda function and waits for its answer. It raises Trouble if that fails."""
    client = aws.client("lambda", INVOKE_CONFIG)

    def invoke(event: Facts) -> Facts:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(dict(event)).encode())
        text = answer["Payload"].read().decode(errors="replace")
        facts = object_in(text)
        if "FunctionError" in answer or facts is None:
            said = text[:200] if facts is None else facts.get("errorMessage")
            raise Trouble(f"the function {function} failed: {said}; see its log")
        return facts

    return invoke


def changed(store: Store, mark: Watermark | str, since: str) -> dict[str, Any]:
    """Return what a run would read: how many orders changed since the watermark or an earlier `since`."""
    reached = mark if isinstance(mark, str) else min(mark.orders.moment, mark.trash.moment)
    start = min(since, reached) if since else reached
    asked = {"modified_after": shifted(start, -SECOND), "dates_are_gmt": "true"}  # WooCommerce excludes that second
    return {
        "since": f"{start}Z",
        "orders": store.count("orders", status="any", **asked),
        "trash": store.count("orders", status="trash", **asked),
    }
