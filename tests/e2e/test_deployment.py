"""A second stack is created, deployed again during an outage, and deleted."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local_stack import environment
from local_stack.deployment import SAM
from local_stack.processes import run
from local_stack.settings import ROOT
from local_stack.stack import Stack
from tests.support.orders import delivery, order
from woohub.consumer.breaker import TEMPLATE_VALUE
from woohub.delivery.messages import to_sqs

NAME = "another"
OPEN = json.dumps({"state": "open", "policy": "daily", "until": int(time.time()) + 3600})  # a probe is due in an hour
SECRET, WATERMARK = '{"token": "pat-1"}', '{"orders":"…"}'


@dataclass
class SecondStack:
    """The stack under test, in the emulated AWS of the shared stack."""

    stack: Stack

    def sam(self, command: str, *arguments: str) -> None:
        folder = Path(self.stack.log).parent
        variables = environment.for_deployment(folder, self.stack.aws_endpoint_url)
        line = [str(SAM), command, f"--stack-name={NAME}", *arguments]
        run(line, environment=variables, folder=ROOT, log=folder / f"{command}.log")

    def deploy(self, **parameters: str) -> None:
        built = Path(self.stack.log).parent / "build" / "template.yaml"
        given = [f"{name}={value}" for name, value in parameters.items()]
        fixed = [f"--template-file={built}", "--resolve-s3", "--capabilities=CAPABILITY_IAM", "--no-progressbar"]
        self.sam("deploy", *fixed, "--no-confirm-changeset", *(["--parameter-overrides", *given] if given else []))

    def aws(self, service: str) -> Any:
        return self.stack.client(service)

    def output(self, name: str) -> str:
        (described,) = self.aws("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        return next(str(output["OutputValue"]) for output in described["Outputs"] if output["OutputKey"] == name)


@pytest.fixture(scope="module")
def other(running_stack: Stack) -> Iterator[SecondStack]:
    made = SecondStack(running_stack)
    made.deploy()
    yield made
    made.sam("delete", "--no-prompts")  # does nothing if the stack is already deleted


def live_configuration(other: SecondStack, function: str) -> dict[str, Any]:
    """The configuration of the version behind the alias."""
    configuration: dict[str, Any] = other.aws("lambda").get_function_configuration(FunctionName=f"{function}:live")
    return configuration


def waiting(other: SecondStack) -> int:
    name = "ApproximateNumberOfMessages"
    queue = other.aws("sqs").get_queue_attributes(QueueUrl=other.output("QueueUrl"), AttributeNames=[name])
    return int(queue["Attributes"][name])


def lasting_state(other: SecondStack) -> dict[str, Any]:
    """Messages, settings, state and secrets that a deployment must not change."""
    ssm, secrets, mapping = other.aws("ssm"), other.aws("secretsmanager"), other.output("EventSourceMappingId")
    parameters, of_stack = ("BreakerParameter", "WatermarkParameter"), ("HubSpotSecretArn", "WebhookSecretArn")
    return {
        "messages": waiting(other),
        "consumer": other.aws("lambda").get_event_source_mapping(UUID=mapping)["State"],
        "url": other.output("WebhookUrl"),
        **{name: ssm.get_parameter(Name=other.output(name))["Parameter"]["Value"] for name in parameters},
        **{name: secrets.get_secret_value(SecretId=other.output(name))["SecretString"] for name in of_stack},
    }


def begin_outage(other: SecondStack) -> None:
    """Put the stack in an outage: open breaker, consumer disabled, messages in the queue."""
    other.aws("lambda").update_event_source_mapping(UUID=other.output("EventSourceMappingId"), Enabled=False)
    other.aws("secretsmanager").put_secret_value(SecretId=other.output("HubSpotSecretArn"), SecretString=SECRET)
    for parameter, value in (("BreakerParameter", OPEN), ("WatermarkParameter", WATERMARK)):
        other.aws("ssm").put_parameter(Name=other.output(parameter), Value=value, Type="String", Overwrite=True)
    for number in (1, 2, 3):
        message = to_sqs(delivery("order.created", order(number)))
        other.aws("sqs").send_message(QueueUrl=other.output("QueueUrl"), **message)


@dataclass(frozen=True)
class Before:
    """A stack in an outage, before it was deployed again."""

    lasting_state: dict[str, Any]
    version: int  # of the consumer


@pytest.fixture(scope="module")
def before(other: SecondStack) -> Before:
    """The state before a deployment with other settings and without reserved concurrency."""
    begin_outage(other)
    seen = Before(lasting_state(other), int(live_configuration(other, other.output("ConsumerFunction"))["Version"]))
    other.deploy(HubSpotRequestsPer10Seconds="60", LogLevel="DEBUG", ConsumerReservedConcurrency="0")
    return seen


def test_a_deployment_in_an_outage_keeps_messages_parameters_and_secrets(other: SecondStack, before: Before) -> None:
    states = [before.lasting_state[name] for name in ("messages", "consumer", "HubSpotSecretArn")]
    assert states == [3, "Disabled", SECRET]
    assert lasting_state(other) == before.lasting_state


def test_a_new_setting_is_in_a_new_version_behind_the_live_alias(other: SecondStack, before: Before) -> None:
    after = live_configuration(other, other.output("ConsumerFunction"))

    assert after["Environment"]["Variables"]["HUBSPOT_REQUESTS_PER_10_SECONDS"] == "60"
    assert int(after["Version"]) > before.version


@pytest.mark.usefixtures("before")
def test_a_consumer_without_reserved_concurrency_is_not_configured_as_the_only_writer(other: SecondStack) -> None:
    variables = live_configuration(other, other.output("ConsumerFunction"))["Environment"]["Variables"]

    assert variables["HUBSPOT_ONE_WRITER"] == "0"


def test_a_breaker_overwritten_by_cloudformation_stays_open(other: SecondStack) -> None:
    """CloudFormation overwrites it when a deployment changes anything of the parameter, even its tags."""
    begin_outage(other)
    name = other.output("BreakerParameter")
    other.aws("ssm").put_parameter(Name=name, Value=TEMPLATE_VALUE, Type="String", Overwrite=True)

    answer = other.aws("lambda").invoke(FunctionName=other.output("GovernorFunction"))

    assert json.loads(answer["Payload"].read()) == {"state": "open", "done": "waiting"}


def resources(other: SecondStack) -> set[str]:
    """The names of all resources in the account."""
    listed = {
        "lambda": [("list_functions", "Functions", "FunctionName"), ("list_layers", "Layers", "LayerName")],
        "sqs": [("list_queues", "QueueUrls", "")],
        "secretsmanager": [("list_secrets", "SecretList", "Name")],
        "ssm": [("describe_parameters", "Parameters", "Name")],
        "iam": [("list_roles", "Roles", "RoleName")],
        "logs": [("describe_log_groups", "logGroups", "logGroupName")],
        "events": [("list_rules", "Rules", "Name")],
        "sns": [("list_topics", "Topics", "TopicArn")],
        "apigateway": [("get_rest_apis", "items", "name")],
        "cloudwatch": [
            ("describe_alarms", "MetricAlarms", "AlarmName"),
            ("list_dashboards", "DashboardEntries", "DashboardName"),
        ],
        "cloudformation": [("describe_stacks", "Stacks", "StackName")],
    }
    names = set()
    for service, lists in listed.items():
        for call, key, name in lists:
            answer = getattr(other.aws(service), call)()
            names |= {f"{service} {resource[name] if name else resource}" for resource in answer.get(key, [])}
    mappings = other.aws("lambda").list_event_source_mappings()["EventSourceMappings"]
    return names | {f"mapping {mapping['FunctionArn']}" for mapping in mappings}


def test_deleting_a_stack_leaves_none_of_its_resources(other: SecondStack) -> None:
    of_stack = {resource for resource in resources(other) if NAME in resource}

    other.sam("delete", "--no-prompts")

    assert len(of_stack) > 40
    assert {resource for resource in resources(other) if NAME in resource} == set()
