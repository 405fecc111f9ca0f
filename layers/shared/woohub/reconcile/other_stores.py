"""Start the runs of the other stores: each in an invocation of its own, so that no store waits for another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from woohub.aws_errors import AWS_ERRORS

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SCHEDULE = "aws.events"  # the source that EventBridge names in a schedule's event
RUNS_AT_ONCE = 5  # nightly checks within an hour that HubSpot's budget has room for: see hubspot_share


def is_scheduled(event: object) -> bool:
    """Whether the schedule asked for this run, which is for all stores, and not a person, who names one."""
    return isinstance(event, dict) and event.get("source") == SCHEDULE


def start(client: LambdaClient, function: str, stores: Iterable[str], log: Callable[..., Any]) -> int:
    """Let the function run once for each store, and do not wait; returns how many runs could not be started."""
    failed = 0
    for store in stores:
        try:
            client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"store": store}))
        except AWS_ERRORS as error:  # the next schedule tries again
            failed += 1
            log("store_not_started", store=store, error=str(error))
    return failed


def night_hour(first: int, number: int) -> int:
    """The hour (UTC) of the nightly work of the store of this number (0: the first): five stores share an hour."""
    return (first + number // RUNS_AT_ONCE) % 24


def hubspot_share(whole: int, stores: int) -> int:
    """HubSpot requests per 10 seconds for each of so many stores' runs, which share what reconcile may use."""
    return max(1, whole // min(stores, RUNS_AT_ONCE))
