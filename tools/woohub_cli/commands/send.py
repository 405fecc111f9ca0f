"""`woohub send`: post deliveries to the stack, signed as the store would."""

from __future__ import annotations

import hashlib
import json as jsonlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import typer
import urllib3
from rich.text import Text
from urllib3.exceptions import HTTPError

from woohub.delivery import signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.errors import NotAnEntity
from woohub.http import Http
from woohub_cli import samples, stacks
from woohub_cli.cli_errors import Trouble
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering import output
from woohub_cli.samples import PREFIX, Sample
from woohub_cli.secret_store import StackSecrets

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
        """Whether a store would count it as delivered."""
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


def headers(sample: Sample, secret: str, store: str = STORE, now: float | None = None) -> dict[str, str]:
    """The headers a store sends with it: captured ones stay, topic and signature are computed again."""
    if sample.is_ping:
        return {"content-type": sample.headers["content-type"], "user-agent": AGENT}
    resource, _, event = sample.topic.partition(".")
    webhook_id = sample.headers.get(f"{PREFIX}id", WEBHOOK_ID)
    return {
        "content-type": "application/json",
        "user-agent": sample.headers.get("user-agent", AGENT),
        "X-WC-Webhook-Source": sample.headers.get(f"{PREFIX}source", store),
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


def of_the_store(sample: Sample, sources: Sequence[str]) -> Sample:
    """The delivery as sent by the store itself: the stack accepts none of other sites than those recorded."""
    if not sources or sample.is_ping:
        return sample
    return replace(sample, headers={**sample.headers, f"{PREFIX}source": f"https://{sources[0]}/"})


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
    return Reply(sample, response.status, response.data.decode(errors="replace").strip(), time.monotonic() - started)


def signing_secret(stack: stacks.Stack) -> str:
    """The secret that the store signs with now; Trouble if none is stored."""
    stored = StackSecrets(stack).webhook()
    if "current" not in stored:
        raise Trouble(
            "the stack has no webhook secret: put WOO_COMMERCE_WEBHOOK_SECRET into .env and run `woohub setup`"
        )
    return stored["current"]


def recorded_sources(stack: stacks.Stack) -> list[str]:
    """The addresses of the store of which the stack accepts deliveries; [] while it accepts any."""
    return StackSecrets(stack).sources()


def chosen(files: list[str], topic: str) -> list[Sample]:
    """What to send: the files' deliveries, or the sample order if no file is named."""
    deliveries = [sample for file in files for sample in samples.read(file, topic)]
    return deliveries if files else [samples.sample_order(topic)]


def command(
    options: StoreOptions,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help="Events as in events/, raw JSON bodies, captured deliveries: FILE.jsonl (all) or FILE.jsonl:NR (one).",
            show_default=False,
        ),
    ] = None,
    topic: Annotated[str, typer.Option(metavar="TOPIC", help="Send under this topic, such as order.deleted.")] = "",
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Send everything this often.")] = 1,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Send the captured signature instead of a new one, as a forger would.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Post deliveries to the stack, signed as the store would.

    Without a file, a sample order is sent. Ends with 1 when the stack rejects any of them.

    Examples:

        woohub send
        woohub send events/ingest-order-updated.json --repeat 3 --dry-run
        woohub send order.json --topic order.created
        woohub send tests/fixtures/deliveries.jsonl:19
        woohub send events/ingest-forged.json --as-is
    """
    deliveries = chosen(files or [], topic)
    target = options.target
    if dry_run:
        _say_what_would_be_sent(deliveries * repeat, target.output("WebhookUrl"), json=options.json)
        return
    store = options.env.get("WOO_COMMERCE_URL", STORE).rstrip("/") + "/"
    secret = "" if as_is else signing_secret(target)
    sources = [] if as_is else recorded_sources(target)
    replies = _send_all(
        target.output("WebhookUrl"),
        deliveries * repeat,
        as_captured if as_is else lambda sample: headers(of_the_store(sample, sources), secret, store),
    )
    output.answer(
        [reply.facts() for reply in replies],
        lambda: output.table(("Status", "Topic", "Entity", "Answer", "ms", "Delivery"), map(row, replies)),
        json=options.json,
        problems=not all(reply.accepted for reply in replies),
    )


def _say_what_would_be_sent(deliveries: list[Sample], url: str, *, json: bool) -> None:
    rows = [{"delivery": sample.name, "topic": sample.topic, "entity": entity(sample)} for sample in deliveries]
    if json:
        output.as_json(rows)
        return
    output.table(("Topic", "Entity", "Delivery"), [(row["topic"], row["entity"], row["delivery"]) for row in rows])
    output.say(f"{len(rows)} would be sent to {url}.")


def _send_all(url: str, deliveries: list[Sample], sent: Callable[[Sample], dict[str, str]]) -> list[Reply]:
    http = urllib3.PoolManager()
    replies = []
    with output.progress("sending", len(deliveries)) as advance:
        for sample in deliveries:
            replies.append(post(http, url, sample, sent(sample)))
            advance(1)
    return replies


def row(reply: Reply) -> tuple[str | Text, ...]:
    facts = reply.facts()
    return (
        Text(str(reply.status), "green" if reply.accepted else "red"),
        reply.sample.topic,
        str(facts["entity"]),
        _message(reply.answer),
        str(facts["ms"]),
        reply.sample.name,
    )


def _message(answer: str) -> str:
    try:
        return str(jsonlib.loads(answer)["message"])
    except (ValueError, TypeError, KeyError):
        return answer[:200]
