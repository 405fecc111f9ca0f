"""Read the dead-letter queue without keeping its messages hidden; redrive or drop them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from woohub.aws_errors import AWS_ERRORS
from woohub.consumer.dead_letters import without_reason
from woohub.hubspot.client import chunks
from woohub_cli.dlq import dead_letters
from woohub_cli.dlq.dead_letters import DeadLetter
from woohub_cli.interrupts import defer_signals
from woohub_cli.rendering.output import Advance

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SQS_BATCH = 10  # SQS receives, sends and deletes at most ten messages per call
MAX_SEND_BYTES = 1_000_000  # SQS accepts 1 MiB per call; the rest is for the names of attributes
HIDDEN_WHILE_READ_S = 120  # messages stay hidden so long if this process is killed while it reads them
HIDDEN_WHILE_MOVED_S = 1800  # the same while it moves them
RECEIVE_WAIT_S = 1  # with any wait, SQS asks all its servers, so that an empty answer means an empty queue
MAX_COUNTED_MESSAGES = 200  # at most so many messages are read only to count their orders


@dataclass
class Moved:
    """How many messages left the dead-letter queue, and SQS's error codes for those that it did not send or delete."""

    count: int = 0
    refusals: set[str] = field(default_factory=set)

    def accepted(self, chunk: Sequence[DeadLetter], answer: Mapping[str, Any]) -> list[DeadLetter]:
        """Return the letters of a batch call that SQS accepted, and record its error codes for the others."""
        self.refusals.update(entry["Code"] for entry in answer.get("Failed", ()))
        return [chunk[int(entry["Id"])] for entry in answer.get("Successful", ())]


@contextmanager
def peek_all(
    sqs: SQSClient,
    url: str,
    *,
    hidden_s: int = HIDDEN_WHILE_READ_S,
    advance: Advance = lambda _more: None,
) -> Iterator[dict[str, DeadLetter]]:
    """Receive all messages of the queue, by id.

    Messages that are still in the dictionary when the block ends, even by an error, become visible again at once.
    """
    letters: dict[str, DeadLetter] = {}
    try:
        _receive_all(sqs, url, letters, advance, hidden_s)
        yield letters
    finally:
        with defer_signals():
            _give_back(sqs, url, list(letters.values()))


def _receive_all(sqs: SQSClient, url: str, letters: dict[str, DeadLetter], advance: Advance, hidden_s: int) -> None:
    """Receive until the queue is empty, or until a full pass contained no new message."""
    known_again = 0
    while known_again <= len(letters):
        with defer_signals():
            received = _receive(sqs, url, hidden_s)
            new = [letter for letter in received if letter.message_id not in letters]
            letters.update({letter.message_id: letter for letter in received})  # the newest receipt is the valid one
        if not received:
            return
        known_again = 0 if new else known_again + len(received)
        advance(len(new))


def _receive(sqs: SQSClient, url: str, hidden_s: int) -> list[DeadLetter]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=SQS_BATCH,
        VisibilityTimeout=hidden_s,
        WaitTimeSeconds=RECEIVE_WAIT_S,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    return [dead_letters.letter(message) for message in answer.get("Messages", ())]


def _give_back(sqs: SQSClient, url: str, letters: Sequence[DeadLetter]) -> None:
    for chunk in chunks(letters, SQS_BATCH):
        entries = [
            {"Id": str(n), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0} for n, letter in enumerate(chunk)
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]


def redrive(
    sqs: SQSClient,
    queue_url: str,
    dlq_url: str,
    letters: dict[str, DeadLetter],
    chosen: Iterable[DeadLetter],
    advance: Advance = lambda _more: None,
) -> Moved:
    """Send the chosen messages to the delivery queue, then delete them from the dead-letter queue and `letters`.

    In this order, a crash duplicates a message, which changes nothing in HubSpot, but never loses one.
    """
    moved = Moved()
    for chunk in send_batches(chosen):
        entries = [
            {"Id": str(n), "MessageBody": letter.body, "MessageAttributes": _attributes(letter)}
            for n, letter in enumerate(chunk)
        ]
        with defer_signals():
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]
            _delete(sqs, dlq_url, letters, moved.accepted(chunk, answer), moved)
        advance(len(chunk))
    return moved


def drop(
    sqs: SQSClient,
    dlq_url: str,
    letters: dict[str, DeadLetter],
    chosen: Iterable[DeadLetter],
    advance: Advance = lambda _more: None,
) -> Moved:
    """Delete the chosen messages for good, from `letters` too."""
    dropped = Moved()
    for chunk in chunks(list(chosen), SQS_BATCH):
        with defer_signals():
            _delete(sqs, dlq_url, letters, chunk, dropped)
        advance(len(chunk))
    return dropped


def _delete(
    sqs: SQSClient, url: str, letters: dict[str, DeadLetter], chunk: Sequence[DeadLetter], moved: Moved
) -> None:
    """Delete at most ten messages, and remove those that SQS deleted from `letters`."""
    if not chunk:
        return
    entries = [{"Id": str(n), "ReceiptHandle": letter.receipt} for n, letter in enumerate(chunk)]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
    gone = moved.accepted(chunk, answer)
    moved.count += len(gone)
    for letter in gone:
        letters.pop(letter.message_id, None)


def _attributes(letter: DeadLetter) -> dict[str, dict[str, str]]:
    kept = without_reason(letter.attributes)
    return {name: {"DataType": "String", "StringValue": text} for name, text in kept.items()}


def send_batches(letters: Iterable[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """Split the messages into groups that fit into one SendMessageBatch."""
    group: list[DeadLetter] = []
    for letter in letters:
        if group and (len(group) == SQS_BATCH or sum(other.size for other in group) + letter.size > MAX_SEND_BYTES):
            yield group
            group = []
        group.append(letter)
    if group:
        yield group


def queue_summary(sqs: SQSClient, url: str, waiting: int) -> str:
    """Return `dead_letters.summary` of a queue with about `waiting` messages.

    "" if these are too many to read for a summary, or AWS does not allow it.
    """
    if not 0 < waiting <= MAX_COUNTED_MESSAGES:
        return ""
    try:
        with peek_all(sqs, url) as letters:
            return dead_letters.summary(letters.values()) if letters else ""
    except AWS_ERRORS:
        return ""
