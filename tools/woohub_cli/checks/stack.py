"""Checks of `woohub doctor` in AWS: the stack and its configuration, deliveries, processing, further stores."""

from __future__ import annotations

from collections.abc import Iterator

from woohub.counted import counted
from woohub.dates import ms_from_utc
from woohub.erasures import KeyOfErasuresUnknown, ListOfErasuresMissing
from woohub.errors import InvalidParameter
from woohub.metrics import FOREIGN_SOURCE, LOST_EVENT, SIGNATURE_INVALID, STORE_RECORD_UNREADABLE, WEBHOOK_DISABLED
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import deliveries, processing
from woohub_cli.checks.health_context import HealthContext, ago
from woohub_cli.checks.processing import RECONCILE_DEAD_S, RECONCILE_LATE_S
from woohub_cli.cli_errors import broken_configuration_fix
from woohub_cli.erase import erasure_list
from woohub_cli.set_up import further_stores
from woohub_cli.stack import metrics, stack_configuration
from woohub_cli.stack.metrics import DAY
from woohub_cli.stack.stacks import Stack

STORE_METRICS = (
    LOST_EVENT,
    SIGNATURE_INVALID,
    FOREIGN_SOURCE,
    WEBHOOK_DISABLED,
    STORE_RECORD_UNREADABLE,
)  # with alarms


def _deployed(context: HealthContext) -> Iterator[Step]:
    state = context.stack.status
    if state.endswith(("_FAILED", "ROLLBACK_COMPLETE")):
        yield Step("stack", Result.FAILED, state, "see the stack's events in CloudFormation, then deploy again")
    elif state.endswith("_IN_PROGRESS"):
        yield Step("stack", Result.WARNING, state, "wait until the deployment has finished, then run this again")
    else:
        yield Step("stack", Result.OK, f"{context.stack.service} {context.stack.location}")


def _configuration(context: HealthContext) -> Iterator[Step]:
    """Check that the functions can read the configuration in the stack's bucket."""
    if mistake := context.configuration_mistake:
        yield Step("configuration", Result.FAILED, mistake, broken_configuration_fix(mistake))
    elif context.stack.outputs.get(stack_configuration.OUTPUT):
        yield Step("configuration", Result.OK)


def _erasures(context: HealthContext) -> Iterator[Step]:
    """Check that the list of erased people can be read. No step if nobody was ever erased."""
    try:
        people = erasure_list.people(context.stack)
    except (InvalidParameter, KeyOfErasuresUnknown, ListOfErasuresMissing) as error:
        yield Step("erasures", Result.FAILED, str(error), broken_configuration_fix(str(error)))
        return
    if people:
        addresses = counted(len(people.erased_at_ms), "address", "addresses")
        yield Step("erasures", Result.OK, f"{addresses} of erased people; the key is there")


def _further_stores(context: HealthContext) -> Iterator[Step]:
    """Report further stores that reconcile does not reach, or that alarms may concern.

    `woohub doctor --store NAME` checks such a store in full.
    """
    if context.stack.store:
        return
    for name in further_stores.names(context.stack):
        stack = context.stack.of_store(name)
        reconciled, detail = _reconciled(context, stack)
        counts = _store_counts(context, stack)
        outcome = Result.WARNING if reconciled is Result.OK and counts else reconciled
        fix = "" if outcome is Result.OK else f"`woohub doctor --store {name}`"
        yield Step(f"store {name}", outcome, "; ".join((detail, *counts)), fix)


def _reconciled(context: HealthContext, stack: Stack) -> tuple[Result, str]:
    at = further_stores.reconciled(stack)
    if at is None:
        return Result.WARNING, "not reconciled yet"
    age = context.now - ms_from_utc(at.removesuffix("Z")) / 1000
    late = Result.FAILED if age > RECONCILE_DEAD_S else Result.WARNING
    return Result.OK if age <= RECONCILE_LATE_S else late, f"reconciled {ago(age)} ago"


def _store_counts(context: HealthContext, stack: Stack) -> list[str]:
    """Return the counts of one store for the metrics whose alarms watch the sum of all stores."""
    if context.metrics is None:
        return []
    counts = metrics.of(stack, context.now)
    totals = {metric: counts.total(metric, DAY) for metric in STORE_METRICS}
    return [f"{metric}: {total} in the last day" for metric, total in totals.items() if total]


CHECKS = (
    ("stack", _deployed),
    ("configuration", _configuration),
    *deliveries.CHECKS,
    ("erasures", _erasures),
    *processing.CHECKS,
    ("stores", _further_stores),
)
