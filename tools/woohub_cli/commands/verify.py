"""`woohub verify`: compare HubSpot with the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from woohub.clock import Timer
from woohub.counted import counted
from woohub.erasures import NOBODY
from woohub.hubspot.client import HubSpot
from woohub.store.client import Store
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.deliveries.history import Pace
from woohub_cli.erase import erasure_list
from woohub_cli.load.latency import LOG_MATCH_S
from woohub_cli.options import StoreOptions
from woohub_cli.period import FromOption, Period, ToOption, last_days, period
from woohub_cli.rendering import output, report_page
from woohub_cli.rendering.grouping import grouped
from woohub_cli.rendering.progress import bar
from woohub_cli.rendering.report_text import COLUMNS, coloured, group_cells, lines, rows_of
from woohub_cli.stack import connections, stack_configuration, stack_status, traces
from woohub_cli.stack.stacks import Stack
from woohub_cli.verify import other_stores
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.repairs import RepairResult, repair
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import VerificationRun

DAYS = 7
MAX_LOG_AGE_S = 14 * 86_400.0  # older lines of ingest's log are not read
MAX_TABLE_ROWS = 50  # on the terminal


def command(
    options: StoreOptions,
    since: FromOption = "",
    until: ToOption = "",
    days: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"The last N days. Default: {DAYS}.", show_default=False)
    ] = None,
    all_customers: Annotated[
        bool,
        typer.Option(
            "--all-customers", help="Scan all accounts; otherwise those that ordered or were created in the period."
        ),
    ] = False,
    queue_repairs: Annotated[bool, typer.Option("--repair", help="Queue again what differs.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML file, too.")] = None,
) -> None:
    """Compare orders and accounts of a period with HubSpot, field by field.

    What the mapping leaves to people is no difference: a stage that was moved, a deal that was renamed. Works without a
    stack, too, with what .env says. Ends with 1 when anything differs.

    Examples:

        woohub verify
        woohub verify --days 30 --repair
        woohub verify --from 2026-01-01 --to 2026-03-31 --html report.html
        woohub verify --json | jq .problems
    """
    asked = _period(since, until, days)
    target = options.target_if_named
    if queue_repairs and target is None:
        raise WrongUsage("--repair puts orders on a stack's queue: name the stack with --stack")
    if html:
        _refuse_unwritable(html)
    store, hubspot = connections.store(target, options.env), connections.hubspot(target, options.env)
    report, repaired = _run(target, store, hubspot, asked, all_customers=all_customers, queue_repairs=queue_repairs)
    if html:
        _write(html, report_page.page(report, store.credentials.url, hubspot.caller.base_url))
    where = {"store": store.credentials.url, "hubspot": hubspot.caller.base_url}
    facts = where | report.facts() | {"repaired": vars(repaired) if repaired else None}
    problems = not report.equal or bool(report.unreadable)
    output.answer(facts, lambda: _print_report(report, repaired), json=options.json, problems=problems)


def _period(since: str, until: str, days: int | None) -> Period:
    now = datetime.now(UTC)
    if days and (since or until):
        raise WrongUsage("either --days, or --from and --to")
    if until and not since:
        raise WrongUsage("--to needs --from")
    return period(since, until, now) if since else last_days(days or DAYS, now)


def _run(
    stack: Stack | None, store: Store, hubspot: HubSpot, asked: Period, *, all_customers: bool, queue_repairs: bool
) -> tuple[VerificationReport, RepairResult | None]:
    notes: Counter[str] = Counter()
    table = stack_configuration.mapping(stack)
    crm = Crm(hubspot, table, _noted(notes))
    people = erasure_list.people(stack) if stack else NOBODY
    with bar("comparing") as shown:
        others = partial(other_stores.shown, stack)
        run = VerificationRun(store, crm, asked, time.time, _depth(stack), shown.show, people, others)
        report = verify(run, all_customers=all_customers)
        report.notes += notes
        if stack and report.lags.states:
            shown.say("reading ingest's log")
            report.lags.deliveries = traces.deliveries(stack, _log_since(report))
        repaired = None
        if queue_repairs and stack:
            shown.say("repairing")
            queue = connections.queue(stack)
            repaired = repair(report.mismatches, store, crm, queue, Pace(_depth(stack), Timer()), time.time)
    return report, repaired


def _log_since(report: VerificationReport) -> int:
    """Return the start of the part of ingest's log that is read, in epoch milliseconds."""
    earliest = min(lag.received for lag in report.lags.states) - LOG_MATCH_S
    return round(1000 * max(earliest, time.time() - MAX_LOG_AGE_S))


def _noted(notes: Counter[str]) -> Callable[..., None]:
    def warn(event: str, **fields: Any) -> None:
        if event == traces.CURRENCY_LEFT_OUT:  # the report has its own line about currencies
            return
        facts = ", ".join(str(value) for value in fields.values())
        notes[f"{event.replace('_', ' ')}: {facts}"] += 1

    return warn


def _depth(stack: Stack | None) -> Callable[[], int]:
    return lambda: stack_status.depth(stack).total if stack else 0


def _refuse_unwritable(file: Path) -> None:
    """Raise WrongUsage if the file cannot be written, before a comparison that may take long."""
    if file.is_dir():
        raise WrongUsage(f"{file} cannot be written: it is a folder")
    if not file.parent.is_dir():
        raise WrongUsage(f"{file} cannot be written: there is no folder {file.parent}")


def _write(file: Path, text: str) -> None:
    try:
        file.touch(mode=0o600)  # it holds names and addresses
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Trouble(f"{file} cannot be written: {error.strerror}") from error
    output.note(f"{file} is written; it holds personal data")


def _print_report(report: VerificationReport, repaired: RepairResult | None) -> None:
    if report.mismatches:
        many, single = grouped(report.mismatches)
        rows = [row for group in many for row in coloured([group_cells(group)], group.fix)]
        output.table(COLUMNS, [*rows, *rows_of(single[:MAX_TABLE_ROWS])])
        if len(single) > MAX_TABLE_ROWS:
            output.say(f"… and {len(single) - MAX_TABLE_ROWS} more: --json or --html FILE shows all.")
        output.say()
    output.lines(lines(report))
    if repaired:
        together = f", {repaired.associated} {report.records} associated" if repaired.associated else ""
        orders, accounts = counted(repaired.orders, "order"), counted(repaired.customers, "account")
        output.say(f"Repair: {orders} and {accounts} queued{together}.")
    elif any(not mismatch.fix for mismatch in report.mismatches):
        output.say("woohub verify --repair queues what differs.")
