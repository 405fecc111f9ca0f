"""Once a minute, while the circuit breaker is open: probe HubSpot, and close the breaker once HubSpot responds."""

from __future__ import annotations

import os
import time

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub.clock import Timer
from woohub.configuration import Configuration, ConfigurationUnreadable
from woohub.consumer.breaker import BreakerParameter, EventSourceMapping, govern
from woohub.erasures import CurrentErasures
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.hubspot_settings import GovernorSettings
from woohub.metrics import BREAKER_OPEN, CONFIGURATION_UNREADABLE, GOVERNOR_ALIVE, TOKEN_REFUSED
from woohub.pool import Pool
from woohub.settings import AWS_CALLS, HubSpotToken, Secret

MARGIN_S = 2.0  # kept for storing the state

settings = GovernorSettings.from_env(os.environ)
logger, metrics = Logger(), Metrics()
timer = Timer()
secret = Secret(boto3.client("secretsmanager", config=AWS_CALLS), settings.hubspot_secret_arn)
caller = Caller(Pool(), HubSpotToken(secret), timer, settings.hubspot_api_url)
hubspot = HubSpot(caller, settings.hubspot_api_version)
parameter = BreakerParameter(boto3.client("ssm", config=AWS_CALLS), settings.breaker_parameter)
configuration = Configuration(lambda: boto3.client("s3", config=AWS_CALLS), settings.configuration_bucket, max_age_s=0)
erasures = CurrentErasures(lambda: configuration.current().erasures, secret)
event_source_mapping = EventSourceMapping(
    boto3.client("lambda", config=AWS_CALLS), lambda: settings.event_source_mapping_id
)


def probe() -> None:
    """Raise an error if the consumer could not work: the configuration is unreadable, or HubSpot does not respond."""
    erasures.current()
    hubspot.probe()


@metrics.log_metrics
def lambda_handler(_event: object, context: LambdaContext) -> dict[str, str]:
    """Probe HubSpot if the breaker is open. Return the breaker's state before the run, and what was done."""
    timer.start(context.get_remaining_time_in_millis() / 1000 - MARGIN_S)
    state, done = govern(parameter, event_source_mapping, probe, time.time())
    metrics.add_metric(name=GOVERNOR_ALIVE, unit=MetricUnit.Count, value=1)
    metrics.add_metric(name=BREAKER_OPEN, unit=MetricUnit.Count, value=int(state.is_open))
    # Also in the minute of reopening: if HubSpot rejects only some calls, the probe succeeds, and the breaker flaps.
    token_rejected = done != "closed" and state.policy == "auth"
    metrics.add_metric(name=TOKEN_REFUSED, unit=MetricUnit.Count, value=int(token_rejected))
    if done != "closed" and state.policy == ConfigurationUnreadable.policy:
        metrics.add_metric(name=CONFIGURATION_UNREADABLE, unit=MetricUnit.Count, value=1)
    if done != "closed":
        logger.warning("breaker", done=done, policy=state.policy, reason=state.reason, openings=state.openings)
    return {"state": state.state, "done": done}
