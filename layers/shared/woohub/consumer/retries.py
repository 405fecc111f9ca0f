"""Hand messages back to the queue: with a delay, or as a copy if a message has been received too often.

docs/architecture.md, "Where retries happen", lists everything else that retries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from woohub.aws_errors import AWS_ERRORS, aws_code
from woohub.concurrency import Concurrency
from woohub.consumer.sender import Sender, SqsRecord
from woohub.delivery.delivery import Delivery
from woohub.delivery.delivery_queue import refused
from woohub.delivery.messages import ENTRIES
from woohub.errors import DeadlineExceeded, TransientError
from woohub.hubspot.client import chunks
from woohub.sync.outcome import Message, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FIRST_DELAY_S, LONGEST_DELAY_S = 15.0, 900.0  # before a retry; doubled with each receive
MEMORY_S = 2 * LONGEST_DELAY_S  # how long a process remembers what it has learned about messages that come again
NOT_REACHED_DELAY_S = 5.0  # for messages that the invocation had no time for
RESEND_RECEIVES = 10  # a copy replaces the message then; the other receives, up to the queue's 20, are for crashes
LONGEST_SEND_DELAY_S = 900  # SQS: the longest delay of a message that is sent


@dataclass
class Retries:
    """Hands messages of a queue back for a retry. A failed call to SQS is logged, and raises no error."""

    sqs: SQSClient
    queue_url: str
    sender: Sender
    warn: Callable[..., None]
    concurrency: Concurrency
    jitter: Callable[[], float]

    def resend_if_near_limit(self, message: Message, record: SqsRecord) -> bool:
        """Send a copy of a message that has been received too often. Return whether it was sent.

        A copy has a new receive count, so that a message which only waits does not become a dead letter. A message that
        woohub cannot read waits for nothing. It gets no copy: if the consumer cannot reject it, the queue will.
        """
        if message.receive_count < RESEND_RECEIVES or not isinstance(message.delivery, Delivery):
            return False
        return self.sender.send(self.queue_url, record, {}, delay_s=LONGEST_SEND_DELAY_S)

    def set_delays(self, retries: Sequence[tuple[Outcome, SqsRecord]]) -> None:
        """Set when each message is retried. Otherwise it would be after the queue's visibility timeout."""
        delays = [(record["receiptHandle"], self._delay_s(outcome)) for outcome, record in retries]
        failed: list[str] = []  # after a failed call, no other is begun
        refusals: list[str] = []
        calls = [partial(self._set_delays, chunk, failed, refusals) for chunk in chunks(delays, ENTRIES)]
        self.concurrency.run(calls)
        if errors := failed + refusals:  # these messages wait for the visibility timeout
            self.warn("queue_call_failed", call="ChangeMessageVisibility", queue=self.queue_url, error=errors[0])

    def _set_delays(self, delays: Sequence[tuple[str, int]], failed: list[str], refusals: list[str]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": delay_s}
            for number, (receipt, delay_s) in enumerate(delays)
        ]
        try:
            if not failed:
                refusals += refused(partial(self.sqs.change_message_visibility_batch, QueueUrl=self.queue_url), entries)
        except AWS_ERRORS as error:
            failed.append(aws_code(error))

    def _delay_s(self, outcome: Outcome) -> int:
        return round(min(LONGEST_DELAY_S, delay(outcome) * (1 + self.jitter() / 4)))


def delay(outcome: Outcome) -> float:
    """Return the seconds until a message should be retried, before jitter."""
    requested = (outcome.error.retry_after or 0.0) if isinstance(outcome.error, TransientError) else 0.0
    if isinstance(outcome.error, DeadlineExceeded):
        return max(requested, NOT_REACHED_DELAY_S)
    return max(requested, backoff(outcome.message.receive_count))


def backoff(receives: int) -> float:
    """Return the seconds from a message's receive of this number to the next, unless HubSpot asks for more."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(receives - 1, 6))  # six doublings exceed the longest delay
