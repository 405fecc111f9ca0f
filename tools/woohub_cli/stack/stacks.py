"""Find the stack that a command is about: the local one, or one in AWS by its name."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from woohub import stores
from woohub.aws_errors import AWS_ERRORS
from woohub.stores import FIRST
from woohub_cli import environment
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.rendering import output

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

LOCAL = "local"
LOCAL_FILE = ".local/stack.json"
NAME_VARIABLE = "WOOHUB_STACK"
START_IT = "start the local one with `make local` (in a checkout of woohub)"
LOCAL_CALLS = Config(connect_timeout=2, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 2})
NO_PROFILES = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}
LOCAL_NAMES = {  # .local/stack.json has these outputs as this machine reaches them, under other names
    "webhook_url": "WebhookUrl",
    "queue_url": "QueueUrl",
    "dlq_url": "DeadLetterQueueUrl",
    "hubspot_url": "HubSpotApiUrl",
}


class NoSuchStack(Trouble):
    """CloudFormation has no stack of this name."""


@dataclass(frozen=True)
class Aws:
    """AWS or an emulated AWS. Clients are created when they are first used."""

    session: boto3.Session
    endpoint_url: str | None = None
    config: Config | None = None

    @property
    def endpoint_option(self) -> str:
        """The option with which AWS's command line reaches this AWS, after a space; "" for AWS itself."""
        return f" --endpoint-url {self.endpoint_url}" if self.endpoint_url else ""

    def client(self, service: str, config: Config | None = None) -> Any:
        """Return a client of boto3, with its own configuration or the usual one."""
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config or self.config)  # type: ignore[call-overload]

    def _s3(self) -> Any:
        """Return a client that addresses buckets by path in an emulated AWS, which has no host name for each bucket."""
        paths = Config(s3={"addressing_style": "path"}) if self.endpoint_url else Config()
        return self.client("s3", self.config.merge(paths) if self.config else paths)

    sqs: ClassVar[cached_property[SQSClient]] = cached_property(lambda aws: aws.client("sqs"))
    s3: ClassVar[cached_property[S3Client]] = cached_property(_s3)
    secrets: ClassVar[cached_property[SecretsManagerClient]] = cached_property(lambda aws: aws.client("secretsmanager"))
    ssm: ClassVar[cached_property[SSMClient]] = cached_property(lambda aws: aws.client("ssm"))
    functions: ClassVar[cached_property[LambdaClient]] = cached_property(lambda aws: aws.client("lambda"))
    metrics: ClassVar[cached_property[CloudWatchClient]] = cached_property(lambda aws: aws.client("cloudwatch"))
    schedules: ClassVar[cached_property[Any]] = cached_property(lambda aws: aws.client("events"))

    def stack(self, name: str) -> dict[str, Any]:
        """Return CloudFormation's description of a stack. Raises botocore's errors."""
        description: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]
        return description


@dataclass(frozen=True)
class Stack:
    """A deployed stack: its outputs, and the AWS account or emulator it runs in."""

    name: str  # "local", or the name in CloudFormation
    outputs: Mapping[str, str]
    aws: Aws
    status: str = ""  # CloudFormation's, such as CREATE_COMPLETE
    deployed_as: str = ""  # the local stack's name in CloudFormation
    store: str = FIRST  # the store whose URL, secrets and watermark the outputs name

    def output(self, name: str) -> str:
        """Return one output of the template. Raises Trouble if the stack does not have it."""
        if name not in self.outputs:
            raise Trouble(
                f"the stack {self.name} ({self.status or 'status unknown'}) has no output {name}: "
                "it is not a woohub stack, an older one, or still being deployed"
            )
        return self.outputs[name]

    def of_store(self, store: str) -> Stack:
        """Return the same stack with the URL, secrets and watermark of one of its further stores."""
        names = {
            "WebhookUrl": stores.webhook_url(self.output("WebhookUrl"), store),
            "WebhookSecretArn": stores.webhook_secret(self.service, store),
            "StoreSecretArn": stores.access_secret(self.service, store),
            "WatermarkParameter": stores.watermark_parameter(self.service, store),
        }
        return replace(self, outputs={**self.outputs, **names}, store=store)

    @property
    def label(self) -> str:
        """The stack's name, followed by the store's unless it is the first."""
        return f"{self.name}-{self.store}" if self.store else self.name

    @property
    def service(self) -> str:
        """The name of the stack in its metrics and in the names of its webhooks."""
        return self.deployed_as or self.name

    @property
    def location(self) -> str:
        return self.aws.endpoint_url or self.aws.session.region_name


def find(asked: str | None, environ: Mapping[str, str], folder: Path, store: str | None = None) -> Stack:
    """Return the stack that `asked` names, otherwise the running local one, otherwise the one of WOOHUB_STACK.

    `store` is the value of --store: the outputs then have a further store's URL, secrets and watermark. Raises
    WrongUsage if no stack is named, Trouble if it does not exist.
    """
    name = name_of(asked, environ, folder)
    if name is None:
        raise WrongUsage(f"no stack is named: use --stack or {NAME_VARIABLE}, or {START_IT}")
    stack = local(folder) if name == LOCAL else named(name, environ)
    wanted = environment.store_named(store)
    return stack.of_store(wanted) if wanted else stack


def name_of(asked: str | None, environ: Mapping[str, str], folder: Path) -> str | None:
    """Return the name of the stack that `find` returns, or None.

    Prints a note if it is the local stack although WOOHUB_STACK names another one.
    """
    if asked is not None:
        if not asked.strip():  # a script's variable that is not set
            raise WrongUsage("--stack is empty: name a stack, or leave it out")
        return asked
    named_there = environ.get(NAME_VARIABLE)
    if not environment.nearest(LOCAL_FILE, folder):
        return named_there or None
    if named_there and named_there != LOCAL:
        output.note(f"using the running local stack; pass --stack {named_there} for the other", style="yellow")
    return LOCAL


def local(folder: Path) -> Stack:
    """Return the stack that `make local` runs, from its `.local/stack.json`. Raises Trouble if none answers."""
    file = environment.nearest(LOCAL_FILE, folder)
    if file is None:
        raise Trouble(f"no local stack is running: {START_IT}")
    try:
        facts: dict[str, str] = json.loads(file.read_text("utf-8"))
        endpoint_url, stack_name = facts["aws_endpoint_url"], facts["stack_name"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Trouble(f"{file} cannot be read ({type(error).__name__}): {START_IT}") from error
    aws = Aws(_local_session(facts), endpoint_url, LOCAL_CALLS)
    try:
        description = aws.stack(stack_name)
    except AWS_ERRORS as error:
        raise Trouble(f"no local stack answers at {endpoint_url}: {START_IT}") from error
    known = {name: facts[key] for key, name in LOCAL_NAMES.items() if facts.get(key)}
    return Stack(LOCAL, _outputs(description) | known, aws, description["StackStatus"], stack_name)


def _local_session(facts: Mapping[str, str]) -> boto3.Session:
    """Return a session that uses none of this machine's AWS keys and profiles."""
    core = botocore.session.Session(session_vars=NO_PROFILES)
    key, secret = facts.get("aws_access_key_id", "test"), facts.get("aws_secret_access_key", "test")
    return boto3.Session(key, secret, region_name=facts.get("region", "us-east-1"), botocore_session=core)


def named(name: str, environ: Mapping[str, str]) -> Stack:
    """Return a stack in AWS, with the user's own credentials. Raises NoSuchStack if it does not exist.

    AWS_REGION and AWS_ENDPOINT_URL may be in `.env`, too.
    """
    aws = Aws(boto3.Session(region_name=environ.get("AWS_REGION")), environ.get("AWS_ENDPOINT_URL"))
    try:
        description = aws.stack(name)
    except ClientError as error:
        if "does not exist" not in error.response["Error"].get("Message", ""):
            raise
        raise NoSuchStack(
            f"there is no stack {name} in {aws.session.region_name}: check the name and the region"
        ) from error
    return Stack(name, _outputs(description), aws, description["StackStatus"])


def _outputs(description: Mapping[str, Any]) -> dict[str, str]:
    return {entry["OutputKey"]: entry["OutputValue"] for entry in description.get("Outputs", ())}
