"""Every 15 minutes: read changes from each store that its webhooks missed, and repair the webhooks.

The schedule's run is the first store's; it also starts one for each other store, in an invocation of its own.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub import stores
from woohub.clock import Timer
from woohub.configuration import Configuration, ConfigurationUnreadable
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.errors import StoreUnknown
from woohub.http import Call
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.hubspot_settings import ReconcileSettings
from woohub.mapping.fields import FieldMapping
from woohub.metrics import COUNTED_APART, SWEEP_ALIVE, SWEEP_FAILED, SWEEP_NOT_CONFIGURED, SWEEP_STARTED
from woohub.pool import Pool
from woohub.reconcile import other_stores
from woohub.reconcile.request import RunRequest
from woohub.reconcile.run import SHARE_OF_TIME, Reconcile
from woohub.reconcile.watermark import WatermarkParameter
from woohub.reconcile.webhook_repair import WebhookConfig
from woohub.settings import AWS_CALLS, HubSpotToken, Secret, webhook_secrets
from woohub.store.client import Store
from woohub.store.connection import USUAL_STYLE, RequestStyle, StoreCredentials, is_unset
from woohub.stores import FIRST

REPAIR_ACCESS = (
    "nothing is reconciled: the secret with the store's access is no JSON with url, consumer_key and consumer_secret: "
    "run `woohub setup`; or it was deleted: `aws secretsmanager restore-secret` brings it back"
)
HUBSPOT_REQUESTS_PER_10_SECONDS = 5  # of all stores, in addition to the consumer's: the nightly check is in no hurry

settings = ReconcileSettings.from_env(os.environ)
stack = settings.powertools_service_name
logger, metrics = Logger(), Metrics()
timer, http = Timer(), Pool()
secrets_manager, ssm = boto3.client("secretsmanager", config=AWS_CALLS), boto3.client("ssm", config=AWS_CALLS)
token = HubSpotToken(Secret(secrets_manager, settings.hubspot_secret_arn))
parameter = WatermarkParameter(ssm, settings.watermark_parameter)
sqs = boto3.client("sqs", config=AWS_CALLS)
configuration = Configuration(lambda: boto3.client("s3", config=AWS_CALLS), settings.configuration_bucket)


def current_secret(secret: str) -> Secret:
    """A secret that is read each time: runs are few, and one must not use a store or key that was replaced."""
    return Secret(secrets_manager, secret, max_age_s=0)


store_access, webhook_secret = current_secret(settings.store_secret_arn), current_secret(settings.webhook_secret_arn)
styles: dict[StoreCredentials, RequestStyle] = {}  # how each store accepts calls, as far as this process knows


@dataclass(frozen=True)
class OfStore:
    """What one store's runs need."""

    name: str
    access: Secret
    webhook_secret: Secret
    parameter: WatermarkParameter

    def credentials(self) -> StoreCredentials | None:
        """Its address and key as they are now; None while none are stored."""
        return StoreCredentials.from_secret(self.access.text())

    def webhooks(self) -> WebhookConfig:
        """How the store's webhooks should be."""
        return WebhookConfig(
            stack=stack,
            url=settings.webhook_url and stores.webhook_url(settings.webhook_url, self.name),
            secret=lambda: webhook_secrets(self.webhook_secret.text()).get("current", ""),
            may_create=settings.create_missing_webhooks,
        )


def first_store() -> OfStore:
    """The store that the stack has from the beginning."""
    return OfStore(FIRST, store_access, webhook_secret, parameter)


@cache
def other_store(name: str) -> OfStore:
    """A further store, by its name."""
    return OfStore(
        name,
        current_secret(stores.access_secret(stack, name)),
        current_secret(stores.webhook_secret(stack, name)),
        WatermarkParameter(ssm, stores.watermark_parameter(stack, name), make_missing=True),
    )


class Counter:
    """Counts a run's metrics: by store where it is not the first, and in the stack's sums unless counted apart."""

    def __init__(self, store: str) -> None:
        self._of_store = EphemeralMetrics() if store else None
        if self._of_store:
            self._of_store.add_dimension("store", store)

    def add(self, name: str, value: int = 1) -> None:
        """Add a value to a metric."""
        if self._of_store:
            self._of_store.add_metric(name=name, unit=MetricUnit.Count, value=value)
        if not self._of_store or name not in COUNTED_APART:
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)

    def write(self) -> None:
        """Write the store's metrics to the log; the stack's are written when the invocation ends."""
        if self._of_store:
            self._of_store.flush_metrics()


def called(call: Call) -> None:
    """Log a call to the store."""
    logger.info("store call", extra=call.facts())


def waits(seconds: float, reason: str) -> None:
    """Log a wait for a store that is unavailable."""
    logger.warning("waiting for the store", extra={"seconds": round(seconds), "error": reason})


@cache
def log_once(text: str, **_store: str) -> None:
    """Log a line once per cold start and store."""
    logger.info(text)


@metrics.log_metrics
def lambda_handler(event: object, context: LambdaContext) -> dict[str, Any]:
    """Run once; `woohub.reconcile.request` describes what the event may ask for."""
    timer.start(context.get_remaining_time_in_millis() / 1000 * SHARE_OF_TIME)
    if settings.detailed_metrics:
        Counter(FIRST).add(SWEEP_STARTED)  # of all stores
    request = RunRequest.from_event(event)
    counter, names = Counter(request.store), names_of_stores()
    if other_stores.is_scheduled(event):
        start_other_stores(names[1:], counter)
    if request.store:
        logger.append_keys(store=request.store)
    try:
        return run(request, other_store(request.store) if request.store else first_store(), names, counter)
    finally:
        logger.remove_keys(["store"])
        counter.write()


def names_of_stores() -> list[str]:
    """The first store and, as far as the configuration can be read, the others."""
    try:
        return [FIRST, *sorted(configuration.current().stores)]
    except ConfigurationUnreadable as error:
        logger.error("configuration_unreadable", extra={"error": str(error)})
        return [FIRST]


def start_other_stores(names: list[str], counter: Counter) -> None:
    """Start the runs of the further stores; where that fails, the first store's run continues."""
    if not names:
        return
    function = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
    if failed := other_stores.start(boto3.client("lambda", config=AWS_CALLS), function, names, logger.error):
        counter.add(SWEEP_FAILED, failed)


def run(request: RunRequest, of_store: OfStore, names: list[str], counter: Counter) -> dict[str, Any]:
    """One store's run; returns its report."""
    access = of_store.access.text()
    credentials = StoreCredentials.from_secret(access)
    if credentials is None:
        return run_without_credentials(of_store.name, access, counter)
    store = Store(
        http,
        credentials,
        timer,
        on_call=called,
        on_wait=waits,
        warn=logger.warning,
        style=styles.get(credentials, USUAL_STYLE),
        renew=of_store.credentials,
    )
    number = names.index(request.store) if request.store in names else 0
    reconcile = Reconcile(
        store,
        DeliveryQueue(sqs, settings.queue_url, logger.error, of_store.name),
        of_store.parameter,
        hubspot(other_stores.hubspot_share(HUBSPOT_REQUESTS_PER_10_SECONDS, len(names))),
        lambda: mapping_of(request.store),
        of_store.webhooks(),
        count=counter.add,
        log=logger.warning,
        clock=time.time,
        night_hour=other_stores.night_hour(settings.nightly_hour, number),
    )
    facts = reconcile.run(request).facts()
    if facts["failed"]:
        styles.pop(store.credentials, None)  # its host may take calls in another way by now: the next run finds out
    else:
        styles[store.credentials] = store.style
    logger.info("reconciled", extra=facts)
    return facts


def run_without_credentials(store: str, access: str, counter: Counter) -> dict[str, Any]:
    """Report why nothing is reconciled: no access was stored yet, or somebody has damaged it, which is a failure."""
    if is_unset(access):
        log_once("no access to the store is set, so nothing is reconciled: run `woohub setup`", store=store)
        counter.add(SWEEP_NOT_CONFIGURED)
        counter.add(SWEEP_ALIVE)
    else:
        logger.error("store_access_unreadable", extra={"to_do": REPAIR_ACCESS})
        counter.add(SWEEP_FAILED)
    return {"configured": False}


def mapping_of(store: str) -> FieldMapping:
    """The store's mapping in force; ConfigurationUnreadable, StoreUnknown."""
    mappings = configuration.current([store]).mappings
    if store not in mappings:
        raise StoreUnknown(store)
    return mappings[store]


@cache
def hubspot(requests_per_10_seconds: int) -> HubSpot:
    """The client, with a share of the budget."""
    caller = Caller(http, token, timer, settings.hubspot_api_url, requests_per_10_seconds)
    return HubSpot(caller, settings.hubspot_api_version)
