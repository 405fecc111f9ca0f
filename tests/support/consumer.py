"""The consumer with real queues (moto), the engine and the simulated portal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boto3

from simulators.hubspot.settings import RequiredProperties
from tests.support.breaker import BreakerFixture
from tests.support.engine import EngineFixture
from tests.support.operations_page import assert_described
from tests.support.orders import delivery, order
from woohub.consumer.batch import Consumer
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import to_sqs
from woohub.sync.outcome import Outcome


@dataclass
class ConsumerFixture:
    """A consumer with real queues (moto) and the simulated portal."""

    engine: EngineFixture = field(default_factory=EngineFixture)
    breaker_fixture: BreakerFixture = field(default_factory=BreakerFixture)
    reported: list[Outcome] = field(default_factory=list)
    warned: list[tuple[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sqs = boto3.client("sqs", region_name="eu-west-1")
        self.queue = self.sqs.create_queue(QueueName="deliveries", Attributes={"VisibilityTimeout": "390"})["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.consumer = Consumer(
            self.engine.sync,
            self.breaker_fixture.breaker,
            self.sqs,
            self.queue,
            self.dead,
            self.reported.append,
            self._warn,
            clock=self.engine.clock.read,
            jitter=lambda: 0.0,
        )

    def _warn(self, event: str, **facts: object) -> None:
        assert_described(event)
        self.warned.append((event, facts["error"]))

    def receive(self, *numbers: int, **changes: Any) -> list[dict[str, Any]]:
        """Orders sent to the queue and received from it, as Lambda gets them."""
        return self.receive_deliveries(*(delivery("order.created", order(number, **changes)) for number in numbers))

    def receive_deliveries(self, *deliveries: Delivery) -> list[dict[str, Any]]:
        """The same with any deliveries."""
        for sent in deliveries:
            self.sqs.send_message(QueueUrl=self.queue, **to_sqs(sent))
        return [as_record(message) for message in self._all(self.queue)]

    def consume(self, records: list[dict[str, Any]]) -> list[str]:
        """The ids of the messages handed back."""
        self.engine.timer.start(57)
        return [failure["itemIdentifier"] for failure in self.consumer.consume(records)["batchItemFailures"]]

    def reject_amount(self, amount: str) -> None:
        """Let HubSpot reject deals with this amount."""
        rule = RequiredProperties("deals", ("hs_next_step",), {"amount": amount})
        self.engine.portal.change_settings({"rules": [rule]})

    def dead_letters(self) -> list[dict[str, Any]]:
        return self._all(self.dead)

    def _all(self, url: str) -> list[dict[str, Any]]:
        received: list[dict[str, Any]] = []
        while some := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            received += some  # type: ignore[arg-type]
        return received


def as_record(message: dict[str, Any], receives: int = 1) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": {
            name: {"stringValue": attribute["StringValue"], "dataType": "String"}
            for name, attribute in attributes.items()
        },
    }
