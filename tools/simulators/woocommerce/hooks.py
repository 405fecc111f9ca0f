"""Webhooks as in WooCommerce 11: events are queued, merged and delivered once; failures disable a webhook."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

import urllib3
from urllib3.exceptions import HTTPError

from woohub.delivery.signatures import sign

USER_AGENT = "WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)"
DELIVERY_S, PING_S = 60.0, 5.0  # how long the shop waits for a response
MERGED_S = 600.0  # an event is dropped if one of the same object has waited for less than ten minutes
FAILURES = 5  # WooCommerce disables a webhook if more failures than this precede the next one: at the seventh in a row
_RESOURCES = ("order", "customer", "product", "coupon")
_EVENTS = ("created", "updated", "deleted", "restored")
TOPICS = frozenset(f"{resource}.{event}" for resource in _RESOURCES for event in _EVENTS) - {"customer.restored"}


# Sends a POST (URL, body, headers, time-out in seconds) and returns its status. Raises OSError or HTTPError.
Post = Callable[[str, bytes, Mapping[str, str], float], int]


def real_post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Send the request over the network, without following redirects."""
    answer = urllib3.request(
        "POST", url, body=body, headers=dict(headers), timeout=timeout_s, retries=False, redirect=False
    )
    return answer.status


@dataclass
class Webhook:
    """One webhook. REST shows neither its secret nor its failures."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created: float
    modified: float
    status: str = "active"
    failures: int = 0
    pending: bool = True  # until a ping is answered with 200, one follows every delivery


@dataclass
class Hooks:
    """All webhooks of a shop. `payload(topic, id)` is called at the time of delivery, not of the event."""

    clock: Callable[[], float]
    random: random.Random
    home: str
    payload: Callable[[str, int], str]
    post: Post = real_post
    lose: float = 0.0  # the share of deliveries that are never sent, as if the shop's queue runner had crashed
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    # By event: the status of the response, 0 without one, None if the delivery was lost before it was sent.
    attempts: list[int | None] = field(default_factory=list)
    _queue: deque[tuple[int, int]] = field(default_factory=deque)  # webhook, object
    _since: dict[tuple[int, int], float] = field(default_factory=dict)  # when waiting events were queued
    _lock: Lock = field(default_factory=Lock)
    _made: int = 0

    def create(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Webhook:
        """Create a webhook. It is active, whatever the response to the ping."""
        self._made += 1
        # WooCommerce's check ignores case, so it accepts "Order.Created" and makes a webhook without a topic.
        known = topic if topic in TOPICS else ""
        now = self.clock()
        webhook = Webhook(self._made, name or f"Webhook {self._made}", known, delivery_url, secret, now, now)
        self.webhooks[webhook.id] = webhook
        return webhook

    def change(self, webhook: Webhook, changes: Mapping[str, str]) -> bool:
        """Change fields of a webhook; the count of failures stays.

        Return whether its URL changed, so that a ping is due.
        """
        moved = changes.get("delivery_url", webhook.delivery_url) != webhook.delivery_url
        for name, value in changes.items():
            setattr(webhook, name, value)
        webhook.modified = self.clock()
        webhook.pending = webhook.pending or moved
        return moved

    def emit(self, topic: str, object_id: int) -> None:
        """Queue an event for each active webhook of its topic, unless one about the same object still waits.

        Disabled and paused webhooks miss it.
        """
        now = self.clock()
        with self._lock:
            for webhook in self.webhooks.values():
                key = (webhook.id, object_id)
                merged = self._since.get(key, float("-inf")) > now - MERGED_S
                if webhook.status == "active" and webhook.topic == topic and not merged:
                    self._queue.append(key)
                    self._since[key] = now

    @property
    def waiting(self) -> int:
        """The number of events that are not delivered yet."""
        return len(self._queue)

    def run(self, most: int = 1_000_000) -> int:
        """Deliver waiting events one after the other, each once, `most` at most. Return how many were handled."""
        done = 0
        while done < most and (waiting := self._next()):
            webhook = self.webhooks.get(waiting[0])
            if webhook is not None:
                self._deliver(webhook, waiting[1])
            done += 1
        return done

    def _next(self) -> tuple[int, int] | None:
        with self._lock:
            if not self._queue:
                return None
            waiting = self._queue.popleft()
            self._since.pop(waiting, None)
            return waiting

    def _deliver(self, webhook: Webhook, object_id: int) -> None:
        topic = webhook.topic
        if self.lose and self.random.random() < self.lose:
            self.attempts.append(None)
            return
        body = self.payload(topic, object_id).encode()
        status = self._sent(webhook.delivery_url, body, self._headers(webhook, body), DELIVERY_S)
        self._count(webhook, failed=not (200 <= status < 300 or status in (300, 301, 302)))
        self.attempts.append(status)
        if webhook.pending:
            self.ping(webhook)

    def _count(self, webhook: Webhook, *, failed: bool) -> None:
        if failed and webhook.failures > FAILURES:
            webhook.status = "disabled"
        else:
            webhook.failures = webhook.failures + 1 if failed else 0

    def ping(self, webhook: Webhook) -> None:
        """Send the ping, unsigned and form-encoded. Only a 200 ends the pending state."""
        headers = {"User-Agent": USER_AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        status = self._sent(webhook.delivery_url, f"webhook_id={webhook.id}".encode(), headers, PING_S)
        webhook.pending = status != 200

    def _sent(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
        try:
            return self.post(url, body, headers, timeout_s)
        except (OSError, HTTPError):
            return 0

    def _headers(self, webhook: Webhook, body: bytes) -> dict[str, str]:
        resource, _, event = webhook.topic.partition(".")
        return {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "X-WC-Webhook-Source": f"{self.home}/",
            "X-WC-Webhook-Topic": webhook.topic,
            "X-WC-Webhook-Resource": resource,
            "X-WC-Webhook-Event": event,
            "X-WC-Webhook-Signature": sign(body, webhook.secret),
            "X-WC-Webhook-ID": str(webhook.id),
            "X-WC-Webhook-Delivery-ID": self._delivery_id(webhook.id),
        }

    def _delivery_id(self, webhook_id: int) -> str:
        """Return the hash of webhook and second. It is not unique: deliveries of one webhook in a second share it."""
        text = f"{webhook_id}{int(self.clock())}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def lost(self) -> int:
        """Return how many events never arrived: lost before sending, or refused."""
        return sum(not 200 <= (status or 0) < 300 for status in self.attempts)
