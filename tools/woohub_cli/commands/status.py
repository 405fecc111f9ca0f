"""`woohub status`: what waits, what failed, and whether deliveries are processed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text

from woohub.configuration import ConfigurationUnreadable
from woohub.consumer.breaker import BreakerParameter, EventSourceMapping, State
from woohub_cli import dead_letter_queue, further_stores, stack_configuration, stacks
from woohub_cli.cli_errors import PROBLEMS
from woohub_cli.options import StoreOptions
from woohub_cli.rendering import output

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

COUNTS: dict[str, QueueAttributeNameType] = {
    "visible": "ApproximateNumberOfMessages",
    "in_flight": "ApproximateNumberOfMessagesNotVisible",
    "delayed": "ApproximateNumberOfMessagesDelayed",
}


@dataclass(frozen=True)
class Depth:
    """How many messages a queue holds. SQS counts approximately, up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All of them: one that somebody is looking at is still there."""
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class Status:
    """The stack at a glance."""

    stack: str
    queue: Depth
    dlq: Depth
    breaker: State
    consumer_enabled: bool
    stores: Mapping[str, str | None] = field(default_factory=dict)  # further ones: when each was last reconciled
    dead: str = ""  # of how many orders and customers the dead letters are, where that was looked at

    @property
    def has_problems(self) -> bool:
        """Whether somebody should look: rejected deliveries, or an open breaker."""
        return self.dlq.total > 0 or self.breaker.is_open

    def facts(self) -> dict[str, Any]:
        """For --json. The breaker's reason, policy and times are null while it is closed."""
        is_open = self.breaker.is_open
        stores = [{"name": name, "reconciled": at} for name, at in self.stores.items()]
        more = ({"dlq_counted": self.dead} if self.dead else {}) | ({"stores": stores} if stores else {})
        return more | {
            "stack": self.stack,
            "queue": asdict(self.queue),
            "dlq": self.dlq.total,
            "breaker": "open" if is_open else "closed",
            "breaker_reason": self.breaker.reason if is_open else None,
            "breaker_policy": self.breaker.policy if is_open else None,
            "breaker_since": iso(self.breaker.since) if is_open else None,
            "breaker_until": iso(self.breaker.until) if is_open else None,
            "consumer": "enabled" if self.consumer_enabled else "disabled",
        }


def depth(sqs: SQSClient, queue_url: str) -> Depth:
    """How many messages a queue holds."""
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(COUNTS.values()))["Attributes"]
    return Depth(**{name: int(attributes.get(attribute, 0)) for name, attribute in COUNTS.items()})


def read(stack: stacks.Stack) -> Status:
    """Ask AWS; raises botocore's errors."""
    aws = stack.aws
    mapping = EventSourceMapping(aws.functions, lambda: stack.output("EventSourceMappingId"))
    return Status(
        stack=stack.name,
        queue=depth(aws.sqs, stack.output("QueueUrl")),
        dlq=depth(aws.sqs, stack.output("DeadLetterQueueUrl")),
        breaker=BreakerParameter(aws.ssm, stack.output("BreakerParameter")).read(),
        consumer_enabled=mapping.is_enabled(),
        stores={name: further_stores.reconciled(stack.of_store(name)) for name in _further(stack)},
    )


def _further(stack: stacks.Stack) -> list[str]:
    """The further stores; only the one the command is about, if it is one."""
    return [stack.store] if stack.store else further_stores.names(stack)


def iso(seconds: float) -> str | None:
    """Epoch seconds as ISO 8601 in UTC; None for 0, which means never."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def command(options: StoreOptions) -> None:
    """Show what waits, what failed, and whether deliveries are processed.

    Queue, dead letters and consumer are those of all stores; --store leaves out the lines of other further ones.
    Ends with 1 when there are dead letters or the circuit breaker is open, otherwise with 0.

    Examples:

        woohub status
        woohub status --stack shop-to-crm --json
        woohub status --json | jq .dlq
    """
    target = options.target
    with suppress(ConfigurationUnreadable):  # which the breaker and doctor report
        stack_configuration.mapping(target)  # Trouble for a store that the stack does not have
    status = read(target)
    counted = dead_letter_queue.queue_summary(target.aws.sqs, target.output("DeadLetterQueueUrl"), status.dlq.total)
    status = replace(status, dead=counted)
    if options.json:
        output.as_json(status.facts())
    else:
        output.table(("", ""), rows(status, target.location))
    if status.has_problems:
        raise typer.Exit(PROBLEMS)


def rows(status: Status, location: str) -> list[tuple[str, Text]]:
    queue, breaker = status.queue, status.breaker
    failed = (
        Text(f"{status.dead or status.dlq.total}   see `woohub dlq list`", "red")
        if status.dlq.total
        else Text("0", "green")
    )
    return [
        ("Stack", Text(f"{status.stack}  {location}")),
        ("Queue", Text(f"{queue.visible} waiting, {queue.in_flight} in flight, {queue.delayed} delayed")),
        ("Dead letters", failed),
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
    probe = f"next probe not before {iso(breaker.until)}" if waits else "probed every minute"
    return Text(f"open since {iso(breaker.since)} ({breaker.policy}), {probe}\n{breaker.reason}", "red")


def _consumer(status: Status) -> Text:
    if status.consumer_enabled:
        return Text("enabled", "green")
    by = "by the breaker" if status.breaker.is_open and status.breaker.resume else "by hand: messages wait in the queue"
    return Text(f"disabled {by}", "yellow")
