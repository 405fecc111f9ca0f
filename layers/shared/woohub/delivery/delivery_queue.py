"""Put many deliveries on the queue, in as few calls as SQS allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from woohub.aws_errors import AWS_ERRORS
from woohub.counted import counted
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import ENTRIES, size, to_sqs
from woohub.errors import InvalidMessage, TransientError
from woohub.stores import FIRST

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

CALL_BYTES = 1024 * 1024  # SQS: the messages of one call together
ATTEMPTS = 3  # for entries that SQS refuses while it accepts others of the same call

Entry = dict[str, Any]


class DeliveryQueue:
    """Sends deliveries of one store to the delivery queue.

    `warn(event, **fields)` is called for each delivery that is too large for a message.
    """

    def __init__(self, sqs: SQSClient, url: str, warn: Callable[..., None], store: str = FIRST) -> None:
        self._sqs = sqs
        self._url = url
        self._warn = warn
        self._store = store

    def send(self, deliveries: Iterable[Delivery]) -> int:
        """Send all deliveries but oversized ones, and return how many were sent.

        Raises TransientError if SQS does not respond or refuses messages; other deliveries may have been sent by then.
        """
        sent = 0
        for batch in _batches(self._messages(deliveries)):
            self._send(batch)
            sent += len(batch)
        return sent

    def _messages(self, deliveries: Iterable[Delivery]) -> Iterator[Entry]:
        for delivery in (replace(delivery, store=self._store) for delivery in deliveries):
            try:
                yield to_sqs(delivery)
            except InvalidMessage as error:
                self._warn("too_large_for_the_queue", **delivery.names, reason=str(error))

    def _send(self, batch: list[Entry]) -> None:
        entries = [{"Id": str(number), **message} for number, message in enumerate(batch)]
        try:
            refusals = refused(partial(self._sqs.send_message_batch, QueueUrl=self._url), entries)
        except AWS_ERRORS as error:
            raise TransientError(f"SQS does not respond: {error}") from error
        if refusals:
            codes = ", ".join(sorted(set(refusals)))
            raise TransientError(f"SQS did not accept {len(refusals)} of {counted(len(batch), 'message')}: {codes}")


def refused(call: Callable[..., Any], entries: list[Entry]) -> list[str]:
    """Make an SQS batch call with at most ten entries, and repeat it with the entries that SQS refused.

    Return SQS's error code for each entry that it refused at every attempt. Raises botocore's errors if the whole call
    fails.
    """
    refusals: list[Entry] = []
    for _ in range(ATTEMPTS):
        refusals = call(Entries=entries).get("Failed", [])
        ids = {refusal["Id"] for refusal in refusals}
        entries = [entry for entry in entries if entry["Id"] in ids]
        if not entries:
            break
    return [refusal["Code"] for refusal in refusals]


def _batches(messages: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch, batch_bytes = list[Entry](), 0
    for message in messages:
        if batch and (len(batch) == ENTRIES or batch_bytes + size(message) > CALL_BYTES):
            yield batch
            batch, batch_bytes = [], 0
        batch.append(message)
        batch_bytes += size(message)
    if batch:
        yield batch
