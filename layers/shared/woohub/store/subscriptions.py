"""The webhooks a store should have for us: what is wrong with them, and how to mend it.

A store disables a webhook after seven failed deliveries in a row and tells nobody; while it is disabled, nothing is
even queued. Making it active again does not reset the count of failures (only a delivery that succeeds does): if the
first one after fails, it is disabled again at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from woohub.store.client import TOPICS, Store, Webhook


@dataclass(frozen=True)
class Finding:
    """Something wrong with the webhook of one topic; `webhook` is None when there is none."""

    problem: str  # missing, disabled, paused, wrong_url, wrong_topic or duplicate
    topic: str
    webhook: Webhook | None = None

    @property
    def stops_events(self) -> bool:
        """Whether events of the topic do not arrive; a duplicate only makes them arrive twice."""
        return self.problem != "duplicate"

    @property
    def mendable(self) -> bool:
        """Whether it is ours to mend: a webhook is paused by people only, and is left to them."""
        return self.problem not in ("paused", "duplicate")


def name_of(stack: str, topic: str) -> str:
    """The name of the webhook of a topic: it tells stacks that share a store apart, whatever their URLs are now."""
    return f"woohub {stack}: {topic}"


def findings(webhooks: Iterable[Webhook], *, stack: str, url: str) -> list[Finding]:
    """What is wrong, topic by topic. Ours are the webhooks that deliver to `url`, and those of our names."""
    known = list(webhooks)
    return [found for topic in TOPICS for found in _of_topic(known, topic, name_of(stack, topic), url)]


def _of_topic(webhooks: list[Webhook], topic: str, name: str, url: str) -> list[Finding]:
    ours = [one for one in webhooks if one.name == name or (one.delivery_url == url and one.topic == topic)]
    healthy = [one for one in ours if not _problem(one, topic, url)]
    if healthy:
        return [Finding("duplicate", topic, one) for one in healthy[1:]]
    if not ours:
        return [Finding("missing", topic)]
    named_first = sorted(ours, key=lambda one: (one.name != name, one.id))
    return [Finding(_problem(named_first[0], topic, url), topic, named_first[0])]


def _problem(webhook: Webhook, topic: str, url: str) -> str:
    if webhook.status == "paused":
        return "paused"
    if webhook.delivery_url != url:
        return "wrong_url"
    if webhook.topic != topic:
        return "wrong_topic"
    return "" if webhook.status == "active" else "disabled"


def mend(store: Store, finding: Finding, *, stack: str, url: str, secret: str) -> Webhook:
    """Make the webhook as it should be; raises like any call to the store.

    The secret is set anew too: it cannot be read, and a wrong one may be why the webhook was disabled.
    """
    wanted = {"topic": finding.topic, "delivery_url": url, "secret": secret}
    if finding.webhook is None:
        return store.create_webhook(name=name_of(stack, finding.topic), **wanted)
    return store.update_webhook(finding.webhook.id, status="active", **wanted)
