"""Compare a period of the store with HubSpot: every order, every account, every contact and association."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from woohub.dates import utc_from_ms
from woohub.erasures import NOBODY, ErasedPeople
from woohub.hubspot.answers import Record
from woohub.mapping.mapping_file import STATUS
from woohub.reconcile import deleted_orders
from woohub.store.client import Store
from woohub.store.cursors import ByDate
from woohub.store.pagination import CHANGED
from woohub.store.payloads import TRASH
from woohub_cli.checks.currencies import Currencies
from woohub_cli.comparison import Mismatch, MismatchKind
from woohub_cli.hubspot_records import Crm
from woohub_cli.order_names import OrderName
from woohub_cli.period import SECOND, Period, shifted
from woohub_cli.verification_contacts import ContactComparison
from woohub_cli.verification_orders import OrderComparison
from woohub_cli.verification_report import VerificationReport
from woohub_cli.verification_run import Show, VerificationRun

RECENTLY = timedelta(minutes=5)  # what changed so lately may wait in a queue that is not empty
GONE = (
    "`woohub reconcile --deleted check` moves the {record} to the lost stage; delete it in HubSpot if it is of no use"
)


class Verification:
    """One comparison. `clock` gives epoch seconds, `depth` the messages on the queue, `show` what is being done."""

    def __init__(
        self,
        store: Store,
        crm: Crm,
        clock: Callable[[], float],
        depth: Callable[[], int] = lambda: 0,
        show: Show = lambda _what, _total, _done: None,
        people: ErasedPeople = NOBODY,
    ) -> None:
        def begin(period: Period) -> VerificationRun:
            began, currencies = utc_from_ms(int(clock() * 1000)), Currencies(crm)
            report = VerificationReport(period, began, crm.target.record)
            beside = crm.orders_beside()
            return VerificationRun(store, crm, crm.target.table, clock, show, people, beside, currencies, report)

        self._begin = begin
        self._depth = depth

    def run(self, period: Period, *, all_customers: bool = False) -> VerificationReport:
        """Compare; raises what the store's and HubSpot's clients raise."""
        run = self._run = self._begin(period)
        report = run.report
        run.crm.check()
        OrderComparison(run).compare(period)
        ContactComparison(run).compare(period, all_customers=all_customers)
        self._check_unknown_deals()
        report.currencies, differing = run.currencies.result()
        report.mismatches += differing
        self._set_aside_changing()
        report.mismatches = [replace(mismatch, named=run.named.get(mismatch.entity)) for mismatch in report.mismatches]
        report.unreadable = run.store.unreadable
        report.mismatches.sort(
            key=lambda mismatch: (mismatch.entity.partition(":")[0] != "order", mismatch.number, mismatch.record)
        )
        return report

    def _check_unknown_deals(self) -> None:
        """Deals dated in the period whose order the store has not: more than one per order, or of an order deleted."""
        self._run.show(f"{self._run.crm.target.records} without an order", None, 0)
        unknown_deals: dict[int, Record] = {}
        for record in self._run.crm.dated(self._run.report.period):
            key = record.properties.get(self._run.table.key_property) or ""
            number = self._run.crm.order_id(key)
            if number and key not in self._run.deals and self._run.table.pipeline.holds(record.properties):
                unknown_deals[number] = record
        for number in deleted_orders.missing_in_store(self._run.store, sorted(unknown_deals)):
            record = unknown_deals[number]
            if record.properties.get(STATUS) != TRASH and not self._run.store.has_order(number):
                target = self._run.crm.target
                fix = GONE.format(record=target.record)
                mismatch = Mismatch.of_order(MismatchKind.DELETED, number, target, record.id, fix=fix)
                self._run.named[mismatch.entity] = OrderName(
                    number, "", record.properties.get(self._run.crm.target.name) or ""
                )
                self._run.report.mismatches.append(mismatch)
                self._run.count_deal(record, "")

    def _set_aside_changing(self) -> None:
        """What changed since this began, or just before while messages still wait, is no difference yet."""
        if not self._run.report.mismatches:
            return
        since = shifted(self._run.report.began, -RECENTLY) if self._depth() else self._run.report.began
        moved = {entity for entity, modified in self._run.modified.items() if modified > since}
        for step in self._run.store.orders(ByDate(shifted(self._run.report.began, SECOND)), by=CHANGED):
            moved |= {f"order:{row.id}" for row in step.rows}
        waits = {MismatchKind.MISSING, MismatchKind.DIFFERING, MismatchKind.UNASSOCIATED, MismatchKind.WRONG_CONTACT}
        certain = [
            mismatch
            for mismatch in self._run.report.mismatches
            if mismatch.entity not in moved or mismatch.kind not in waits
        ]
        gone = {mismatch.entity for mismatch in self._run.report.mismatches} - {mismatch.entity for mismatch in certain}
        self._run.report.mismatches, self._run.report.on_their_way = certain, sorted(gone)
