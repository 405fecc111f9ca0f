"""Every 15 minutes: read changes from the store that its webhooks missed, and repair the webhooks."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub.clock import Timer
from woohub.configuration import S3_CALLS, Configuration
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.http import Call
from woohub.hubspot.client import HubSpot
from woohub.metrics import SWEEP_ALIVE, SWEEP_NOT_CONFIGURED, SWEEP_STARTED
from woohub.reconcile.request import RunRequest
from woohub.reconcile.run import SHARE_OF_TIME, Reconcile
from woohub.reconcile.watermark import WatermarkParameter
from woohub.reconcile.webhook_repair import WebhookConfig
from woohub.settings import HubSpotToken, ReconcileSettings, Secret, webhook_secrets
from woohub.store.client import Store
from woohub.store.connection import USUAL_STYLE, RequestStyle, StoreCredentials

HUBSPOT_REQUESTS_PER_10_SECONDS = 5  # in addition to the consumer's: the nightly check is in no hurry

settings = ReconcileSettings.from_env(os.environ)
logger, metrics = Logger(), Metrics()
timer, http = Timer(), urllib3.PoolManager()
secrets_manager = boto3.client("secretsmanager")
store_secret = Secret(secrets_manager, settings.store_secret_arn)
webhook_secret = Secret(secrets_manager, settings.webhook_secret_arn)
token = HubSpotToken(Secret(secrets_manager, settings.hubspot_secret_arn))
parameter = WatermarkParameter(boto3.client("ssm"), settings.watermark_parameter)
queue = DeliveryQueue(boto3.client("sqs"), settings.queue_url, logger.error)
configuration = Configuration(lambda: boto3.client("s3", config=S3_CALLS), settings.configuration_bucket)
hubspot = HubSpot(
    http,
    token,
    timer,
    settings.hubspot_api_url,
    settings.hubspot_api_version,
    HUBSPOT_REQUESTS_PER_10_SECONDS,
)
webhooks = WebhookConfig(
    stack=settings.powertools_service_name,
    url=settings.webhook_url,
    # Refreshed: a webhook must not get a secret that has since been replaced.
    secret=lambda: webhook_secrets(webhook_secret.refresh()).get("current", ""),
    may_create=settings.create_missing_webhooks,
)


styles: dict[StoreCredentials, RequestStyle] = {}  # how each store accepts calls, as far as this process knows


def count(name: str, value: int = 1) -> None:
    """Add a value to a metric."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


def called(call: Call) -> None:
    """Log a call to the store."""
    logger.info("store call", extra=call.facts())


def waits(seconds: float, reason: str) -> None:
    """Log a wait for a store that is unavailable."""
    logger.warning("waiting for the store", extra={"seconds": round(seconds), "error": reason})


@cache
def log_once(text: str) -> None:
    """Log a line once per cold start."""
    logger.info(text)


@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Run once; `woohub.reconcile.request` describes what the event may ask for."""
    timer.start(context.get_remaining_time_in_millis() / 1000 * SHARE_OF_TIME)
    if settings.detailed_metrics:
        count(SWEEP_STARTED)
    credentials = StoreCredentials.from_secret(store_secret.text())
    if credentials is None:
        log_once("no access to the store is set, so nothing is reconciled: run `woohub setup`")
        count(SWEEP_NOT_CONFIGURED)
        count(SWEEP_ALIVE)
        return {"configured": False}
    store = Store(
        http,
        credentials,
        timer,
        on_call=called,
        on_wait=waits,
        warn=logger.warning,
        style=styles.get(credentials, USUAL_STYLE),
        renew=lambda: StoreCredentials.from_secret(store_secret.refresh()),
    )
    reconcile = Reconcile(
        store,
        queue,
        parameter,
        hubspot,
        lambda: configuration.current().mapping,
        webhooks,
        count=count,
        log=logger.warning,
        clock=time.time,
        night_hour=settings.nightly_hour,
    )
    facts = reconcile.run(RunRequest.from_event(event)).facts()
    styles[store.credentials] = store.style
    logger.info("reconciled", extra=facts)
    return facts
