"""SQS in memory: delivery at least once in any order, visibility timeouts, receive counts, a dead-letter queue."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.model.simulation import Simulation

VISIBILITY = 390.0  # seconds; these two as in template.yaml
MAX_RECEIVES = 20
MOST_ATTRIBUTES, MOST_BYTES = 10, 1024 * 1024  # of a message, by SQS's own limits
INVALID_CHARACTER = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class QueuedMessage:
    """A message on a queue."""

    id: str
    body: str
    attributes: Mapping[str, Mapping[str, str]]
    visible_at: float = 0.0
    receives: int = 0

    def record(self) -> dict[str, Any]:
        """As Lambda hands it to a function."""
        return {
            "messageId": self.id,
            "receiptHandle": f"{self.id}#{self.receives}",
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "messageAttributes": {
                name: {"stringValue": attribute["StringValue"], "dataType": attribute["DataType"]}
                for name, attribute in self.attributes.items()
            },
        }

    @property
    def key(self) -> tuple[str, str]:
        """The body and the delivery's metadata, which stay the same when the message is sent to another queue."""
        return self.body, self.texts.get("delivery", "")

    @property
    def texts(self) -> dict[str, str]:
        """The attributes' values by name."""
        return {name: attribute["StringValue"] for name, attribute in self.attributes.items()}


class Queue:
    """A standard queue. `repeats` is the chance that a received message stays visible, which SQS allows."""

    def __init__(
        self, simulation: Simulation, name: str, dead_letters: Queue | None = None, repeats: float = 0.0
    ) -> None:
        self.name = name
        self.sent = 0
        self.most_receives = 0
        self._simulation = simulation
        self._dead_letters = dead_letters
        self._repeats = repeats
        self._messages: dict[str, QueuedMessage] = {}
        self._visible: list[str] = []
        self._hidden: list[tuple[float, str]] = []

    def send(self, body: str, attributes: Mapping[str, Mapping[str, str]], delay: float = 0) -> str:
        """Send a message; its id."""
        assert body
        assert len(attributes) <= MOST_ATTRIBUTES
        texts = [body, *(attribute["StringValue"] for attribute in attributes.values())]
        assert not any(map(INVALID_CHARACTER.search, texts))
        assert sum(len(text.encode()) for text in [*texts, *attributes]) <= MOST_BYTES
        self.sent += 1
        message = QueuedMessage(f"{self.name}-{self.sent}", body, dict(attributes))
        self._messages[message.id] = message
        self.hide(message.id, delay)
        return message.id

    def visible(self) -> int:
        """How many messages can be received now."""
        while self._hidden and self._hidden[0][0] <= self._simulation.now:
            due, message_id = heapq.heappop(self._hidden)
            message = self._messages.get(message_id)
            if message and message.visible_at == due:  # else its visibility was changed meanwhile
                self._visible.append(message_id)
        return len(self._visible)

    def receive(self, most: int) -> list[dict[str, Any]]:
        """Up to `most` visible messages in random order; they are hidden for the visibility timeout."""
        received: list[dict[str, Any]] = []
        while self.visible() and len(received) < most:
            place = self._simulation.random.randrange(len(self._visible))
            self._visible[place], self._visible[-1] = self._visible[-1], self._visible[place]
            message = self._messages.get(self._visible.pop())
            if message and not (message.receives >= MAX_RECEIVES and self._redrive(message)):
                received.append(self._hand_out(message))
        return received

    def _hand_out(self, message: QueuedMessage) -> dict[str, Any]:
        message.receives += 1
        self.most_receives = max(self.most_receives, message.receives)
        self.hide(message.id, VISIBILITY)
        if self._repeats and self._simulation.random.random() < self._repeats:
            self._visible.append(message.id)
        return message.record()

    def _redrive(self, message: QueuedMessage) -> bool:
        if self._dead_letters is None:
            return False
        self._dead_letters.send(message.body, message.attributes)
        self.delete(message.id)
        return True

    def hide(self, message_id: str, seconds: float) -> None:
        """Hide a message for that many seconds."""
        message = self._messages.get(message_id)
        if message:
            message.visible_at = self._simulation.now + seconds
            heapq.heappush(self._hidden, (message.visible_at, message_id))

    def delete(self, message_id: str) -> None:
        """Delete a message; one that does not exist is no error."""
        self._messages.pop(message_id, None)

    def messages(self) -> list[QueuedMessage]:
        """All messages, visible or not."""
        return list(self._messages.values())

    def newest(self) -> QueuedMessage:
        """The one sent last."""
        return self._messages[f"{self.name}-{self.sent}"]

    def __len__(self) -> int:
        return len(self._messages)


class SqsClient:
    """The part of boto3's SQS client that woohub uses; a queue's URL is its name."""

    def __init__(self, *queues: Queue) -> None:
        self._queues = {queue.name: queue for queue in queues}

    def send_message(
        self,
        *,
        QueueUrl: str,
        MessageBody: str,
        MessageAttributes: Mapping[str, Mapping[str, str]],
        DelaySeconds: int = 0,
    ) -> dict[str, str]:
        assert 0 <= DelaySeconds <= 900
        return {"MessageId": self._queues[QueueUrl].send(MessageBody, MessageAttributes, DelaySeconds)}

    def change_message_visibility_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        assert 0 < len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        for entry in Entries:
            assert 0 <= entry["VisibilityTimeout"] <= 43_200
            self._queues[QueueUrl].hide(entry["ReceiptHandle"].partition("#")[0], entry["VisibilityTimeout"])
        return {"Successful": [], "Failed": []}
