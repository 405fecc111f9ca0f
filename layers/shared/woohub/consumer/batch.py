"""Process one SQS batch: read and sync its messages, send rejected ones to the dead-letter queue, return retries."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from woohub.clock import is_within
from woohub.concurrency import Concurrency, OneAfterAnother
from woohub.consumer import dead_letters
from woohub.consumer.breaker import Breaker
from woohub.consumer.early_trash import EarlyTrash, is_early_trash
from woohub.consumer.handed_back import HandedBack
from woohub.consumer.poison import PoisonDetector
from woohub.consumer.retries import Retries
from woohub.consumer.sender import Sender, SqsRecord
from woohub.counted import counted
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.errors import (
    REJECTIONS,
    DeadlineExceeded,
    HubSpotProblem,
    HubSpotRejected,
    InternalError,
    InvalidMessage,
    RejectionUnconfirmed,
    SecretUnavailable,
    StoreUnknown,
    Suspended,
    TransientError,
)
from woohub.hubspot.answers import refuses_association
from woohub.hubspot.call_stats import CallStats
from woohub.sync.batch_writer import MAX_ATTEMPTS
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome, Verdict

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

POISON_RECEIVES = 5  # a message that itself causes its failures is rejected from this receive on
# For so long after a write, HubSpot counts as partly up, if it answers any calls: no outage, whatever is not written.
HEALTHY_AFTER_WRITE_S = 600.0
NOT_AN_OUTAGE = (InternalError, SecretUnavailable, StoreUnknown, RejectionUnconfirmed)


class Consumer:
    """Processes the consumer function's batches. No content of a batch makes it raise an error."""

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
        self._dead_letter_queue_url = dead_letter_queue_url
        self._report = report
        self._clock = clock
        self._sender = Sender(sqs, warn)
        self._retries = Retries(sqs, queue_url, self._sender, warn, concurrency or OneAfterAnother(), jitter)
        self._poison = PoisonDetector()
        self._handed_back = HandedBack()
        self._early_trash = EarlyTrash()
        self._stats = sync.call_stats()  # the counts at the end of the previous batch
        self._wrote_at = float("-inf")

    def consume(self, records: Sequence[SqsRecord]) -> dict[str, list[dict[str, str]]]:
        """Process the records of an SQS event. Return Lambda's partial batch response: the messages to retry."""
        by_id = {record["messageId"]: record for record in records}
        retries = []
        for outcome in self._outcomes_with_early_trash([read(record) for record in by_id.values()]):
            record = by_id[outcome.message.id]
            final = self._reject_poison(_retry_early_trash(outcome, self._handed_back))
            final = self._to_dead_letter_queue(final, record)
            self._report(final)
            if final.verdict is Verdict.RETRY and not self._retries.resend_if_near_limit(final.message, record):
                retries.append((final, record))
        self._retries.set_delays(retries)
        return {"batchItemFailures": [{"itemIdentifier": outcome.message.id} for outcome, _record in retries]}

    def _outcomes_with_early_trash(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sync the messages, with the `order.deleted` that came before their orders. Return the messages' outcomes."""
        early = self._early_trash.of(messages)
        outcomes = [_retry_passing(outcome) for outcome in self._outcomes([*early, *messages])]
        self._early_trash.record_batch(self._clock(), outcomes)
        remembered = {message.id for message in early}
        own = [outcome for outcome in outcomes if outcome.message.id not in remembered]
        self._handed_back.record_batch(self._clock(), own)
        return own

    def _outcomes(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sync the messages, with suspects last: records that recently broke a call while they were alone in it.

        In the same calls, suspects would make other records fail, too. If one of the others breaks a call, the cause
        may be HubSpot, so suspects are handed back without an attempt.
        """
        suspected = self._poison.suspects
        suspects = [message for message in messages if suspected and message.record in suspected]
        others = [message for message in messages if not suspected or message.record not in suspected]
        outcomes = self._outcomes_together(others, of_suspects=False) if others else []
        trouble = next((outcome.error for outcome in outcomes if outcome.broken_call), None)
        if trouble or not suspects:
            return outcomes + [Outcome(message, Verdict.RETRY, trouble) for message in suspects]
        return outcomes + self._outcomes_together(suspects, of_suspects=True)

    def _outcomes_together(self, messages: Sequence[Message], *, of_suspects: bool) -> list[Outcome]:
        """Sync these messages; if the breaker has just opened, return a retry for each without a call."""
        if error := self._breaker.cooldown_error():
            return [Outcome(message, Verdict.RETRY, error) for message in messages]
        outcomes = self._sync_all(messages)
        self._record_health(outcomes, of_suspects=of_suspects)
        return outcomes

    def _sync_all(self, messages: Sequence[Message]) -> list[Outcome]:
        """Sync the messages. If one triggers a bug, halves are synced, until it is alone and all others succeed."""
        try:
            return self._sync.sync(messages)
        except Exception as bug:  # noqa: BLE001  (whatever it is, the rest of the batch must not fail with it)
            if len(messages) == 1:
                return [Outcome(messages[0], Verdict.RETRY, _internal_error(bug))]
        middle = len(messages) // 2
        return self._sync_all(messages[:middle]) + self._sync_all(messages[middle:])

    def _record_health(self, outcomes: Sequence[Outcome], *, of_suspects: bool) -> None:
        """Tell the poison detector and the breaker how HubSpot answered this batch."""
        now, total = self._clock(), self._sync.call_stats()
        stats, self._stats = total.since(self._stats), total
        breaking = {outcome.message.record: outcome.broken_call for outcome in outcomes if outcome.broken_call}
        self._poison.record_batch(now, CallStats() if of_suspects else stats, breaking)
        if stats.wrote:
            self._wrote_at = now
        responded = stats.wrote or any(isinstance(outcome.error, REJECTIONS) for outcome in outcomes)
        partly_up = bool(stats.answered) and is_within(HEALTHY_AFTER_WRITE_S, self._wrote_at, now)
        self._breaker.record_batch(responded=responded, errors=_signs_of_an_outage(outcomes, partly_up=partly_up))

    def _reject_poison(self, outcome: Outcome) -> Outcome:
        """Reject a message that has failed so often that it must be its own fault; return other outcomes unchanged."""
        receives, error = outcome.message.receive_count, outcome.error
        if isinstance(error, RejectionUnconfirmed) and receives >= MAX_ATTEMPTS:
            return outcome._replace(verdict=Verdict.REJECTED, error=HubSpotRejected(error.problem))
        if receives < POISON_RECEIVES or not isinstance(error, TransientError):
            return outcome
        if isinstance(error, InternalError):
            category = dead_letters.FAILED
        elif isinstance(error, StoreUnknown):
            category = dead_letters.STORE_UNKNOWN
        elif self._poison.is_poison(outcome.message.record, outcome.broken_call, self._waiting_s(outcome.message)):
            category = dead_letters.NO_ANSWER
        else:
            return outcome
        problem = HubSpotProblem(
            error.status, f"{counted(receives, 'attempt')} at this record failed: {error}", category
        )
        return outcome._replace(verdict=Verdict.REJECTED, error=HubSpotRejected(problem))

    def _waiting_s(self, message: Message) -> float:
        delivery = message.delivery
        return self._clock() - delivery.received_ms / 1000 if isinstance(delivery, Delivery) else 0.0

    def _to_dead_letter_queue(self, outcome: Outcome, record: SqsRecord) -> Outcome:
        """Send a rejected message to the dead-letter queue; if that fails, return a retry.

        This comes before the queue deletes the message, so a crash in between may double it, but never loses it.
        """
        if outcome.verdict is not Verdict.REJECTED or outcome.error is None:
            return outcome
        attempts = max(outcome.attempts, outcome.message.receive_count)
        reason = dead_letters.attributes(outcome.error, outcome.message.entity, attempts, self._clock())
        if self._sender.send(self._dead_letter_queue_url, record, reason):
            return outcome
        error = TransientError("the message could not be sent to the dead-letter queue")
        return outcome._replace(verdict=Verdict.RETRY, error=error)


def _retry_early_trash(outcome: Outcome, handed_back: HandedBack) -> Outcome:
    """Return a retry for an `order.deleted` that came before its order, which HubSpot does not have yet.

    The order's own message was handed back, and `order.deleted` has only the order's id. If it counted as done, the
    order would later become a deal that is not in the trash.
    """
    if not (is_early_trash(outcome) and outcome.message.record in handed_back):
        return outcome
    return outcome._replace(verdict=Verdict.RETRY, error=TransientError("the order waits for another attempt"))


def _retry_passing(outcome: Outcome) -> Outcome:
    """Return a retry for a rejection that may pass: a 409, or a record to associate with that has just been deleted."""
    error = outcome.error
    may_pass = isinstance(error, HubSpotRejected) and (
        error.problem.status == 409 or refuses_association(error.problem)
    )
    if not may_pass or outcome.message.receive_count >= POISON_RECEIVES:
        return outcome
    return outcome._replace(verdict=Verdict.RETRY, error=TransientError(str(error)))


def _signs_of_an_outage(outcomes: Sequence[Outcome], *, partly_up: bool) -> list[TransientError]:
    """Return the errors that an outage of HubSpot may have caused.

    If HubSpot is `partly_up`, it answers other calls, which must not wait: then only a Suspended counts.
    """
    errors = [outcome.error for outcome in outcomes if isinstance(outcome.error, TransientError)]
    if partly_up:
        return [error for error in errors if isinstance(error, Suspended)]
    # A lack of time says nothing about HubSpot, unless nothing was written in all that time: then HubSpot was too slow.
    wrote = any(outcome.verdict is Verdict.DONE for outcome in outcomes)
    ignored = (*NOT_AN_OUTAGE, DeadlineExceeded) if wrote else NOT_AN_OUTAGE
    return [error for error in errors if not isinstance(error, ignored)]


def _internal_error(bug: Exception) -> InternalError:
    """Return an error with the bug's type and place, but not its message, which may hold personal data."""
    frame = traceback.extract_tb(bug.__traceback__)[-1]
    return InternalError(f"woohub failed with {type(bug).__name__} in {Path(frame.filename).name}:{frame.lineno}")


def read(record: SqsRecord) -> Message:
    """Read a Lambda event's SQS record. A message that cannot be read has the error in place of its delivery."""
    receives = int((record.get("attributes") or {}).get("ApproximateReceiveCount", "1"))
    try:
        delivery = from_sqs(record["body"], flat_attributes(record.get("messageAttributes") or {}))
    except InvalidMessage as error:
        return Message(record["messageId"], error, receives)
    return Message(record["messageId"], delivery, receives)
