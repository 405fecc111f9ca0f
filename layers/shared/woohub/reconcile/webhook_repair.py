"""Repair the store's webhooks, which a store disables without notice."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from woohub.errors import SecretUnavailable
from woohub.metrics import SWEEP_FAILED, WEBHOOK_DISABLED, WEBHOOK_REPAIRED
from woohub.reconcile.context import Run
from woohub.store import subscriptions
from woohub.store.requests import StoreRefused, StoreUnavailable
from woohub.store.subscriptions import WebhookProblem

NOTES: Mapping[str, str] = {
    "disabled": "more than five deliveries in a row failed (the first failure after this disables it again), "
    "or a person disabled it",
    "missing": "somebody removed it from the store",
    "paused": "somebody paused it in the store; set it to active there, or remove it",
    "wrong_url": "it delivered to another address",
    "wrong_topic": "somebody changed its topic",
    "duplicate": "every event is delivered twice; remove one",
}


@dataclass(frozen=True)
class WebhookConfig:
    """How the store's webhooks should be. If `url` is empty, they are not checked."""

    stack: str
    url: str
    secret: Callable[[], str]  # the webhooks' current secret
    may_create: bool = True


def repair_webhooks(run: Run, config: WebhookConfig) -> None:
    """Find and repair problems of the webhooks. Done before orders are read, so that no change is missed in between."""
    if not config.url:
        return
    try:
        problems = subscriptions.find_problems(run.store.webhooks(), stack=config.stack, url=config.url)
    except (StoreRefused, StoreUnavailable) as error:  # the key may be allowed to read orders, but not webhooks
        if isinstance(error, StoreUnavailable) and error.retry_after:  # the whole store is down
            raise
        run.count(SWEEP_FAILED, 1)
        run.report.failed["webhooks"] = f"failed: {error}"
        run.log("webhooks_unreadable", error=str(error))
        return
    for problem in problems:
        _handle(run, config, problem)


def _handle(run: Run, config: WebhookConfig, problem: WebhookProblem) -> None:
    done = _reason_to_leave(run, config, problem) or _repair(run, config, problem)
    run.report.webhooks.append(f"{problem.problem} {problem.topic}: {done}")
    if problem.stops_events:
        run.count(WEBHOOK_DISABLED, 1)
    run.log("webhook", problem=problem.problem, topic=problem.topic, done=done, note=NOTES[problem.problem])


def _reason_to_leave(run: Run, config: WebhookConfig, problem: WebhookProblem) -> str:
    """Return why the webhook is left as it is; "" if it may be repaired."""
    if not problem.repairable or (problem.webhook is None and not config.may_create):
        return "left as it is"
    if problem.webhook is None and any(name.startswith("webhook:") for name in run.left_out()):
        return "left as it is: one of the store's webhooks cannot be read, and may be this one"
    return ""


def _repair(run: Run, config: WebhookConfig, problem: WebhookProblem) -> str:
    try:
        secret = config.secret()
        if not secret:
            return "left as it is: no webhook secret is stored"
        subscriptions.repair(run.store, problem, stack=config.stack, url=config.url, secret=secret)
    except (StoreRefused, StoreUnavailable, SecretUnavailable) as error:  # a firewall may refuse all writes
        return f"not repaired: {error}"
    run.count(WEBHOOK_REPAIRED, 1)
    if problem.topic.startswith("customer.") and run.mark.scan is None:
        # The run reads missed changes of orders by their dates, but those of accounts only by a scan.
        run.keep(run.mark.with_scan(run.mark.scanned))
    return "repaired"
