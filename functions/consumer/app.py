"""Bring HubSpot up to date with a batch of deliveries from the queue."""

from __future__ import annotations

import os
import time
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub import mapping
from woohub.breaker import Breaker, BreakerParameter, EventSourceMapping, mapping_id
from woohub.consumer import Consumer
from woohub.hubspot import Call, HubSpot
from woohub.portal import Portal
from woohub.settings import ConsumerSettings, HubSpotToken, Secret
from woohub.sync import Outcome, Sync, Verdict
from woohub.throttle import Timer
from woohub.webhooks import Delivery

MARGIN = 3.0  # seconds kept for handing messages back and writing logs
METRICS = {Verdict.DONE: "Written", Verdict.IGNORED: "Ignored", Verdict.RETRY: "Retried", Verdict.REJECTED: "Rejected"}

settings = ConsumerSettings.from_env(os.environ)
logger, metrics = Logger(), Metrics()


def count(name: str, value: float = 1, unit: MetricUnit = MetricUnit.Count) -> None:
    """One metric value."""
    metrics.add_metric(name=name, unit=unit, value=value)


def warn(event: str, **fields: Any) -> None:
    """Something an operator may want to mend, though the data arrived."""
    logger.warning(event, **fields)
    count("Warnings")


def alarm(event: str, **fields: Any) -> None:
    """Something an operator must know."""
    logger.error(event, **fields)
    count("BreakerOpened" if event == "breaker_opened" else "BreakerTrouble")


def called(call: Call) -> None:
    """One line and one count per HubSpot call."""
    logger.info("hubspot call", extra=call.facts())
    count("HubSpotCalls")
    if call.status in (401, 403, 429):
        count("HubSpot429" if call.status == 429 else "HubSpotAuthError")


def report(outcome: Outcome) -> None:
    """One line per delivery: what became of it, and why."""
    log = logger.info if outcome.error is None else logger.warning
    log("delivery", extra=outcome.facts())
    count(METRICS[outcome.verdict])
    delivery = outcome.message.delivery
    if outcome.verdict is Verdict.DONE and isinstance(delivery, Delivery):
        count("EndToEndLag", time.time() * 1000 - delivery.received_ms, MetricUnit.Milliseconds)
    if outcome.verdict is Verdict.REJECTED and settings.log_rejected_payloads and isinstance(delivery, Delivery):
        logger.warning("rejected payload", entity=delivery.entity, payload=delivery.body.decode(errors="replace"))


timer = Timer()
secret = Secret(boto3.client("secretsmanager"), settings.hubspot_secret_arn)
hubspot = HubSpot(
    urllib3.PoolManager(),
    HubSpotToken(secret),
    timer,
    settings.hubspot_api_url,
    settings.hubspot_api_version,
    settings.hubspot_requests_per_10_seconds,
    on_call=called,
)
sync = Sync(hubspot, Portal(hubspot, timer, warn), mapping.load(), timer, warn)
lambda_client = boto3.client("lambda")
flow = EventSourceMapping(lambda_client, lambda: mapping_id(lambda_client, os.environ["AWS_LAMBDA_FUNCTION_NAME"]))
breaker = Breaker(BreakerParameter(boto3.client("ssm"), settings.breaker_parameter), flow, alarm)
consumer = Consumer(sync, breaker, boto3.client("sqs"), settings.queue_url, settings.dead_letter_queue_url, report)


@metrics.log_metrics
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process an SQS event; answers which messages to try again."""
    timer.start(context.get_remaining_time_in_millis() / 1000 - MARGIN)
    return consumer.consume(event["Records"])
