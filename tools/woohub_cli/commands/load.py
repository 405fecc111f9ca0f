"""`woohub load`: place test orders, wait until HubSpot has them, and report the times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
import urllib3

from woohub.counted import counted
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot_settings import HubSpotSettings
from woohub_cli.cli_errors import EXPECTED, PROBLEMS, Trouble, WrongUsage, explain
from woohub_cli.consent import YesOption, confirm
from woohub_cli.deliveries import sending
from woohub_cli.deliveries.samples import Sample
from woohub_cli.load import live_test
from woohub_cli.load.live_test import Arrivals, Cleaned, LoadReport, Placed
from woohub_cli.load.synthetic import MAX_ORDERS, Run
from woohub_cli.options import StoreOptions
from woohub_cli.rendering import output
from woohub_cli.stack import call_times, connections, stack_configuration, stack_status
from woohub_cli.stack.call_times import CallTimes
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack
from woohub_cli.targets import Target
from woohub_cli.verify.hubspot_records import Crm

REQUESTS_PER_10_S = 20  # of HubSpot's 100: the test's own calls must hardly slow down what it measures
DRAIN_TIMEOUT_S = 180.0
MAX_SHOWN_MISMATCHES = 10  # --json has all
FINDINGS = ("missing", "missing_contacts", "duplicate", "differing", "unassociated")
REAL_HUBSPOT = HubSpotSettings.hubspot_api_url


@dataclass(frozen=True)
class Tester:
    """The stack under test, its clients, and the clock that measures."""

    stack: Stack
    hubspot: HubSpot
    crm: Crm
    http: Http
    secret: str
    sources: Sequence[str] = ()  # the store's recorded addresses
    clock: Callable[[], float] = time.time
    pause: Callable[[float], None] = time.sleep

    def test(self, run: Run, rate: float, within: float) -> LoadReport:
        """Place the run's orders, wait for them and compare them."""
        self.crm.check()
        with output.progress("placing orders", run.orders) as advance:
            placed = live_test.place(
                run.order_ids,
                rate,
                lambda order_id: self._send(run, order_id),
                advance,
                clock=self.clock,
                pause=self.pause,
            )
        arrivals = Arrivals(self.crm, placed, self.clock)
        with output.progress("arriving in HubSpot", len(arrivals.awaited)) as advance:
            arrivals.wait(within, advance, self.pause)
        return LoadReport(run, placed, arrivals.arrived, live_test.mismatches(self.crm, run, self.clock()))

    def _send(self, run: Run, order_id: int) -> Placed:
        at = self.clock()
        return Placed(order_id, at, tuple(self._status(sample) for sample in run.deliveries(order_id)))

    def _status(self, sample: Sample) -> int:
        headers = sending.headers(sample, self.secret, sources=self.sources)
        try:
            return sending.post(self.http, self.stack.output("WebhookUrl"), sample, headers).status
        except Trouble:
            return 0

    def clean(self, run: Run) -> Cleaned:
        """Archive the run's records once the queue is empty, so that none is created afterwards."""
        quiet = live_test.drained(self._waiting, DRAIN_TIMEOUT_S, clock=self.clock, pause=self.pause)
        if not quiet:
            again = f"woohub load --remove {run.name}"
            output.note(
                f"the queue is not empty, and its messages may create records again; later, run `{again}`",
                style="yellow",
            )
        with output.progress("removing", run.orders + len(run.emails)) as advance:
            return live_test.clean(self.hubspot, self.crm, run, advance)

    def _waiting(self) -> int:
        return stack_status.depth(self.stack).total


def tester(stack: Stack, env: dict[str, str]) -> Tester:
    """Return the tester for this stack. Raises Trouble if no order could arrive at the moment."""
    state = stack_status.read(stack)
    if state.breaker.is_open:
        raise Trouble(f"the circuit breaker is open, so no order would arrive: {state.breaker.reason}")
    if not state.consumer_enabled:
        raise Trouble("the consumer is stopped, so no order would arrive: `woohub doctor` says what to do")
    http = urllib3.PoolManager(maxsize=live_test.SENDER_THREADS)
    hubspot = connections.hubspot(stack, env, REQUESTS_PER_10_S)
    crm = Crm(hubspot, stack_configuration.mapping(stack), connections.warn)
    return Tester(stack, hubspot, crm, http, sending.signing_secret(stack), StackSecrets(stack).sources())


def command(
    orders: Annotated[int, typer.Option(min=1, max=MAX_ORDERS, metavar="N", help="How many orders.")] = 100,
    rate: Annotated[float, typer.Option(min=0.01, metavar="R", help="Orders per second.")] = 5.0,
    within: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long to wait after the last order.")
    ] = 300.0,
    clean: Annotated[bool, typer.Option("--clean", help="Archive the test records afterwards.")] = False,
    remove: Annotated[
        str, typer.Option(metavar="RUN", help="Place nothing; archive the records of this earlier run.")
    ] = "",
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be placed or removed.")] = False,
    *,
    options: StoreOptions,
) -> None:
    """Place test orders at a rate, wait until HubSpot has them, and show throughput, latency and call times.

    Deliveries are signed and sent as a store does, two per order (created and updated). The orders have numbers from
    8,000,000,000,000,000 on and addresses at woohub-load.example.com, which no store has. The call times are those of
    all calls that the consumer made meanwhile, by its log: in all, and HubSpot's own part where its answers name it.
    Ends with 1 when a record is missing, duplicate or wrong, or when a delivery was refused.
    With the real HubSpot it asks first; --yes answers.

    Examples:

        woohub load --orders 200 --rate 20 --clean
        woohub load --orders 1000 --rate 20 --json | jq '.latency, .calls'
        woohub load --store outlet --clean
        woohub load --remove 1795473600-200
    """
    if remove and clean:
        raise WrongUsage("--remove removes already: leave --clean out")
    target = options.target
    run = Run.named(remove) if remove else Run.begin(orders, time.time())
    if dry_run:
        _announce(target, run, rate, remove, options.json)
        return
    testing = tester(target, options.env)
    _ask(testing.hubspot, run, remove, yes=yes, json=options.json)
    if not remove:
        output.note(f"run {run.name}: `woohub load --remove {run.name}` removes what it makes")
    report = None if remove else testing.test(run, rate, within)
    calls, unread = _call_times(target, report) if report else ([], "")
    cleaned = testing.clean(run) if clean or remove else None
    if options.json:
        facts = {"stack": target.name, "run": run.name, **(report.facts() if report else {})}
        times = {"calls": [vars(call) for call in calls], "calls_not_read": unread or None} if report else {}
        output.as_json({**facts, **times, "cleaned": vars(cleaned) if cleaned else None})
    else:
        if report:
            _print_report(report)
            _print_calls(calls, unread)
        _print_end(run, cleaned, testing.crm.target.record)
    if (report and report.failed) or (cleaned and cleaned.left):
        raise typer.Exit(PROBLEMS)


def _announce(stack: Stack, run: Run, rate: float, remove: str, json: bool) -> None:
    deals, contacts = run.orders, len(run.emails)
    if json:
        what = "would_remove" if remove else "would_place"
        output.as_json({"stack": stack.name, "dry_run": True, what: {"orders": deals, "customers": contacts}})
    elif remove:
        record = Target.of(stack_configuration.mapping(stack)).record
        records = f"{counted(deals, record)} and {counted(contacts, 'contact')}"
        output.say(f"Up to {records} of the run {run.name} would be archived in HubSpot.")
    else:
        took = run.orders / rate
        orders = f"{counted(deals, 'order')} of {counted(contacts, 'customer')}"
        output.say(f"{orders} would be placed within {took:.0f} s at {stack.name}.")


def _ask(hubspot: HubSpot, run: Run, remove: str, *, yes: bool, json: bool) -> None:
    """Ask before test records are created in, or removed from, the real HubSpot."""
    if hubspot.caller.base_url == REAL_HUBSPOT:
        what = f"Archive what run {run.name} made in" if remove else f"Place {counted(run.orders, 'test order')} in"
        confirm(f"{what} the real HubSpot?", yes=yes, json=json, otherwise="nothing was done")


def _call_times(stack: Stack, report: LoadReport) -> tuple[list[CallTimes], str]:
    """Return the calls in the consumer's log, and why it could not be read ("" if it could)."""
    try:
        return call_times.read(stack, min(order.at for order in report.placed)), ""
    except EXPECTED as error:
        return [], explain(error)


def _print_report(report: LoadReport) -> None:
    output.table(("", ""), _rows(report.facts()))
    for mismatch in report.mismatches[:MAX_SHOWN_MISMATCHES]:
        line = f"{mismatch.entity}: {mismatch.kind.words} {mismatch.shown} {mismatch.detail}"
        output.say(line.rstrip(), style="red")
    if len(report.mismatches) > MAX_SHOWN_MISMATCHES:
        output.say(f"… and {len(report.mismatches) - MAX_SHOWN_MISMATCHES} more, with --json", style="red")


def _print_calls(calls: Sequence[CallTimes], unread: str) -> None:
    output.say()
    if unread:
        output.note(f"call times are not known: {unread}", style="yellow")
    elif not calls:
        output.note("the consumer's log shows no call yet: the saved query \"HubSpot's time by call\" will")
    else:
        output.table(("HubSpot call", "Records", "Calls", "p50", "p95", "own p50", "own p95"), map(_call, calls))


def _call(call: CallTimes) -> tuple[str, ...]:
    times = (call.p50_ms, call.p95_ms, call.hubspot_p50_ms, call.hubspot_p95_ms)
    shown = ("-" if time_ms is None else f"{time_ms:.0f} ms" for time_ms in times)
    records = f"up to {call.records_up_to}" if call.records_up_to else "-"
    return (f"{call.method} {call.path}", records, str(call.calls), *shown)


def _print_end(run: Run, cleaned: Cleaned | None, record: str) -> None:
    if cleaned:
        left = f"; still there: {cleaned.left}" if cleaned.left else ""
        output.say(f"{counted(cleaned.deals, record)} and {counted(cleaned.contacts, 'contact')} archived{left}.")
    else:
        output.say(f"They stay in HubSpot until `woohub load --remove {run.name}`.", style="dim")


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    latency = facts["latency"]
    refused = ", ".join(f"{count} answered {code}" for code, count in facts["refused"].items()) or "none"
    wrong = ", ".join(f"{facts[name]} {name.replace('_', ' ')}" for name in FINDINGS)
    return [
        (
            "Orders",
            f"{facts['orders']} in {counted(facts['deliveries'], 'delivery')}, {_per_s(facts['sent_orders_per_s'])}",
        ),
        ("Refused", refused),
        ("Arrived", f"{facts['arrived']} within {facts['seconds']} s, {_per_s(facts['orders_per_s'])}"),
        ("Latency", ", ".join(f"{name[:-2]} {value} s" for name, value in latency.items() if value is not None) or "-"),
        ("In HubSpot", wrong),
    ]


def _per_s(rate: float | None) -> str:
    return f"{rate} orders per second" if rate else "too quick for a rate"
