"""The ingest function in a mocked AWS, and events for it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from functions.ingest import app
from tests.support.deliveries import SECRET
from woohub.delivery import messages, signatures
from woohub.delivery.delivery import Delivery


@dataclass
class Ingest:
    """The ingest function in a mocked AWS, with its queue and log."""

    stdout: pytest.CaptureFixture[str]
    sqs: Any = field(default_factory=lambda: app.sqs)  # of the current module: other tests reload it
    secrets: Any = field(default_factory=lambda: app.secret._client)

    def store_secret(self, **secrets: Any) -> None:
        self.secrets.put_secret_value(SecretId=app.settings.webhook_secret_arn, SecretString=json.dumps(secrets))

    def send(self, event: dict[str, Any]) -> int:
        """The status of the response, after a check that API Gateway accepts the response."""
        answer = app.lambda_handler(event, None)
        assert answer["headers"] == {"Content-Type": "application/json"}
        assert json.loads(answer["body"])["message"]
        status: int = answer["statusCode"]
        return status

    def queue(self) -> list[Delivery]:
        queued = []
        while batch := self.sqs.receive_message(
            QueueUrl=app.settings.queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            queued += [messages.from_sqs(m["Body"], messages.flat_attributes(m["MessageAttributes"])) for m in batch]
        return queued

    def log(self) -> list[dict[str, Any]]:
        """The lines logged since the last call."""
        return [json.loads(line) for line in self.stdout.readouterr().out.splitlines()]

    def outcomes(self) -> list[str]:
        """The metrics counted since the last call."""
        return [metric["Name"] for line in self.log() for metric in directive(line)["Metrics"] if line[metric["Name"]]]


def directive(line: dict[str, Any]) -> dict[str, Any]:
    """The part of a log line that CloudWatch reads as the outcome's metric."""
    directive: dict[str, Any] = line["_aws"]["CloudWatchMetrics"][0]
    return directive


class FailingClient:
    """A client whose every call fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_message(self, **_: Any) -> Any:
        raise self.error

    def get_secret_value(self, **_: Any) -> Any:
        raise self.error


ENDPOINT = "https://sqs.eu-west-1.amazonaws.com"
OUTAGES = [
    ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "no"}}, "SendMessage"),
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessage"),
    EndpointConnectionError(endpoint_url=ENDPOINT),
    ConnectTimeoutError(endpoint_url=ENDPOINT),
    ReadTimeoutError(endpoint_url=ENDPOINT),
]


def order_event(*, secret: str = SECRET, **fields: Any) -> dict[str, Any]:
    body = json.dumps({"id": 1, "status": "processing", **fields}).encode()
    headers = {"X-WC-Webhook-Topic": "order.created", "X-WC-Webhook-Signature": signatures.sign(body, secret)}
    return {"headers": headers, "body": body.decode()}
