"""Read the alarms of template.yaml, and generate the text for docs/operations.md and the dashboard's list."""

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
    """Return the alarms' resources by logical id, in the order of the template."""
    resources = load()["Resources"]
    return {name: resource for name, resource in resources.items() if resource["Type"] == "AWS::CloudWatch::Alarm"}


def parts(alarm: Mapping[str, Any]) -> tuple[str, str]:
    """Return what an alarm means, and what to do ("" if its description does not say)."""
    meaning, _, steps = alarm["Properties"]["AlarmDescription"].partition(FIRST_STEP)
    return meaning.strip(), steps


def section(name: str, alarm: Mapping[str, Any]) -> str:
    """Return the section of docs/operations.md about an alarm."""
    meaning, steps = parts(alarm)
    paragraphs = [_condition(alarm["Properties"]), _linked(meaning), f"**{FIRST_STEP.strip()}** {_linked(steps)}"]
    return "\n\n".join([f"### {name}", *map(_fill, paragraphs)])


def sections() -> str:
    """Return the sections about all alarms."""
    return "\n\n".join(section(name, alarm) for name, alarm in alarms().items())


def dashboard_list() -> str:
    """Return the dashboard's list of alarms for template.yaml. Alarms with a condition are listed elsewhere there."""
    arns = " ".join(f'"${{{name}.Arn}}",' for name, alarm in alarms().items() if "Condition" not in alarm).rstrip(",")
    return textwrap.indent(_fill(arns, COLUMNS - 16), " " * 16)


def _condition(properties: Mapping[str, Any]) -> str:
    """Return when an alarm fires: "*Sum of `Rejected` ≥ 20 in 15 minutes.*"."""
    measure = f"{properties['Statistic']} of `{properties['MetricName']}`"
    threshold = f"{_COMPARISONS[properties['ComparisonOperator']]} {properties['Threshold']}"
    return f"*{measure} {threshold} in {_periods(properties)}{_MISSING[properties['TreatMissingData']]}.*"


def _periods(properties: Mapping[str, Any]) -> str:
    """Return the time that an alarm looks at: "5 minutes", "2 of 3 periods of 5 minutes"."""
    minutes, count = properties["Period"] // 60, properties["EvaluationPeriods"]
    length = counted(minutes, "minute")
    if count == 1:
        return length
    periods = f"`{count['Ref']}`" if isinstance(count, Mapping) else count
    if "DatapointsToAlarm" in properties:
        return f"{properties['DatapointsToAlarm']} of {periods} periods of {length}"
    return f"{periods} periods of {length} in a row"


def _linked(text: str) -> str:
    """Turn a description's references to documents into links. In the alarm's e-mail they are plain words."""
    headings = re.sub(r'"([^"]+)" in docs/operations\.md', lambda named: f"[{named[1]}](#{_slug(named[1])})", text)
    return re.sub(r"docs/(\w+\.md)", r"[\1](\1)", headings)


def _slug(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def _fill(text: str, width: int = COLUMNS) -> str:
    """Wrap the text at this width, but never inside backticks."""
    kept = re.sub("`[^`]+`", lambda code: code[0].replace(" ", "\0"), text)
    return textwrap.fill(kept, width, break_long_words=False, break_on_hyphens=False).replace("\0", " ")
