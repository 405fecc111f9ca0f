"""woohub itself in virtual time: the real consumer, engine and client, with a queue in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from simulators.core.virtual_threads import VirtualThreads
from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, SimulatedPortal, create_app
from woohub.clock import Timer
from woohub.consumer.batch import Consumer
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, State, govern
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import to_sqs
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.engine import Sync
from woohub.sync.record_kinds import record_kinds
from woohub.sync.records import Kinds

from .account import Clock

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

KINDS = record_kinds(load_mapping())
WITH_LINE_ITEMS = record_kinds(load_mapping(Overlay("mapping.toml", b"[line_item]\nenabled = true\n")))
QUEUE, DEAD_LETTERS = "deliveries", "dead-letters"
BATCH, WINDOW_S, VISIBILITY_S, TIMEOUT_S, MARGIN_S = 1000, 2.0, 390.0, 60.0, 6.0  # as in template.yaml and the consumer
INVOCATION_S = 0.1  # added to each invocation for Lambda's own time and processor time, which virtual time lacks
GOVERNOR_S = 60.0  # between two runs of the governor


@dataclass
class QueuedMessage:
    """A message as Lambda passes it to a function, and when it can be received."""

    record: dict[str, Any]
    visible_at: float
    sent_at: float
    tenant: str = ""  # messages without a tenant overtake those with one


class Queues:
    """The delivery queue and the dead-letter queue, with the methods of boto3's client that the consumer calls.

    Messages are received in random order, those of a tenant after all others, as in SQS's fair queues.
    """

    def __init__(self, clock: Clock, sleep: Callable[[float], None], rng: random.Random) -> None:
        self.messages: dict[str, QueuedMessage] = {}
        self.dead_letters = 0
        self._ids = count(1)
        self._clock = clock
        self._sleep = sleep
        self._rng = rng

    def depth(self) -> int:
        """Return the number of messages that were sent and are not processed yet."""
        return sum(message.sent_at <= self._clock.now for message in self.messages.values())

    def send(self, delivery: Delivery, tenant: str = "") -> str:
        """Queue a delivery at the time of its receipt, as ingest does. Return the message's id."""
        delay_s = max(0.0, delivery.received_ms / 1000 - self._clock.now)
        self.send_message(QueueUrl=QUEUE, DelaySeconds=delay_s, MessageGroupId=tenant, **to_sqs(delivery))
        return next(reversed(self.messages))

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        MessageAttributes: Mapping[str, Mapping[str, str]],
        DelaySeconds: float = 0,
        MessageGroupId: str = "",
    ) -> None:
        """Put a message on one of the queues."""
        if QueueUrl == DEAD_LETTERS:
            self.dead_letters += 1
            return
        message_id = f"m{next(self._ids)}"
        record = {
            "messageId": message_id,
            "receiptHandle": message_id,
            "body": MessageBody,
            "attributes": {"ApproximateReceiveCount": "0"},
            "messageAttributes": {
                name: {"stringValue": attribute["StringValue"], "dataType": attribute["DataType"]}
                for name, attribute in MessageAttributes.items()
            },
        }
        at = self._clock.now + DelaySeconds
        self.messages[message_id] = QueuedMessage(record, at, at, MessageGroupId)

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: ARG002
        """Hide messages for some seconds from now."""
        for entry in Entries:
            self.messages[entry["ReceiptHandle"]].visible_at = self._clock.now + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def receive(self) -> list[dict[str, Any]]:
        """Wait for a batch as the event source mapping does."""
        self._sleep(max(0.0, min(message.visible_at for message in self.messages.values()) - self._clock.now))
        if len(self._visible()) < BATCH:
            self._sleep(WINDOW_S)
        visible = self._visible()
        batch = sorted(self._rng.sample(visible, len(visible)), key=lambda message: bool(message.tenant))[:BATCH]
        for message in batch:
            attributes = message.record["attributes"]
            attributes["ApproximateReceiveCount"] = str(int(attributes["ApproximateReceiveCount"]) + 1)
            message.visible_at = self._clock.now + VISIBILITY_S
        return [message.record for message in batch]

    def _visible(self) -> list[QueuedMessage]:
        return [message for message in self.messages.values() if message.visible_at <= self._clock.now]


class BreakerInMemory:
    """The AWS resources of the breaker in memory: its parameter, and the event source mapping."""

    def __init__(self) -> None:
        self.state = State()
        self.consuming = True

    def read(self) -> State:
        return self.state

    def write(self, state: State) -> None:
        self.state = state

    def is_enabled(self) -> bool:
        return self.consuming

    def set_enabled(self, enabled: bool) -> None:
        self.consuming = enabled


@dataclass
class WooHubFlow:
    """The consumer and the governor, warm, on one queue. `http` replaces the connection to HubSpot."""

    portal: SimulatedPortal
    clock: Clock
    seed: int = 0
    http: Http | None = None
    finished_at: dict[str, float] = field(default_factory=dict)  # by message id
    kinds: Kinds = KINDS

    def __post_init__(self) -> None:
        rng = random.Random(self.seed)  # noqa: S311
        random.seed(self.seed)  # the pauses between rounds
        self.threads = threads = VirtualThreads(self.clock.read, self.clock.sleep)
        self.queues = Queues(self.clock, threads.sleep, rng)
        self._timer = Timer(self.clock.read, threads.sleep)
        http = self.http or InProcessTransport(create_app(self.portal), sleep=threads.sleep)
        token = SimpleNamespace(current=lambda: DEFAULT_TOKEN, renew=lambda: DEFAULT_TOKEN)
        self._hubspot = HubSpot(Caller(http, token, self._timer, random=rng.random, concurrency=threads))
        in_memory = BreakerInMemory()
        self._event_source, self._state = cast(EventSourceMapping, in_memory), cast(BreakerParameter, in_memory)
        catalog = PropertyCatalog(self._hubspot, self._timer, _ignore)
        sync = Sync(self._hubspot, catalog, lambda _stores: self.kinds, self._timer, _ignore)
        breaker = Breaker(lambda: self._state, lambda: self._event_source, _ignore, self.clock.read)
        sqs = cast("SQSClient", self.queues)
        self._consumer = Consumer(
            sync, breaker, sqs, QUEUE, DEAD_LETTERS, _ignore, _ignore, clock=self.clock.read, jitter=rng.random
        )

    @property
    def finished(self) -> list[float]:
        """When each delivery was done, in epoch seconds."""
        return list(self.finished_at.values())

    @property
    def dead_letters(self) -> int:
        """The number of rejected messages."""
        return self.queues.dead_letters

    def process(self, deliveries: Iterable[Delivery]) -> None:
        """Queue each delivery at the time of its receipt, and run until the queue is empty."""
        for delivery in deliveries:
            self.queues.send(delivery)
        self.empty_queue()

    def empty_queue(self) -> None:
        """Run consumer and governor until the queue is empty."""
        while self.queues.messages:
            if self._event_source.is_enabled():
                self.consume(self.queues.receive())
            else:
                self._govern()

    def consume(self, records: Sequence[Mapping[str, Any]]) -> None:
        self.threads.sleep(INVOCATION_S)
        self._timer.start(TIMEOUT_S - MARGIN_S)
        failed = {failure["itemIdentifier"] for failure in self._consumer.consume(records)["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.queues.messages.pop(record["messageId"], None)
                self.finished_at[record["messageId"]] = self.clock.now

    def _govern(self) -> None:
        self.threads.sleep(GOVERNOR_S)
        self._timer.start(TIMEOUT_S)
        govern(self._state, self._event_source, self._hubspot.probe, self.clock.now)


def _ignore(*_: object, **__: object) -> None:
    return None
