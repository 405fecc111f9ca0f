"""Every 15 minutes: read from each store the changes that its webhooks missed, and repair the webhooks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub.clock import Timer
from woohub.configuration import Configuration
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.hubspot_settings import ReconcileSettings
from woohub.pool import Pool
from woohub.reconcile import other_stores
from woohub.reconcile.run import SHARE_OF_TIME
from woohub.reconcile.store_access import StoreAccess
from woohub.reconcile.store_runs import StoreRuns
from woohub.reconcile.telemetry import Telemetry
from woohub.settings import AWS_CALLS, HubSpotToken, Secret
from woohub.store.client import Store
from woohub.store.connection import RequestStyle, StoreCredentials

settings = ReconcileSettings.from_env(os.environ)
logger, metrics = Logger(), Metrics()
telemetry = Telemetry(logger, metrics)
timer, http = Timer(), Pool()
secrets_manager, ssm = boto3.client("secretsmanager", config=AWS_CALLS), boto3.client("ssm", config=AWS_CALLS)
sqs = boto3.client("sqs", config=AWS_CALLS)
token = HubSpotToken(Secret(secrets_manager, settings.hubspot_secret_arn))
configuration = Configuration(lambda: boto3.client("s3", config=AWS_CALLS), settings.configuration_bucket)


@cache
def access(store: str) -> StoreAccess:
    """Return the store's address, keys, webhook secret and watermark."""
    return StoreAccess.of(store, settings, secrets_manager, ssm)


def open_store(access: StoreAccess, credentials: StoreCredentials, style: RequestStyle) -> Store:
    """Return a client of the store's REST API."""
    return Store(
        http,
        credentials,
        timer,
        on_call=telemetry.record_call,
        on_wait=telemetry.record_wait,
        warn=telemetry.warn,
        style=style,
        renew=access.credentials,
    )


def queue(store: str) -> DeliveryQueue:
    """Return the delivery queue; messages sent through it name this store."""
    return DeliveryQueue(sqs, settings.queue_url, telemetry.alarm, store)


@cache
def hubspot(requests_per_10_seconds: int) -> HubSpot:
    """Return a HubSpot client that makes at most this many requests in any 10 seconds."""
    caller = Caller(http, token, timer, settings.hubspot_api_url, requests_per_10_seconds)
    return HubSpot(caller, settings.hubspot_api_version)


def start(stores: Sequence[str]) -> int:
    """Start one run for each of these stores. Return how many runs could not be started."""
    client = boto3.client("lambda", config=AWS_CALLS)
    return other_stores.start(client, os.environ["AWS_LAMBDA_FUNCTION_NAME"], stores, telemetry.alarm)


runs = StoreRuns(settings, telemetry, configuration, access, open_store, queue, hubspot, start)


@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Run once. `woohub.reconcile.request` describes what the event may ask for."""
    timer.start(context.get_remaining_time_in_millis() / 1000 * SHARE_OF_TIME)
    return runs.run(event)
