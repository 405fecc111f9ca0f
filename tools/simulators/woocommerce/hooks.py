"""Webhooks as WooCommerce 11 has them: queued, merged, delivered once, counted, disabled."""

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
DELIVERY_S, PING_S = 60.0, 5.0  # how long the shop waits for an answer
MERGED_S = 600.0  # an event within ten minutes of one of the same object that still waits is swallowed
FAILURES = 5  # one failure beyond this many plus one disables: the seventh in a row
_RESOURCES = ("order", "customer", "product", "coupon")
_EVENTS = ("created", "updated", "deleted", "restored")
TOPICS = frozenset(f"{resource}.{event}" for resource in _RESOURCES for event in _EVENTS) - {"customer.restored"}


# Makes one POST (URL, body, headers, seconds to wait) and gives the status; OSError or HTTPError without an answer.
Post = Callable[[str, bytes, Mapping[str, str], float], int]


def real_post(url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> int:
    """Over the network, without following redirects."""
    answer = urllib3.request(
        "POST", url, body=body, headers=dict(headers), timeout=timeout_s, retries=False, redirect=False
    )
    return answer.status


@dataclass
class Webhook:
    """One webhook; REST shows neither the secret nor the failures."""

    id: int
    name: str
    topic: str
    delivery_url: str
    secret: str
    created: float
    modified: float
    status: str = "active"
    failures: int = 0
    pending: bool = True  # no ping was answered with 200 yet: one follows every delivery


@dataclass
class Hooks:
    """All webhooks of a shop. `payload(topic, id)` is asked at delivery, not at the event."""

    clock: Callable[[], float]
    random: random.Random
    home: str
    payload: Callable[[str, int], str]
    post: Post = real_post
    lose: float = 0.0  # share of the deliveries that are never sent: the shop's queue runner died of something else
    webhooks: dict[int, Webhook] = field(default_factory=dict)
    # What became of each event: the status of the answer, 0 without one, None if it was lost before it was sent.
    attempts: list[int | None] = field(default_factory=list)
    _queue: deque[tuple[int, int]] = field(default_factory=deque)  # webhook, object
    _since: dict[tuple[int, int], float] = field(default_factory=dict)  # of what waits
    _lock: Lock = field(default_factory=Lock)
    _made: int = 0

    def create(self, *, name: str, topic: str, delivery_url: str, secret: str) -> Webhook:
        """Always active; the ping's answer changes nothing about that."""
        self._made += 1
        # "Order.Created" passes the check, which ignores case, and is then not found: a webhook of no topic.
        known = topic if topic in TOPICS else ""
        now = self.clock()
        webhook = Webhook(self._made, name or f"Webhook {self._made}", known, delivery_url, secret, now, now)
        self.webhooks[webhook.id] = webhook
        return webhook

    def change(self, webhook: Webhook, changes: Mapping[str, str]) -> bool:
        """Take over what is given; whether a ping is due. The count of failures stays as it is."""
        moved = changes.get("delivery_url", webhook.delivery_url) != webhook.delivery_url
        for name, value in changes.items():
            setattr(webhook, name, value)
        webhook.modified = self.clock()
        webhook.pending = webhook.pending or moved
        return moved

    def emit(self, topic: str, object_id: int) -> None:
        """An event: what is disabled or paused does not even queue it."""
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
        """Events not delivered yet."""
        return len(self._queue)

    def run(self, most: int = 1_000_000) -> int:
        """Deliver what waits, one after the other, each once; how many were handled."""
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
        """Unsigned and form-encoded; only 200 will do."""
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
        """Of webhook and second, so not unique: all deliveries of one webhook within a second share it."""
        text = f"{webhook_id}{int(self.clock())}"
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

    def lost(self) -> int:
        """How many events never arrived: lost, or refused."""
        return sum(not 200 <= (status or 0) < 300 for status in self.attempts)
