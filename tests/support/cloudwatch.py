"""CloudWatch: metrics from log lines, the state of an alarm after some periods, and the dashboard's content."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from generators.alarms import alarms
from tests.support.template import RESOURCES, TEMPLATE

Metric = tuple[str, str, frozenset[tuple[str, str]]]  # namespace, name, dimensions
Values = dict[Metric, list[float]]

PARAMETERS = {name: parameter.get("Default", "") for name, parameter in TEMPLATE["Parameters"].items()}
STACK_NAME = "woohub"  # in the environment of the functions under test
STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Sum": sum,
    "Average": fmean,
    "Maximum": max,
    "Minimum": min,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


def metrics(output: str) -> Values:
    """The values that CloudWatch reads from a function's log, by metric and set of dimensions."""
    by_metric: Values = {}
    for line in output.splitlines():
        entry = json.loads(line)
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", []):
            for names in directive["Dimensions"]:
                dimensions = frozenset((name, str(entry[name])) for name in names)
                for metric in directive["Metrics"]:
                    values = entry[metric["Name"]]
                    key = directive["Namespace"], metric["Name"], dimensions
                    by_metric.setdefault(key, []).extend(values if isinstance(values, list) else [values])
    return by_metric


def resolved(value: Any) -> str:
    """A value of the template as text; a resource and its attributes are resolved to its logical id."""
    if not isinstance(value, Mapping):
        return str(value)
    ((function, target),) = value.items()
    if target == "AWS::StackName":
        return STACK_NAME
    if function == "GetAtt":
        return str(target).partition(".")[0]
    if function == "Sub":
        return filled(target)
    return str(PARAMETERS.get(target, target))


def filled(text: str) -> str:
    """The text with the references of `!Sub` resolved."""
    return re.sub(r"\$\{([\w:]+)[\w.]*\}", lambda named: resolved({"Ref": named[1]}), text)


@dataclass(frozen=True)
class Alarm:
    """An alarm on one metric."""

    metric: Metric
    statistic: str
    periods: int
    datapoints: int
    comparison: str
    threshold: float
    missing: str

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Alarm:
        """The alarm with these properties in the template."""
        dimensions = frozenset(
            (dimension["Name"], resolved(dimension["Value"])) for dimension in properties["Dimensions"]
        )
        periods = int(resolved(properties["EvaluationPeriods"]))
        return cls(
            metric=(properties["Namespace"], properties["MetricName"], dimensions),
            statistic=properties["Statistic"],
            periods=periods,
            datapoints=int(properties.get("DatapointsToAlarm", periods)),
            comparison=properties["ComparisonOperator"],
            threshold=float(properties["Threshold"]),
            missing=properties["TreatMissingData"],
        )

    def state(self, *periods: Sequence[float], before: str = "OK") -> str:
        """ALARM or OK after periods with these values; earlier periods and empty ones have no data."""
        padded = [()] * (self.periods - len(periods)) + list(periods)
        judged = [self._breaches(values) for values in padded[-self.periods :]]
        if judged.count(True) >= self.datapoints:
            return "ALARM"
        return before if set(judged) == {None} else "OK"

    def _breaches(self, values: Sequence[float]) -> bool | None:
        if values:
            return COMPARISONS[self.comparison](STATISTICS[self.statistic](values), self.threshold)
        return {"breaching": True, "notBreaching": False, "ignore": None}[self.missing]


ALARMS = {name: Alarm.of(alarm["Properties"]) for name, alarm in alarms().items()}


def dashboard(*, watches_for_silence: bool = True) -> dict[str, Any]:
    """The dashboard of the stack under test; raises ValueError if it is not JSON."""
    text, more = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Sub"]
    silence = more["Silence"]["If"][1]["Sub"] if watches_for_silence else ""
    body: dict[str, Any] = json.loads(filled(text.replace("${Silence}", silence)))
    return body


def on_dashboard() -> set[Metric]:
    """Every metric on the dashboard, without expressions over other metrics."""
    rows = [row for widget in dashboard()["widgets"] for row in widget["properties"].get("metrics", ())]
    return {_shown([cell for cell in row if isinstance(cell, str)]) for row in rows if isinstance(row[0], str)}


def _shown(cells: Sequence[str]) -> Metric:
    namespace, name, *dimensions = cells
    return namespace, name, frozenset(zip(dimensions[::2], dimensions[1::2], strict=True))
