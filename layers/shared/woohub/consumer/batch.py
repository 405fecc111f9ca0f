"""Process one SQS batch: read it, sync it, send rejected messages to the dead-letter queue, return the others."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from woohub.clock import is_within
from woohub.concurrency import Concurrency, OneAfterAnother
from woohub.consumer import dead_letters
from woohub.consumer.breaker import Breaker, aws_code
from woohub.consumer.poison import PoisonDetector
from woohub.delivery.messages import ENTRIES, flat_attributes, from_sqs
from woohub.errors import (
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    InternalError,
    InvalidMessage,
    SecretUnavailable,
    StoreUnknown,
    Suspended,
    TransientError,
)
from woohub.hubspot.client import chunks
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome, Verdict

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FIRST_DELAY_S, LONGEST_DELAY_S = 15.0, 900.0  # before a message is tried again, doubled with each receive
NOT_REACHED_DELAY_S = 5.0  # for messages the invocation had no time for
POISON_RECEIVES = 5  # from which a record that breaks calls, while HubSpot answers others, is rejected
HEALTHY_AFTER_WRITE_S = 600.0  # in which a batch that writes nothing is no outage, if it got any response at all
RESEND_RECEIVES = 10  # a message that only has to wait becomes a new one; the rest up to the queue's 20 is for crashes
NOT_HUBSPOTS = (InternalError, SecretUnavailable, StoreUnknown)  # errors that HubSpot has not caused
LONGEST_SEND_DELAY_S = 900  # SQS's limit for a message that is sent

SqsRecord = Mapping[str, Any]


class Consumer:
    """What the consumer function does; it never raises because of what a batch holds."""

    def __init__(
        self,
        sync: Sync,
        breaker: Breaker,
        sqs: SQSClient,
        queue_url: str,
        dead_letter_queue_url: str,
        report: Callable[[Outcome], None],
        warn: Callable[..., None],
        *,
        concurrency: Concurrency | None = None,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._sync = sync
        self._breaker = breaker
        self._sqs = sqs
        self._queue_url = queue_url
        self._dead_letter_queue_url = dead_letter_queue_url
        self._report = report
        self._warn = warn
        self._concurrency = concurrency or OneAfterAnother()
        self._clock = clock
        self._jitter = jitter
        self._poison = PoisonDetector()
        self._stats = sync.call_stats()  # as of the previous batch
        self._wrote_at = float("-inf")

    def consume(self, records: Sequence[SqsRecord]) -> dict[str, list[dict[str, str]]]:
        """Process the records of an SQS event; returns the partial batch response."""
        by_id = {record["messageId"]: record for record in records}
        retries = []
        for outcome in self._outcomes([read(record) for record in by_id.values()]):
            record = by_id[outcome.message.id]
            final = self._to_dead_letter_queue(self._reject_poison(outcome), record)
            self._report(final)
            if final.verdict is Verdict.RETRY and not self._resend_if_near_limit(final, record):
                retries.append(final)
        self._set_delays(retries, by_id)
        return {"batchItemFailures": [{"itemIdentifier": outcome.message.id} for outcome in retries]}

    def _outcomes(self, messages: Sequence[Message]) -> list[Outcome]:
        """The engine's, or a retry for every message while the breaker cools down."""
        if error := self._breaker.cooldown_error():
            return [Outcome(message, Verdict.RETRY, error) for message in messages]
        outcomes = self._sync_all(messages)
        self._record_health(outcomes)
        return outcomes

    def _sync_all(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sync them; a record that triggers a bug is isolated by bisection, so that the others still succeed."""
        try:
            return self._sync.sync(messages)
        except Exception as bug:  # noqa: BLE001  (whatever it is, the rest of the batch must not fail with it)
            if len(messages) == 1:
                return [Outcome(messages[0], Verdict.RETRY, _internal_error(bug))]
        middle = len(messages) // 2
        return self._sync_all(messages[:middle]) + self._sync_all(messages[middle:])

    def _record_health(self, outcomes: Sequence[Outcome]) -> None:
        """Record how HubSpot answered this batch, for the poison detector and the breaker."""
        now, total = self._clock(), self._sync.call_stats()
        stats, self._stats = total.since(self._stats), total
        self._poison.record_batch(now, stats, {outcome.message.record for outcome in outcomes if outcome.broken_call})
        if stats.wrote:
            self._wrote_at = now
        responded = stats.wrote or any(isinstance(outcome.error, HubSpotRejected) for outcome in outcomes)
        partly_up = bool(stats.answered) and is_within(HEALTHY_AFTER_WRITE_S, self._wrote_at, now)
        self._breaker.record_batch(responded=responded, errors=_signs_of_an_outage(outcomes, partly_up=partly_up))

    def _reject_poison(self, outcome: Outcome) -> Outcome:
        """Reject a message that failed time and again while HubSpot answered others, or for a reason of its own."""
        receives, error = outcome.message.receive_count, outcome.error
        if receives < POISON_RECEIVES or not isinstance(error, TransientError):
            return outcome
        if isinstance(error, InternalError):
            category = dead_letters.FAILED
        elif isinstance(error, StoreUnknown):
            category = dead_letters.STORE_UNKNOWN
        elif self._poison.is_poison(outcome.message.record, outcome.broken_call):
            category = dead_letters.NO_ANSWER
        else:
            return outcome
        problem = HubSpotProblem(error.status, f"{receives} attempts at this record failed: {error}", category)
        return replace(outcome, verdict=Verdict.REJECTED, error=HubSpotRejected(problem))

    def _to_dead_letter_queue(self, outcome: Outcome, record: SqsRecord) -> Outcome:
        """Send a rejected message there before the queue deletes it: a crash doubles the message, never loses it."""
        if outcome.verdict is not Verdict.REJECTED or outcome.error is None:
            return outcome
        attempts = max(outcome.attempts, outcome.message.receive_count)
        reason = dead_letters.attributes(outcome.error, outcome.message.entity, attempts, self._clock())
        if self._send(self._dead_letter_queue_url, record, reason):
            return outcome
        error = TransientError("the message could not be sent to the dead-letter queue")
        return replace(outcome, verdict=Verdict.RETRY, error=error)

    def _resend_if_near_limit(self, outcome: Outcome, record: SqsRecord) -> bool:
        """Whether the message was sent again, which resets its receive count: waiting must not make a dead letter."""
        if outcome.message.receive_count < RESEND_RECEIVES:
            return False
        return self._send(self._queue_url, record, {}, delay_s=LONGEST_SEND_DELAY_S)

    def _send(self, queue_url: str, record: SqsRecord, reason: Mapping[str, str], *, delay_s: int = 0) -> bool:
        """Send a message as it came, with the reason if there is one; False if SQS did not accept it."""
        attributes = dead_letters.without_reason(flat_attributes(record.get("messageAttributes") or {})) | dict(reason)
        try:
            self._sqs.send_message(
                QueueUrl=queue_url,
                MessageBody=record["body"],
                DelaySeconds=delay_s,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
                },
            )
        except (BotoCoreError, ClientError) as error:
            self._warn("queue_call_failed", call="SendMessage", queue=queue_url, error=aws_code(error))
            return False
        return True

    def _set_delays(self, retries: Sequence[Outcome], by_id: Mapping[str, SqsRecord]) -> None:
        """Set when each message is tried again; without that, it would wait out the queue's visibility timeout."""
        delays = [(by_id[outcome.message.id]["receiptHandle"], self._delay_s(outcome)) for outcome in retries]
        failed: list[str] = []  # after one that failed no other is begun
        self._concurrency.run([partial(self._hide, chunk, failed) for chunk in chunks(delays, ENTRIES)])
        if failed:  # then the visibility timeout is the delay
            self._warn("queue_call_failed", call="ChangeMessageVisibility", queue=self._queue_url, error=failed[0])

    def _hide(self, delays: Sequence[tuple[str, int]], failed: list[str]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": delay_s}
            for number, (receipt, delay_s) in enumerate(delays)
        ]
        try:
            if not failed:
                self._sqs.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
        except (BotoCoreError, ClientError) as error:
            failed.append(aws_code(error))

    def _delay_s(self, outcome: Outcome) -> int:
        return round(min(LONGEST_DELAY_S, delay(outcome) * (1 + self._jitter() / 4)))


def _signs_of_an_outage(outcomes: Sequence[Outcome], *, partly_up: bool) -> list[TransientError]:
    """The errors that HubSpot as a whole may have caused; `partly_up`: it answers other calls, which must not wait."""
    errors = [outcome.error for outcome in outcomes if isinstance(outcome.error, TransientError)]
    if partly_up:
        return [error for error in errors if isinstance(error, Suspended)]
    # A lack of time says nothing about HubSpot, unless nothing at all was written in it: then HubSpot does not respond.
    wrote = any(outcome.verdict is Verdict.DONE for outcome in outcomes)
    ignored = (*NOT_HUBSPOTS, DeadlineExceeded) if wrote else NOT_HUBSPOTS
    return [error for error in errors if not isinstance(error, ignored)]


def _internal_error(bug: Exception) -> InternalError:
    """A bug's type and place only: its message could hold personal data."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return InternalError(f"woohub failed with {type(bug).__name__} in {Path(frame.filename).name}:{frame.lineno}")


def delay(outcome: Outcome) -> float:
    """Seconds until a message should be tried again, before jitter."""
    requested = (outcome.error.retry_after or 0.0) if isinstance(outcome.error, TransientError) else 0.0
    if isinstance(outcome.error, DeadlineExceeded):
        return max(requested, NOT_REACHED_DELAY_S)
    return max(requested, backoff(outcome.message.receive_count))


def backoff(receives: int) -> float:
    """Seconds from a message's attempt of this number to the next, unless HubSpot asks for more."""
    return min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** min(receives - 1, 6))  # the sixth doubling exceeds the longest


def read(record: SqsRecord) -> Message:
    """A Lambda event's SQS record as a message; one that cannot be read has the error instead of a delivery."""
    receives = int((record.get("attributes") or {}).get("ApproximateReceiveCount", "1"))
    try:
        delivery = from_sqs(record["body"], flat_attributes(record.get("messageAttributes") or {}))
    except InvalidMessage as error:
        return Message(record["messageId"], error, receives)
    return Message(record["messageId"], delivery, receives)
