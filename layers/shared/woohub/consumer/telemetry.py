"""The consumer's log lines and metrics, without personal data."""

from __future__ import annotations

import time
from threading import Lock
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from woohub import metrics
from woohub.delivery.delivery import Delivery
from woohub.errors import DeadlineExceeded, InternalError, Suspended
from woohub.http import Call
from woohub.metrics import Metric
from woohub.sync.erased import PERSON_ERASED
from woohub.sync.outcome import Outcome, Verdict

METRIC_OF_VERDICT = {
    Verdict.DONE: metrics.WRITTEN,
    Verdict.IGNORED: metrics.IGNORED,
    Verdict.RETRY: metrics.RETRIED,
    Verdict.REJECTED: metrics.REJECTED,
}
METRIC_OF_STATUS = {401: metrics.HUBSPOT_AUTH_ERROR, 403: metrics.HUBSPOT_AUTH_ERROR, 0: metrics.HUBSPOT_NO_ANSWER}
NOT_TRIED = (DeadlineExceeded, Suspended)  # messages that wait for time or the breaker, which other alarms report


class Telemetry:
    """The consumer's log and metrics. Only `log_payloads` lets personal data into the log.

    Threads may use it at the same time. A lock protects Powertools' metrics, which are not made for that.
    """

    def __init__(self, logger: Logger, emf: Metrics, *, log_payloads: bool) -> None:
        self._logger = logger
        self._emf = emf
        self._log_payloads = log_payloads
        self._lock = Lock()

    def warn(self, event: str, **facts: Any) -> None:
        """Log and count something that an operator may want to fix, although the data arrived."""
        self._logger.warning(event, extra=facts)
        self._count(metrics.WARNINGS)

    def alarm(self, event: str, **facts: Any) -> None:
        """Log and count an opened breaker, or a failure to store its state."""
        self._logger.error(event, extra=facts)
        self._count(metrics.BREAKER_OPENED if event == "breaker_opened" else metrics.BREAKER_TROUBLE)

    def record_call(self, call: Call) -> None:
        """Log and count a call to HubSpot."""
        self._logger.info("hubspot call", extra=call.facts())
        self._count(metrics.HUBSPOT_CALLS)
        self._count(metrics.HUBSPOT_429, int(call.status == 429))  # 0, too, so that the average is the share of 429s
        if call.status in METRIC_OF_STATUS or call.status >= 500:
            self._count(METRIC_OF_STATUS.get(call.status, metrics.HUBSPOT_5XX))
        if call.daily_left is not None:
            self._add(metrics.HUBSPOT_DAILY_LEFT, MetricUnit.Percent, call.daily_left)

    def record_outcome(self, outcome: Outcome) -> None:
        """Log and count the outcome of a delivery, with its reason."""
        log = self._logger.info if outcome.error is None else self._logger.warning
        log("delivery", extra=outcome.facts() | {"lag_ms": _lag_ms(outcome)})
        self._count(METRIC_OF_VERDICT[outcome.verdict])
        if outcome.note == PERSON_ERASED:
            self._count(metrics.PERSON_ERASED)
        if isinstance(outcome.error, InternalError):
            self._count(metrics.FAULTS)
        if isinstance(outcome.message.delivery, Delivery):
            self._record_age(outcome, outcome.message.delivery)
            if outcome.verdict is Verdict.REJECTED and self._log_payloads:
                self._log_payload(outcome.message.delivery)

    def _record_age(self, outcome: Outcome, delivery: Delivery) -> None:
        age_ms = _age_ms(delivery)
        if outcome.verdict is Verdict.DONE:
            self._add(metrics.END_TO_END_LAG, MetricUnit.Milliseconds, age_ms)
        if outcome.verdict is Verdict.RETRY and not isinstance(outcome.error, NOT_TRIED):
            # SQS's own metric of the oldest message's age leaves out messages that were received three times.
            self._add(metrics.RETRIED_AGE, MetricUnit.Milliseconds, age_ms)

    def _log_payload(self, delivery: Delivery) -> None:
        payload = delivery.body.decode(errors="replace")
        self._logger.warning("rejected payload", extra={**delivery.names, "payload": payload})

    def _count(self, metric: Metric, value: int = 1) -> None:
        self._add(metric, MetricUnit.Count, value)

    def _add(self, metric: Metric, unit: MetricUnit, value: float) -> None:
        with self._lock:
            self._emf.add_metric(name=metric, unit=unit, value=value)


def _age_ms(delivery: Delivery) -> float:
    return max(time.time() * 1000 - delivery.received_ms, 0)


def _lag_ms(outcome: Outcome) -> int | None:
    """Return the milliseconds from a delivery's receipt until now if HubSpot has it; None if HubSpot does not."""
    delivery = outcome.message.delivery
    if outcome.verdict is not Verdict.DONE or not isinstance(delivery, Delivery):
        return None
    return round(_age_ms(delivery))
