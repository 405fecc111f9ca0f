"""Find what is wrong with a store's webhooks for woohub, and repair it.

A store disables a webhook at the seventh failed delivery in a row, without notice; while it is disabled, the store
queues no deliveries. Making it active again does not reset the count of failures, only a successful delivery does. So
if the first delivery after that fails, the store disables the webhook again at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from woohub.store.client import Store
from woohub.store.webhooks import TOPICS, Webhook


@dataclass(frozen=True)
class WebhookProblem:
    """A problem with the webhook of one topic. `webhook` is None if it is missing."""

    problem: str  # missing, disabled, paused, wrong_url, wrong_topic or duplicate
    topic: str
    webhook: Webhook | None = None

    @property
    def stops_events(self) -> bool:
        """Whether the topic's events do not arrive. A duplicate only makes them arrive twice."""
        return self.problem != "duplicate"

    @property
    def repairable(self) -> bool:
        """Whether woohub may repair the webhook. Only people pause a webhook, so a paused one is left to them."""
        return self.problem not in ("paused", "duplicate")


def name_of(stack: str, topic: str) -> str:
    """Return the name of a topic's webhook. It distinguishes stacks that share a store, even if their URLs change."""
    return f"woohub {stack}: {topic}"


def find_problems(webhooks: Iterable[Webhook], *, stack: str, url: str) -> list[WebhookProblem]:
    """Return what is wrong, topic by topic. The stack's webhooks are those that deliver to `url` or have its names."""
    known = list(webhooks)
    return [problem for topic in TOPICS for problem in _problems_of_topic(known, topic, name_of(stack, topic), url)]


def _problems_of_topic(webhooks: list[Webhook], topic: str, name: str, url: str) -> list[WebhookProblem]:
    ours = [webhook for webhook in webhooks if _is_ours(webhook, topic, name, url)]
    healthy = [webhook for webhook in ours if not _problem(webhook, topic, url)]
    if healthy:
        return [WebhookProblem("duplicate", topic, webhook) for webhook in healthy[1:]]
    if not ours:
        return [WebhookProblem("missing", topic)]
    named_first = min(ours, key=lambda webhook: (webhook.name != name, webhook.id))
    return [WebhookProblem(_problem(named_first, topic, url), topic, named_first)]


def _is_ours(webhook: Webhook, topic: str, name: str, url: str) -> bool:
    return webhook.name == name or (webhook.delivery_url == url and webhook.topic == topic)


def _problem(webhook: Webhook, topic: str, url: str) -> str:
    if webhook.status == "paused":
        return "paused"
    if webhook.delivery_url != url:
        return "wrong_url"
    if webhook.topic != topic:
        return "wrong_topic"
    return "" if webhook.status == "active" else "disabled"


def repair(store: Store, problem: WebhookProblem, *, stack: str, url: str, secret: str) -> Webhook:
    """Create or correct the webhook, and return it. Raises the errors of a call to the store.

    The secret is set again, too: nobody can read it, and a wrong one may be why the store disabled the webhook.
    """
    wanted = {"topic": problem.topic, "delivery_url": url, "secret": secret}
    if problem.webhook is None:
        return store.create_webhook(name=name_of(stack, problem.topic), **wanted)
    return store.update_webhook(problem.webhook.id, status="active", **wanted)
