"""How much of everything a month takes: the quantities AWS bills.

Where something is not known, the dearer case is taken: deliveries come evenly, so that few share a batch and most are
traced; each of Lambda's pollers gathers a batch of its own; every run of reconcile is a cold start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from woohub.hubspot.properties import MAX_AGE
from woohub.reconcile.run import OVERLAP

from .assumptions import Assumed
from .stack import Stack

HOURS = 730  # of a month, as AWS reckons
SECONDS = HOURS * 3600
GB = 1e9  # bytes
CHUNK_KB = 64  # SQS bills a request for each 64 KB of it
TOGETHER = 10  # messages in one request to SQS, at most
INGEST, CONSUMER = "IngestFunction", "ConsumerFunction"
GOVERNOR, RECONCILE = "GovernorFunction", "ReconcileFunction"


@dataclass(frozen=True)
class Month:
    """One month of a shop with so many deliveries."""

    deliveries: float
    stack: Stack
    assumed: Assumed

    # What is done

    @property
    def batches(self) -> float:
        """Invocations of the consumer for deliveries: each takes along what its poller receives within the window."""
        within = self.deliveries / SECONDS * self.stack.window_s / self.assumed["pollers"]
        return self.deliveries / (1 + within)

    @property
    def swept(self) -> float:
        """Messages of sweeps: each change of an order once, and once more if it is young when the sweep begins."""
        per_order = self.assumed["deliveries_per_order"]
        changes = self.deliveries * max(per_order - 1, 1) / per_order  # created and updated are one
        return changes * (1 + OVERLAP.total_seconds() / self.stack.schedules[RECONCILE])

    @property
    def swept_batches(self) -> float:
        """Invocations of the consumer for these: a sweep queues ten at a time."""
        return min(self.swept, self.runs(RECONCILE)) + self.swept / TOGETHER

    @property
    def consumer_runs(self) -> float:
        """Invocations of the consumer."""
        return self.batches + self.swept_batches

    @property
    def hubspot_calls(self) -> float:
        """Calls to HubSpot."""
        a = self.assumed
        for_deliveries = self.deliveries * a["calls_per_order"] / a["deliveries_per_order"]
        definitions = min(self.consumer_runs, SECONDS / MAX_AGE) * a["definition_calls"]
        return for_deliveries + self.swept_batches * a["calls_per_swept_batch"] + definitions

    def runs(self, function: str) -> float:
        """Invocations by a function's schedule."""
        return SECONDS / self.stack.schedules[function]

    # What is billed

    @property
    def invocations(self) -> dict[str, float]:
        """By function."""
        by_schedule = {name: self.runs(name) for name in self.stack.schedules}
        return {INGEST: self.deliveries, CONSUMER: self.consumer_runs} | by_schedule

    @property
    def seconds(self) -> dict[str, float]:
        """Billed time of each function, cold starts included."""
        a, count = self.assumed, self.invocations
        busy_ms = {
            INGEST: count[INGEST] * a["ingest_ms"],
            CONSUMER: count[CONSUMER] * a["consumer_ms"] + self.hubspot_calls * a["hubspot_call_ms"],
            GOVERNOR: count[GOVERNOR] * a["governor_ms"],
            RECONCILE: count[RECONCILE] * a["reconcile_ms"],
        }
        return {name: (ms + self._cold_starts(count[name]) * a["init_ms"]) / 1000 for name, ms in busy_ms.items()}

    def _cold_starts(self, invocations: float) -> float:
        return min(invocations, SECONDS / 60 / self.assumed["warm_minutes"])

    @property
    def gb_seconds(self) -> float:
        """Billed time by the memory of the functions."""
        return sum(seconds * self.stack.memory_gb[name] for name, seconds in self.seconds.items())

    @property
    def sqs_requests(self) -> float:
        """Empty polls; sends and receives by size; after each batch a poll that ends its window, and a deletion."""
        a = self.assumed
        empty = a["pollers"] * SECONDS / a["poll_s"]
        single = self.deliveries * 2 * _chunks(a["order_kb"])
        together = (self.swept / TOGETHER + self.swept_batches) * _chunks(a["order_kb"] * TOGETHER)
        return empty + single + together + 2 * self.consumer_runs

    @property
    def custom_metrics(self) -> float:
        """Metrics times the share of the month's hours in which they are written."""
        written = 1 - math.exp(-(self.deliveries + self.swept) / HOURS)
        return self.assumed["metrics_every_hour"] + self.assumed["metrics_with_deliveries"] * written

    @property
    def log_gb(self) -> float:
        """Written to the logs."""
        a, count = self.assumed, self.invocations
        functions = {
            "ingest_log_bytes": count[INGEST],
            "delivery_log_bytes": self.deliveries + self.swept,
            "call_log_bytes": self.hubspot_calls,
            "batch_log_bytes": count[CONSUMER],
            "governor_log_bytes": count[GOVERNOR],
            "reconcile_log_bytes": count[RECONCILE],
            "lambda_log_bytes": sum(count.values()),
        }
        return sum(times * a[name] for name, times in functions.items()) / GB

    @property
    def traces(self) -> float:
        """Traces recorded: of requests to the API, which ingest joins, and of invocations of the others."""
        return sum(traced(count, self.assumed["traced_percent"]) for count in self.invocations.values())

    @property
    def secret_calls(self) -> float:
        """Reads of secrets; the governor reads its own only while the breaker is open."""
        minutes = dict.fromkeys((CONSUMER, RECONCILE), self.assumed["secret_minutes"])
        minutes[INGEST] = self.assumed["ingest_secret_minutes"]
        return sum(min(self.invocations[name], SECONDS / 60 / age) for name, age in minutes.items())

    def quantities(self) -> dict[str, float]:
        """By the name of the price."""
        a = self.assumed
        return {
            "api_requests": self.deliveries,
            "lambda_requests": sum(self.invocations.values()),
            f"lambda_gb_seconds_{self.stack.architecture}": self.gb_seconds,
            "sqs_requests": self.sqs_requests,
            "custom_metrics": self.custom_metrics,
            "alarms": self.stack.alarms,
            "dashboards": self.stack.dashboards,
            "log_gb": self.log_gb,
            "log_gb_months": self.log_gb * self.stack.retention_days / (HOURS / 24),
            "traces": self.traces,
            "secrets": self.stack.secrets,
            "secret_calls": self.secret_calls,
            "mails": a["alarm_mails"],
            "gb_out": (self.hubspot_calls * a["call_bytes"] + self.deliveries * a["answer_bytes"]) / GB,
            "web_acls": 1,
            "web_acl_rules": self.stack.web_acl_rules,
            "web_acl_requests": self.deliveries,
        }


def traced(count: float, percent: float) -> float:
    """Of so many requests a month at random times: the first of each second, and a share of the others."""
    rate = count / SECONDS
    first = 1 - math.exp(-rate)
    return SECONDS * (first + (rate - first) * percent / 100)


def _chunks(kilobytes: float) -> int:
    return math.ceil(kilobytes / CHUNK_KB)
