"""What is made from the table of alarms in template.yaml: sections of docs/operations.md, the dashboard's list.

.venv/bin/python -m generators.alarms          # ends with 1 if one of the two files is not up to date
.venv/bin/python -m generators.alarms --write  # renews both
"""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from generators.template import TEMPLATE, load

DOCS = TEMPLATE.parent / "docs" / "operations.md"
COLUMNS = 120
FIRST_STEP = "First step: "
_COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
}
_MISSING = {"breaching": "; no data fires, too", "ignore": "; no data leaves it as it is", "notBreaching": ""}
_SECTIONS = re.compile(
    r"(?<=<!-- Made from template\.yaml by python -m generators\.alarms --write: -->\n).*?(?=^## )",
    re.MULTILINE | re.DOTALL,
)
_DASHBOARD_LIST = re.compile(r'(?<="alarms": \[\$\{Silence\}\n).*?(?=\]\}\})', re.DOTALL)


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


def docs_renewed(page: str) -> str:
    """docs/operations.md with today's sections."""
    sections = "\n\n".join(section(name, alarm) for name, alarm in alarms().items())
    return _SECTIONS.sub(lambda _: f"\n{sections}\n\n", page)


def template_renewed(text: str) -> str:
    """template.yaml with today's list of alarms in the dashboard; those under a condition have a place of their own."""
    arns = " ".join(f'"${{{name}.Arn}}",' for name, alarm in alarms().items() if "Condition" not in alarm).rstrip(",")
    listed = textwrap.indent(_fill(arns, COLUMNS - 16), " " * 16)
    return _DASHBOARD_LIST.sub(lambda _: listed, text)


def _condition(properties: Mapping[str, Any]) -> str:
    """When it fires: "*Sum of `Rejected` ≥ 20 in 15 minutes.*"."""
    measure = f"{properties['Statistic']} of `{properties['MetricName']}`"
    threshold = f"{_COMPARISONS[properties['ComparisonOperator']]} {properties['Threshold']}"
    return f"*{measure} {threshold} in {_periods(properties)}{_MISSING[properties['TreatMissingData']]}.*"


def _periods(properties: Mapping[str, Any]) -> str:
    """The time looked at: "5 minutes", "2 of 3 periods of 5 minutes"."""
    minutes, count = properties["Period"] // 60, properties["EvaluationPeriods"]
    length = "1 minute" if minutes == 1 else f"{minutes} minutes"
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


def _renewed() -> dict[Path, str]:
    """The files that are not up to date, with what they must hold."""
    renewals = {DOCS: docs_renewed, TEMPLATE: template_renewed}
    texts = {path: path.read_text(encoding="utf-8") for path in renewals}
    renewed = {path: renewals[path](text) for path, text in texts.items()}
    return {path: text for path, text in renewed.items() if text != texts[path]}


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, or 1 if a file was not up to date and was not to be written."""
    parser = argparse.ArgumentParser(prog="python -m generators.alarms", description=str(__doc__).partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="renew the files")
    write = parser.parse_args(arguments).write
    renewed = _renewed()
    for path, text in renewed.items():
        print(f"{path.name} {'renewed' if write else 'is not up to date: python -m generators.alarms --write'}")
        if write:
            path.write_text(text, encoding="utf-8")
    return int(bool(renewed) and not write)


if __name__ == "__main__":
    sys.exit(main())
