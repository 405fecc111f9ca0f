"""A fake of SQS for code that sends to the delivery queue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from woohub.delivery import messages
from woohub.delivery.delivery import Delivery


@dataclass
class Sqs:
    """SendMessageBatch with SQS's limits; the next `refuse` calls fail, and the next `refuse_entries` messages."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    refuse: int = 0
    refuse_entries: int = 0

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        assert QueueUrl == "queue"
        assert 1 <= len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        assert sum(messages.size(entry) for entry in Entries) <= 1024 * 1024
        if self.refuse:
            self.refuse -= 1
            raise ClientError({"Error": {"Code": "ServiceUnavailable", "Message": ""}}, "SendMessageBatch")
        failed = Entries[: self.refuse_entries]
        self.refuse_entries -= len(failed)
        self.messages += Entries[len(failed) :]
        return {"Successful": [], "Failed": [{"Id": failure["Id"], "Code": "InternalError"} for failure in failed]}

    def deliveries(self) -> list[Delivery]:
        """The messages on the queue, read as the consumer reads them."""
        return [
            messages.from_sqs(message["MessageBody"], messages.flat_attributes(message["MessageAttributes"]))
            for message in self.messages
        ]
