"""Send deliveries to a stack, signed as its store would sign them."""

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
    """The stack's response to one delivery."""

    sample: Sample
    status: int
    answer: str
    seconds: float

    @property
    def accepted(self) -> bool:
        """Whether a store would count the delivery as successful."""
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
    """Return the order or customer that a sample is about, such as "order:12"; "" if there is none."""
    try:
        return topics.identify(Delivery(sample.topic, sample.body, 0)).entity
    except NotAnEntity:
        return ""


def headers(
    sample: Sample, secret: str, store: str = STORE, sources: Sequence[str] = (), now: float | None = None
) -> dict[str, str]:
    """Return the headers with which a store would send the sample.

    Captured headers are kept; topic and signature are set anew. `sources` are the store's recorded addresses: the stack
    accepts deliveries of no other site.
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
    """Return WooCommerce's delivery id: a hash of webhook and second, so equal for all deliveries in a second."""
    second = int(time.time() if now is None else now)
    return hashlib.md5(f"{webhook_id}{second}".encode(), usedforsecurity=False).hexdigest()


def as_captured(sample: Sample) -> dict[str, str]:
    """Return the headers of a captured request, with its signature, without those of one connection."""
    return {
        name: value
        for name, value in sample.headers.items()
        if name in ("content-type", "user-agent") or name.startswith(PREFIX)
    }


def post(http: Http, url: str, sample: Sample, sent: Mapping[str, str]) -> Reply:
    """Send the sample. Raises Trouble if the stack does not answer."""
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
    """Return the secret with which the store signs now. Raises Trouble if the stack has none."""
    stored = StackSecrets(stack).webhook()
    if "current" not in stored:
        raise Trouble(
            "the stack has no webhook secret: put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        )
    return stored["current"]
