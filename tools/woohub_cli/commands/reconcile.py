"""`woohub reconcile`: queue the changes that webhooks missed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer

from woohub.counted import counted
from woohub.reconcile.watermark import MAX_DELETIONS_UNCONFIRMED, WatermarkParameter
from woohub.store.client import Store
from woohub_cli.deliveries.reconcile_runs import KINDS, Facts, ReconcileResult, changed, invoked, run_until_complete
from woohub_cli.options import StoreOptions
from woohub_cli.orders import order_pages
from woohub_cli.period import beginning
from woohub_cli.rendering import output
from woohub_cli.rendering.progress import bar
from woohub_cli.stack import connections
from woohub_cli.stack.stacks import Stack

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


class Customers(StrEnum):
    """Which accounts to scan besides the new ones: WooCommerce cannot list changed accounts."""

    CHANGED = "changed"
    ALL = "all"


class Deleted(StrEnum):
    """Whether to look for permanently deleted orders, for which the store sends no event."""

    CHECK = "check"
    ALL = "all"  # even if they are many


def command(
    options: StoreOptions,
    since: Annotated[
        str,
        typer.Option(metavar="WHEN", help="Read all changes since then again: 90m, 3d, or a date or time in UTC."),
    ] = "",
    customers: Annotated[
        Customers | None,
        typer.Option(help="Also scan accounts, as otherwise at night: the changed ones, or all."),
    ] = None,
    deleted: Annotated[
        Deleted | None,
        typer.Option(
            help="Also look for permanently deleted orders, as every night. check: nothing is changed if there are "
            f"more than {MAX_DELETIONS_UNCONFIRMED}; all: any number."
        ),
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
        f"{counted(counts['orders'], 'order')} and {counts['trash']} in the trash changed since {counts['since']}: "
        "it would read them and the accounts created since the last run, and check the webhooks."
    )
    output.answer({"dry_run": True} | counts, would, json=json)


def lines(done: ReconcileResult) -> Iterator[str]:
    queued = ", ".join(counted(done.queued[name], *words) for name, words in KINDS.items() if done.queued[name])
    yield f"Queued: {queued}." if queued else "Nothing had to be queued."
    for webhook in done.webhooks:
        yield f"Webhook {webhook}"
    if done.unreadable:
        yield order_pages.left_out(done.unreadable)
    for part, reason in done.failed.items():
        yield f"{PARTS.get(part, part)}: {reason}"
    if not done.complete and "watermark" not in done.failed:  # without it no run resumes anything
        named = any(reason in done.stopped for reason in done.failed.values())  # in a line above
        why = "" if named else f": {done.stopped or 'no reason was given'}"
        yield f"Not complete{why}. The next run resumes from here."
