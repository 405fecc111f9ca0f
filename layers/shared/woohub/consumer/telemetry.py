"""What the functions tell about their work: log lines and metrics, without personal data."""

from __future__ import annotations

import time
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from woohub import metrics
from woohub.delivery.webhooks import Delivery
from woohub.errors import DeadlineExceeded, InternalError, Suspended
from woohub.http import Call
from woohub.sync.outcome import Outcome, Verdict

VERDICTS = {
    Verdict.DONE: metrics.WRITTEN,
    Verdict.IGNORED: metrics.IGNORED,
    Verdict.RETRY: metrics.RETRIED,
    Verdict.REJECTED: metrics.REJECTED,
}
NOT_TRIED = (
    DeadlineExceeded,
    Suspended,
)  # put back for want of time, or because HubSpot takes nothing: other alarms tell
STATUSES = {401: metrics.HUBSPOT_AUTH_ERROR, 403: metrics.HUBSPOT_AUTH_ERROR, 0: metrics.HUBSPOT_NO_ANSWER}


class Telemetry:
    """The consumer's log and metrics; `log_payloads` is the one switch that lets personal data into the log."""

    def __init__(self, logger: Logger, metrics: Metrics, *, log_payloads: bool) -> None:
        self._logger = logger
        self._metrics = metrics
        self._log_payloads = log_payloads

    def warn(self, event: str, **facts: Any) -> None:
        """Something an operator may want to mend, though the data arrived."""
        self._logger.warning(event, extra=facts)
        self._count(metrics.WARNINGS)

    def alarm(self, event: str, **facts: Any) -> None:
        """Something an operator must know."""
        self._logger.error(event, extra=facts)
        self._count(metrics.BREAKER_OPENED if event == "breaker_opened" else metrics.BREAKER_TROUBLE)

    def called(self, call: Call) -> None:
        """One line and one count per HubSpot call."""
        self._logger.info("hubspot call", extra=call.facts())
        self._count(metrics.HUBSPOT_CALLS)
        self._count(metrics.HUBSPOT_429, int(call.status == 429))  # 0 as well: its average is the share of the calls
        if call.status in STATUSES or call.status >= 500:
            self._count(STATUSES.get(call.status, metrics.HUBSPOT_5XX))
        if call.daily_left is not None:
            self._metrics.add_metric(name=metrics.HUBSPOT_DAILY_LEFT, unit=MetricUnit.Percent, value=call.daily_left)

    def settled(self, outcome: Outcome) -> None:
        """One line per delivery: what became of it, and why."""
        log = self._logger.info if outcome.error is None else self._logger.warning
        log("delivery", extra=outcome.facts())
        self._count(VERDICTS[outcome.verdict])
        if isinstance(outcome.error, InternalError):
            self._count(metrics.FAULTS)
        if isinstance(outcome.message.delivery, Delivery):
            self._age(outcome, outcome.message.delivery)
            if outcome.verdict is Verdict.REJECTED and self._log_payloads:
                self._payload(outcome.message.delivery)

    def _age(self, outcome: Outcome, delivery: Delivery) -> None:
        age_ms = max(time.time() * 1000 - delivery.received_ms, 0)
        if outcome.verdict is Verdict.DONE:
            self._metrics.add_metric(name=metrics.END_TO_END_LAG, unit=MetricUnit.Milliseconds, value=age_ms)
        if outcome.verdict is Verdict.RETRY and not isinstance(outcome.error, NOT_TRIED):
            # SQS's own age of the oldest message leaves out what has been received three times.
            self._metrics.add_metric(name=metrics.RETRIED_AGE, unit=MetricUnit.Milliseconds, value=age_ms)

    def _payload(self, delivery: Delivery) -> None:
        payload = delivery.body.decode(errors="replace")
        self._logger.warning("rejected payload", extra={"entity": delivery.entity, "payload": payload})

    def _count(self, name: str, value: int = 1) -> None:
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
