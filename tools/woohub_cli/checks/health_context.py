"""What the checks of `woohub doctor` work with, and how they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from woohub.aws_errors import AWS_ERRORS
from woohub.http import Http
from woohub.mapping.fields import FieldMapping
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import EXPECTED, explain
from woohub_cli.stack.connections import Connect
from woohub_cli.stack.metrics import Counts
from woohub_cli.stack.stacks import Stack


@dataclass(frozen=True)
class HealthContext:
    """A stack, and the store and the HubSpot account that it connects.

    `stored` is the store's key that the functions use, `given` the one of .env. `store` is called with one of the two.
    """

    stack: Stack
    env: Mapping[str, str]
    stored: StoreCredentials | None
    given: StoreCredentials | None
    store: Store | None
    connect: Connect  # to HubSpot, with a token
    table: FieldMapping
    written: Sequence[str]  # the objects that the mappings of all stores have woohub write
    configuration_mistake: str  # why the stack's configuration cannot be read; "" if it can
    http: Http
    metrics: Counts | None  # None: nothing is counted there
    now: float  # epoch seconds


Check = Callable[[HealthContext], Iterator[Step]]


def run_checks(checks: Sequence[tuple[str, Check]], context: HealthContext) -> Iterator[Step]:
    """Run every check and yield its steps. A check that fails with an error becomes a step, and the next one runs."""
    for what, check in checks:
        try:
            yield from check(context)
        except AWS_ERRORS as error:
            fix = "give the AWS user or role that you are logged in as this permission"
            yield Step(what, Result.WARNING, f"cannot be checked: {explain(error)}", fix)
        except EXPECTED as error:
            yield Step(what, Result.FAILED, explain(error), "deploy this version of woohub, or see the message")


def ago(seconds: float) -> str:
    """Return a duration for people: 40 s, 12 min, 5 h, 3 d."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
