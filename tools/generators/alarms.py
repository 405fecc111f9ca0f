"""The table of alarms in template.yaml, and what is made from it: text for docs/operations.md, the dashboard's list."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from generators.template import load
from woohub.counted import counted

COLUMNS = 120
FIRST_STEP = "First step: "
_COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
}
_MISSING = {"breaching": "; no data fires, too", "ignore": "; no data leaves it as it is", "notBreaching": ""}


def alarms() -> dict[str, dict[str, Any]]:
    """The resources of the alarms by logical id, in the order of the template."""
    resources = load()["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}


def parts(alarm: Mapping[str, Any]) -> tuple[str, str]:
    """What an alarm means, and what to do; the latter is empty if its description lacks it."""
    meaning, _, steps = alarm["Properties"]["AlarmDescription"].partition(FIRST_STEP)
    return meaning.strip(), steps


def section(name: str, alarm: Mapping[str, Any]) -> str:
    """An alarm's section of docs/operations.md."""
    meaning, steps = parts(alarm)
    paragraphs = [_condition(alarm["Properties"]), _linked(meaning), f"**{FIRST_STEP.strip()}** {_linked(steps)}"]
    return "\n\n".join([f"### {name}", *map(_fill, paragraphs)])


def sections() -> str:
    """The sections of all alarms."""
    return "\n\n".join(section(name, alarm) for name, alarm in alarms().items())


def dashboard_list() -> str:
    """The alarms of the dashboard as template.yaml lists them; those under a condition have a place of their own."""
    arns = " ".join(f'"${{{name}.Arn}}",' for name, alarm in alarms().items() if "Condition" not in alarm).rstrip(",")
    return textwrap.indent(_fill(arns, COLUMNS - 16), " " * 16)


def _condition(properties: Mapping[str, Any]) -> str:
    """When it fires: "*Sum of `Rejected` ≥ 20 in 15 minutes.*"."""
    measure = f"{properties['Statistic']} of `{properties['MetricName']}`"
    threshold = f"{_COMPARISONS[properties['ComparisonOperator']]} {properties['Threshold']}"
    return f"*{measure} {threshold} in {_periods(properties)}{_MISSING[properties['TreatMissingData']]}.*"


def _periods(properties: Mapping[str, Any]) -> str:
    """The time looked at: "5 minutes", "2 of 3 periods of 5 minutes"."""
    minutes, count = properties["Period"] // 60, properties["EvaluationPeriods"]
    length = counted(minutes, "minute")
    if count == 1:
        return length
    periods = f"`{count['Ref']}`" if isinstance(count, Mapping) else count
    if "DatapointsToAlarm" in properties:
        return f"{properties['DatapointsToAlarm']} of {periods} periods of {length}"
    return f"{periods} periods of {length} in a row"


def _linked(text: str) -> str:
    """A description's references to documents as links; in the alarm's e-mail they are plain words."""
    headings = re.sub(r'"([^"]+)" in docs/operations\.md', lambda named: f"[{named[1]}](#{_slug(named[1])})", text)
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", headings)


def _slug(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _fill(text: str, width: int = COLUMNS) -> str:
    """Lines of at most this width; what is in backticks stays on one line."""
    kept = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)
    return textwrap.fill(kept, width, break_long_words=False, break_on_hyphens=False).replace("\0", " ")
