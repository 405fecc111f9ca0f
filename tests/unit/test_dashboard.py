"""The dashboard has the form CloudWatch documents: what it does not know, it drops without a word.

"Dashboard Body Structure and Syntax" in CloudWatch's API reference; here as far as the dashboard makes use of it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tests.support.cloudwatch import dashboard

PERIODS = (1, 5, 10, 30)  # seconds; else a multiple of a minute


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Axis(Strict):
    min: float | None = None
    max: float | None = None
    label: str | None = None


class Axes(Strict):
    left: Axis | None = None
    right: Axis | None = None


class Line(Strict):
    value: float
    label: str


class Annotations(Strict):
    horizontal: list[Line]


class Rendering(Strict):
    """How one metric is drawn; `expression` in place of a metric."""

    expression: str | None = None
    id: Annotated[str, Field(pattern="^[a-z][A-Za-z0-9_]*$")] | None = None
    label: str | None = None
    stat: Annotated[str, Field(pattern=r"^(Sum|Average|Minimum|Maximum|p\d+(\.\d+)?)$")] | None = None
    color: Annotated[str, Field(pattern="^#[0-9a-f]{6}$")] | None = None
    yAxis: Literal["left", "right"] | None = None
    visible: bool | None = None


class Metrics(Strict):
    metrics: Annotated[list[list[str | Rendering]], Field(min_length=1, max_length=500)]
    region: str
    title: str
    period: int
    stat: Literal["Sum", "Average", "Minimum", "Maximum"] | None = None
    yAxis: Axes | None = None
    annotations: Annotations | None = None


class Log(Strict):
    query: Annotated[str, Field(pattern=r"^SOURCE '.+' \| ")]
    region: str
    title: str
    view: Literal["table", "timeSeries", "bar", "pie"]


class Alarms(Strict):
    alarms: Annotated[list[str], Field(min_length=1, max_length=100)]
    title: str


class Place(Strict):
    x: Annotated[int, Field(ge=0, le=23)]
    y: Annotated[int, Field(ge=0)]
    width: Annotated[int, Field(ge=1, le=24)]
    height: Annotated[int, Field(ge=1, le=1000)]


class MetricWidget(Place):
    type: Literal["metric"]
    properties: Metrics


class LogWidget(Place):
    type: Literal["log"]
    properties: Log


class AlarmWidget(Place):
    type: Literal["alarm"]
    properties: Alarms


class Body(Strict):
    periodOverride: Literal["auto", "inherit"]
    widgets: Annotated[
        list[Annotated[MetricWidget | LogWidget | AlarmWidget, Field(discriminator="type")]], Field(max_length=500)
    ]


@pytest.mark.parametrize("watches", [True, False], ids=["with SilenceAlarm", "without"])
def test_the_dashboard_has_cloudwatchs_form(watches: bool) -> None:
    body = Body.model_validate(dashboard(watches_for_silence=watches))

    graphs = [widget.properties for widget in body.widgets if isinstance(widget, MetricWidget)]
    assert [graph.title for graph in graphs if graph.period % 60 and graph.period not in PERIODS] == []


def test_a_metric_is_named_with_pairs_of_dimensions_or_is_an_expression() -> None:
    graphs = [
        widget.properties for widget in Body.model_validate(dashboard()).widgets if isinstance(widget, MetricWidget)
    ]

    for row in (row for graph in graphs for row in graph.metrics):
        names = [cell for cell in row if isinstance(cell, str)]
        drawn = [cell for cell in row if isinstance(cell, Rendering)]
        assert len(drawn) == 1
        assert row[-1] is drawn[0]
        assert bool(drawn[0].expression) == (not names)
        assert len(names) % 2 == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body["widgets"][1]["properties"].update(metric=[]),
        lambda body: body["widgets"][1]["properties"]["metrics"][0].append(3),
        lambda body: body["widgets"][0].update(type="alarms"),
        lambda body: body["widgets"][2].update(width=25),
    ],
)
def test_what_cloudwatch_does_not_know_is_noticed(spoil: Any) -> None:
    body = dashboard()
    spoil(body)

    with pytest.raises(ValidationError):
        Body.model_validate(body)
