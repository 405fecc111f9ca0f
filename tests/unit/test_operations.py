"""Alarms, dashboard and saved queries of the template agree with docs/operations.md, the commands and the logs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from generators import operations
from generators.alarms import alarms, parts
from tests.support.cloudwatch import dashboard, on_dashboard
from tests.support.orders import message
from tests.support.template import RESOURCES
from woohub.http import Call
from woohub.hubspot.objects import OBJECT_TYPES
from woohub.sync.outcome import Outcome, Verdict
from woohub_cli.main import app

ROOT = Path(__file__).parents[2]
DOCS = operations.DOCS.read_text(encoding="utf-8")
ALARMS = alarms()
WOOHUB = get_command(app)
COMMAND = r"woohub (?:(?:dlq|mapping|store) )?[a-z]+(?:-[a-z]+)*"
QUERIES = {
    name: resource["Properties"]["QueryString"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::Logs::QueryDefinition"
}


def commands(prefix: str = "woohub", group: Any = WOOHUB) -> Iterator[str]:
    """The full name of every command, such as `woohub dlq list`."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(f"{prefix} {name}", command)
        else:
            yield f"{prefix} {name}"


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_has_a_meaning_and_a_command_as_first_step(name: str) -> None:
    meaning, steps = parts(ALARMS[name])

    assert meaning
    assert re.findall(COMMAND, steps)[0] in set(commands())


@pytest.mark.parametrize("path", operations.PLACES, ids=lambda path: path.name)
def test_generated_parts_of_a_file_are_up_to_date(path: Path) -> None:
    assert operations.renewed(path) == path.read_text("utf-8"), "`python -m generators.operations --write` updates it"


@pytest.mark.parametrize("name", ALARMS)
def test_headings_alarms_and_pages_named_by_an_alarm_exist(name: str) -> None:
    meaning, steps = parts(ALARMS[name])

    assert all(
        f"\n### {heading}\n" in DOCS for heading in re.findall(r'"([^"]+)" in docs/operations\.md', meaning + steps)
    )
    assert {*re.findall(r"\w+Alarm\b", meaning + steps)} <= set(ALARMS)
    assert all((ROOT / page).exists() for page in re.findall(r"docs/\w+\.md", meaning + steps))


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_notifies_its_topic_when_it_fires_and_when_it_clears(name: str) -> None:
    properties = ALARMS[name]["Properties"]

    assert properties["AlarmActions"] == properties["OKActions"] == [{"Ref": "AlarmTopic"}]


def test_every_command_is_described_in_operations_md() -> None:
    rows = [f"\n| `{command}" for command in commands()]

    assert [row for row in rows if f"{row}`" not in DOCS and f"{row} " not in DOCS] == []


def test_every_command_named_in_operations_md_exists() -> None:
    assert set(re.findall(f"`({COMMAND})", DOCS)) - set(commands()) == set()


@pytest.mark.parametrize("watches_for_silence", [True, False])
def test_the_dashboard_shows_every_alarm(watches_for_silence: bool) -> None:
    expected = {name for name, alarm in ALARMS.items() if watches_for_silence or "Condition" not in alarm}
    widgets = dashboard(watches_for_silence=watches_for_silence)["widgets"]

    assert set(next(widget for widget in widgets if widget["type"] == "alarm")["properties"]["alarms"]) == expected


def test_dashboard_widgets_do_not_overlap() -> None:
    cells = [
        (x, y)
        for widget in dashboard()["widgets"]
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]

    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24  # the columns of a dashboard


def test_aws_metrics_on_the_dashboard_belong_to_this_stack() -> None:
    of_aws = {metric for metric in on_dashboard() if metric[0].startswith("AWS/")}

    assert {name for metric in of_aws for _, name in metric[2]} <= {*RESOURCES, "woohub", "live"}


LAMBDA_FIELDS = {"@timestamp", "type", "record.requestId"} | {
    f"record.metrics.{name}" for name in ("durationMs", "initDurationMs", "maxMemoryUsedMB")
}
WOOHUB_FIELDS = {f"{row.singular}_id" for row in OBJECT_TYPES.values()} | {
    "message",
    *Outcome(message("order.created", {"id": 1}), Verdict.DONE).facts(),
    *Call("", "", 0, 0, 0).facts(),
    *("lag_ms", "store"),  # added by telemetry; in the lines of a further store's deliveries
}
QUERY_WORDS = {"fields", "filter", "stats", "sort", "limit", "by", "as", "and", "desc", "SOURCE"}


@pytest.mark.parametrize(
    "query",
    [
        *QUERIES.values(),
        *(widget["properties"]["query"] for widget in dashboard()["widgets"] if widget["type"] == "log"),
    ],
)
def test_queries_name_only_fields_that_are_logged(query: str) -> None:
    without_texts = re.sub(r"(\"|').*?\1", "", query)
    aliases = set(re.findall(r" as (\w+)", without_texts))
    words = set(re.findall(r"(?<![\w@.])[@a-zA-Z][\w.]*\b(?!\()", without_texts))

    assert words - aliases - QUERY_WORDS - LAMBDA_FIELDS - WOOHUB_FIELDS == set()
