"""`woohub backfill`: queue a shop's history for HubSpot."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from woohub.clock import Timer
from woohub.counted import counted
from woohub.store.client import Store
from woohub_cli.cli_errors import EXPECTED, INTERRUPTED_EXIT, WrongUsage, explain
from woohub_cli.deliveries import history
from woohub_cli.deliveries.history import Backfill, BackfillProgress, BackfillRequest, Pace, Stalled, StateFile
from woohub_cli.interrupts import sigterm_interrupts
from woohub_cli.options import StoreOptions
from woohub_cli.orders import order_pages
from woohub_cli.period import DATE_FORMAT, FromOption, ToOption, period
from woohub_cli.rendering import output
from woohub_cli.rendering.progress import Bar, bar
from woohub_cli.stack import connections, stack_status, stacks
from woohub_cli.stack.stacks import Stack

INTERRUPTED = "interrupted"
RESUME = "run the same command again to resume, or use --restart"
PER_SECOND = 100  # orders that HubSpot's usual limit allows, roughly


@dataclass(frozen=True)
class BackfillRun:
    """The result of one run. `stopped` says why it ended early; "" if it did not, or reached --limit."""

    progress: BackfillProgress
    before: int  # orders and accounts that earlier runs had queued
    seconds: float
    complete: bool
    stopped: str = ""

    @property
    def now(self) -> int:
        """The number of orders and accounts that this run has queued."""
        return self.progress.queued - self.before

    def facts(self, waiting: int) -> dict[str, Any]:
        rate = round(self.now / self.seconds, 1) if self.seconds else None
        return history.facts(self.progress) | {
            "queued_now": self.now,
            "queued_before": self.before,
            "seconds": round(self.seconds, 1),
            "per_second": rate,
            "complete": self.complete,
            "stopped": self.stopped or None,
            "waiting_in_queue": waiting,
        }


def command(
    options: StoreOptions,
    since: FromOption = "",
    until: ToOption = "",
    order_status: Annotated[
        str,
        typer.Option("--status", metavar="STATUS", help="Only orders of this status; any: all but drafts."),
    ] = "any",
    customers: Annotated[bool, typer.Option("--customers", help="Also queue accounts, after the orders.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after queueing N in this run.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Discard an unfinished backfill and start over.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The file with the progress. Default: .local/backfill-STACK.json."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count orders and accounts.")] = False,
) -> None:
    """Bring a shop's history into HubSpot: orders by the date they were made, as they are now.

    It is never faster than HubSpot's limit, and the store's deliveries go first. An interrupted backfill resumes where
    it stopped; queueing an order twice changes nothing. Ends with 0 when all is on the queue, or as much as --limit
    allows, and with 1 when it had to stop early or the store could not return a record.

    Examples:

        woohub backfill --dry-run
        woohub backfill --from 2026-01-01 --customers
        woohub backfill --to 2025-12-31 --status completed --limit 1000
    """
    target = options.target
    store = connections.store(target, options.env)
    file = StateFile(
        state or Path.cwd() / stacks.LOCAL_FILE.partition("/")[0] / f"backfill-{_plain(target.label)}.json"
    )
    wanted = BackfillRequest(store.credentials.url, since, until, order_status, customers)
    progress = unfinished(None if restart else file.read(), wanted, file) or _begin(store, wanted)
    orders, accounts = history.count(store, wanted, progress.period)
    if dry_run:
        _print_dry_run(progress, orders, accounts, options.json)
        return
    _conclude(run(target, store, file, progress, (orders, accounts), limit), target, options.json)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _begin(store: Store, wanted: BackfillRequest) -> BackfillProgress:
    now = datetime.now(UTC)
    asked = period(wanted.since, wanted.until, now)
    return history.begin(wanted, asked, now.strftime(DATE_FORMAT), old=order_pages.is_old(store))


def unfinished(progress: BackfillProgress | None, wanted: BackfillRequest, file: StateFile) -> BackfillProgress | None:
    """Return the backfill to resume, or None. Raises WrongUsage if its options were others."""
    if progress is None or progress.wanted == wanted:
        return progress
    options = {"--from": progress.wanted.since, "--to": progress.wanted.until, "--status": progress.wanted.status}
    before = [f"{name} {text}" for name, text in options.items() if text]
    asked = " ".join(before + (["--customers"] if progress.wanted.customers else []))
    raise WrongUsage(
        f"a backfill of {progress.wanted.store} with {asked} is unfinished ({progress.queued} queued, {file.path}): "
        "finish it with these options, or start over with --restart"
    )


def run(
    stack: Stack,
    store: Store,
    file: StateFile,
    progress: BackfillProgress,
    totals: tuple[int, int],
    limit: int | None = None,
) -> BackfillRun:
    """Run the backfill with a progress bar. An error or interruption ends it; the result says so."""
    started, furthest, stopped, complete = time.monotonic(), progress, "", False
    with bar("reading orders") as shown, sigterm_interrupts():

        def saved(so_far: BackfillProgress) -> None:
            nonlocal furthest
            furthest = so_far
            _show(shown, so_far, totals)

        _show(shown, progress, totals)
        pace = Pace(lambda: stack_status.depth(stack).total, Timer(), partial(_show_waiting, shown))
        backfill = Backfill(store, connections.queue(stack), pace, file, time.time, saved)
        try:
            furthest, complete = backfill.run(progress, limit)
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except Stalled as error:
            stopped = f"{error}: {_why(stack)}"
        except EXPECTED as error:
            stopped = explain(error)
    return BackfillRun(furthest, progress.queued, time.monotonic() - started, complete, stopped)


def _show_waiting(shown: Bar, depth: int) -> None:
    shown.say(f"{depth} on the queue, waiting")


def _show(shown: Bar, progress: BackfillProgress, totals: tuple[int, int]) -> None:
    what, total, done = {
        history.ORDERS: ("orders", totals[0], progress.orders),
        history.TRASHED: ("orders from the trash", None, progress.trash),
        history.CUSTOMERS: ("accounts", totals[1], progress.customers),
    }[progress.phase]
    shown.show(f"queueing {what}", total, done)


def _why(stack: Stack) -> str:
    """Return what keeps the queue from getting shorter."""
    now = stack_status.read(stack)
    if now.breaker.is_open:
        return f"the circuit breaker is open: {now.breaker.reason}"
    return "see `woohub status`" if now.consumer_enabled else "the consumer is disabled"


def _print_dry_run(progress: BackfillProgress, orders: int, accounts: int, json: bool) -> None:
    left = max(0, orders - progress.orders) + max(0, accounts - progress.customers)
    if json:
        counts = {"dry_run": True, "orders": orders, "customers": accounts, "queued_before": progress.queued}
        output.as_json(progress.period.facts() | {"status": progress.wanted.status} | counts)
        return
    too = f", and {counted(accounts, 'account')} to look at" if progress.wanted.customers else ""
    output.say(f"{counted(orders, 'order')} of status {progress.wanted.status} {progress.period}{too}.")
    if progress.queued:
        output.say(f"An unfinished backfill has queued {progress.queued} of them; {RESUME}.")
    output.say(f"At HubSpot's usual limit, and if the store is as fast, it takes about {_time(left / PER_SECOND)}.")


def _conclude(result: BackfillRun, stack: Stack, json: bool) -> None:
    waiting = stack_status.depth(stack).total
    interrupted = result.stopped == INTERRUPTED
    problems = not interrupted and bool(result.stopped or result.progress.unreadable)
    output.answer(
        result.facts(waiting), lambda: output.lines(report_lines(result, waiting)), json=json, problems=problems
    )
    if interrupted:
        raise typer.Exit(INTERRUPTED_EXIT)


def report_lines(result: BackfillRun, waiting: int) -> Iterator[str]:
    progress = result.progress
    trashed = f", {counted(progress.trash, 'order')} from the trash" if progress.trash else ""
    accounts = f" and {counted(progress.customers, 'account')}" if progress.wanted.customers else ""
    earlier = f", {result.before} of them in earlier runs" if result.before else ""
    yield f"On the queue: {counted(progress.orders, 'order')}{trashed}{accounts} {progress.period}{earlier}."
    if result.now:
        yield f"{result.now} in {_time(result.seconds)}, {result.now / max(result.seconds, 0.001):.0f} per second."
    if progress.unreadable:
        yield order_pages.left_out(progress.unreadable)
    yield f"Waiting in the queue or in flight: {counted(waiting, 'message')}."
    if result.stopped:
        yield f"Stopped: {result.stopped}; {RESUME}."
    elif not result.complete:
        yield f"The limit is reached; {RESUME}."
    else:
        yield f"All is queued. When the queue is empty, compare: woohub verify{_period_options(progress)}"


def _period_options(progress: BackfillProgress) -> str:
    since, until = progress.period.since, progress.period.until
    return f" --from {since}" + (f" --to {until}" if until else "")


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
