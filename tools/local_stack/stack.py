"""The running local stack: the addresses of its parts, for people and other tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from . import environment
from .settings import STATE

FILE = "stack.json"
SAM_LOCAL = "sam-local.json"
BACKFILL = (
    "backfill-local.json"  # the progress of `woohub backfill`: the next stack starts with an empty queue and HubSpot
)

OUTPUTS = {  # the template's outputs by their names in stack.json
    "webhook_url": "WebhookUrl",
    "queue_url": "QueueUrl",
    "dlq_url": "DeadLetterQueueUrl",
    "hubspot_url": "HubSpotApiUrl",
    "hubspot_api_version": "HubSpotApiVersion",
    "webhook_secret_arn": "WebhookSecretArn",
    "hubspot_secret_arn": "HubSpotSecretArn",
    "store_secret_arn": "StoreSecretArn",
    "breaker_parameter": "BreakerParameter",
    "configuration_bucket": "ConfigurationBucket",
    "watermark_parameter": "WatermarkParameter",
    "event_source_mapping_id": "EventSourceMappingId",
    "ingest_function": "IngestFunction",
    "consumer_function": "ConsumerFunction",
    "governor_function": "GovernorFunction",
    "reconcile_function": "ReconcileFunction",
}
VARIABLES = (  # fields whose names in capitals are the functions' environment variables
    *("aws_endpoint_url", "queue_url", "webhook_secret_arn", "hubspot_secret_arn", "store_secret_arn"),
    *("hubspot_api_version", "breaker_parameter", "configuration_bucket", "watermark_parameter"),
    "event_source_mapping_id",
)


@dataclass(frozen=True)
class Stack:
    """A running local stack, as stored in `.local/stack.json`."""

    stack_name: str
    region: str
    account: str
    aws_endpoint_url: str
    aws_access_key_id: str
    aws_secret_access_key: str
    webhook_url: str
    queue_url: str
    dlq_url: str
    hubspot_url: str
    hubspot_api_version: str
    webhook_secret_arn: str
    hubspot_secret_arn: str
    store_secret_arn: str
    breaker_parameter: str
    configuration_bucket: str
    watermark_parameter: str
    event_source_mapping_id: str
    ingest_function: str
    consumer_function: str
    governor_function: str
    reconcile_function: str
    log: str  # of the emulator and the functions

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs by their names in the template."""
        return {output: getattr(self, name) for name, output in OUTPUTS.items()}

    def client(self, service: str) -> Any:
        """Return a boto3 client of the emulated AWS, whatever account this machine is logged in to."""
        return environment.client(service, self.aws_endpoint_url)

    @classmethod
    def load(cls, state: Path = STATE) -> Stack:
        """Return the stack that runs with this state folder. Raises FileNotFoundError if there is none."""
        return cls(**json.loads((state / FILE).read_text(encoding="utf-8")))

    @contextmanager
    def announced(self, state: Path) -> Iterator[None]:
        """Write the file that describes the stack, and remove it when the stack ends."""
        files = {FILE: asdict(self), SAM_LOCAL: {"Parameters": self.variables()}}
        for name, content in files.items():
            (state / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        try:
            yield
        finally:
            for name in (*files, BACKFILL):
                (state / name).unlink(missing_ok=True)

    def variables(self) -> dict[str, str]:
        """Return the functions' environment for `sam local invoke --env-vars`, which does not read deployments."""
        return {name.upper(): getattr(self, name) for name in VARIABLES} | {
            "QUEUE_ARN": f"arn:aws:sqs:{self.region}:{self.account}:{self.queue_url.rpartition('/')[2]}",
            "DEAD_LETTER_QUEUE_URL": self.dlq_url,
            "HUBSPOT_API_URL": self.hubspot_url,
        }
