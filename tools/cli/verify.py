"""`woohub verify`: does HubSpot have what the store has?"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from tools.cli import connections, environment, output, report_page, stacks, status
from tools.cli.bars import bar
from tools.cli.comparison import Finding, Kind
from tools.cli.crm import Crm
from tools.cli.history import TENANT, Pace
from tools.cli.lags import percentile
from tools.cli.options import JsonOption, StackOption
from tools.cli.period import FromOption, Period, ToOption, last_days, period
from tools.cli.stacks import Stack
from tools.cli.trouble import PROBLEMS, Trouble, WrongUsage
from tools.cli.verification import Repaired, Report, Verification, repair
from woohub import mapping
from woohub.hubspot import HubSpot
from woohub.store import Store
from woohub.throttle import Timer

DAYS = 7
MOST_ROWS = 50  # differences that people see on the terminal


def command(
    since: FromOption = "",
    until: ToOption = "",
    days: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"The last N days. Default: {DAYS}.", show_default=False)
    ] = None,
    all_customers: Annotated[
        bool,
        typer.Option(
            "--all-customers", help="Look through all accounts; else those that ordered or were made in the period."
        ),
    ] = False,
    mend: Annotated[bool, typer.Option("--repair", help="Queue what differs once more.")] = False,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML file, too.")] = None,
    stack: StackOption = None,
    json: JsonOption = False,
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
    folder = Path.cwd()
    env = environment.read(os.environ, folder)
    named = stacks.name_of(stack, env, folder)
    found = stacks.find(named, env, folder) if named else None
    if mend and found is None:
        raise WrongUsage("--repair puts orders on a stack's queue: name the stack with --stack")
    store, hubspot = connections.store(found, env), connections.hubspot(found, env)
    report, repaired = _compared(found, store, hubspot, asked, all_customers=all_customers, mend=mend)
    if html:
        _write(html, report_page.page(report, store.access.url, hubspot.base_url))
    where = {"store": store.access.url, "hubspot": hubspot.base_url}
    if json:
        output.as_json(where | report.facts() | {"repaired": vars(repaired) if repaired else None})
    else:
        _tell(report, repaired)
    if not report.equal:
        raise typer.Exit(PROBLEMS)


def _period(since: str, until: str, days: int | None) -> Period:
    now = datetime.now(UTC)
    if days and (since or until):
        raise WrongUsage("either --days, or --from and --to")
    if until and not since:
        raise WrongUsage("--to needs --from")
    return period(since, until, now) if since else last_days(days or DAYS, now)


def _compared(
    stack: Stack | None, store: Store, hubspot: HubSpot, asked: Period, *, all_customers: bool, mend: bool
) -> tuple[Report, Repaired | None]:
    notes: Counter[str] = Counter()
    table = mapping.load()
    crm = Crm(hubspot, table, _noted(notes))
    with bar("comparing") as shown:
        verification = Verification(store, crm, table, time.time, _depth(stack), shown.show)
        report = verification.run(asked, all_customers=all_customers)
        report.notes += notes
        repaired = None
        if mend and stack:
            shown.say("repairing")
            queue = connections.queue(stack, tenant=TENANT)
            repaired = repair(report.findings, store, crm, queue, Pace(_depth(stack), Timer()), time.time)
    return report, repaired


def _noted(notes: Counter[str]) -> Callable[..., None]:
    def warn(event: str, **fields: Any) -> None:
        facts = ", ".join(str(value) for value in fields.values())
        notes[f"{event.replace('_', ' ')}: {facts}"] += 1

    return warn


def _depth(stack: Stack | None) -> Callable[[], int]:
    return lambda: status.depth(stack.aws.sqs, stack.output("QueueUrl")).total if stack else 0


def _write(file: Path, text: str) -> None:
    try:
        file.touch(mode=0o600)  # it holds names and addresses
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Trouble(f"{file} cannot be written: {error.strerror}") from error
    output.note(f"{file} is written; it holds personal data")


def _tell(report: Report, repaired: Repaired | None) -> None:
    if report.findings:
        rows = [row for one in report.findings[:MOST_ROWS] for row in rows_of(one)]
        output.table(("What", "Entity", "Record", "Property", "Store", "HubSpot"), rows)
        if len(report.findings) > MOST_ROWS:
            output.say(f"… and {len(report.findings) - MOST_ROWS} more: --json or --html FILE shows all.")
        output.say()
    for line in lines(report):
        output.say(line)
    if repaired:
        together = f", {repaired.associated} deals associated" if repaired.associated else ""
        output.say(f"Repair: {repaired.orders} orders and {repaired.customers} accounts queued{together}.")
    elif any(not one.fix for one in report.findings):
        output.say("woohub verify --repair queues what differs.")


def rows_of(one: Finding) -> Iterator[tuple[str | Text, ...]]:
    """A difference for people: one line, and one for each property."""
    first = (Text(one.kind.words, "red"), one.entity, one.record)
    if not one.differences:
        yield (*first, "", one.detail, ", ".join(one.record_ids))
    for number, it in enumerate(one.differences):
        yield (*(first if not number else ("", "", "")), it.property, it.store, it.hubspot or "")
    if one.fix:
        yield ("", "", "", "", Text(one.fix, "yellow"), "")


def lines(report: Report) -> Iterator[Text]:
    """The rest of the report for people."""
    checked = f"{report.orders} orders, {report.accounts} accounts and {report.contacts} contacts"
    yield Text(f"{checked} compared, {report.period}.")
    for (day, currency), tally in sorted(report.days.items()):
        if not tally.equal:
            sums = f"{tally.orders_sum} {currency}, HubSpot {tally.deals} deals, {tally.deals_sum} {currency}"
            yield Text(f"{day}: the store has {tally.orders} orders, {sums}", "yellow")
    seconds = report.lags.seconds(lambda lag: lag.whole)
    if seconds:
        half, most = percentile(seconds, 50), percentile(seconds, 95)
        yield Text(f"From the store to HubSpot: p50 {half:g} s, p95 {most:g} s ({len(seconds)} orders).")
    if report.on_their_way:
        yield Text(f"{len(report.on_their_way)} orders or accounts change just now and were left out.", "dim")
    if report.refused_addresses:
        yield Text(f"{report.refused_addresses} orders have no contact: HubSpot refuses the address.", "dim")
    yield from (Text(text, "dim") for text in report.notes)
    yield _verdict(report)


def _verdict(report: Report) -> Text:
    if report.equal:
        return Text("HubSpot has what the store has.", "green")
    counts = ", ".join(f"{report.problems[kind.value]} {kind.words}" for kind in Kind if report.problems[kind.value])
    return Text(f"HubSpot differs: {counts}.", "red")
