"""Queue what webhooks missed: read changes from the store, and repair its webhooks.

A run continues where the last one stopped. The watermark moves only past what the queue has accepted, and consists of
the store's own dates. So everything that happened while a webhook was disabled, or while deliveries were lost, is dated
later than the watermark, and the next run reads it. The same order may be queued twice, which the versions make
harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass, replace
from datetime import UTC, datetime, timedelta

from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.delivery.sites import site
from woohub.errors import DeadlineExceeded, InvalidParameter, PermanentError, TransientError
from woohub.hubspot.client import HubSpot
from woohub.mapping.fields import FieldMapping
from woohub.metrics import STORE_UNAVAILABLE, SWEEP_ALIVE, SWEEP_COMPLETED, SWEEP_FAILED
from woohub.reconcile import changes
from woohub.reconcile.context import Run
from woohub.reconcile.deal_check import DeletionCheck
from woohub.reconcile.left_out import report_unreadable, retry_unreadable
from woohub.reconcile.report import RunReport
from woohub.reconcile.request import ROUTINE, RunRequest
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub.reconcile.webhook_repair import WebhookConfig, repair_webhooks
from woohub.store.client import Store
from woohub.store.requests import StoreRefused, StoreUnavailable

SHARE_OF_TIME = 0.8  # how much of an invocation a run may use; the rest is for the last page and for logs
REASON_UNAVAILABLE = "store unavailable"
REPAIR_WATERMARK = (
    "nothing is reconciled until this is repaired: correct the SSM parameter {name} at the place named, or set it to "
    "an earlier value (`aws ssm get-parameter-history --name {name}` lists them). If it is missing, create it (type "
    "String, value {{}}), then run `woohub reconcile --since` the day on which it was deleted"
)


class _StoreDown(Exception):
    """The store does not respond at all, so no other part of the run can succeed."""


@dataclass
class Reconcile:
    """Does the runs of one store. `count(metric, value)` and `log(event, **fields)` report on them."""

    store: Store
    queue: DeliveryQueue
    parameter: WatermarkParameter
    hubspot: HubSpot
    mapping: Callable[[], FieldMapping]
    webhooks: WebhookConfig
    _: KW_ONLY
    count: Callable[[str, int], None]
    log: Callable[..., None]
    clock: Callable[[], float]  # epoch seconds
    night_hour: int = 2

    def run(self, request: RunRequest = ROUTINE) -> RunReport:
        """Do what is due, as far as the time allows, and return a report. Raises only botocore's errors."""
        try:
            mark = self._begin(request)
        except InvalidParameter as error:
            return self._watermark_unreadable(error)
        run = Run(self.store, self.queue, self.parameter, mark, self.count, self.log, self.clock)
        self.store.leave_out(mark.unreadable)
        parts = _Parts(run, self.webhooks, DeletionCheck(run, self.hubspot, self.mapping))
        try:
            parts.do_all()
        except DeadlineExceeded as error:
            parts.stopped("out of time", error)
        except _StoreDown:
            pass  # the part that found out has reported it
        report_unreadable(run)
        run.report.complete = not run.report.stopped
        return run.report

    def _begin(self, request: RunRequest) -> Watermark:
        """Add the work that is due to the watermark, and store it at once: later runs do what this one cannot."""
        stored, tonight = self.parameter.read(), self._tonight()
        mark = Watermark.beginning(stored, tonight) if isinstance(stored, str) else stored
        mark = mark.of_site(site(self.store.credentials.url)).with_request(request, tonight)
        if mark != stored:
            self.parameter.write(mark)
        return mark

    def _tonight(self) -> str:
        now = datetime.fromtimestamp(self.clock(), UTC)
        return (now - timedelta(hours=self.night_hour)).date().isoformat()

    def _watermark_unreadable(self, error: InvalidParameter) -> RunReport:
        """Return the report of a run that does not know where to continue. Starting from now would skip changes."""
        to_do = REPAIR_WATERMARK.format(name=self.parameter.name)
        self.count(SWEEP_FAILED, 1)
        self.log("watermark_unreadable", error=str(error), to_do=to_do)
        reason = f"failed: {error}; {to_do}"
        return RunReport(stopped=reason, failed={"watermark": reason})


class _Parts:
    """The parts of a run. If a part fails, that is reported, and the other parts are done."""

    def __init__(self, run: Run, webhooks: WebhookConfig, deletions: DeletionCheck) -> None:
        self._run = run
        self._webhooks = webhooks
        self._deletions = deletions

    def do_all(self) -> None:
        """Do all parts. Raises DeadlineExceeded, and _StoreDown if no other part can succeed."""
        run, began = self._run, self._run.now()
        self._do("webhooks", lambda: repair_webhooks(run, self._webhooks))
        self._read_clock()
        changes_queued = [
            self._do("orders", lambda: changes.queue_orders(run, "orders")),
            self._do("trash", lambda: changes.queue_orders(run, "trash")),
            self._do("accounts", lambda: changes.queue_new_accounts(run)),
        ]
        if all(changes_queued):
            run.keep(replace(run.mark, completed=began, behind=changes.behind_s(run)))
            run.count(SWEEP_COMPLETED, 1)
            run.count(SWEEP_ALIVE, 1)
        self._do("scan", lambda: changes.scan_accounts(run))
        self._do("deal_check", self._deletions.check_deals)
        with suppress(DeadlineExceeded):  # nothing is lost, because the watermark keeps their names
            self._do("unreadable", lambda: retry_unreadable(run))

    def _read_clock(self) -> None:
        """Read the store's clock from an answer, if no webhooks were read, whose answers show it as well."""
        if not self._webhooks.url:
            self._run.store.can_list("orders")

    def _do(self, name: str, part: Callable[[], None]) -> bool:
        """Do a part of the run. Return whether it succeeded."""
        try:
            part()
            return True
        except DeadlineExceeded:
            raise
        except StoreUnavailable as error:
            self._unavailable(name, error)
        except (PermanentError, TransientError) as error:
            self._run.count(SWEEP_FAILED, 1)
            self._failed(name, "failed", error)
            if isinstance(error, StoreRefused) and not self._store_answers():
                raise _StoreDown from None
        return False

    def _unavailable(self, name: str, error: StoreUnavailable) -> None:
        failures = self._run.report.failed.values()
        if not any(reason.startswith(REASON_UNAVAILABLE) for reason in failures):
            self._run.count(STORE_UNAVAILABLE, 1)  # once a run
        self._failed(name, REASON_UNAVAILABLE, error)
        if error.retry_after or not self._store_answers():
            raise _StoreDown from None

    def _failed(self, name: str, reason: str, error: Exception) -> None:
        self._run.report.failed[name] = f"{reason}: {error}"
        self.stopped(reason, error, part=name)

    def _store_answers(self) -> bool:
        return any(self._run.store.can_list(resource) for resource in ("orders", "customers"))

    def stopped(self, reason: str, error: Exception, part: str = "") -> None:
        """Report why the run is not complete."""
        report = self._run.report
        if not report.stopped or isinstance(error, DeadlineExceeded):  # `woohub reconcile` then starts another run
            report.stopped = f"{reason}: {error}"
        self._run.log("sweep_stopped", reason=reason, error=str(error), part=part)
