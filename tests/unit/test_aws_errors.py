"""The code by which a log line or a command names an error of AWS."""

from __future__ import annotations

from botocore.exceptions import ClientError, EndpointConnectionError

from woohub.aws_errors import aws_code


def test_a_refusal_is_named_by_the_code_of_aws() -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage")

    assert aws_code(error) == "AccessDenied"


def test_an_error_without_a_response_is_named_by_its_kind() -> None:
    assert aws_code(EndpointConnectionError(endpoint_url="https://sqs")) == "EndpointConnectionError"
