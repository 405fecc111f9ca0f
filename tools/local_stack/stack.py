"""The running local stack: the addresses of its parts, for people and for other tools."""

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

    def client(self, service: str) -> Any:
        """A boto3 client of the emulated AWS, whatever account this machine is logged in to."""
        return environment.client(service, self.aws_endpoint_url)

    @classmethod
    def load(cls, state: Path = STATE) -> Stack:
        """The stack that runs with this state folder; FileNotFoundError if there is none."""
        return cls(**json.loads((state / FILE).read_text(encoding="utf-8")))

    @contextmanager
    def announced(self, state: Path) -> Iterator[None]:
        """Write the file, and remove it when the stack ends."""
        files = {FILE: asdict(self), SAM_LOCAL: {"Parameters": self.variables()}}
        for name, content in files.items():
            (state / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        try:
            yield
        finally:
            for name in (*files, BACKFILL):
                (state / name).unlink(missing_ok=True)

    def variables(self) -> dict[str, str]:
        """The functions' environment, for `sam local invoke --env-vars`, which does not read deployments."""
        return {
            "AWS_ENDPOINT_URL": self.aws_endpoint_url,
            "QUEUE_URL": self.queue_url,
            "QUEUE_ARN": f"arn:aws:sqs:{self.region}:{self.account}:{self.queue_url.rpartition('/')[2]}",
            "DEAD_LETTER_QUEUE_URL": self.dlq_url,
            "WEBHOOK_SECRET_ARN": self.webhook_secret_arn,
            "HUBSPOT_SECRET_ARN": self.hubspot_secret_arn,
            "STORE_SECRET_ARN": self.store_secret_arn,
            "HUBSPOT_API_URL": self.hubspot_url,
            "HUBSPOT_API_VERSION": self.hubspot_api_version,
            "BREAKER_PARAMETER": self.breaker_parameter,
            "CONFIGURATION_BUCKET": self.configuration_bucket,
            "WATERMARK_PARAMETER": self.watermark_parameter,
            "EVENT_SOURCE_MAPPING_ID": self.event_source_mapping_id,
        }
