"""`woohub status`: what waits, what failed, and whether deliveries are processed."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace

from rich.text import Text

from woohub.configuration import ConfigurationUnreadable
from woohub.consumer.breaker import State
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.options import StoreOptions
from woohub_cli.period import utc
from woohub_cli.rendering import output
from woohub_cli.stack import stack_configuration, stack_status
from woohub_cli.stack.stack_status import Status


def command(options: StoreOptions) -> None:
    """Show what waits, what failed, and whether deliveries are processed.

    Queue, dead letters and consumer are those of all stores; with --store, other further stores are left out.
    Ends with 1 when there are dead letters or the circuit breaker is open, otherwise with 0.

    Examples:

        woohub status
        woohub status --stack shop-to-crm --json
        woohub status --json | jq .dlq
    """
    target = options.target
    with suppress(ConfigurationUnreadable):  # which the breaker and doctor report
        stack_configuration.mapping(target)  # Trouble for a store that the stack does not have
    status = stack_status.read(target)
    counted = dead_letter_queue.queue_summary(target.aws.sqs, target.output("DeadLetterQueueUrl"), status.dlq.total)
    status = replace(status, dead=counted)
    shown = rows(status, target.location)
    output.answer(
        status.facts(), lambda: output.table(("", ""), shown), json=options.json, problems=status.has_problems
    )


def rows(status: Status, location: str) -> list[tuple[str, Text]]:
    """Return the lines of the status for people."""
    queue, breaker, dead = status.queue, status.breaker, status.dead or str(status.dlq.total)
    return [
        ("Stack", Text(f"{status.stack}  {location}")),
        ("Queue", Text(f"{queue.visible} waiting, {queue.in_flight} in flight, {queue.delayed} delayed")),
        ("Dead letters", Text(f"{dead}   see `woohub dlq list`", "red") if status.dlq.total else Text("0", "green")),
        ("Breaker", _open(breaker) if breaker.is_open else Text("closed", "green")),
        ("Consumer", _consumer(status)),
        *((f"Store {name}", _reconciled(name, at)) for name, at in status.stores.items()),
    ]


def _reconciled(name: str, at: str | None) -> Text:
    if at:
        return Text(f"reconciled {at}")
    return Text(f"not reconciled yet; after a quarter of an hour, `woohub doctor --store {name}` says why", "yellow")


def _open(breaker: State) -> Text:
    waits = breaker.until > time.time()
    probe = f"next probe not before {utc(breaker.until * 1000)}" if waits else "probed every minute"
    return Text(f"open since {utc(breaker.since * 1000)} ({breaker.policy}), {probe}\n{breaker.reason}", "red")


def _consumer(status: Status) -> Text:
    if status.consumer_enabled:
        return Text("enabled", "green")
    by = "by the breaker" if status.breaker.is_open and status.breaker.resume else "by hand: messages wait in the queue"
    return Text(f"disabled {by}", "yellow")
