"""The state of a stack: its queues, circuit breaker, consumer, and further stores."""

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
    """The number of messages in a queue. SQS counts approximately, up to a minute late."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """All messages. One that is being received is still there."""
        return self.visible + self.in_flight + self.delayed


@dataclass(frozen=True)
class Status:
    """The state of a stack."""

    stack: str
    queue: Depth
    dlq: Depth
    breaker: State
    consumer_enabled: bool
    stores: Mapping[str, str | None] = field(default_factory=dict)  # by further store: when it was last reconciled
    enable: str = ""  # the command that enables the consumer again
    dead: str = ""  # the summary of the dead letters; "" if they were not read

    @property
    def has_problems(self) -> bool:
        """Whether a person should look at the stack: there are dead letters, or the breaker is open."""
        return self.dlq.total > 0 or self.breaker.is_open

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json. The breaker's reason, policy and times are null while it is closed."""
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
    """Return the number of messages in a queue. `output` is the template's output with its URL."""
    url, names = stack.output(output), list(COUNTS.values())
    attributes = stack.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return Depth(**{name: int(attributes.get(attribute, 0)) for name, attribute in COUNTS.items()})


def read(stack: Stack) -> Status:
    """Read the state from AWS. Raises botocore's errors."""
    aws = stack.aws
    mapping = EventSourceMapping(aws.functions, lambda: stack.output("EventSourceMappingId"))
    return Status(
        stack=stack.name,
        queue=depth(stack),
        dlq=depth(stack, "DeadLetterQueueUrl"),
        breaker=BreakerParameter(aws.ssm, stack.output("BreakerParameter")).read(),
        consumer_enabled=mapping.is_enabled(),
        enable=enable_consumer(stack),
        stores={name: further_stores.reconciled(stack.of_store(name)) for name in _further(stack)},
    )


def enable_consumer(stack: Stack) -> str:
    """The command that enables the consumer after somebody has disabled it by hand."""
    where, uuid = stack.aws.endpoint_option, stack.output("EventSourceMappingId")
    return f"`aws lambda update-event-source-mapping{where} --uuid {uuid} --enabled`"


def _further(stack: Stack) -> list[str]:
    """Return the names of the further stores; only the command's store if it is one of them."""
    return [stack.store] if stack.store else further_stores.names(stack)
