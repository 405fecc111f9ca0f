"""Checks of `woohub doctor` on processing: queues, breaker and consumer, governor, reconcile."""

from __future__ import annotations

from collections.abc import Iterator

from woohub.consumer.breaker import DISABLED_STATES, BreakerParameter
from woohub.counted import counted
from woohub.dates import ms_from_utc
from woohub.errors import InvalidParameter
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub_cli.check_result import Result, Step
from woohub_cli.checks.health_context import HealthContext, ago
from woohub_cli.cli_errors import RENEW_FIX, broken_configuration_fix
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.stack import stack_status
from woohub_cli.stack.metrics import DAY, MINUTE
from woohub_cli.stack.stacks import LOCAL

SLOW_S, EXPIRES_SOON_S = 15 * MINUTE, 5 * DAY  # waiting times of the oldest message; the queue keeps it 10 days
RECONCILE_LATE_S, RECONCILE_DEAD_S = 35 * MINUTE, 60 * MINUTE  # reconcile runs every 15 minutes
SCAN_LATE_S = 2 * DAY  # accounts are scanned every night
GOVERNOR_DEAD_S = 15 * MINUTE
DEPLOY = "deploy the stack again (`make deploy` in a checkout of woohub)"
BREAKER_FIXES = {
    "auth": f"give the key the scope it lacks, or {RENEW_FIX}; the consumer resumes within two minutes",
    "daily": "HubSpot's daily limit is used up: the consumer resumes after its reset; see in HubSpot which app uses it",
    "migration": "HubSpot is moving the account: wait, the consumer resumes by itself",
    "rate": "another app uses up HubSpot's limit: find it, or lower the parameter HubSpotRequestsPer10Seconds",
}
OUTAGE_FIX = "look at status.hubspot.com; messages wait up to 10 days, and the consumer resumes by itself"


def _queue(context: HealthContext) -> Iterator[Step]:
    url, depth = context.stack.output("QueueUrl"), stack_status.depth(context.stack)
    age = context.metrics.oldest_message(url) if context.metrics and depth.total else None
    detail = counted(depth.total, "message") + (f", the oldest has waited {ago(age)}" if age is not None else "")
    if age is None or age <= SLOW_S:
        yield Step("queue", Result.OK, detail)
    else:
        outcome = Result.FAILED if age > EXPIRES_SOON_S else Result.WARNING
        fix = "see the lines on breaker, consumer and HubSpot below; if they are ok, the consumer is just busy"
        yield Step("queue", outcome, detail, fix)


def _dead_letters(context: HealthContext) -> Iterator[Step]:
    sqs, url = context.stack.aws.sqs, context.stack.output("DeadLetterQueueUrl")
    depth = stack_status.depth(context.stack, "DeadLetterQueueUrl")
    if depth.total:
        fix = "`woohub dlq list` says why; repair the cause, then `woohub dlq redrive --all`"
        summary = dead_letter_queue.queue_summary(sqs, url, depth.total)
        waiting = summary or f"{counted(depth.total, 'message')} of orders or customers"
        yield Step("dead letters", Result.FAILED, f"{waiting} are not in HubSpot", fix)
    else:
        yield Step("dead letters", Result.OK, "none")


def _breaker(context: HealthContext) -> Iterator[Step]:
    aws = context.stack.aws
    breaker = BreakerParameter(aws.ssm, context.stack.output("BreakerParameter")).read()
    if breaker.is_open:
        detail = f"open for {ago(context.now - breaker.since)}: {breaker.reason}"
        fixes = {**BREAKER_FIXES, "config": broken_configuration_fix(breaker.reason)}
        yield Step("breaker", Result.FAILED, detail, fixes.get(breaker.policy, OUTAGE_FIX))
    else:
        yield Step("breaker", Result.OK, "closed")
    uuid = context.stack.output("EventSourceMappingId")
    mapping_state = aws.functions.get_event_source_mapping(UUID=uuid)["State"]
    if mapping_state not in DISABLED_STATES:
        yield from _switched_on(context, "consumer", "ConsumerFunction")
    elif breaker.is_open and breaker.resume:
        yield Step("consumer", Result.OK, "stopped by the breaker")
    else:
        fix = f"enable it: {stack_status.enable_consumer(context.stack)}"
        yield Step("consumer", Result.FAILED, f"stopped by hand ({mapping_state}): messages wait in the queue", fix)


def _switched_on(context: HealthContext, what: str, output: str) -> Iterator[Step]:
    """Check that the function's reserved concurrency is not 0."""
    name = context.stack.output(output)
    reserved = context.stack.aws.functions.get_function_concurrency(FunctionName=name)
    if reserved.get("ReservedConcurrentExecutions") == 0:
        fix = f"`aws lambda delete-function-concurrency --function-name {name}`, and {DEPLOY} for its own setting"
        yield Step(what, Result.FAILED, "cannot run: its reserved concurrency is 0", fix)
    else:
        yield Step(what, Result.OK)


def _governor(context: HealthContext) -> Iterator[Step]:
    what = "governor"
    step = _schedule(context, what, "GovernorFunction")
    metrics = context.stack.name != LOCAL and context.metrics  # the local stack may be a minute old
    quiet = metrics and not metrics.total("GovernorAlive", GOVERNOR_DEAD_S)
    if step.outcome is Result.OK and quiet:
        detail = f"has not run for {ago(GOVERNOR_DEAD_S)}: once the breaker opens, it stays open"
        step = Step(what, Result.FAILED, detail, "see its log; the schedule calls it every minute")
    yield step


def _schedule(context: HealthContext, what: str, output: str) -> Step:
    """Check that an enabled rule calls the function, and that the function may run."""
    aws, name = context.stack.aws, context.stack.output(output)
    arn = aws.functions.get_function_configuration(FunctionName=name)["FunctionArn"]
    rules = aws.schedules.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    states = {rule: aws.schedules.describe_rule(Name=rule)["State"] for rule in rules}
    if not states:
        return Step(what, Result.FAILED, "no schedule calls it", DEPLOY)
    if all(state == "DISABLED" for state in states.values()):
        enable = f"`aws events enable-rule --name {rules[0]}`"
        return Step(what, Result.FAILED, f"its schedule is disabled: {rules[0]}", enable)
    return next(_switched_on(context, what, output))


def _reconcile(context: HealthContext) -> Iterator[Step]:
    """Check that reconcile is called, that its runs complete, and that it scans all accounts at night."""
    yield _schedule(context, "reconcile", "ReconcileFunction")
    if context.stored is None:
        return  # reconcile does nothing then, as the check of the store's key reports
    what = "last reconcile run"
    try:
        mark = WatermarkParameter(context.stack.aws.ssm, context.stack.output("WatermarkParameter")).read()
    except InvalidParameter as error:
        where = f"in the SSM parameter {context.stack.output('WatermarkParameter')}"
        fix = f"restore its last good value {where} (see its history), or set {{}} to start from now"
        yield Step(what, Result.FAILED, str(error), fix)
        return
    yield _last_reconcile(context, mark)
    age = context.now - ms_from_utc(mark.scanned) / 1000 if isinstance(mark, Watermark) else 0
    if age > SCAN_LATE_S:
        detail = f"all accounts were last scanned {ago(age)} ago"
        fix = "see the reconcile function's log; `woohub reconcile --customers changed` does it now"
        yield Step("nightly scan", Result.WARNING, detail, fix)


def _last_reconcile(context: HealthContext, mark: Watermark | str) -> Step:
    what = "last reconcile run"
    completed = mark.completed if isinstance(mark, Watermark) else ""
    since = context.now - ms_from_utc(completed or (mark.since if isinstance(mark, Watermark) else mark)) / 1000
    detail = f"{ago(since)} ago" if completed else f"none yet, {ago(since)} after the deployment"
    if since <= RECONCILE_LATE_S:
        return Step(what, Result.OK, detail)
    fix = "see the reconcile function's log, lines sweep_stopped; is the store slow, or its key refused (see above)?"
    return Step(what, Result.FAILED if since > RECONCILE_DEAD_S else Result.WARNING, detail, fix)


CHECKS = (
    ("queue", _queue),
    ("dead letters", _dead_letters),
    ("breaker", _breaker),
    ("governor", _governor),
    ("reconcile", _reconcile),
)
