"""Receive deliveries: check each one's signature, identify its order or customer, and queue it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import boto3
from botocore.config import Config

from woohub.delivery.ingest import Facts, Ingest, log_line
from woohub.delivery.store_secrets import StoreSecrets
from woohub.metrics import Metric
from woohub.settings import IngestSettings, Secret
from woohub.stores import webhook_secret

SECRET_AGE_S = 60.0  # how long a removed secret is still accepted, at most: it may have been removed because it leaked

settings = IngestSettings.from_env(os.environ)
# Short time-outs, because the store sends its next deliveries only after this one: three attempts take about 10 s.
config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
sqs = boto3.client("sqs", config=config)
secrets_manager = boto3.client("secretsmanager", config=config)
secret = Secret(secrets_manager, settings.webhook_secret_arn, max_age_s=SECRET_AGE_S)


def secret_of(store: str) -> Secret:
    """Return the webhook secret of a further store, found by the store's name."""
    name = webhook_secret(settings.powertools_service_name, store)
    return Secret(secrets_manager, name, max_age_s=SECRET_AGE_S)


store_secrets = StoreSecrets(secret_of)


def now_ms() -> int:
    """Return the current time in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def log(outcome: Metric, facts: Facts) -> None:
    """Write a log line from which CloudWatch also counts the outcome."""
    service, namespace = settings.powertools_service_name, settings.powertools_metrics_namespace
    line = log_line(
        outcome,
        facts,
        service=service,
        namespace=namespace,
        now_ms=now_ms(),
        detailed=settings.detailed_metrics,
    )
    sys.stdout.write(line + "\n")


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Answer one request of a REST API or an HTTP API."""
    return Ingest(secret, store_secrets, sqs, settings.queue_url, log).respond(event, now_ms())
