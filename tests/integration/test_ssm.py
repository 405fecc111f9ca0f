"""What woohub keeps in SSM parameters outlives a deployment that writes the template's value over it."""

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
    ("written", "counts"),
    [
        ([START], START),
        ([START, "open"], "open"),
        ([START, "open", START], "open"),
        ([START, "open", "closed again", START, START], "closed again"),
        ([START, START], START),
    ],
    ids=["at first", "once written", "written over", "written over twice", "never written"],
)
def test_what_woohub_wrote_last_counts(ssm: Any, written: list[str], counts: str) -> None:
    write(ssm, *written)

    assert last_written(ssm, NAME, START).value == counts


def test_where_nothing_was_ever_written_the_first_date_counts(ssm: Any) -> None:
    write(ssm, START)
    made = ssm.get_parameter(Name=NAME)["Parameter"]["LastModifiedDate"]
    write(ssm, START)

    assert last_written(ssm, NAME, START).written_at == made


def test_a_long_history_is_read_to_its_end(ssm: Any) -> None:
    write(ssm, *map(str, range(90)), START)  # SSM answers fifty at a time, the oldest first

    assert last_written(ssm, NAME, START).value == "89"


def test_the_template_begins_with_what_is_known_as_the_beginning() -> None:
    begins = {name: RESOURCES[name]["Properties"]["Value"] for name in ("BreakerParameter", "WatermarkParameter")}

    assert begins == {"BreakerParameter": breaker.TEMPLATE_VALUE, "WatermarkParameter": watermark.START}
