"""Read the SSM parameters that CloudFormation creates, woohub writes as JSON, and people may edit.

If a deployment changes anything about such a parameter, even only its tags, CloudFormation overwrites its value with
the template's. So the last value that is not the template's counts; SSM keeps the last hundred versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from woohub.aws_errors import aws_code
from woohub.errors import InvalidParameter

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import ParameterTypeDef


@dataclass(frozen=True)
class ParameterVersion:
    """A version of a parameter: its value, and when the version was written."""

    value: str
    written_at: datetime


def last_written(ssm: SSMClient, name: str, template_value: str) -> ParameterVersion:
    """Return the newest version with another value than the template's, or the first version if there is none.

    Raises InvalidParameter if somebody has deleted the parameter, and botocore's errors.
    """
    newest = _newest(ssm, name)
    if newest["Value"] != template_value or newest["Version"] == 1:
        return ParameterVersion(newest["Value"], newest["LastModifiedDate"])
    pages = ssm.get_paginator("get_parameter_history").paginate(Name=name)
    versions = sorted((version for page in pages for version in page["Parameters"]), key=itemgetter("Version"))
    written = [version for version in versions if version["Value"] != template_value]
    version = written[-1] if written else versions[0]
    return ParameterVersion(version["Value"], version["LastModifiedDate"])


def _newest(ssm: SSMClient, name: str) -> ParameterTypeDef:
    try:
        return ssm.get_parameter(Name=name)["Parameter"]
    except ClientError as error:
        if aws_code(error) != "ParameterNotFound":
            raise
        raise InvalidParameter(f"the SSM parameter {name} is missing") from None
