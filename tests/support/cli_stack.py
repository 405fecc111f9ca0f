"""A deployed stack for tests of the command line: a mocked AWS with the outputs of the template."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.cloudformation.models import Stack

from tests.support.bucket import make_bucket
from woohub.consumer.breaker import BreakerParameter, State
from woohub.delivery import messages
from woohub.delivery.delivery import Delivery
from woohub_cli.stack import stacks

NAME = "shop-to-crm"
WEBHOOK_SECRET = "the-secret-of-the-store"
# A stack's template is JSON here; moto would look for YAML in it first.
patch.object(Stack, "parse_template", staticmethod(json.loads)).start()
NOTHING = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}  # a template needs a resource


@dataclass(frozen=True)
class Deployed:
    """A deployed stack, which a test inspects and changes without the command."""

    outputs: Mapping[str, str]
    client: Callable[[str], Any]  # boto3.client, cached

    @property
    def stack(self) -> stacks.Stack:
        return stacks.named(NAME, {})

    @property
    def sqs(self) -> Any:
        return self.client("sqs")

    def secret(self, output: str) -> Any:
        text = self.client("secretsmanager").get_secret_value(SecretId=self.outputs[output])["SecretString"]
        return json.loads(text)

    def store(self, output: str, value: Mapping[str, Any]) -> None:
        self.client("secretsmanager").put_secret_value(SecretId=self.outputs[output], SecretString=json.dumps(value))

    def breaker(self, state: State) -> None:
        BreakerParameter(self.client("ssm"), self.outputs["BreakerParameter"]).write(state)

    def messages(self, output: str) -> list[dict[str, Any]]:
        """Receive the queue's visible messages."""
        received: list[dict[str, Any]] = []
        while some := self.sqs.receive_message(
            QueueUrl=self.outputs[output], MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            received += some
        return received

    def visible(self, output: str) -> int:
        """The number of visible messages."""
        name = "ApproximateNumberOfMessages"
        response = self.sqs.get_queue_attributes(QueueUrl=self.outputs[output], AttributeNames=[name])
        return int(response["Attributes"][name])

    def reject(self, number: int, order: Mapping[str, Any] | None = None, /, **reason: str) -> str:
        """Add a dead letter about an order with these fields; returns its message id."""
        return reject(self.sqs, self.outputs["DeadLetterQueueUrl"], number, order, **reason)


def reject(sqs: Any, url: str, number: int, order: Mapping[str, Any] | None = None, /, **reason: str) -> str:
    """Add an order to the dead letters, with the attributes of its rejection (none: moved by the queue itself)."""
    body = json.dumps({"id": number, "status": "processing", **(order or {})}).encode()
    message = messages.to_sqs(Delivery("order.updated", body, 1_795_473_600_123, f"order:{number}"))
    for name, text in reason.items():
        message["MessageAttributes"][name] = {"DataType": "String", "StringValue": text}
    return str(sqs.send_message(QueueUrl=url, **message)["MessageId"])


REFUSED = {
    "reason": "HubSpot rejected it (email): Email address x is invalid. What to do: correct the address",
    "status": "400",
    "category": "INVALID_EMAIL",
    "property": "email",
    "correlationId": "c-1",
    "entity": "order:1",
    "attempts": "3",
    "rejectedAt": "2026-11-24T08:00:00Z",
}


@contextmanager
def deployed(**more: str) -> Iterator[Deployed]:
    """A deployed stack; `more` are further outputs (HubSpotApiUrl, WebhookUrl)."""
    with mock_aws(config={"lambda": {"use_docker": False}}):
        client: Callable[[str], Any] = cache(boto3.client)
        sqs, secrets = client("sqs"), client("secretsmanager")
        made = {
            "QueueUrl": sqs.create_queue(QueueName="deliveries")["QueueUrl"],
            "DeadLetterQueueUrl": sqs.create_queue(QueueName="dead-letters")["QueueUrl"],
            "WebhookSecretArn": _secret(secrets, "webhook", {"current": WEBHOOK_SECRET}),
            "HubSpotSecretArn": _secret(secrets, "hubspot", {"token": ""}),
            "BreakerParameter": "/shop-to-crm/breaker",
            "WebhookUrl": "https://api.example/live/webhooks/woocommerce",
            "HubSpotApiVersion": "2026-09",
            "ConfigurationBucket": f"{NAME}-configuration",
        } | more
        make_bucket(made["ConfigurationBucket"])
        client("ssm").put_parameter(Name=made["BreakerParameter"], Type="String", Value='{"state":"closed"}')
        made["EventSourceMappingId"] = _mapping(client)
        template = NOTHING | {"Outputs": {name: {"Value": value} for name, value in made.items()}}
        client("cloudformation").create_stack(StackName=NAME, TemplateBody=json.dumps(template))
        yield Deployed(made, client)


def _secret(client: Any, name: str, value: Mapping[str, str]) -> str:
    return str(client.create_secret(Name=name, SecretString=json.dumps(value))["ARN"])


def _mapping(client: Callable[[str], Any]) -> str:
    """Create an event source mapping, with another queue: moto would pass the real queue's messages to the function."""
    role = {"Version": "2012-10-17", "Statement": []}
    arn = client("iam").create_role(RoleName="consumer", AssumeRolePolicyDocument=json.dumps(role))["Role"]["Arn"]
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "")
    lambda_, sqs = client("lambda"), client("sqs")
    lambda_.create_function(
        FunctionName="consumer",
        Runtime="python3.13",
        Role=arn,
        Handler="app.lambda_handler",
        Code={"ZipFile": code.getvalue()},
    )
    fed = sqs.create_queue(QueueName="fed-to-the-function")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=fed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return str(lambda_.create_event_source_mapping(EventSourceArn=queue, FunctionName="consumer")["UUID"])
