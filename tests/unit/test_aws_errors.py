"""The code by which a log line or a command names an error of AWS."""

from __future__ import annotations

from botocore.exceptions import ClientError, EndpointConnectionError

from woohub.aws_errors import aws_code


def test_aws_code_returns_the_code_of_a_client_error() -> None:
    error = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage")

    assert aws_code(error) == "AccessDenied"


def test_aws_code_returns_the_class_name_of_an_error_without_a_response() -> None:
    assert aws_code(EndpointConnectionError(endpoint_url="https://sqs")) == "EndpointConnectionError"
