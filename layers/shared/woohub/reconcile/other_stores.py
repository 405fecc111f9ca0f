"""Start the runs of further stores, each in its own invocation, so that no store waits for another."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from woohub.aws_errors import AWS_ERRORS

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SCHEDULE = "aws.events"  # the `source` of a schedule's event
RUNS_AT_ONCE = 5  # how many stores share an hour for their nightly work, and so HubSpot's budget


def is_scheduled(event: object) -> bool:
    """Whether the schedule started this run, which then is for all stores. A person's run is for one store."""
    return isinstance(event, dict) and event.get("source") == SCHEDULE


def start(client: LambdaClient, function: str, stores: Iterable[str], log: Callable[..., Any]) -> int:
    """Invoke the function once for each store without waiting. Return how many invocations failed."""
    failed = 0
    for store in stores:
        try:
            client.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps({"store": store}))
        except AWS_ERRORS as error:  # the next schedule tries again
            failed += 1
            log("store_not_started", store=store, error=str(error))
    return failed


def night_hour(first: int, number: int) -> int:
    """Return the hour (UTC) of the nightly work of the store of this number (0: the first). Five share an hour."""
    return (first + number // RUNS_AT_ONCE) % 24


def hubspot_share(whole: int, stores: int) -> int:
    """Return each run's share of the requests per 10 seconds that all stores' runs may make."""
    return max(1, whole // min(stores, RUNS_AT_ONCE))
