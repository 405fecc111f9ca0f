"""Hand messages back to the queue: when each is tried again, and a new one in place of one received too often.

Everything else that retries is listed in docs/architecture.md, "Where retries happen".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

FIRST_DELAY_S, LONGEST_DELAY_S = 15.0, 900.0  # before a message is tried again, doubled with each receive
MEMORY_S = 2 * LONGEST_DELAY_S  # how long a process remembers what it learned of messages that come again
NOT_REACHED_DELAY_S = 5.0  # for messages the invocation had no time for
RESEND_RECEIVES = 10  # a message that only has to wait becomes a new one; the rest up to the queue's 20 is for crashes
LONGEST_SEND_DELAY_S = 900  # SQS's limit for a message that is sent


class Retries:
    """The messages of a queue that are to be tried again. A call to SQS that fails is logged, not raised."""

    def __init__(
        self,
        sqs: SQSClient,
        queue_url: str,
        sender: Sender,
        warn: Callable[..., None],
        concurrency: Concurrency,
        jitter: Callable[[], float],
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._sender = sender
        self._warn = warn
        self._concurrency = concurrency
        self._jitter = jitter

    def resend_if_near_limit(self, message: Message, record: SqsRecord) -> bool:
        """Whether the message was sent again, which resets its receive count: waiting must not make a dead letter.

        One that woohub cannot read waits for nothing: where the consumer cannot reject it, the queue does at its limit.
        """
        if message.receive_count < RESEND_RECEIVES or not isinstance(message.delivery, Delivery):
            return False
        return self._sender.send(self._queue_url, record, {}, delay_s=LONGEST_SEND_DELAY_S)

    def set_delays(self, retries: Sequence[tuple[Outcome, SqsRecord]]) -> None:
        """Set when each message is tried again; without that, it would wait out the queue's visibility timeout."""
        delays = [(record["receiptHandle"], self._delay_s(outcome)) for outcome, record in retries]
        failed: list[str] = []  # after a call that failed no other is begun
        refusals: list[str] = []
        self._concurrency.run([partial(self._hide, chunk, failed, refusals) for chunk in chunks(delays, ENTRIES)])
        if errors := failed + refusals:  # then the visibility timeout is the delay
            self._warn("queue_call_failed", call="ChangeMessageVisibility", queue=self._queue_url, error=errors[0])

    def _hide(self, delays: Sequence[tuple[str, int]], failed: list[str], refusals: list[str]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": delay_s}
            for number, (receipt, delay_s) in enumerate(delays)
        ]
        try:
            if not failed:
                refusals += refused(
                    partial(self._sqs.change_message_visibility_batch, QueueUrl=self._queue_url), entries
                )
        except AWS_ERRORS as error:
            failed.append(aws_code(error))

    def _delay_s(self, outcome: Outcome) -> int:
        return round(min(LONGEST_DELAY_S, delay(outcome) * (1 + self._jitter() / 4)))


def delay(outcome: Outcome) -> float:
    """Seconds until a message should be tried again, before jitter."""
    requested = (outcome.error.retry_after or 0.0) if isinstance(outcome.error, TransientError) else 0.0
    if isinstance(outcome.error, DeadlineExceeded):
        return max(requested, NOT_REACHED_DELAY_S)
    return max(requested, backoff(outcome.message.receive_count))


def backoff(receives: int) -> float:
    """Seconds from a message's attempt of this number to the next, unless HubSpot asks for more."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(receives - 1, 6))  # the sixth doubling exceeds the longest
