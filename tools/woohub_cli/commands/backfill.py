"""`woohub backfill`: a shop's history into HubSpot."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from woohub.clock import Timer
from woohub.store.client import Store
from woohub_cli import connections, environment, history, order_pages, stacks
from woohub_cli.cli_errors import EXPECTED, PROBLEMS, WrongUsage, explain
from woohub_cli.commands import status
from woohub_cli.history import TENANT, Backfill, Begun, Pace, Stalled, StateFile, Wanted
from woohub_cli.options import JsonOption, StackOption
from woohub_cli.period import FORM, FromOption, ToOption, period
from woohub_cli.rendering import output
from woohub_cli.rendering.progress import Bar, bar
from woohub_cli.stacks import Stack

GO_ON = "the same command goes on from here, --restart begins anew"
PER_SECOND = 100  # orders that HubSpot's usual limit lets through, roughly


@dataclass(frozen=True)
class Ended:
    """How a run of it ended. `stopped` says why before the end; "" also when the limit was reached, as asked."""

    begun: Begun
    before: int  # orders and accounts that earlier runs had queued
    seconds: float
    complete: bool
    stopped: str = ""

    @property
    def now(self) -> int:
        """What this run has queued."""
        return self.begun.queued - self.before

    def facts(self, waiting: int) -> dict[str, Any]:
        """For --json."""
        rate = round(self.now / self.seconds, 1) if self.seconds else None
        return history.facts(self.begun) | {
            "queued_now": self.now,
            "queued_before": self.before,
            "seconds": round(self.seconds, 1),
            "per_second": rate,
            "complete": self.complete,
            "stopped": self.stopped or None,
            "waiting_in_queue": waiting,
        }


def command(
    since: FromOption = "",
    until: ToOption = "",
    order_status: Annotated[
        str,
        typer.Option("--status", metavar="STATUS", help="Only orders of this status; any: all but drafts."),
    ] = "any",
    customers: Annotated[bool, typer.Option("--customers", help="Accounts too, after the orders.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="So many in this run, then stop.")] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Forget an unfinished backfill and begin anew.")] = False,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Where an interrupted one goes on. Default: .local/backfill-STACK.json."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how much there is.")] = False,
    stack: StackOption = None,
    json: JsonOption = False,
) -> None:
    """Bring a shop's history into HubSpot: orders by the date they were made, as they are now.

    It is never faster than HubSpot's limit, and what the store delivers meanwhile goes first. Interrupted, it goes on
    where it stopped; twice the same order changes nothing. Ends with 0 when all is on the queue, or as much as --limit
    asked for, with 1 when it had to stop before or left out what the store could not show.

    Examples:

        woohub backfill --dry-run
        woohub backfill --from 2026-01-01 --customers
        woohub backfill --from 2025-01-01 --to 2025-12-31 --status completed --limit 1000
    """
    folder = Path.cwd()
    env = environment.read(os.environ, folder)
    found = stacks.find(stack, env, folder)
    store = connections.store(found, env)
    file = StateFile(state or folder / stacks.LOCAL_FILE.partition("/")[0] / f"backfill-{_plain(found.name)}.json")
    wanted = Wanted(store.credentials.url, since, until, order_status, customers)
    begun = unfinished(None if restart else file.read(), wanted, file) or _begun(store, wanted)
    orders, accounts = history.count(store, wanted, begun.period)
    if dry_run:
        _dry(begun, orders, accounts, json)
        return
    _conclude(run(found, store, file, begun, (orders, accounts), limit), found, json)


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]", "_", name)


def _begun(store: Store, wanted: Wanted) -> Begun:
    now = datetime.now(UTC)
    asked = period(wanted.since, wanted.until, now)
    return history.begin(wanted, asked, now.strftime(FORM), old=order_pages.is_old(store))


def unfinished(begun: Begun | None, wanted: Wanted, file: StateFile) -> Begun | None:
    """The backfill to go on with; WrongUsage if it was one of something else."""
    if begun is None or begun.wanted == wanted:
        return begun
    options = {"--from": begun.wanted.since, "--to": begun.wanted.until, "--status": begun.wanted.status}
    before = [f"{name} {text}" for name, text in options.items() if text]
    asked = " ".join(before + (["--customers"] if begun.wanted.customers else []))
    raise WrongUsage(
        f"a backfill of {begun.wanted.store} with {asked} is unfinished ({begun.queued} queued, {file.path}): "
        "finish it with these options, or begin anew with --restart"
    )


def run(
    stack: Stack, store: Store, file: StateFile, begun: Begun, found: tuple[int, int], limit: int | None = None
) -> Ended:
    """Do it, with a bar; an error on the way, an interruption too, is how it ended."""
    started, furthest, stopped, complete = time.monotonic(), begun, "", False
    with bar("reading orders") as shown, _ended_gently():

        def kept(so_far: Begun) -> None:
            nonlocal furthest
            furthest = so_far
            _show(shown, so_far, found)

        _show(shown, begun, found)
        pace = Pace(_depth(stack), Timer(), lambda depth: shown.say(f"{depth} on the queue, waiting"))
        backfill = Backfill(store, connections.queue(stack, tenant=TENANT), pace, file, time.time, kept)
        try:
            furthest, complete = backfill.run(begun, limit)
        except KeyboardInterrupt:
            stopped = "interrupted"
        except Stalled as error:
            stopped = f"{error}: {_why(stack)}"
        except EXPECTED as error:
            stopped = explain(error)
    return Ended(furthest, begun.queued, time.monotonic() - started, complete, stopped)


def _show(shown: Bar, begun: Begun, found: tuple[int, int]) -> None:
    what, total, done = {
        history.ORDERS: ("orders", found[0], begun.orders),
        history.TRASHED: ("orders from the trash", None, begun.trash),
        history.CUSTOMERS: ("accounts", found[1], begun.customers),
    }[begun.phase]
    shown.show(f"queueing {what}", total, done)


def _depth(stack: Stack) -> Any:
    return lambda: status.depth(stack.aws.sqs, stack.output("QueueUrl")).total


def _why(stack: Stack) -> str:
    """What keeps the queue from getting shorter."""
    now = status.read(stack)
    if now.breaker.is_open:
        return f"the circuit breaker is open: {now.breaker.reason}"
    return "see `woohub status`" if now.consumer_enabled else "the consumer is disabled"


@contextmanager
def _ended_gently() -> Iterator[None]:
    """A script's time-out (SIGTERM) ends it like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _dry(begun: Begun, orders: int, accounts: int, json: bool) -> None:
    left = max(0, orders - begun.orders) + max(0, accounts - begun.customers)
    if json:
        counts = {"dry_run": True, "orders": orders, "customers": accounts, "queued_before": begun.queued}
        output.as_json(begun.period.facts() | {"status": begun.wanted.status} | counts)
        return
    too = f", and {accounts} accounts to look at" if begun.wanted.customers else ""
    output.say(f"{orders} orders of status {begun.wanted.status} {begun.period}{too}.")
    if begun.queued:
        output.say(f"An unfinished backfill has queued {begun.queued} of them: {GO_ON}.")
    output.say(f"At HubSpot's usual limit, and if the store is as fast, it takes about {_time(left / PER_SECOND)}.")


def _conclude(ended: Ended, stack: Stack, json: bool) -> None:
    waiting = status.depth(stack.aws.sqs, stack.output("QueueUrl")).total
    if json:
        output.as_json(ended.facts(waiting))
    else:
        for line in told(ended, waiting):
            output.say(line)
    if ended.stopped or ended.begun.unreadable:
        raise typer.Exit(PROBLEMS)


def told(ended: Ended, waiting: int) -> Iterator[str]:
    """The report for people."""
    begun = ended.begun
    trashed = f", {begun.trash} orders from the trash" if begun.trash else ""
    accounts = f" and {begun.customers} accounts" if begun.wanted.customers else ""
    earlier = f", {ended.before} of them in earlier runs" if ended.before else ""
    yield f"{begun.orders} orders{trashed}{accounts} {begun.period} are on the queue{earlier}."
    if ended.now:
        yield f"{ended.now} in {_time(ended.seconds)}, {ended.now / max(ended.seconds, 0.001):.0f} per second."
    if begun.unreadable:
        yield order_pages.left_out(begun.unreadable)
    yield f"{waiting} messages wait in the queue or are in work."
    if ended.stopped:
        yield f"Stopped: {ended.stopped}; {GO_ON}."
    elif not ended.complete:
        yield f"The limit is reached; {GO_ON}."
    else:
        yield f"All is queued. When the queue is empty, compare: woohub verify{_same(begun)}"


def _same(begun: Begun) -> str:
    since, until = begun.period.since, begun.period.until
    return f" --from {since}" + (f" --to {until}" if until else "")


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
