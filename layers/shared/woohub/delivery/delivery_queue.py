"""Put deliveries on the queue in as few calls as SQS allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from woohub.delivery.messages import ENTRIES, size, to_sqs
from woohub.delivery.webhooks import Delivery
from woohub.errors import InvalidMessage, TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

BYTES = 1024 * 1024  # SQS: of all the messages in one call together
TRIES = 3  # of a message that SQS refuses singly

Entry = dict[str, Any]


class DeliveryQueue:
    """The queue ingest and reconcile fill. `warn(event, **fields)` is told what no message can hold."""

    def __init__(self, sqs: SQSClient, url: str, warn: Callable[..., None]) -> None:
        self._sqs = sqs
        self._url = url
        self._warn = warn

    def send(self, deliveries: Iterable[Delivery]) -> int:
        """All of them, or TransientError; returns how many, less those too large for any message."""
        sent = 0
        for batch in _batches(self._messages(deliveries)):
            self._send(batch)
            sent += len(batch)
        return sent

    def _messages(self, deliveries: Iterable[Delivery]) -> Iterator[Entry]:
        for delivery in deliveries:
            try:
                yield to_sqs(delivery)
            except InvalidMessage as error:
                self._warn("too_large_for_the_queue", entity=delivery.entity, reason=str(error))

    def _send(self, batch: list[Entry]) -> None:
        left = {str(number): message for number, message in enumerate(batch)}
        for _ in range(TRIES):
            entries = [{"Id": name, **message} for name, message in left.items()]
            try:
                answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]
            except (BotoCoreError, ClientError) as error:
                raise TransientError(f"the queue does not answer: {type(error).__name__}") from error
            left = {one["Id"]: left[one["Id"]] for one in answer.get("Failed", [])}
            if not left:
                return
        raise TransientError(f"the queue did not take {len(left)} of {len(batch)} messages")


def _batches(messages: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch, used = list[Entry](), 0
    for message in messages:
        if batch and (len(batch) == ENTRIES or used + size(message) > BYTES):
            yield batch
            batch, used = [], 0
        batch.append(message)
        used += size(message)
    if batch:
        yield batch
