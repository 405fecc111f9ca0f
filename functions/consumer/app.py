"""Bring HubSpot up to date with a batch of deliveries from the queue."""

from __future__ import annotations

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub.clock import Timer
from woohub.concurrency import MOST_AT_ONCE, Threads
from woohub.configuration import Configuration
from woohub.consumer.batch import Consumer
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, mapping_id
from woohub.consumer.telemetry import Telemetry
from woohub.erasures import CurrentErasures
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.hubspot_settings import ConsumerSettings
from woohub.pool import Pool
from woohub.settings import AWS_CALLS, HubSpotToken, Secret
from woohub.sync.engine import Sync
from woohub.sync.record_kinds import KindsOfConfiguration

MARGIN_S = 6.0  # kept for returning up to a thousand messages and writing logs

settings = ConsumerSettings.from_env(os.environ)
metrics = Metrics()
telemetry = Telemetry(Logger(), metrics, log_payloads=settings.log_rejected_payloads)
timer = Timer()
secret = Secret(boto3.client("secretsmanager", config=AWS_CALLS), settings.hubspot_secret_arn)
token = HubSpotToken(secret)
threads = Threads()
caller = Caller(
    Pool(maxsize=MOST_AT_ONCE),
    token,
    timer,
    settings.hubspot_api_url,
    settings.hubspot_requests_per_10_seconds // (1 if settings.hubspot_one_writer else 2),
    on_call=telemetry.record_call,
    concurrency=threads,
)
hubspot = HubSpot(caller, settings.hubspot_api_version)
catalog = PropertyCatalog(hubspot, timer, telemetry.warn)
configuration = Configuration(lambda: boto3.client("s3", config=AWS_CALLS), settings.configuration_bucket)
erasures = CurrentErasures(lambda: configuration.current().erasures, secret)
kinds = KindsOfConfiguration(configuration)
sync = Sync(hubspot, catalog, kinds.current, timer, telemetry.warn, erasures.current)


def breaker_parameter() -> BreakerParameter:
    """Return the SSM parameter that holds the circuit breaker's state."""
    return BreakerParameter(boto3.client("ssm", config=AWS_CALLS), settings.breaker_parameter)


def event_source_mapping() -> EventSourceMapping:
    """Return the event source mapping through which Lambda passes this function the queue's messages."""
    client = boto3.client("lambda", config=AWS_CALLS)
    return EventSourceMapping(
        client, lambda: mapping_id(client, settings.queue_arn, os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    )


breaker = Breaker(breaker_parameter, event_source_mapping, telemetry.alarm)
consumer = Consumer(
    sync,
    breaker,
    boto3.client("sqs", config=AWS_CALLS),
    settings.queue_url,
    settings.dead_letter_queue_url,
    telemetry.record_outcome,
    telemetry.warn,
    concurrency=threads,
)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process an SQS event. Return the messages to retry, as `batchItemFailures`."""
    timer.start(context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    with token.kept():
        return consumer.consume(event["Records"])
