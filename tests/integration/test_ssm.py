"""A value in an SSM parameter survives a deployment that overwrites it with the template's value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from tests.support.template import RESOURCES
from woohub.consumer import breaker
from woohub.reconcile import watermark
from woohub.ssm import last_written

NAME, START = "/woohub/breaker", '{"state":"closed"}'


@pytest.fixture
def ssm() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("ssm")


def write(ssm: Any, *values: str) -> None:
    for value in values:
        ssm.put_parameter(Name=NAME, Value=value, Type="String", Overwrite=True)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ([START], START),
        ([START, "open"], "open"),
        ([START, "open", START], "open"),
        ([START, "open", "closed again", START, START], "closed again"),
        ([START, START], START),
    ],
    ids=["created", "written", "overwritten", "overwritten twice", "never written"],
)
def test_last_written_returns_the_last_value_that_woohub_wrote(ssm: Any, written: list[str], expected: str) -> None:
    write(ssm, *written)

    assert last_written(ssm, NAME, START).value == expected


def test_last_written_returns_the_first_date_when_woohub_wrote_nothing(ssm: Any) -> None:
    write(ssm, START)
    made = ssm.get_parameter(Name=NAME)["Parameter"]["LastModifiedDate"]
    write(ssm, START)

    assert last_written(ssm, NAME, START).written_at == made


def test_last_written_reads_a_history_of_more_than_one_page(ssm: Any) -> None:
    write(ssm, *map(str, range(90)), START)  # SSM returns fifty versions at a time, the oldest first

    assert last_written(ssm, NAME, START).value == "89"


def test_the_templates_parameter_values_equal_the_start_values_in_code() -> None:
    begins = {name: RESOURCES[name]["Properties"]["Value"] for name in ("BreakerParameter", "WatermarkParameter")}

    assert begins == {"BreakerParameter": breaker.TEMPLATE_VALUE, "WatermarkParameter": watermark.START}
