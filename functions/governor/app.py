"""Once a minute: when the circuit breaker is open, probe HubSpot and close it as soon as HubSpot answers."""

from __future__ import annotations

import os
import time

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from woohub.clock import Timer
from woohub.consumer.breaker import BreakerParameter, EventSourceMapping, govern
from woohub.hubspot.client import HubSpot
from woohub.metrics import BREAKER_OPEN, GOVERNOR_ALIVE, TOKEN_REFUSED
from woohub.settings import GovernorSettings, HubSpotToken, Secret

MARGIN = 2.0  # seconds kept for storing the state

settings = GovernorSettings.from_env(os.environ)
logger, metrics = Logger(), Metrics()
timer = Timer()
secret = Secret(boto3.client("secretsmanager"), settings.hubspot_secret_arn)
hubspot = HubSpot(
    urllib3.PoolManager(),
    HubSpotToken(secret),
    timer,
    settings.hubspot_api_url,
    settings.hubspot_api_version,
)
parameter = BreakerParameter(boto3.client("ssm"), settings.breaker_parameter)
flow = EventSourceMapping(boto3.client("lambda"), lambda: settings.event_source_mapping_id)


@metrics.log_metrics
def lambda_handler(_event: object, context: LambdaContext) -> dict[str, str]:
    """Do one minute's duty and say what was done."""
    timer.start(context.get_remaining_time_in_millis() / 1000 - MARGIN)
    state, done = govern(parameter, flow, hubspot.probe, time.time())
    metrics.add_metric(name=GOVERNOR_ALIVE, unit=MetricUnit.Count, value=1)
    metrics.add_metric(name=BREAKER_OPEN, unit=MetricUnit.Count, value=int(state.is_open))
    # In the minute of reopening, too: where only some calls are refused, the probe is not, and this goes on and on.
    refused = done != "closed" and state.policy == "auth"
    metrics.add_metric(name=TOKEN_REFUSED, unit=MetricUnit.Count, value=int(refused))
    if done != "closed":
        logger.warning("breaker", done=done, policy=state.policy, reason=state.reason, openings=state.openings)
    return {"state": state.state, "done": done}
