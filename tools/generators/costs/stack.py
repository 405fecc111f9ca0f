"""What template.yaml says about costs, with its parameters' defaults."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generators.template import load

ARCHITECTURES = ("arm64", "x86_64")
WINDOW = "MaximumBatchingWindowInSeconds"
SECONDS = {"minute": 60, "hour": 3600, "day": 86400}

# Every type of resource in the template is one of these: a test holds it so, lest one that costs is forgotten.
PRICED = {
    "AWS::Serverless::Function",
    "AWS::Serverless::Api",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SNS::Subscription",
    "AWS::WAFv2::WebACL",
}
FREE = {
    "AWS::Serverless::LayerVersion",
    "AWS::SSM::Parameter",  # standard ones
    "AWS::SQS::QueuePolicy",
    "AWS::SNS::TopicPolicy",
    "AWS::IAM::Role",
    "AWS::IAM::Policy",
    "AWS::Lambda::Permission",
    "AWS::Logs::QueryDefinition",  # asking costs, by what is read
    "AWS::WAFv2::WebACLAssociation",
    "AWS::WAFv2::IPSet",
}


@dataclass(frozen=True)
class Stack:
    """The deployed stack. What is behind a condition counts as if it were there."""

    alarms: int  # metrics of alarms
    dashboards: int
    secrets: int
    web_acl_rules: int
    memory_gb: Mapping[str, float]  # by function
    schedules: Mapping[str, float]  # seconds between two runs, by function
    window_s: float  # for which a batch is gathered
    retention_days: int
    architecture: str


def deployed() -> Stack:
    """The stack of template.yaml."""
    return read(load())


def read(template: Mapping[str, Any]) -> Stack:
    """The stack of a template as `tools.template.load` gives it."""
    resources, defaults = template["Resources"], template["Parameters"]
    functions = {name: one["Properties"] for name, one in resources.items() if one["Type"].endswith("::Function")}
    usual = template["Globals"]["Function"]
    memory_mb = {name: one.get("MemorySize", usual["MemorySize"]) for name, one in functions.items()}
    events = {name: list(one.get("Events", {}).values()) for name, one in functions.items()}
    return Stack(
        alarms=sum(_metrics(one["Properties"]) for one in _of(resources, "AWS::CloudWatch::Alarm")),
        dashboards=len(_of(resources, "AWS::CloudWatch::Dashboard")),
        secrets=len(_of(resources, "AWS::SecretsManager::Secret")),
        web_acl_rules=sum(len(one["Properties"]["Rules"]) for one in _of(resources, "AWS::WAFv2::WebACL")),
        memory_gb={name: mb / 1024 for name, mb in memory_mb.items()},
        schedules={name: _seconds(rule) for name, found in events.items() for rule in _rules(found)},
        window_s=max(one["Properties"].get(WINDOW, 0) for found in events.values() for one in found),
        retention_days=max(
            _resolved(one["Properties"]["RetentionInDays"], defaults) for one in _of(resources, "AWS::Logs::LogGroup")
        ),
        architecture=_resolved(usual["Architectures"][0], defaults),
    )


def _of(resources: Mapping[str, Any], kind: str) -> list[Any]:
    return [one for one in resources.values() if one["Type"] == kind]


def _metrics(alarm: Mapping[str, Any]) -> int:
    """Metrics an alarm looks at; an expression over them costs nothing more."""
    return sum("MetricStat" in one for one in alarm["Metrics"]) if "Metrics" in alarm else 1


def _rules(events: list[Any]) -> list[str]:
    return [one["Properties"]["Schedule"] for one in events if one["Type"] == "Schedule"]


def _seconds(schedule: str) -> float:
    """Between two runs, of a schedule such as rate(15 minutes)."""
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule)
    if not found:
        raise ValueError(f"{schedule} is no rate: how often that is in a month must be told here")
    return int(found[1]) * SECONDS[found[2]]


def _resolved(value: Any, parameters: Mapping[str, Any]) -> Any:
    return parameters[value["Ref"]]["Default"] if isinstance(value, Mapping) else value
