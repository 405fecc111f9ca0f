"""The metrics of functions and queues: CloudWatch's or, in an emulated AWS without metrics, those in the logs.

A function's log line is also its metric (CloudWatch's embedded metric format), so both have the same values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from woohub.metrics import METRICS
from woohub.stores import FIRST
from woohub_cli.stack import traces
from woohub_cli.stack.stacks import Stack

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_cloudwatch.literals import StatisticType
    from mypy_boto3_cloudwatch.type_defs import DimensionTypeDef

LOGS = {"GovernorAlive": "GovernorFunction"}  # the function whose log has the metric, if it is not ingest
NAMESPACE, QUEUES = "WooHub", "AWS/SQS"
MINUTE, HOUR, DAY = 60, 3600, 86400
RETRY = 20 * MINUTE  # a message that waits long is tried again at least this often
COUNTED_BY_STORE = frozenset(metric for metric in METRICS if metric.function in ("ingest", "reconcile"))
POINTS = 1440  # the most that CloudWatch returns in one answer


@dataclass(frozen=True)
class Metrics:
    """A stack's metrics in CloudWatch up to `now` (epoch seconds). Raises botocore's errors."""

    client: CloudWatchClient
    service: str  # the dimension that all of the functions' own metrics have
    now: float
    store: str = FIRST  # whose deliveries and reconcile runs are counted

    def total(self, name: str, seconds: int, **dimensions: str) -> int:
        """Return the sum of one of woohub's metrics over the last seconds."""
        points = self._points(NAMESPACE, name, seconds, "Sum", self._dimensions(name) | dimensions)
        return round(sum(points.values()))

    def _dimensions(self, name: str) -> dict[str, str]:
        by_store = self.store and name in COUNTED_BY_STORE
        return {"service": self.service} | ({"store": self.store} if by_store else {})

    def last(self, name: str, seconds: int, **dimensions: str) -> float | None:
        """Return when something was last counted (epoch seconds): the end of that period. None if nothing was."""
        period = _period(seconds)
        points = self._points(NAMESPACE, name, seconds, "Sum", self._dimensions(name) | dimensions)
        ends = [start + period for start, value in points.items() if value > 0]
        return min(max(ends), self.now) if ends else None

    def oldest_message(self, queue_url: str) -> float | None:
        """Return the age of the oldest message in seconds, as last reported; None if nothing was.

        SQS leaves out messages that were received three times; the consumer reports their age itself.
        """
        dimensions = {"QueueName": queue_url.rpartition("/")[2]}
        points = self._points(QUEUES, "ApproximateAgeOfOldestMessage", 10 * MINUTE, "Maximum", dimensions)
        ages_ms = self._points(NAMESPACE, "RetriedAge", RETRY, "Maximum", {"service": self.service})
        reported = [points[max(points)]] if points else []
        return max([*reported, *(age_ms / 1000 for age_ms in ages_ms.values())], default=None)

    def _points(
        self, namespace: str, name: str, seconds: int, statistic: StatisticType, dimensions: Mapping[str, str]
    ) -> dict[float, float]:
        named: list[DimensionTypeDef] = [{"Name": key, "Value": value} for key, value in dimensions.items()]
        answer = self.client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=named,
            StartTime=datetime.fromtimestamp(self.now - seconds, UTC),
            EndTime=datetime.fromtimestamp(self.now, UTC),
            Period=_period(seconds),
            Statistics=[statistic],
        )
        return {point["Timestamp"].timestamp(): point[statistic] for point in answer["Datapoints"]}


def _period(seconds: int) -> int:
    """Return the shortest period that CloudWatch still keeps and that fits into one answer: a minute, or an hour."""
    return MINUTE if seconds <= POINTS * MINUTE else HOUR


@dataclass(frozen=True)
class LoggedMetrics:
    """The functions' own metrics, read from their log lines. Raises botocore's errors."""

    stack: Stack
    now: float

    def total(self, name: str, seconds: int, **dimensions: str) -> int:
        """Return the sum of one of woohub's metrics over the last seconds."""
        return round(sum(value for _, value in self._points(name, seconds, dimensions)))

    def last(self, name: str, seconds: int, **dimensions: str) -> float | None:
        """Return when something was last counted (epoch seconds); None if nothing was."""
        return max((at for at, value in self._points(name, seconds, dimensions) if value > 0), default=None)

    def oldest_message(self, _queue_url: str) -> float | None:
        """Return None: SQS counts this metric, not a function."""
        return None

    def _points(self, name: str, seconds: int, dimensions: Mapping[str, str]) -> list[tuple[float, float]]:
        since_ms = round((self.now - seconds) * 1000)
        lines = traces.log_lines(self.stack, LOGS.get(name, "IngestFunction"), name, since_ms)
        return [
            (at_ms / 1000, _value(said.get(name)))
            for at_ms, said in lines
            if dimensions.items() <= {key: str(text) for key, text in said.items()}.items()
        ]


def _value(logged: Any) -> float:
    """Return the logged value: Powertools writes a list of numbers, ingest a number."""
    values = logged if isinstance(logged, list) else [logged]
    return float(sum(value for value in values if isinstance(value, int | float)))


Counts = Metrics | LoggedMetrics


def of(stack: Stack, now: float) -> Counts:
    """Return the stack's metrics; in an emulated AWS, those in its logs."""
    return (
        LoggedMetrics(stack, now)
        if stack.aws.endpoint_url
        else Metrics(stack.aws.metrics, stack.service, now, stack.store)
    )
