"""Print the report of `woohub verify`. Its remarks are on the HTML page, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from woohub.counted import counted
from woohub_cli.load.latency import percentile
from woohub_cli.orders import order_pages
from woohub_cli.rendering.grouping import MismatchGroup
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.erased import WHAT_TO_DO
from woohub_cli.verify.verification_report import VerificationReport

COLUMNS = ("What", "Entity", "Record", "Property", "Store", "HubSpot", "Order")


def cells(mismatch: Mismatch) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a mismatch by COLUMNS, one for each property. Only the first names the record."""
    first = (mismatch.kind.words, mismatch.entity, mismatch.shown)
    order = mismatch.named.more if mismatch.named else ""
    if not mismatch.differences:
        yield (*first, "", mismatch.detail, ", ".join(mismatch.record_ids), order)
    for difference in mismatch.differences:
        yield (*first, difference.property, difference.store, difference.hubspot or "", order)
        first, order = ("", "", ""), ""


def group_cells(group: MismatchGroup) -> tuple[str, ...]:
    return (group.kind.words, counted(group.count, "time"), group.record, group.name, *group.values(), group.entities)


def rows_of(mismatches: Iterable[Mismatch]) -> Iterator[tuple[str | Text, ...]]:
    """Yield the rows of the mismatches for the terminal."""
    for mismatch in mismatches:
        yield from coloured(cells(mismatch), mismatch.fix)


def coloured(rows: Iterable[tuple[str, ...]], fix: str) -> Iterator[tuple[str | Text, ...]]:
    """Yield the rows with colours, and the fix in a row of its own."""
    for row in rows:
        yield (Text(row[0], "red"), *row[1:])
    if fix:
        yield ("", "", "", "", Text(fix, "yellow"), "", "")


def lines(report: VerificationReport) -> Iterator[Text]:
    """Yield the lines that follow the table."""
    orders, accounts = counted(report.orders, "order"), counted(report.accounts, "account")
    yield Text(f"{orders}, {accounts} and {counted(report.contacts, 'contact')} compared, {report.period}.")
    for (day, currency), totals in sorted(report.days.items()):
        if not totals.equal:
            store = f"{counted(totals.orders, 'order')}, {totals.orders_sum} {currency}"
            hubspot = f"{counted(totals.deals, report.in_hubspot)}, {totals.deals_sum} {currency}"
            yield Text(f"{day}: the store has {store}, HubSpot {hubspot}", "yellow")
    seconds = report.lags.seconds(lambda lag: lag.whole)
    if seconds:
        half, most = percentile(seconds, 50), percentile(seconds, 95)
        yield Text(f"From the store to HubSpot: p50 {half:g} s, p95 {most:g} s ({report.lags.means}).")
    yield from remarks(report)
    yield _verdict(report)
    if report.waiting and not report.equal:
        messages = counted(report.waiting, "message")
        yield Text(
            f"{messages} waited in the queue: compare again when `woohub status` shows an empty queue.", "yellow"
        )


def remarks(report: VerificationReport) -> Iterator[Text]:
    """Yield facts that are no differences, but worth knowing."""
    anonymised = report.anonymised - report.forgotten
    remarked = (
        (
            len(report.on_their_way),
            ("order or account", "orders or accounts"),
            "left out: changed just now, so HubSpot may not have it yet.",
        ),
        (report.refused_addresses, ("order",), "without a contact: HubSpot rejects the address."),
        (anonymised, ("order",), "anonymised in the store: no contact is needed."),
        (report.forgotten, ("order",), "of erased people (woohub erase): no contact is needed."),
    )
    yield from (Text(f"{counted(count, *words)} {text}", "dim") for count, words, text in remarked if count)
    yield from (Text(str(currency), "yellow") for currency in report.currencies)
    if report.erased:
        yield Text("Erased in the store, but still in HubSpot (--repair cannot fix this):", "yellow")
        yield from (Text(f"  {person}", "yellow") for person in report.erased)
        yield Text(f"  What to do: {WHAT_TO_DO}.", "yellow")
    for text, count in report.notes.items():
        yield Text(f"{text} ({counted(count, 'time')})" if count > 1 else text, "dim")
    if report.unreadable:
        yield Text(order_pages.left_out(report.unreadable), "yellow")


def _verdict(report: VerificationReport) -> Text:
    if report.equal:
        return Text(report.matches, "green")
    counts = ", ".join(
        f"{report.problems[kind.value]} {kind.words}" for kind in MismatchKind if report.problems[kind.value]
    )
    return Text(f"HubSpot differs: {counts}.", "red")
