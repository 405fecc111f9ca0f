"""SSM parameters that CloudFormation made, woohub writes as JSON, and people may edit: what was written last counts.

A deployment that changes anything about such a parameter, if only its tags, has CloudFormation write the template's
value over it again. SSM keeps a hundred versions before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from woohub.errors import InvalidParameter

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

T = TypeVar("T")


def from_json(adapter: TypeAdapter[T], text: str, subject: str) -> T:
    """What the parameter's JSON says; InvalidParameter names each place that is wrong, after `subject`."""
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        mistakes = error.errors(include_url=False, include_context=False, include_input=False)
        places = "; ".join(f"{'.'.join(map(str, row['loc'])) or 'JSON'}: {row['msg']}" for row in mistakes)
        raise InvalidParameter(f"{subject} cannot be read: {places}") from None


@dataclass(frozen=True)
class Kept:
    """A version of a parameter, and when it was written."""

    value: str
    at: datetime


def kept(ssm: SSMClient, name: str, start: str) -> Kept:
    """The newest version that holds anything else than `start`, the template's value; the first where none does.

    Raises botocore's errors.
    """
    newest = ssm.get_parameter(Name=name)["Parameter"]
    if newest["Value"] != start or newest["Version"] == 1:
        return Kept(newest["Value"], newest["LastModifiedDate"])
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
    history = sorted((one for page in pages for one in page["Parameters"]), key=lambda one: one["Version"])
    written = [one for one in history if one["Value"] != start]
    found = written[-1] if written else history[0]
    return Kept(found["Value"], found["LastModifiedDate"])
