"""Post deliveries to a stack, signed as its store would."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import HTTPError

from woohub.delivery import signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.errors import NotAnEntity
from woohub.http import Http
from woohub_cli.cli_errors import Trouble
from woohub_cli.deliveries.samples import PREFIX, Sample
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import Stack

DELIVERY_TIMEOUT_S = 60.0  # seconds; as long as a store waits
STORE = "https://shop.example/"
WEBHOOK_ID = "1"
AGENT = "WooCommerce/11.0.1 Hookshot (WordPress/7.0.4)"


@dataclass(frozen=True)
class Reply:
    """What the stack answered to one delivery."""

    sample: Sample
    status: int
    answer: str
    seconds: float

    @property
    def accepted(self) -> bool:
        """Whether it arrived. (A store counts 300, 301 and 302 as delivered, too, and follows none of them.)"""
        return 200 <= self.status < 300

    def facts(self) -> dict[str, Any]:
        return {
            "delivery": self.sample.name,
            "topic": self.sample.topic,
            "entity": entity(self.sample),
            "status": self.status,
            "answer": self.answer,
            "ms": round(self.seconds * 1000),
        }


def entity(sample: Sample) -> str:
    """Which order or customer it is about, "" if none."""
    try:
        return topics.identify(Delivery(sample.topic, sample.body, 0)).entity
    except NotAnEntity:
        return ""


def headers(
    sample: Sample, secret: str, store: str = STORE, sources: Sequence[str] = (), now: float | None = None
) -> dict[str, str]:
    """The headers a store sends with it: captured ones stay, topic and signature are computed again.

    `sources` are the store's recorded addresses: the stack accepts no deliveries of other sites.
    """
    if sample.is_ping:
        return {"content-type": sample.headers["content-type"], "user-agent": AGENT}
    resource, _, event = sample.topic.partition(".")
    webhook_id = sample.headers.get(f"{PREFIX}id", WEBHOOK_ID)
    return {
        "content-type": "application/json",
        "user-agent": sample.headers.get("user-agent", AGENT),
        "X-WC-Webhook-Source": f"https://{sources[0]}/" if sources else sample.headers.get(f"{PREFIX}source", store),
        "X-WC-Webhook-Topic": sample.topic,
        "X-WC-Webhook-Resource": resource,
        "X-WC-Webhook-Event": event,
        "X-WC-Webhook-Signature": signatures.sign(sample.body, secret),
        "X-WC-Webhook-ID": webhook_id,
        "X-WC-Webhook-Delivery-ID": sample.headers.get(f"{PREFIX}delivery-id", _delivery_id(webhook_id, now)),
    }


def _delivery_id(webhook_id: str, now: float | None) -> str:
    """As in WooCommerce: a hash of the webhook and the second, the same for all deliveries within that second."""
    second = int(time.time() if now is None else now)
    return hashlib.md5(f"{webhook_id}{second}".encode(), usedforsecurity=False).hexdigest()


def as_captured(sample: Sample) -> dict[str, str]:
    """The headers it was captured with, signature included; not those that belong to one connection."""
    return {
        name: value
        for name, value in sample.headers.items()
        if name in ("content-type", "user-agent") or name.startswith(PREFIX)
    }


def post(http: Http, url: str, sample: Sample, sent: Mapping[str, str]) -> Reply:
    """Deliver it; Trouble if the stack does not answer."""
    started = time.monotonic()
    try:
        response = http.request(
            "POST", url, body=sample.body, headers=dict(sent), timeout=DELIVERY_TIMEOUT_S, retries=False, redirect=False
        )
    except HTTPError as error:
        raise Trouble(f"{url} does not answer ({type(error).__name__})") from error
    location = response.headers.get("location", "")
    answer = f"redirects to {location}" if location else response.data.decode(errors="replace").strip()
    return Reply(sample, response.status, answer, time.monotonic() - started)


def signing_secret(stack: Stack) -> str:
    """The secret that the store signs with now; Trouble if none is stored."""
    stored = StackSecrets(stack).webhook()
    if "current" not in stored:
        raise Trouble(
            "the stack has no webhook secret: put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        )
    return stored["current"]
