"""One SQS batch: read it, sync it, send rejects to the dead-letter queue, hand back what must be tried again."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from woohub.consumer import dead_letters
from woohub.consumer.breaker import Breaker, aws_code
from woohub.consumer.poison import Blame
from woohub.delivery.messages import ENTRIES, flat_attributes, from_sqs
from woohub.errors import (
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    InternalError,
    InvalidMessage,
    SecretUnavailable,
    Suspended,
    TransientError,
)
from woohub.hubspot.client import chunks
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome, Verdict

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

FIRST_DELAY, LONGEST_DELAY = 15.0, 900.0  # seconds before a message is tried again, doubled with each receive
NOT_REACHED_DELAY = 5.0  # seconds, for messages the time did not suffice for
CULPRIT_RECEIVES = 5  # after so many, a record that breaks calls while HubSpot answers others is the culprit
TAKING = 600.0  # seconds after a write in which a batch that writes nothing is no outage, if it got any answer at all
RENEWAL_RECEIVES = 15  # the queue gives up at 20: before that, a message that only has to wait becomes a new one
LONGEST_SQS_DELAY = 900  # seconds, SQS's limit for a message that is sent

Record = Mapping[str, Any]


class Consumer:
    """What the consumer function does; it never raises for what is in a batch."""

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
        self._clock = clock
        self._jitter = jitter
        self._blame = Blame()
        self._stats = sync.call_stats()  # as of the previous batch
        self._wrote_at = float("-inf")

    def consume(self, records: Sequence[Record]) -> dict[str, list[dict[str, str]]]:
        """Process the records of an SQS event; returns the partial batch response."""
        by_id = {record["messageId"]: record for record in records}
        messages = [read(record) for record in by_id.values()]
        held = self._breaker.holds()
        outcomes = [Outcome(one, Verdict.RETRY, held) for one in messages] if held else self._synced(messages)
        if not held:
            self._watch(outcomes)
        outcomes = [self._set_aside(self._judged(one), by_id[one.message.id]) for one in outcomes]
        for outcome in outcomes:
            self._report(outcome)
        retried = [one for one in outcomes if one.verdict is Verdict.RETRY and not self._renewed(one, by_id)]
        self._delay(retried, by_id)
        return {"batchItemFailures": [{"itemIdentifier": one.message.id} for one in retried]}

    def _synced(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sync them; a bug of ours that one record triggers is cornered by halving, and keeps none of the others."""
        try:
            return self._sync.sync(messages)
        except Exception as bug:  # noqa: BLE001  (whatever it is, it must not take the whole batch with it)
            if len(messages) == 1:
                return [Outcome(messages[0], Verdict.RETRY, _fault(bug))]
        middle = len(messages) // 2
        return self._synced(messages[:middle]) + self._synced(messages[middle:])

    def _watch(self, outcomes: Sequence[Outcome]) -> None:
        """Tell blame and breaker how HubSpot answered this batch."""
        now, total = self._clock(), self._sync.call_stats()
        stats, self._stats = total.since(self._stats), total
        self._blame.note(now, stats, {outcome.message.entity for outcome in outcomes if outcome.broken_call})
        if stats.wrote:
            self._wrote_at = now
        taken = stats.wrote or any(isinstance(one.error, HubSpotRejected) for one in outcomes)
        partly = bool(stats.answered) and now - self._wrote_at < TAKING
        self._breaker.watch(taken, _signs_of_an_outage(outcomes, partly=partly))

    def _judged(self, outcome: Outcome) -> Outcome:
        """Reject what has broken HubSpot's answer time and again while others got theirs, or has broken woohub."""
        receives, error = outcome.message.receive_count, outcome.error
        if receives < CULPRIT_RECEIVES or not isinstance(error, TransientError):
            return outcome
        if not isinstance(error, InternalError) and not self._blame.falls_on(
            outcome.message.entity, outcome.broken_call
        ):
            return outcome
        text = f"{receives} attempts at this record came to nothing: {error}"
        problem = HubSpotProblem(
            error.status, text, dead_letters.FAILED if isinstance(error, InternalError) else dead_letters.NO_ANSWER
        )
        return replace(outcome, verdict=Verdict.REJECTED, error=HubSpotRejected(problem))

    def _set_aside(self, outcome: Outcome, record: Record) -> Outcome:
        """To the dead-letter queue first, and then done: a crash in between doubles the message, never loses it."""
        if outcome.verdict is not Verdict.REJECTED or outcome.error is None:
            return outcome
        attempts = max(outcome.attempts, outcome.message.receive_count)
        reason = dead_letters.attributes(outcome.error, outcome.message.entity, attempts, self._clock())
        if self._sent(self._dead_letter_queue_url, record, reason):
            return outcome
        return replace(outcome, verdict=Verdict.RETRY, error=TransientError("the dead-letter queue did not take it"))

    def _renewed(self, outcome: Outcome, by_id: Mapping[str, Record]) -> bool:
        """Start a message's receive count anew: waiting for HubSpot, however long, is no reason for a dead letter."""
        if outcome.message.receive_count < RENEWAL_RECEIVES:
            return False
        return self._sent(self._queue_url, by_id[outcome.message.id], {}, delay=LONGEST_SQS_DELAY)

    def _sent(self, queue_url: str, record: Record, reason: Mapping[str, str], *, delay: int = 0) -> bool:
        """Send a message on as it came, with the reason if there is one."""
        attributes = dead_letters.without_reason(flat_attributes(record.get("messageAttributes") or {})) | dict(reason)
        try:
            self._sqs.send_message(
                QueueUrl=queue_url,
                MessageBody=record["body"],
                DelaySeconds=delay,
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
                },
            )
        except (BotoCoreError, ClientError) as error:
            self._warn("queue_call_failed", call="SendMessage", queue=queue_url, error=aws_code(error))
            return False
        return True

    def _delay(self, outcomes: Sequence[Outcome], by_id: Mapping[str, Record]) -> None:
        """A plain batch item failure would wait out the visibility timeout: say when to try each message again."""
        for some in chunks(outcomes, ENTRIES):
            entries = [
                {
                    "Id": str(number),
                    "ReceiptHandle": by_id[outcome.message.id]["receiptHandle"],
                    "VisibilityTimeout": self._seconds(outcome),
                }
                for number, outcome in enumerate(some)
            ]
            try:
                self._sqs.change_message_visibility_batch(QueueUrl=self._queue_url, Entries=entries)  # type: ignore[arg-type]
            except (BotoCoreError, ClientError) as error:  # then the visibility timeout is the delay
                self._warn(
                    "queue_call_failed", call="ChangeMessageVisibility", queue=self._queue_url, error=aws_code(error)
                )
                return

    def _seconds(self, outcome: Outcome) -> int:
        return round(min(LONGEST_DELAY, delay(outcome) * (1 + self._jitter() / 4)))


def _signs_of_an_outage(outcomes: Sequence[Outcome], *, partly: bool) -> list[TransientError]:
    """The errors that speak against HubSpot as a whole; `partly`: it takes other calls, and others must not wait."""
    errors = [one.error for one in outcomes if isinstance(one.error, TransientError)]
    if partly:
        return [error for error in errors if isinstance(error, Suspended)]
    # A lack of time says nothing about HubSpot, unless there was not enough for anything: then it does not answer.
    wrote = any(outcome.verdict is Verdict.DONE for outcome in outcomes)
    ignored = (InternalError, SecretUnavailable, DeadlineExceeded) if wrote else (InternalError, SecretUnavailable)
    return [error for error in errors if not isinstance(error, ignored)]


def _fault(bug: Exception) -> InternalError:
    """What a bug may tell: its message could hold personal data, so its type and place only."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return InternalError(f"woohub failed with {type(bug).__name__} in {Path(frame.filename).name}:{frame.lineno}")


def delay(outcome: Outcome) -> float:
    """Seconds until a message should be tried again, before jitter."""
    asked = (outcome.error.retry_after or 0.0) if isinstance(outcome.error, TransientError) else 0.0
    if isinstance(outcome.error, DeadlineExceeded):
        return max(asked, NOT_REACHED_DELAY)
    return max(asked, backoff(outcome.message.receive_count))


def backoff(receives: int) -> float:
    """Seconds between a message's try of this number and its next, if HubSpot asks for nothing else."""
    return min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(receives - 1, 6))  # the sixth doubling passes the longest


def read(record: Record) -> Message:
    """A Lambda event's SQS record as a message; one that cannot be read carries the error instead of a delivery."""
    receives = int((record.get("attributes") or {}).get("ApproximateReceiveCount", "1"))
    try:
        delivery = from_sqs(record["body"], flat_attributes(record.get("messageAttributes") or {}))
    except InvalidMessage as error:
        return Message(record["messageId"], error, receives)
    return Message(record["messageId"], delivery, receives)
