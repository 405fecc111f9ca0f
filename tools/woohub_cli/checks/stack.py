"""What doctor asks AWS: secret, test delivery, queues, breaker, tap, schedules, sweep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from botocore.exceptions import BotoCoreError, ClientError

from woohub.consumer.breaker import DISABLED_STATES, BreakerParameter
from woohub.errors import InvalidParameter
from woohub.reconcile.watermark import Watermark, WatermarkParameter
from woohub.settings import webhook_secrets
from woohub_cli import dead_letters, secret_store, store_setup, store_webhooks, traces
from woohub_cli.check_result import Outcome, Step
from woohub_cli.checks import store
from woohub_cli.checks.health_context import Patient, ago
from woohub_cli.cli_errors import RENEW_IT
from woohub_cli.commands import status
from woohub_cli.metrics import DAY, MINUTE, Counts
from woohub_cli.stacks import LOCAL

FOREIGN = "ForeignSource"  # ingest's metric, which stands in the log line itself
SHORTEST_SECRET = 20  # characters
CHANGED_BY_WORDPRESS = re.compile(r"[<>&%\\\"']|^\s|\s$|\s\s")  # what is typed into its form is cleaned of these
SLOW, GIVEN_UP_SOON = 15 * MINUTE, 5 * DAY  # seconds the oldest message waits; the queue keeps them 10 days
SWEEP_LATE, SWEEP_DEAD = 35 * MINUTE, 60 * MINUTE  # seconds; it runs every 15 minutes
SCAN_LATE = 2 * DAY  # seconds; it runs every night
GOVERNOR_DEAD = 15 * MINUTE
OLD_ROTATION = DAY

DEPLOY = "deploy the stack again (`make deploy` in a checkout of woohub)"
BREAKER_FIXES = {
    "auth": f"give the key the scope it lacks, or {RENEW_IT}; the tap opens within two minutes",
    "daily": "HubSpot's daily limit is used up: the tap opens after its reset; see in HubSpot which app uses it up",
    "migration": "HubSpot is moving the account: wait, the tap opens by itself",
    "rate": "another app uses up HubSpot's limit: find it, or lower the parameter HubSpotRequestsPer10Seconds",
}
OUTAGE_FIX = "look at status.hubspot.com; messages wait up to 10 days and the tap opens by itself"
UNKNOWN_SIGNER = "the store signs with another secret than the stack has"
ONE_FOR_BOTH = "run `woohub setup`: it gives webhooks and functions the same secret"


def _deployed(patient: Patient) -> Iterator[Step]:
    state = patient.stack.status
    if state.endswith(("_FAILED", "ROLLBACK_COMPLETE")):
        yield Step("stack", Outcome.FAILED, state, "see the stack's events in CloudFormation, then deploy again")
    elif state.endswith("_IN_PROGRESS"):
        yield Step("stack", Outcome.WARNING, state, "wait until the deployment is through, and run this again")
    else:
        yield Step("stack", Outcome.OK, f"{patient.stack.service} {patient.stack.place}")


def _webhook_secret(patient: Patient) -> Iterator[Step]:
    what = "webhook secret"
    secrets, secret_id = patient.stack.aws.secrets, patient.stack.output("WebhookSecretArn")
    stored = webhook_secrets(secret_store.read(secrets, secret_id))
    current, given = stored.get("current", ""), patient.env.get("WOO_COMMERCE_WEBHOOK_SECRET", "")
    if not current:
        fix = "put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        yield Step(what, Outcome.FAILED, "there is none, so every delivery is refused", fix)
        return
    yield store_webhooks.knock(patient.http, patient.stack.output("WebhookUrl"), current, ONE_FOR_BOTH)
    age = patient.now - secret_store.changed_at(secrets, secret_id)
    if "previous" in stored and age > OLD_ROTATION:
        detail = f"changed {ago(age)} ago, and the one before is still accepted"
        yield Step(what, Outcome.WARNING, detail, "run `woohub rotate-webhook-secret --finish`")
    if given and given != current:
        fix = "take it out of .env, or run `woohub setup` to make it the stack's"
        yield Step(what, Outcome.WARNING, "WOO_COMMERCE_WEBHOOK_SECRET is another one than the stack's", fix)
    elif weakness := _weakness(current) if patient.stack.name != LOCAL else "":
        yield Step(what, Outcome.WARNING, weakness, "run `woohub rotate-webhook-secret`: it makes a good one")
    else:
        yield Step(what, Outcome.OK)


def _weakness(secret: str) -> str:
    if CHANGED_BY_WORDPRESS.search(secret):
        return "has characters that WordPress changes when somebody saves the webhook in its form"
    return f"has fewer than {SHORTEST_SECRET} characters" if len(secret) < SHORTEST_SECRET else ""


def _sources(patient: Patient) -> Iterator[Step]:
    """Whether deliveries of other sites are told from the store's, and whether there were any."""
    what = secret_store.ADDRESSES
    recorded = secret_store.sources(patient.stack.aws.secrets, patient.stack.output("WebhookSecretArn"))
    if recorded or patient.stack.name == LOCAL:
        yield Step(what, Outcome.OK, ", ".join(recorded) or "none recorded: deliveries of every site are taken")
    else:
        detail = "none is recorded, so what a staging clone sends is taken for the store's"
        fix = f"run `woohub setup`; without a key of the store, name its address in {store_setup.SOURCES} (.env) first"
        yield Step(what, Outcome.WARNING, detail, fix)
    foreign = patient.metrics.total(FOREIGN, DAY) if patient.metrics else 0
    if foreign:
        where = ", ".join(sorted(_foreign_sources(patient))) or "the ingest function's log says which (source)"
        fix = (
            "a copy of the store: delete its webhooks there, or give them another secret; an address of the store "
            f"itself: name it in {store_setup.SOURCES} (.env), or WOO_COMMERCE_URL if it has moved; then `woohub setup`"
        )
        detail = f"{foreign} deliveries of the last day came from another site and were left aside: {where}"
        yield Step("other sites", Outcome.FAILED, detail, fix)


def _foreign_sources(patient: Patient) -> set[str]:
    """The other sites that delivered within the last day; none where the log cannot be read."""
    since_ms = round((patient.now - DAY) * 1000)
    try:
        lines = traces.of_function(patient.stack, "IngestFunction", FOREIGN, since_ms)
        return {str(said.get("source")) for _, said in lines if FOREIGN in said}
    except (BotoCoreError, ClientError):
        return set()


def _refusals(patient: Patient) -> Iterator[Step]:
    """Deliveries of the last day that were refused, or that were signed and hold no order."""
    if patient.metrics is None:
        return
    refused = patient.metrics.total("SignatureInvalid", DAY)
    if refused:
        yield _refused(patient.metrics, refused)
    lost = patient.metrics.total("LostEvent", DAY)
    if lost:
        detail = f"{lost} deliveries of the last day were error messages of the store instead of orders or customers"
        fix = (
            "the user a webhook belongs to may be gone, or no longer see orders: delete our webhooks in the store and "
            "run `woohub setup`: they become those of the key's user; \"cause\" in the ingest function's log says more"
        )
        yield Step("events", Outcome.FAILED, detail, fix)
    if not refused and not lost:
        yield Step("signatures", Outcome.OK, "nothing refused for a day")


def _refused(counts: Counts, refused: int) -> Step:
    """Deliveries without a valid signature: the store's own, if none was accepted since."""
    accepted = counts.last("DeliveryAccepted", DAY) or 0.0
    detail = f"{refused} deliveries of the last day had no valid signature"
    if accepted > (counts.last("SignatureInvalid", DAY) or 0.0):
        fix = f"if it goes on, somebody else sends them, or one webhook has another secret: {ONE_FOR_BOTH}"
        return Step("signatures", Outcome.WARNING, f"{detail}, and later ones were accepted", fix)
    fix = f"{ONE_FOR_BOTH}; if it goes on, somebody else sends them: the ingest function's log says how often"
    return Step("signatures", Outcome.WARNING, f"{detail}, and none was accepted since: {UNKNOWN_SIGNER}", fix)


def _heard(patient: Patient) -> Iterator[Step]:
    if patient.store is None:  # else the store's own check tells
        yield store.heard(patient, None)


def _queue(patient: Patient) -> Iterator[Step]:
    url = patient.stack.output("QueueUrl")
    depth = status.depth(patient.stack.aws.sqs, url)
    age = patient.metrics.oldest_message(url) if patient.metrics and depth.total else None
    detail = f"{depth.total} messages" + (f", the oldest has waited {ago(age)}" if age is not None else "")
    if age is None or age <= SLOW:
        yield Step("queue", Outcome.OK, detail)
    else:
        outcome = Outcome.FAILED if age > GIVEN_UP_SOON else Outcome.WARNING
        fix = "see the lines on breaker, consumer and HubSpot below; if all is well there, it only has much to do"
        yield Step("queue", outcome, detail, fix)


def _dead_letters(patient: Patient) -> Iterator[Step]:
    sqs, url = patient.stack.aws.sqs, patient.stack.output("DeadLetterQueueUrl")
    depth = status.depth(sqs, url)
    if depth.total:
        fix = "`woohub dlq list` says why; repair the cause, then `woohub dlq redrive --all`"
        waiting = dead_letters.counted_in(sqs, url, depth.total) or f"{depth.total} messages of orders or customers"
        yield Step("dead letters", Outcome.FAILED, f"{waiting}: HubSpot has not what they tell", fix)
    else:
        yield Step("dead letters", Outcome.OK, "none")


def _breaker(patient: Patient) -> Iterator[Step]:
    aws = patient.stack.aws
    breaker = BreakerParameter(aws.ssm, patient.stack.output("BreakerParameter")).read()
    if breaker.is_open:
        detail = f"open for {ago(patient.now - breaker.since)}: {breaker.reason}"
        yield Step("breaker", Outcome.FAILED, detail, BREAKER_FIXES.get(breaker.policy, OUTAGE_FIX))
    else:
        yield Step("breaker", Outcome.OK, "closed")
    uuid = patient.stack.output("EventSourceMappingId")
    tap = aws.functions.get_event_source_mapping(UUID=uuid)["State"]
    if tap not in DISABLED_STATES:
        yield from _switched_on(patient, "consumer", "ConsumerFunction")
    elif breaker.is_open and breaker.resume:
        yield Step("consumer", Outcome.OK, "stopped by the breaker")
    else:
        fix = f"let it go on: `aws lambda update-event-source-mapping --uuid {uuid} --enabled`"
        yield Step("consumer", Outcome.FAILED, f"stopped by hand ({tap}): messages only wait", fix)


def _switched_on(patient: Patient, what: str, output: str) -> Iterator[Step]:
    """Whether the function may run at all."""
    name = patient.stack.output(output)
    reserved = patient.stack.aws.functions.get_function_concurrency(FunctionName=name)
    if reserved.get("ReservedConcurrentExecutions") == 0:
        fix = f"`aws lambda delete-function-concurrency --function-name {name}`, and {DEPLOY} for its own setting"
        yield Step(what, Outcome.FAILED, "switched off: its reserved concurrency is 0", fix)
    else:
        yield Step(what, Outcome.OK)


def _governor(patient: Patient) -> Iterator[Step]:
    what = "governor"
    step = _schedule(patient, what, "GovernorFunction")
    counted = patient.stack.name != LOCAL and patient.metrics  # the local stack may be a minute old
    quiet = counted and not counted.total("GovernorAlive", GOVERNOR_DEAD)
    if step.outcome is Outcome.OK and quiet:
        detail = f"has not run for {ago(GOVERNOR_DEAD)}: once the breaker opens, it stays open"
        step = Step(what, Outcome.FAILED, detail, "see its log; the schedule calls it every minute")
    yield step


def _schedule(patient: Patient, what: str, output: str) -> Step:
    """Whether a rule calls the function, and is enabled."""
    aws, name = patient.stack.aws, patient.stack.output(output)
    arn = aws.functions.get_function_configuration(FunctionName=name)["FunctionArn"]
    rules = aws.schedules.list_rule_names_by_target(TargetArn=arn)["RuleNames"]
    states = {rule: aws.schedules.describe_rule(Name=rule)["State"] for rule in rules}
    if not states:
        return Step(what, Outcome.FAILED, "no schedule calls it", DEPLOY)
    if all(state == "DISABLED" for state in states.values()):
        enable = f"`aws events enable-rule --name {rules[0]}`"
        return Step(what, Outcome.FAILED, f"its schedule is disabled: {rules[0]}", enable)
    return next(_switched_on(patient, what, output))


def _sweep(patient: Patient) -> Iterator[Step]:
    """Whether reconcile is called, and gets through."""
    yield _schedule(patient, "reconcile", "ReconcileFunction")
    if patient.stored is None:
        return  # it does nothing, which the store's key tells
    what = "last sweep"
    try:
        mark = WatermarkParameter(patient.stack.aws.ssm, patient.stack.output("WatermarkParameter")).read()
    except InvalidParameter as error:
        name = patient.stack.output("WatermarkParameter")
        fix = f"put what it was before into the SSM parameter {name} (its history has it), or {{}} to begin now"
        yield Step(what, Outcome.FAILED, str(error), fix)
        return
    yield _swept(patient, mark)
    if isinstance(mark, Watermark) and patient.now - _epoch(mark.scanned) > SCAN_LATE:
        detail = f"all customers were last looked through {ago(patient.now - _epoch(mark.scanned))} ago"
        fix = "see the reconcile function's log; `woohub reconcile --customers changed` does it now"
        yield Step("nightly scan", Outcome.WARNING, detail, fix)


def _swept(patient: Patient, mark: Watermark | str) -> Step:
    what = "last sweep"
    completed = mark.completed if isinstance(mark, Watermark) else ""
    since = patient.now - _epoch(completed or (mark.since if isinstance(mark, Watermark) else mark))
    detail = f"{ago(since)} ago" if completed else f"none yet, {ago(since)} after the beginning"
    if since <= SWEEP_LATE:
        return Step(what, Outcome.OK, detail)
    fix = "see the reconcile function's log, lines sweep_stopped; is the store slow, or its key refused (see above)?"
    return Step(what, Outcome.FAILED if since > SWEEP_DEAD else Outcome.WARNING, detail, fix)


def _epoch(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


CHECKS = (
    ("stack", _deployed),
    ("webhook secret", _webhook_secret),
    ("store's addresses", _sources),
    ("signatures", _refusals),
    ("last delivery", _heard),
    ("queue", _queue),
    ("dead letters", _dead_letters),
    ("breaker", _breaker),
    ("governor", _governor),
    ("reconcile", _sweep),
)
