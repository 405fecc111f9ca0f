"""Checks of `woohub doctor` on deliveries: the webhook secret, other sites, refused and lost deliveries."""

from __future__ import annotations

import re
from collections.abc import Iterator

from woohub.aws_errors import AWS_ERRORS
from woohub.counted import counted
from woohub_cli.check_result import Result, Step
from woohub_cli.checks import store
from woohub_cli.checks.health_context import HealthContext, ago
from woohub_cli.checks.lost_events import lost_events
from woohub_cli.set_up import store_setup, store_webhooks
from woohub_cli.stack import traces
from woohub_cli.stack.metrics import DAY, Counts
from woohub_cli.stack.secret_store import ADDRESSES, StackSecrets
from woohub_cli.stack.stacks import LOCAL

FOREIGN = "ForeignSource"  # ingest's metric, and a field of its log line
MIN_SECRET_CHARACTERS = 20
CHANGED_BY_WORDPRESS = re.compile(r"[<>&%\\\"']|^\s|\s$|\s\s")  # WordPress removes these from a value in its form
OLD_ROTATION_S = DAY
UNKNOWN_SIGNER = "the store signs with another secret than the stack has"
SETUP_FIX = "run `woohub setup`: it gives webhooks and functions the same secret"


def _webhook_secret(context: HealthContext) -> Iterator[Step]:
    what = "webhook secret"
    secrets = StackSecrets(context.stack)
    stored = secrets.webhook()
    current, given = stored.get("current", ""), context.env.get("WOO_COMMERCE_WEBHOOK_SECRET", "")
    if not current:
        fix = "put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        yield Step(what, Result.FAILED, "there is none, so every delivery is rejected", fix)
        return
    yield store_webhooks.send_probe(context.http, context.stack.output("WebhookUrl"), current, SETUP_FIX)
    age = context.now - secrets.webhook_changed_at()
    if "previous" in stored and age > OLD_ROTATION_S:
        detail = f"changed {ago(age)} ago, and the previous one is still accepted"
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
    """Check whether the stack can recognise deliveries of other sites, and whether there were any."""
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
        detail = f"{counted(foreign, 'delivery')} of other sites ignored in the last day: {where}"
        yield Step("other sites", Result.FAILED, detail, fix)


def _foreign_sources(context: HealthContext) -> set[str]:
    """Return the other sites that delivered within the last day; empty if the log cannot be read."""
    since_ms = round((context.now - DAY) * 1000)
    try:
        lines = traces.log_lines(context.stack, "IngestFunction", FOREIGN, since_ms)
        return {str(said.get("source")) for _, said in lines if FOREIGN in said}
    except AWS_ERRORS:
        return set()


def _refusals(context: HealthContext) -> Iterator[Step]:
    """Report deliveries of the last day without a valid signature, and signed ones without an order or customer."""
    if context.metrics is None:
        return
    refused = context.metrics.total("SignatureInvalid", DAY)
    if refused:
        yield _refused(context.metrics, refused)
    lost = context.metrics.total("LostEvent", DAY)
    if lost:
        yield lost_events(context, lost)
    if not refused and not lost:
        yield Step("signatures", Result.OK, "no delivery was rejected in the last day")


def _refused(counts: Counts, refused: int) -> Step:
    """Return the step on deliveries without a valid signature.

    If none was accepted later, they are probably the store's own.
    """
    accepted = counts.last("DeliveryAccepted", DAY) or 0.0
    detail = f"{counted(refused, 'delivery')} of the last day had no valid signature"
    if accepted > (counts.last("SignatureInvalid", DAY) or 0.0):
        fix = f"if it continues, somebody else sends them, or one webhook has another secret: {SETUP_FIX}"
        return Step("signatures", Result.WARNING, f"{detail}, and later ones were accepted", fix)
    fix = f"{SETUP_FIX}; if it continues, somebody else sends them: the ingest function's log says how often"
    return Step("signatures", Result.WARNING, f"{detail}, and none was accepted since: {UNKNOWN_SIGNER}", fix)


def _last_delivery(context: HealthContext) -> Iterator[Step]:
    if context.store is None:  # otherwise the store's own check reports it
        yield from store.last_delivery(None, context)


CHECKS = (
    ("webhook secret", _webhook_secret),
    ("store's addresses", _sources),
    ("signatures", _refusals),
    ("last delivery", _last_delivery),
)
