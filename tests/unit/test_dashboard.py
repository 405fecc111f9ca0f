"""The dashboard follows CloudWatch's schema; CloudWatch drops without an error what the schema does not have.

The models here are the part of "Dashboard Body Structure and Syntax" in its API reference that the dashboard uses.
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
    """How a metric, or an expression over metrics, is drawn."""

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


@pytest.mark.parametrize("watches_for_silence", [True, False], ids=["with SilenceAlarm", "without SilenceAlarm"])
def test_the_dashboard_follows_cloudwatchs_schema(watches_for_silence: bool) -> None:
    body = Body.model_validate(dashboard(watches_for_silence=watches_for_silence))

    graphs = [widget.properties for widget in body.widgets if isinstance(widget, MetricWidget)]
    assert [graph.title for graph in graphs if graph.period % 60 and graph.period not in PERIODS] == []


def test_every_metric_has_pairs_of_dimensions_or_an_expression() -> None:
    graphs = [
        widget.properties for widget in Body.model_validate(dashboard()).widgets if isinstance(widget, MetricWidget)
    ]

    for row in (row for graph in graphs for row in graph.metrics):
        names = [cell for cell in row if isinstance(cell, str)]
        renderings = [cell for cell in row if isinstance(cell, Rendering)]
        assert len(renderings) == 1
        assert row[-1] is renderings[0]
        assert bool(renderings[0].expression) == (not names)
        assert len(names) % 2 == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: body["widgets"][1]["properties"].update(metric=[]),
        lambda body: body["widgets"][1]["properties"]["metrics"][0].append(3),
        lambda body: body["widgets"][0].update(type="alarms"),
        lambda body: body["widgets"][2].update(width=25),
    ],
)
def test_a_dashboard_with_an_invalid_widget_fails_validation(damage: Any) -> None:
    body = dashboard()
    damage(body)

    with pytest.raises(ValidationError):
        Body.model_validate(body)
