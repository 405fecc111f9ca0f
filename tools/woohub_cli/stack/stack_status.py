"""What waits in a stack's queues, whether its breaker is open and its consumer runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from woohub.consumer.breaker import BreakerParameter, EventSourceMapping, State
from woohub_cli.period import utc
from woohub_cli.set_up import further_stores
from woohub_cli.stack.stacks import Stack

if TYPE_CHECKING:
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
            "breaker_since": utc(self.breaker.since * 1000) if is_open else None,
            "breaker_until": utc(self.breaker.until * 1000) if is_open else None,
            "consumer": "enabled" if self.consumer_enabled else "disabled",
        }


def depth(stack: Stack, output: str = "QueueUrl") -> Depth:
    """How many messages the delivery queue holds, or another one of the template's outputs."""
    url, names = stack.output(output), list(COUNTS.values())
    attributes = stack.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return Depth(**{name: int(attributes.get(attribute, 0)) for name, attribute in COUNTS.items()})


def read(stack: Stack) -> Status:
    """Ask AWS; raises botocore's errors."""
    aws = stack.aws
    mapping = EventSourceMapping(aws.functions, lambda: stack.output("EventSourceMappingId"))
    return Status(
        stack=stack.name,
        queue=depth(stack),
        dlq=depth(stack, "DeadLetterQueueUrl"),
        breaker=BreakerParameter(aws.ssm, stack.output("BreakerParameter")).read(),
        consumer_enabled=mapping.is_enabled(),
        stores={name: further_stores.reconciled(stack.of_store(name)) for name in _further(stack)},
    )


def _further(stack: Stack) -> list[str]:
    """The further stores; only the one the command is about, if it is one."""
    return [stack.store] if stack.store else further_stores.names(stack)
