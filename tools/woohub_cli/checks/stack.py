"""What doctor checks in AWS: secret, test delivery, queues, breaker, consumer, schedules, reconcile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from woohub.consumer.breaker import DISABLED_STATES, BreakerParameter
from woohub.erasures import KeyOfErasuresUnknown
from woohub.errors import InvalidParameter
from woohub.metrics import (
    FOREIGN_SOURCE,
    LOST_EVENT,
    SIGNATURE_INVALID,
    STORE_RECORD_UNREADABLE,
    WEBHOOK_DISABLED,
)
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub_cli import (
    dead_letter_queue,
    erasure_list,
    further_stores,
    stack_configuration,
    stack_status,
    store_setup,
    store_webhooks,
    traces,
)
from woohub_cli import metrics as stack_metrics
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import store
from woohub_cli.checks.health_context import HealthContext, ago
from woohub_cli.cli_errors import RENEW_IT, configuration_repair
from woohub_cli.metrics import DAY, MINUTE, Counts
from woohub_cli.secret_store import ADDRESSES, StackSecrets
from woohub_cli.stacks import LOCAL, Stack

FOREIGN = "ForeignSource"  # ingest's metric, which stands in the log line itself
MIN_SECRET_CHARACTERS = 20  # characters
CHANGED_BY_WORDPRESS = re.compile(r"[<>&%\\\"']|^\s|\s$|\s\s")  # what is typed into its form is cleaned of these
SLOW_S, EXPIRES_SOON_S = 15 * MINUTE, 5 * DAY  # seconds the oldest message waits; the queue keeps them 10 days
RECONCILE_LATE_S, RECONCILE_DEAD_S = 35 * MINUTE, 60 * MINUTE  # seconds; it runs every 15 minutes
SCAN_LATE_S = 2 * DAY  # seconds; it runs every night
GOVERNOR_DEAD_S = 15 * MINUTE
OLD_ROTATION_S = DAY

OF_A_STORE = (LOST_EVENT, SIGNATURE_INVALID, FOREIGN_SOURCE, WEBHOOK_DISABLED, STORE_RECORD_UNREADABLE)  # with alarms

DEPLOY = "deploy the stack again (`make deploy` in a checkout of woohub)"
BREAKER_FIXES = {
    "auth": f"give the key the scope it lacks, or {RENEW_IT}; the consumer resumes within two minutes",
    "daily": "HubSpot's daily limit is used up: the consumer resumes after its reset; see in HubSpot which app uses it",
    "migration": "HubSpot is moving the account: wait, the consumer resumes by itself",
    "rate": "another app uses up HubSpot's limit: find it, or lower the parameter HubSpotRequestsPer10Seconds",
}
OUTAGE_FIX = "look at status.hubspot.com; messages wait up to 10 days, and the consumer resumes by itself"
UNKNOWN_SIGNER = "the store signs with another secret than the stack has"
ONE_FOR_BOTH = "run `woohub setup`: it gives webhooks and functions the same secret"


def _deployed(context: HealthContext) -> Iterator[Step]:
    state = context.stack.status
    if state.endswith(("_FAILED", "ROLLBACK_COMPLETE")):
        yield Step("stack", Result.FAILED, state, "see the stack's events in CloudFormation, then deploy again")
    elif state.endswith("_IN_PROGRESS"):
        yield Step("stack", Result.WARNING, state, "wait until the deployment has finished, then run this again")
    else:
        yield Step("stack", Result.OK, f"{context.stack.service} {context.stack.location}")


def _webhook_secret(context: HealthContext) -> Iterator[Step]:
    what = "webhook secret"
    secrets = StackSecrets(context.stack)
    stored = secrets.webhook()
    current, given = stored.get("current", ""), context.env.get("WOO_COMMERCE_WEBHOOK_SECRET", "")
    if not current:
        fix = "put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        yield Step(what, Result.FAILED, "there is none, so every delivery is rejected", fix)
        return
    yield store_webhooks.send_probe(context.http, context.stack.output("WebhookUrl"), current, ONE_FOR_BOTH)
    age = context.now - secrets.webhook_changed_at()
    if "previous" in stored and age > OLD_ROTATION_S:
        detail = f"changed {ago(age)} ago, and the one before is still accepted"
        yield Step(what, Result.WARNING, detail, "run `woohub rotate-webhook-secret --finish`")
    if given and given != current:
        fix = "remove it from .env, or run `woohub setup` to store it in the stack"
        yield Step(what, Result.WARNING, "WOO_COMMERCE_WEBHOOK_SECRET differs from the stack's secret", fix)
    elif weakness := _weakness(current) if context.stack.name != LOCAL else "":
        yield Step(what, Result.WARNING, weakness, "run `woohub rotate-webhook-secret`: it makes a good one")
    else:
        yield Step(what, Result.OK)


def _weakness(secret: str) -> str:
    if CHANGED_BY_WORDPRESS.search(secret):
        return "has characters that WordPress changes when somebody saves the webhook in its form"
    return f"has fewer than {MIN_SECRET_CHARACTERS} characters" if len(secret) < MIN_SECRET_CHARACTERS else ""


def _sources(context: HealthContext) -> Iterator[Step]:
    """Whether deliveries of other sites can be recognised, and whether there were any."""
    what, recorded = ADDRESSES, StackSecrets(context.stack).sources()
    if recorded or context.stack.name == LOCAL:
        yield Step(what, Result.OK, ", ".join(recorded) or "none recorded: deliveries of every site are accepted")
    else:
        detail = "none is recorded, so a staging clone's deliveries count as the store's"
        fix = f"run `woohub setup`; without a key of the store, name its address in {store_setup.SOURCES} (.env) first"
        yield Step(what, Result.WARNING, detail, fix)
    foreign = context.metrics.total(FOREIGN, DAY) if context.metrics else 0
    if foreign:
        where = ", ".join(sorted(_foreign_sources(context))) or "the ingest function's log says which (source)"
        fix = (
            "a copy of the store: delete its webhooks there, or give them another secret; an address of the store "
            f"itself: name it in {store_setup.SOURCES} (.env), or WOO_COMMERCE_URL if it has moved; then `woohub setup`"
        )
        detail = f"{foreign} deliveries of the last day came from another site and were ignored: {where}"
        yield Step("other sites", Result.FAILED, detail, fix)


def _foreign_sources(context: HealthContext) -> set[str]:
    """The other sites that delivered within the last day; none where the log cannot be read."""
    since_ms = round((context.now - DAY) * 1000)
    try:
        lines = traces.of_function(context.stack, "IngestFunction", FOREIGN, since_ms)
        return {str(said.get("source")) for _, said in lines if FOREIGN in said}
    except (BotoCoreError, ClientError):
        return set()


def _refusals(context: HealthContext) -> Iterator[Step]:
    """Deliveries of the last day that were refused, or that were signed and hold no order."""
    if context.metrics is None:
        return
    refused = context.metrics.total("SignatureInvalid", DAY)
    if refused:
        yield _refused(context.metrics, refused)
    lost = context.metrics.total("LostEvent", DAY)
    if lost:
        detail = f"{lost} deliveries of the last day were error messages of the store instead of orders or customers"
        fix = (
            "the user a webhook belongs to may be gone, or no longer see orders: delete our webhooks in the store and "
            "run `woohub setup`: they become those of the key's user; \"cause\" in the ingest function's log says more"
        )
        yield Step("events", Result.FAILED, detail, fix)
    if not refused and not lost:
        yield Step("signatures", Result.OK, "no delivery rejected for a day")


def _refused(counts: Counts, refused: int) -> Step:
    """Deliveries without a valid signature: the store's own, if none was accepted since."""
    accepted = counts.last("DeliveryAccepted", DAY) or 0.0
    detail = f"{refused} deliveries of the last day had no valid signature"
    if accepted > (counts.last("SignatureInvalid", DAY) or 0.0):
        fix = f"if it continues, somebody else sends them, or one webhook has another secret: {ONE_FOR_BOTH}"
        return Step("signatures", Result.WARNING, f"{detail}, and later ones were accepted", fix)
    fix = f"{ONE_FOR_BOTH}; if it continues, somebody else sends them: the ingest function's log says how often"
    return Step("signatures", Result.WARNING, f"{detail}, and none was accepted since: {UNKNOWN_SIGNER}", fix)


def _last_delivery(context: HealthContext) -> Iterator[Step]:
    if context.store is None:  # otherwise the store's own check reports it
        yield store.last_delivery(context, None)


def _queue(context: HealthContext) -> Iterator[Step]:
    url, depth = context.stack.output("QueueUrl"), stack_status.depth(context.stack)
    age = context.metrics.oldest_message(url) if context.metrics and depth.total else None
    detail = f"{depth.total} messages" + (f", the oldest has waited {ago(age)}" if age is not None else "")
    if age is None or age <= SLOW_S:
        yield Step("queue", Result.OK, detail)
    else:
        outcome = Result.FAILED if age > EXPIRES_SOON_S else Result.WARNING
        fix = "see the lines on breaker, consumer and HubSpot below; if they are ok, the consumer only has much to do"
        yield Step("queue", outcome, detail, fix)


def _dead_letters(context: HealthContext) -> Iterator[Step]:
    sqs, url = context.stack.aws.sqs, context.stack.output("DeadLetterQueueUrl")
    depth = stack_status.depth(context.stack, "DeadLetterQueueUrl")
    if depth.total:
        fix = "`woohub dlq list` says why; repair the cause, then `woohub dlq redrive --all`"
        waiting = (
            dead_letter_queue.queue_summary(sqs, url, depth.total) or f"{depth.total} messages of orders or customers"
        )
        yield Step("dead letters", Result.FAILED, f"{waiting} are not in HubSpot", fix)
    else:
        yield Step("dead letters", Result.OK, "none")


def _breaker(context: HealthContext) -> Iterator[Step]:
    aws = context.stack.aws
    breaker = BreakerParameter(aws.ssm, context.stack.output("BreakerParameter")).read()
    if breaker.is_open:
        detail = f"open for {ago(context.now - breaker.since)}: {breaker.reason}"
        fixes = {**BREAKER_FIXES, "config": _configuration_fix(breaker.reason)}
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
        fix = f"enable it: `aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
        yield Step("consumer", Result.FAILED, f"stopped by hand ({mapping_state}): messages wait in the queue", fix)


def _switched_on(context: HealthContext, what: str, output: str) -> Iterator[Step]:
    """Whether the function may run at all."""
    name = context.stack.output(output)
    reserved = context.stack.aws.functions.get_function_concurrency(FunctionName=name)
    if reserved.get("ReservedConcurrentExecutions") == 0:
        fix = f"`aws lambda delete-function-concurrency --function-name {name}`, and {DEPLOY} for its own setting"
        yield Step(what, Result.FAILED, "switched off: its reserved concurrency is 0", fix)
    else:
        yield Step(what, Result.OK)


def _governor(context: HealthContext) -> Iterator[Step]:
    what = "governor"
    step = _schedule(context, what, "GovernorFunction")
    counted = context.stack.name != LOCAL and context.metrics  # the local stack may be a minute old
    quiet = counted and not counted.total("GovernorAlive", GOVERNOR_DEAD_S)
    if step.outcome is Result.OK and quiet:
        detail = f"has not run for {ago(GOVERNOR_DEAD_S)}: once the breaker opens, it stays open"
        step = Step(what, Result.FAILED, detail, "see its log; the schedule calls it every minute")
    yield step


def _schedule(context: HealthContext, what: str, output: str) -> Step:
    """Whether a rule calls the function, and is enabled."""
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
    """Whether reconcile is called, and gets through."""
    yield _schedule(context, "reconcile", "ReconcileFunction")
    if context.stored is None:
        return  # it does nothing, as the check of the store's key reports
    what = "last sweep"
    try:
        mark = WatermarkParameter(context.stack.aws.ssm, context.stack.output("WatermarkParameter")).read()
    except InvalidParameter as error:
        name = context.stack.output("WatermarkParameter")
        fix = (
            f"restore its last good value in the SSM parameter {name} (see its history), or set {{}} to start from now"
        )
        yield Step(what, Result.FAILED, str(error), fix)
        return
    yield _last_reconcile(context, mark)
    if isinstance(mark, Watermark) and context.now - _epoch(mark.scanned) > SCAN_LATE_S:
        detail = f"all accounts were last scanned {ago(context.now - _epoch(mark.scanned))} ago"
        fix = "see the reconcile function's log; `woohub reconcile --customers changed` does it now"
        yield Step("nightly scan", Result.WARNING, detail, fix)


def _last_reconcile(context: HealthContext, mark: Watermark | str) -> Step:
    what = "last sweep"
    completed = mark.completed if isinstance(mark, Watermark) else ""
    since = context.now - _epoch(completed or (mark.since if isinstance(mark, Watermark) else mark))
    detail = f"{ago(since)} ago" if completed else f"none yet, {ago(since)} after the deployment"
    if since <= RECONCILE_LATE_S:
        return Step(what, Result.OK, detail)
    fix = "see the reconcile function's log, lines sweep_stopped; is the store slow, or its key refused (see above)?"
    return Step(what, Result.FAILED if since > RECONCILE_DEAD_S else Result.WARNING, detail, fix)


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def _erasures(context: HealthContext) -> Iterator[Step]:
    """Nothing where nobody was ever erased."""
    try:
        people = erasure_list.people(context.stack)
    except (InvalidParameter, KeyOfErasuresUnknown) as error:
        yield Step("erasures", Result.FAILED, str(error), _configuration_fix(str(error)))
        return
    if people:
        yield Step("erasures", Result.OK, f"{len(people.erased_at_ms)} addresses of erased people; the key is there")


def _configuration_fix(mistake: str) -> str:
    return f"{configuration_repair(mistake)}; the consumer resumes about a minute later"


def _configuration(context: HealthContext) -> Iterator[Step]:
    """Whether the functions can read what people decided."""
    if mistake := context.configuration_mistake:
        yield Step("configuration", Result.FAILED, mistake, _configuration_fix(mistake))
    elif context.stack.outputs.get(stack_configuration.OUTPUT):
        yield Step("configuration", Result.OK)


def _further_stores(context: HealthContext) -> Iterator[Step]:
    """Which further store is not reconciled, or what an alarm of the stack is about; its own doctor says more."""
    if context.stack.store:
        return
    for name in further_stores.names(context.stack):
        stack = context.stack.of_store(name)
        reconciled, detail = _reconciled(context, stack)
        counted = _counted(context, stack)
        outcome = Result.WARNING if reconciled is Result.OK and counted else reconciled
        fix = "" if outcome is Result.OK else f"`woohub doctor --store {name}`"
        yield Step(f"store {name}", outcome, "; ".join((detail, *counted)), fix)


def _reconciled(context: HealthContext, stack: Stack) -> tuple[Result, str]:
    at = further_stores.reconciled(stack)
    if at is None:
        return Result.WARNING, "not reconciled yet"
    age = context.now - _epoch(at.removesuffix("Z"))
    late = Result.FAILED if age > RECONCILE_DEAD_S else Result.WARNING
    return Result.OK if age <= RECONCILE_LATE_S else late, f"reconciled {ago(age)} ago"


def _counted(context: HealthContext, stack: Stack) -> list[str]:
    """What alarms that are about a store count of this one: the alarms themselves watch the sum of all stores."""
    if context.metrics is None:
        return []
    counts = stack_metrics.of(stack, context.now)
    totals = {metric: counts.total(metric, DAY) for metric in OF_A_STORE}
    return [f"{metric}: {total} in the last day" for metric, total in totals.items() if total]


CHECKS = (
    ("stack", _deployed),
    ("configuration", _configuration),
    ("webhook secret", _webhook_secret),
    ("store's addresses", _sources),
    ("signatures", _refusals),
    ("last delivery", _last_delivery),
    ("queue", _queue),
    ("dead letters", _dead_letters),
    ("erasures", _erasures),
    ("breaker", _breaker),
    ("governor", _governor),
    ("reconcile", _reconcile),
    ("stores", _further_stores),
)
