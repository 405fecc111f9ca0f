"""Compare a period of the store with HubSpot: every order, account, contact and association."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import STATUS
from woohub.reconcile import deleted_orders
from woohub.store.cursors import ByDate
from woohub.store.pagination import CHANGED
from woohub.store.payloads import TRASH
from woohub_cli.orders.order_names import OrderName
from woohub_cli.period import SECOND, shifted
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.verification_contacts import compare_contacts
from woohub_cli.verify.verification_orders import compare_orders
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import VerificationRun

WAITS = (MismatchKind.MISSING, MismatchKind.DIFFERING, MismatchKind.UNASSOCIATED, MismatchKind.WRONG_CONTACT)
RECENTLY = timedelta(minutes=5)  # a change so recent may still wait, if the queue is not empty
GONE = (
    "`woohub reconcile --deleted check` moves the {record} to the lost stage; delete it in HubSpot if it is of no use"
)


def verify(run: VerificationRun, *, all_customers: bool = False) -> VerificationReport:
    """Return the report of the comparison. Raises the errors of the clients of store and HubSpot."""
    report = run.report
    run.crm.check()
    compare_orders(run)
    compare_contacts(run, all_customers=all_customers)
    _check_unknown_deals(run)
    report.currencies, differing = run.currencies.result()
    report.mismatches += differing
    report.waiting = run.depth() if any(mismatch.kind in WAITS for mismatch in report.mismatches) else 0
    _set_aside_changing(run)
    report.mismatches = [replace(mismatch, named=run.named.get(mismatch.entity)) for mismatch in report.mismatches]
    report.unreadable = run.store.unreadable
    report.mismatches.sort(
        key=lambda mismatch: (mismatch.entity.partition(":")[0] != "order", mismatch.number, mismatch.record)
    )
    return report


def _check_unknown_deals(run: VerificationRun) -> None:
    """Report deals of the period whose order was deleted in the store for good."""
    target, report = run.crm.target, run.report
    run.show(f"{target.records} without an order", None, 0)
    unknown_deals: dict[int, Record] = {}
    for record in run.crm.dated(run.period):
        key = record.properties.get(run.table.key_property) or ""
        number = run.crm.order_id(key)
        if number and key not in run.deals and run.table.pipeline.holds(record.properties):
            unknown_deals[number] = record
    for number in deleted_orders.missing_in_store(run.store, sorted(unknown_deals)):
        record = unknown_deals[number]
        if record.properties.get(STATUS) != TRASH and not run.store.has_order(number):
            fix = GONE.format(record=target.record)
            mismatch = Mismatch.of_order(MismatchKind.DELETED, number, target, record.id, fix=fix)
            run.named[mismatch.entity] = OrderName(number, "", record.properties.get(target.name) or "")
            report.mismatches.append(mismatch)
            run.count_deal(record, "")


def _set_aside_changing(run: VerificationRun) -> None:
    """Set aside what changed after the comparison began or, while messages wait, just before.

    HubSpot may not have these changes yet.
    """
    report = run.report
    if not report.mismatches:
        return
    since = shifted(report.began, -RECENTLY) if report.waiting else report.began
    moved = {entity for entity, modified in run.modified.items() if modified > since}
    for step in run.store.orders(ByDate(shifted(report.began, SECOND)), by=CHANGED):
        moved |= {f"order:{row.id}" for row in step.rows}
    certain = [mismatch for mismatch in report.mismatches if mismatch.entity not in moved or mismatch.kind not in WAITS]
    gone = {mismatch.entity for mismatch in report.mismatches} - {mismatch.entity for mismatch in certain}
    report.mismatches, report.on_their_way = certain, sorted(gone)
