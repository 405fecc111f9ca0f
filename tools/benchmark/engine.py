"""woohub itself: the real consumer, engine and client, with a queue in memory and in virtual time."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, SimulatedPortal, create_app
from woohub.clock import Timer
from woohub.consumer.batch import Consumer
from woohub.consumer.breaker import Breaker, BreakerParameter, EventSourceMapping, State, govern
from woohub.delivery.messages import to_sqs
from woohub.delivery.webhooks import Delivery
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.mapping.fields import load_mapping
from woohub.sync.engine import Sync
from woohub.sync.kinds import record_kinds

from .account import Clock

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

QUEUE, DEAD_LETTERS = "deliveries", "dead-letters"
BATCH, WINDOW, VISIBILITY, TIMEOUT, MARGIN = 100, 2.0, 390.0, 60.0, 3.0  # as in template.yaml and the consumer
INVOCATION = 0.1  # seconds per invocation for what virtual time does not see: Lambda's own time and our processor's
GOVERNOR = 60.0  # seconds between two runs of the governor


@dataclass
class Held:
    """A message on the queue."""

    id: str
    body: str
    attributes: Mapping[str, Mapping[str, str]]
    visible_at: float
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """As Lambda hands it over."""
        return {
            "messageId": self.id,
            "receiptHandle": self.id,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "messageAttributes": {
                name: {"stringValue": one["StringValue"], "dataType": one["DataType"]}
                for name, one in self.attributes.items()
            },
        }


class Sqs:
    """The two queues, with the part of boto3's client that the consumer uses. Messages come in any order."""

    def __init__(self, clock: Clock, dice: random.Random) -> None:
        self.held: dict[str, Held] = {}
        self.dead_letters = 0
        self._sent = 0
        self._clock = clock
        self._dice = dice

    def arrive(self, delivery: Delivery) -> None:
        """What ingest does, at the time of the delivery's receipt."""
        later = max(0.0, delivery.received_ms / 1000 - self._clock.now)
        self.send_message(QueueUrl=QUEUE, DelaySeconds=later, **to_sqs(delivery))

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        MessageAttributes: Mapping[str, Mapping[str, str]],
        DelaySeconds: float = 0,
    ) -> None:
        """Put a message on one of the queues."""
        if QueueUrl == DEAD_LETTERS:
            self.dead_letters += 1
            return
        self._sent += 1
        message = Held(f"m{self._sent}", MessageBody, MessageAttributes, self._clock.now + DelaySeconds)
        self.held[message.id] = message

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002
        """Hide messages for some seconds from now."""
        for entry in Entries:
            self.held[entry["ReceiptHandle"]].visible_at = self._clock.now + entry["VisibilityTimeout"]

    def receive(self) -> list[dict[str, Any]]:
        """Wait for messages and take up to a hundred, as the event source mapping does."""
        first = min(message.visible_at for message in self.held.values())
        self._clock.now = max(self._clock.now, first)
        if len(self._visible()) < BATCH:
            self._clock.sleep(WINDOW)
        visible = self._visible()
        taken = self._dice.sample(visible, min(BATCH, len(visible)))
        for message in taken:
            message.receives += 1
            message.visible_at = self._clock.now + VISIBILITY
        return [message.record() for message in taken]

    def _visible(self) -> list[Held]:
        return [message for message in self.held.values() if message.visible_at <= self._clock.now]


class Tap:
    """The event source mapping, as the breaker sees it."""

    def __init__(self) -> None:
        self.open = True

    def enabled(self) -> bool:
        """Whether messages flow."""
        return self.open

    def enable(self, flow: bool) -> None:
        """Let them flow, or stop them."""
        self.open = flow


class BreakerState:
    """The breaker's parameter."""

    def __init__(self) -> None:
        self.state = State()

    def read(self) -> State:
        """The state."""
        return self.state

    def write(self, state: State) -> None:
        """Store it."""
        self.state = state


class Token:
    """The one token there is."""

    def current(self) -> str:
        """It."""
        return DEFAULT_TOKEN

    def renew(self) -> str:
        """The same again."""
        return DEFAULT_TOKEN


@dataclass
class WooHub:
    """The consumer function and its governor, warm, on one queue. `http` may stand in for the connection."""

    portal: SimulatedPortal
    clock: Clock
    seed: int = 0
    http: Http | None = None
    finished: list[float] = field(default_factory=list)  # when each delivery was through

    def __post_init__(self) -> None:
        dice = random.Random(self.seed)  # noqa: S311
        random.seed(self.seed)  # the pauses between rounds
        self.sqs = Sqs(self.clock, dice)
        self._timer = Timer(self.clock.read, self.clock.sleep)
        http = self.http or InProcessTransport(create_app(self.portal), sleep=self.clock.sleep)
        self._hubspot = HubSpot(http, Token(), self._timer, random=dice.random)
        self._tap = cast(EventSourceMapping, Tap())  # the fakes have what is used of the real ones
        self._state = cast(BreakerParameter, BreakerState())
        sync = Sync(
            self._hubspot,
            PropertyCatalog(self._hubspot, self._timer, _ignore),
            record_kinds(load_mapping()),
            self._timer,
            _ignore,
        )
        breaker = Breaker(lambda: self._state, lambda: self._tap, _ignore, self.clock.read)
        sqs = cast("SQSClient", self.sqs)
        self._consumer = Consumer(
            sync, breaker, sqs, QUEUE, DEAD_LETTERS, _ignore, _ignore, clock=self.clock.read, jitter=dice.random
        )

    @property
    def given_up(self) -> int:
        """Dead letters."""
        return self.sqs.dead_letters

    def work_off(self, deliveries: Iterable[Delivery]) -> None:
        """Queue each at the time of its receipt, and go on until the queue is empty."""
        for delivery in deliveries:
            self.sqs.arrive(delivery)
        while self.sqs.held:
            if self._tap.enabled():
                self.consume(self.sqs.receive())
            else:
                self._govern()

    def consume(self, records: Sequence[Mapping[str, Any]]) -> None:
        """One invocation."""
        self.clock.sleep(INVOCATION)
        self._timer.start(TIMEOUT - MARGIN)
        failed = {one["itemIdentifier"] for one in self._consumer.consume(records)["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                self.sqs.held.pop(record["messageId"], None)
                self.finished.append(self.clock.now)

    def _govern(self) -> None:
        self.clock.sleep(GOVERNOR)
        self._timer.start(TIMEOUT)
        govern(self._state, self._tap, self._hubspot.probe, self.clock.now)


def _ignore(*_: object, **__: object) -> None:
    return None
