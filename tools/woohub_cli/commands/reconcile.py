"""`woohub reconcile`: queue now the changes that webhooks missed."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from botocore.config import Config

from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub.store.client import Store
from woohub_cli import connections, order_pages
from woohub_cli.cli_errors import Trouble
from woohub_cli.options import StoreOptions
from woohub_cli.period import SECOND, beginning, shifted
from woohub_cli.rendering import output
from woohub_cli.rendering.progress import bar
from woohub_cli.stacks import Aws, Stack

# The function has five minutes. No retry: a second call would reconcile the same beside the first.
INVOKE_CONFIG = Config(connect_timeout=10, read_timeout=330, retries={"mode": "standard", "total_max_attempts": 1})
MAX_RUNS = 100  # of five minutes each
OUT_OF_TIME = "out of time"
NOT_CONFIGURED = "the stack has no address and keys of a store, so nothing is reconciled: run `woohub setup`"
KINDS = {"orders": "orders", "trash": "orders from the trash", "customers": "accounts", "deleted": "deleted orders"}

PARTS = {
    "watermark": "Watermark",
    "webhooks": "Webhooks",
    "orders": "Changed orders",
    "trash": "Orders in the trash",
    "accounts": "New accounts",
    "scan": "Scan of all accounts",
    "deal_check": "Check of deleted orders",
    "unreadable": "Records that could not be read before",
}

Facts = Mapping[str, Any]
Invoke = Callable[[Facts], Facts]


class Customers(StrEnum):
    """Which accounts to look at beside the new ones: a store cannot say which changed."""

    CHANGED = "changed"
    ALL = "all"


class Deleted(StrEnum):
    """Whether to look for permanently deleted orders, for which a store sends no event."""

    CHECK = "check"
    ALL = "all"  # even if they are many


@dataclass
class ReconcileResult:
    """What the runs of the function did together."""

    queued: Counter[str] = field(default_factory=Counter)
    webhooks: list[str] = field(default_factory=list)
    runs: int = 0
    complete: bool = False
    stopped: str = ""
    failed: dict[str, str] = field(default_factory=dict)  # part of the last run → why it failed
    unreadable: dict[str, str] = field(default_factory=dict)  # record → why the store could not show it

    def add(self, facts: Facts) -> None:
        """Take in the answer of one run."""
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
    invoke: Invoke, event: Facts, on_progress: Callable[[ReconcileResult], None] = lambda _sweep: None
) -> ReconcileResult:
    """Run the function, and again while it ran out of time; it resumes what was asked for first."""
    done = ReconcileResult()
    while done.runs < MAX_RUNS:
        facts = invoke(event if not done.runs else {})
        if facts.get("configured") is False:
            raise Trouble(NOT_CONFIGURED)
        done.add(facts)
        on_progress(done)
        if done.complete or not done.stopped.startswith(OUT_OF_TIME):
            break
    return done


def invoked(aws: Aws, function: str) -> Invoke:
    """Call a function and wait for its answer; Trouble when it fails."""
    client = aws.client("lambda", INVOKE_CONFIG)

    def invoke(event: Facts) -> Facts:
        answer = client.invoke(FunctionName=function, Payload=jsonlib.dumps(dict(event)).encode())
        text = answer["Payload"].read()
        try:
            answer_facts = jsonlib.loads(text)
        except ValueError:
            answer_facts = None
        if "FunctionError" in answer or not isinstance(answer_facts, dict):
            said = (
                answer_facts.get("errorMessage")
                if isinstance(answer_facts, dict)
                else text.decode(errors="replace")[:200]
            )
            raise Trouble(f"the function {function} failed: {said}; see its log")
        return answer_facts

    return invoke


def changed(store: Store, mark: Watermark | str, since: str) -> dict[str, Any]:
    """What a run would read: orders changed since the watermark, or since the moment asked for."""
    reached = mark if isinstance(mark, str) else min(mark.orders.moment, mark.trash.moment)
    start = min(since, reached) if since else reached
    asked = {"modified_after": shifted(start, -SECOND), "dates_are_gmt": "true"}  # that second itself is left out
    return {
        "since": f"{start}Z",
        "orders": store.count("orders", status="any", **asked),
        "trash": store.count("orders", status="trash", **asked),
    }


def command(
    options: StoreOptions,
    since: Annotated[
        str,
        typer.Option(metavar="WHEN", help="Read again all that changed since then: 90m, 3d, a date or time in UTC."),
    ] = "",
    customers: Annotated[
        Customers | None,
        typer.Option(help="Scan the accounts too, which is otherwise done at night: changed ones, or all."),
    ] = None,
    deleted: Annotated[
        Deleted | None,
        typer.Option(help="Look for permanently deleted orders, otherwise done at night; all: even many."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many orders it would read.")] = False,
) -> None:
    """Read from the store now the changes that its webhooks missed; the stack does so every 15 minutes by itself.

    It resumes where the last run stopped. What HubSpot has already is not written again. Ends with 1 when it could not
    read the store to the end.

    Examples:

        woohub reconcile
        woohub reconcile --since 2d
        woohub reconcile --customers all
        woohub reconcile --since 2026-11-20 --dry-run
    """
    target = options.target
    start = beginning("--since", since, datetime.now(UTC)) if since else ""
    if dry_run:
        _print_dry_run(target, connections.store(target, options.env), start, options.json)
        return
    event = {
        "since": start and f"{start}Z",
        "customers": customers or "",
        "deleted": deleted or "",
        "store": target.store,
    }
    done = _run(target, {name: str(value) for name, value in event.items() if value})
    problems = not done.complete or bool(done.failed or done.unreadable)
    output.answer(done.facts(), lambda: output.lines(lines(done)), json=options.json, problems=problems)


def _run(stack: Stack, event: Facts) -> ReconcileResult:
    with bar("reading the store") as shown:

        def on_progress(so_far: ReconcileResult) -> None:
            shown.show("reading the store", None, so_far.queued.total())

        return run_until_complete(invoked(stack.aws, stack.output("ReconcileFunction")), event, on_progress)


def _print_dry_run(stack: Stack, store: Store, since: str, json: bool) -> None:
    mark = WatermarkParameter(stack.aws.ssm, stack.output("WatermarkParameter")).read()
    counts = changed(store, mark, since)
    would = (
        f"{counts['orders']} orders and {counts['trash']} in the trash changed since {counts['since']}: it would read "
        "them and the accounts created since the last run, and check the webhooks."
    )
    output.answer({"dry_run": True} | counts, would, json=json)


def lines(done: ReconcileResult) -> Iterator[str]:
    on_progress = ", ".join(f"{done.queued[name]} {text}" for name, text in KINDS.items() if done.queued[name])
    yield f"Queued: {on_progress}." if on_progress else "Nothing had to be queued."
    for webhook in done.webhooks:
        yield f"Webhook {webhook}"
    if done.unreadable:
        yield order_pages.left_out(done.unreadable)
    for part, reason in done.failed.items():
        yield f"{PARTS.get(part, part)}: {reason}"
    if not done.complete and "watermark" not in done.failed:  # without it no run resumes anything
        yield f"Not complete: {done.stopped or 'no reason was given'}. The next run resumes from here."
