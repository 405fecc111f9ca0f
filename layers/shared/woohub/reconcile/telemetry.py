"""The reconcile function's log lines and metrics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from woohub.http import Call
from woohub.metrics import COUNTED_APART


class Counter:
    """Counts the metrics of one store's run.

    A further store's metrics are counted by store, and also in the stack's sums unless they are in COUNTED_APART.
    """

    def __init__(self, store: str, emf: Metrics) -> None:
        self._emf = emf
        self._of_store = EphemeralMetrics() if store else None
        if self._of_store:
            self._of_store.add_dimension("store", store)

    def add(self, name: str, value: int = 1) -> None:
        """Add a value to a metric."""
        if self._of_store:
            self._of_store.add_metric(name=name, unit=MetricUnit.Count, value=value)
        if not self._of_store or name not in COUNTED_APART:
            self._emf.add_metric(name=name, unit=MetricUnit.Count, value=value)

    def write(self) -> None:
        """Write a further store's metrics to the log. The stack's metrics are written when the invocation ends."""
        if self._of_store:
            self._of_store.flush_metrics()


class Telemetry:
    """The log and the metrics. Log lines of a further store's run name the store."""

    def __init__(self, logger: Logger, emf: Metrics) -> None:
        self._logger = logger
        self._emf = emf
        self._logged_once: set[tuple[str, str]] = set()  # text and store

    @contextmanager
    def of(self, store: str) -> Iterator[Counter]:
        """Log and count for one store's run inside the `with` block."""
        counter = Counter(store, self._emf)
        if store:
            self._logger.append_keys(store=store)
        try:
            yield counter
        finally:
            self._logger.remove_keys(["store"])
            counter.write()

    def record_call(self, call: Call) -> None:
        """Log a call to the store."""
        self._logger.info("store call", extra=call.facts())

    def record_wait(self, seconds: float, reason: str) -> None:
        """Log a wait for a failing store."""
        self._logger.warning("waiting for the store", extra={"seconds": round(seconds), "error": reason})

    def record_run(self, facts: dict[str, Any]) -> None:
        """Log the report of a run."""
        self._logger.info("reconciled", extra=facts)

    def say_once(self, text: str, store: str) -> None:
        """Log a text once for each cold start and store."""
        if (text, store) not in self._logged_once:
            self._logged_once.add((text, store))
            self._logger.info(text)

    def warn(self, event: str, **fields: Any) -> None:
        """Log something that an operator may want to know."""
        self._logger.warning(event, **fields)

    def alarm(self, event: str, **fields: Any) -> None:
        """Log something that an operator must know."""
        self._logger.error(event, **fields)
