"""Bring to the queue what webhooks missed: read from the store what changed, and repair its webhooks.

A run continues where the last one stopped. The watermark moves only past what the queue has accepted, and it is made of
the store's own dates: whatever happened while a webhook was disabled, or deliveries were lost, is dated later than the
watermark, and so is read by the next run. The same order may be queued twice; the version guard makes that harmless.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
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

SHARE_OF_TIME = 0.8  # of an invocation; the rest is for the last page and for logs
REASON_UNAVAILABLE = "store unavailable"
REPAIR_WATERMARK = (
    "nothing is reconciled until this is repaired: correct the SSM parameter {name} at the place named, or set it to "
    "an earlier value (`aws ssm get-parameter-history --name {name}` lists them). If it is missing, make it (a String "
    "of {{}}), then run `woohub reconcile --since` the day on which it was deleted"
)


class _StoreDown(Exception):
    """No other part of the run would get further."""


class Reconcile:
    """What the reconcile function does. `count(metric, value)` and `log(event, **fields)` report on it."""

    def __init__(
        self,
        store: Store,
        queue: DeliveryQueue,
        parameter: WatermarkParameter,
        hubspot: HubSpot,
        mapping: Callable[[], FieldMapping],
        webhooks: WebhookConfig,
        *,
        count: Callable[[str, int], None],
        log: Callable[..., None],
        clock: Callable[[], float],  # epoch seconds
        night_hour: int = 2,
    ) -> None:
        self._store = store
        self._queue = queue
        self._parameter = parameter
        self._hubspot = hubspot
        self._mapping = mapping
        self._webhooks = webhooks
        self._count = count
        self._log = log
        self._clock = clock
        self._night_hour = night_hour

    def run(self, request: RunRequest = ROUTINE) -> RunReport:
        """Do what is due within the time; raises botocore's errors, nothing else."""
        try:
            mark = self._begin(request)
        except InvalidParameter as error:
            return self._watermark_unreadable(error)
        run = Run(self._store, self._queue, self._parameter, mark, self._count, self._log, self._clock)
        self._store.leave_out(mark.unreadable)
        parts = _Parts(run, self._webhooks, DeletionCheck(run, self._hubspot, self._mapping))
        try:
            parts.do_all()
        except DeadlineExceeded as error:
            parts.stopped("out of time", error)
        except _StoreDown:
            pass  # the part that met it has reported why
        report_unreadable(run)
        run.report.complete = not run.report.stopped
        return run.report

    def _begin(self, request: RunRequest) -> Watermark:
        """The watermark with the work that is due, stored at once: what was asked for outlives this run."""
        stored, tonight = self._parameter.read(), self._tonight()
        mark = Watermark.beginning(stored, tonight) if isinstance(stored, str) else stored
        mark = mark.of_site(site(self._store.credentials.url)).with_request(request, tonight)
        if mark != stored:
            self._parameter.write(mark)
        return mark

    def _tonight(self) -> str:
        now = datetime.fromtimestamp(self._clock(), UTC)
        return (now - timedelta(hours=self._night_hour)).date().isoformat()

    def _watermark_unreadable(self, error: InvalidParameter) -> RunReport:
        """The report of a run that cannot know where to continue; beginning now instead would skip changes."""
        to_do = REPAIR_WATERMARK.format(name=self._parameter.name)
        self._count(SWEEP_FAILED, 1)
        self._log("watermark_unreadable", error=str(error), to_do=to_do)
        reason = f"failed: {error}; {to_do}"
        return RunReport(stopped=reason, failed={"watermark": reason})


class _Parts:
    """The parts of a run. A part that fails is reported, and the others are done."""

    def __init__(self, run: Run, webhooks: WebhookConfig, deletions: DeletionCheck) -> None:
        self._run = run
        self._webhooks = webhooks
        self._deletions = deletions

    def do_all(self) -> None:
        """Raises DeadlineExceeded, and _StoreDown where no part would get further."""
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
        with suppress(DeadlineExceeded):  # nothing is lost: they are remembered
            self._do("unreadable", lambda: retry_unreadable(run))

    def _read_clock(self) -> None:
        """Have the store's clock from an answer, also where its webhooks are not read."""
        if not self._webhooks.url:
            self._run.store.can_list("orders")

    def _do(self, name: str, part: Callable[[], None]) -> bool:
        """Do a part of the run; whether it succeeded."""
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
        if not report.stopped or isinstance(error, DeadlineExceeded):  # the command line runs it again for that
            report.stopped = f"{reason}: {error}"
        self._run.log("sweep_stopped", reason=reason, error=str(error), part=part)
