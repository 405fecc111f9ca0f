"""`woohub send`: send deliveries to the stack, signed as the store would sign them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer
import urllib3
from rich.text import Text

from woohub.json_values import object_in
from woohub_cli.deliveries import samples, sending
from woohub_cli.deliveries.samples import Sample
from woohub_cli.deliveries.sending import STORE, Reply
from woohub_cli.options import DryRunOption, StoreOptions
from woohub_cli.rendering import output
from woohub_cli.stack.secret_store import StackSecrets


def chosen(files: list[str], topic: str) -> list[Sample]:
    """Return the deliveries in the files, or the sample order if no file is named."""
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
    repeat: Annotated[int, typer.Option(min=1, metavar="N", help="Send everything N times.")] = 1,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="Send the captured signature instead of a new one, as a forger would.")
    ] = False,
    dry_run: DryRunOption = False,
) -> None:
    """Post deliveries to the stack, signed as the store would.

    Without a file, a sample order is sent. Ends with 1 when the stack rejects a delivery.

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
    if as_is:
        replies = _send_all(target.output("WebhookUrl"), deliveries * repeat, sending.as_captured)
    else:
        store = options.env.get("WOO_COMMERCE_URL", STORE).rstrip("/") + "/"
        secret, sources = sending.signing_secret(target), StackSecrets(target).sources()
        signed = partial(sending.headers, secret=secret, store=store, sources=sources)
        replies = _send_all(target.output("WebhookUrl"), deliveries * repeat, signed)
    output.answer(
        [reply.facts() for reply in replies],
        lambda: output.table(("Status", "Topic", "Entity", "Answer", "ms", "Delivery"), map(row, replies)),
        json=options.json,
        problems=not all(reply.accepted for reply in replies),
    )


def _say_what_would_be_sent(deliveries: list[Sample], url: str, *, json: bool) -> None:
    rows = [{"delivery": sample.name, "topic": sample.topic, "entity": sending.entity(sample)} for sample in deliveries]
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
            replies.append(sending.post(http, url, sample, sent(sample)))
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
    facts = object_in(answer) or {}
    return str(facts.get("message", answer[:200]))
