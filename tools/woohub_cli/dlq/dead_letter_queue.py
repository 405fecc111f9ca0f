"""Read the dead-letter queue without hiding its messages; redrive or drop them."""

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
MAX_SEND_BYTES = 1_000_000  # SQS: one call carries 1 MiB at most; some of it is for attributes' names
HIDDEN_WHILE_READ_S = 120  # seconds that messages stay hidden if this process is killed while it reads them
HIDDEN_WHILE_MOVED_S = 1800  # the same while it moves them
RECEIVE_WAIT_S = 1  # seconds; any waiting at all makes SQS ask all its servers, so that an empty answer means empty
MAX_COUNTED_MESSAGES = 200  # messages that are read only to say of how many orders they are


@dataclass
class Moved:
    """How many messages have left the dead-letter queue, and SQS's codes for those that it did not take or delete."""

    count: int = 0
    refusals: set[str] = field(default_factory=set)

    def accepted(self, chunk: Sequence[DeadLetter], answer: Mapping[str, Any]) -> list[DeadLetter]:
        """The letters of a batch call that SQS accepted; its codes for the others are kept."""
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
    """Every message of the queue by id.

    What is still in the dictionary at the end can be received again at once, however the block ends.
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
    """Send the chosen ones to the delivery queue, then remove them from `letters` and the dead-letter queue.

    In this order: a crash in between doubles a message, which changes nothing in HubSpot, and never loses one.
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
    """Delete the chosen ones for good, from `letters` too."""
    dropped = Moved()
    for chunk in chunks(list(chosen), SQS_BATCH):
        with defer_signals():
            _delete(sqs, dlq_url, letters, chunk, dropped)
        advance(len(chunk))
    return dropped


def _delete(
    sqs: SQSClient, url: str, letters: dict[str, DeadLetter], chunk: Sequence[DeadLetter], moved: Moved
) -> None:
    """At most ten."""
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
    """In groups that fit into one SendMessageBatch."""
    group: list[DeadLetter] = []
    for letter in letters:
        if group and (len(group) == SQS_BATCH or sum(other.size for other in group) + letter.size > MAX_SEND_BYTES):
            yield group
            group = []
        group.append(letter)
    if group:
        yield group


def queue_summary(sqs: SQSClient, url: str, waiting: int) -> str:
    """The same of a queue that holds about so many; "" if they are too many to read for it, or may not be read."""
    if not 0 < waiting <= MAX_COUNTED_MESSAGES:
        return ""
    try:
        with peek_all(sqs, url) as letters:
            return dead_letters.summary(letters.values()) if letters else ""
    except AWS_ERRORS:
        return ""
