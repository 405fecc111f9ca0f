"""Read the dead-letter queue without hiding its messages; redrive or drop them."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from woohub.consumer.dead_letters import without_reason
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.delivery.webhooks import Delivery
from woohub.errors import InvalidMessage
from woohub.stores import FIRST
from woohub_cli import order_names
from woohub_cli.cli_errors import Trouble
from woohub_cli.order_names import OrderName

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SQS_BATCH = 10  # SQS receives, sends and deletes at most ten messages per call
MAX_SEND_BYTES = 1_000_000  # SQS: one call carries 1 MiB at most; some of it is for attributes' names
HIDDEN_WHILE_READ_S = 120  # seconds that messages stay hidden if this process is killed while it reads them
HIDDEN_WHILE_MOVED_S = 1800  # the same while it moves them
RECEIVE_WAIT_S = 1  # seconds; any waiting at all makes SQS ask all its servers, so that an empty answer means empty
MAX_COUNTED_MESSAGES = 200  # messages that are read only to say of how many orders they are
SHOWN_ID_CHARACTERS = 8  # characters of an id that people are shown
MIN_ID_CHARACTERS = 4  # characters of an id that are enough to name a message

NO_REASON = (
    "retries exhausted or the consumer crashed, received {receives} times. "
    "What to do: see the consumer's log, then `woohub dlq redrive MESSAGE`"
)

Advance = Callable[[int], None]


@dataclass(frozen=True)
class DeadLetter:
    """One message of the dead-letter queue. `delivery` is None where the message is none of woohub's."""

    message_id: str
    receipt: str
    body: str
    attributes: Mapping[str, str]
    receives: int  # in all queues together, looks at it included
    sent_ms: int
    delivery: Delivery | None

    @property
    def entity(self) -> str:
        """Which order or customer it is about, "" if that is unknown."""
        return self.attributes.get("entity") or (self.delivery.entity if self.delivery else "")

    @property
    def store(self) -> str:
        """Which store it is of; the first has no name."""
        return self.delivery.store if self.delivery else FIRST

    @cached_property
    def name(self) -> OrderName | None:
        """The order it is about, with the number and name of its payload; None if it is about none."""
        kind, _, order_id = self.entity.partition(":")
        if kind != "order" or not order_id.isdigit():
            return None
        payload = _payload(self.delivery.body if self.delivery else b"")
        fields = payload if isinstance(payload, dict) else {}
        return order_names.of_order({**fields, "id": order_id})

    @property
    def about(self) -> str:
        """What it is about, for people: `order:26  number RE-7, Jane Doe`."""
        more = self.name.more if self.name else ""
        entity = f"{self.store}/{self.entity}" if self.store else self.entity
        return f"{entity}  {more}" if more else entity

    @property
    def reason(self) -> str:
        """Why it is here and what to do; a message that SQS itself moved carries no reason."""
        reason = self.attributes.get("reason") or NO_REASON.format(receives=self.receives)
        return reason.replace(" MESSAGE`", f" {self.message_id[:SHOWN_ID_CHARACTERS]}`")

    @property
    def received(self) -> datetime:
        """When the store's delivery came; for what is none, when it was sent to a queue."""
        ms = self.delivery.received_ms if self.delivery else self.sent_ms
        return datetime.fromtimestamp(ms / 1000, UTC)

    @property
    def rejected(self) -> datetime | None:
        """When the consumer gave up; None if it never said so."""
        text = self.attributes.get("rejectedAt", "")
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            return None

    @property
    def attempts(self) -> int:
        """How often the consumer tried it."""
        text = self.attributes.get("attempts", "")
        return int(text) if text.isdigit() else self.receives

    @property
    def size(self) -> int:
        """Bytes that SQS counts, roughly."""
        return len(self.body.encode()) + sum(len(n) + len(v.encode()) for n, v in self.attributes.items())

    def facts(self) -> dict[str, Any]:
        """For --json; what is unknown is null, and an order's number or name is left out."""
        status = self.attributes.get("status", "")
        known = self.name.facts() if self.name else {}
        store = {"store": self.store} if self.store else {}
        return (
            store
            | {name: known[name] for name in ("number", "name") if known.get(name)}
            | {
                "message_id": self.message_id,
                "entity": self.entity,
                "reason": self.reason,
                "status": int(status) if status.isdigit() else None,
                "category": self.attributes.get("category"),
                "property": self.attributes.get("property"),
                "correlation_id": self.attributes.get("correlationId"),
                "attempts": self.attempts,
                "received_at": iso(self.received),
                "rejected_at": iso(self.rejected) if self.rejected else None,
                "topic": self.delivery.topic if self.delivery else None,
            }
        )

    def details(self) -> dict[str, Any]:
        """All there is to know, the payload included: personal data, for the person who asked for it."""
        delivery = self.delivery
        return self.facts() | {
            "source": delivery.source if delivery else None,
            "webhook_id": delivery.webhook_id if delivery else None,
            "delivery_id": delivery.delivery_id if delivery else None,
            "receives": self.receives,
            "payload": _payload(delivery.body if delivery else self.body.encode()),
        }


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC, with milliseconds where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _payload(body: bytes) -> Any:
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def letter(message: Mapping[str, Any]) -> DeadLetter:
    """What ReceiveMessage gave, read."""
    attributes = flat_attributes(message.get("MessageAttributes") or {})
    about = message.get("Attributes") or {}
    try:
        delivery = from_sqs(message["Body"], attributes)
    except InvalidMessage:
        delivery = None
    return DeadLetter(
        message_id=message["MessageId"],
        receipt=message["ReceiptHandle"],
        body=message["Body"],
        attributes=attributes,
        receives=int(about.get("ApproximateReceiveCount", 1)),
        sent_ms=int(about.get("SentTimestamp", 0)),
        delivery=delivery,
    )


@dataclass(frozen=True)
class LetterFilter:
    """Which messages are meant: those that fit everything that is set."""

    ids: tuple[str, ...] = ()  # whole, or their first characters
    reason: str = ""  # part of the reason or category, in any case of letters
    order: int | str | None = None  # its id or number, in any form that `order_names.reference` accepts
    customer: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    store: str | None = None  # None: of any store

    @property
    def everything(self) -> bool:
        """Whether nothing is set."""
        return self == LetterFilter()

    def matches(self, letter: DeadLetter, orders: Collection[str] = ()) -> bool:
        """Whether this message is meant. Times are those of the rejection, or of the delivery if that is unknown.

        `orders` are the entities of the order that is asked for.
        """
        moment = letter.rejected or letter.received
        entities = {*orders, *([f"customer:{self.customer}"] if self.customer else [])}
        return (
            (not self.ids or letter.message_id.startswith(self.ids))
            and self.store in (None, letter.store)
            and self.reason.lower() in f"{letter.reason} {letter.attributes.get('category', '')}".lower()
            and (not (entities or self.order) or letter.entity in entities)
            and (self.since is None or moment >= self.since)
            and (self.until is None or moment <= self.until)
        )

    def select(self, letters: Iterable[DeadLetter]) -> list[DeadLetter]:
        """The messages that are meant, the oldest first.

        Trouble if an id names several or none, or if what names the order is one's id and another one's number.
        """
        known = [letter for letter in letters if self.store in (None, letter.store)]
        orders = entities_of_order(str(self.order), known) if self.order else ()
        chosen = sorted(
            (letter for letter in known if self.matches(letter, orders)),
            key=lambda letter: (letter.received, letter.message_id),
        )
        for start in self.ids:
            named = [letter.message_id for letter in chosen if letter.message_id.startswith(start)]
            if len(named) != 1:
                raise Trouble(f"{len(named) or 'no'} messages have an id that begins with {start}")
        return chosen


def entities_of_order(text: str, letters: Sequence[DeadLetter]) -> set[str]:
    """The entity of the order with this id or number, as far as the messages show; Trouble if it names two orders."""
    asked = order_names.reference(text)
    by_id = {letter.entity for letter in letters if letter.entity == f"order:{asked.text}"}
    by_number = {letter.entity for letter in letters if letter.name and asked.names(letter.name.number)}
    if asked.number_first and by_number:
        return by_number
    if len(by_id | by_number) > 1:
        candidates = sorted(
            {
                f"{letter.entity} ({letter.name.more})"
                for letter in letters
                if letter.name and letter.entity in by_id | by_number
            }
        )
        raise Trouble(f"{text} may be {' or '.join(candidates)}: name the order as order:ID")
    return by_id | by_number


def summary(letters: Collection[DeadLetter]) -> str:
    """How many messages, and of how many orders and customers: an order that was refused twice has two."""
    entities = {(letter.store, letter.entity or letter.message_id) for letter in letters}
    kinds = Counter(entity.partition(":")[0] for _, entity in entities)
    orders, customers = kinds["order"], kinds["customer"]
    parts = [
        _count_text(orders, "order"),
        _count_text(customers, "customer"),
        _count_text(len(entities) - orders - customers, "other"),
    ]
    of = " and ".join(part for part in parts if part)
    return f"{_count_text(len(letters), 'message')} of {of}" if letters else "0 messages"


def _count_text(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}" if count else ""


def queue_summary(sqs: SQSClient, url: str, waiting: int) -> str:
    """The same of a queue that holds about so many; "" if they are too many to read for it, or may not be read."""
    if not 0 < waiting <= MAX_COUNTED_MESSAGES:
        return ""
    try:
        with peek_all(sqs, url, wait_s=RECEIVE_WAIT_S) as letters:
            return summary(letters.values()) if letters else ""
    except (BotoCoreError, ClientError):
        return ""


@contextmanager
def defer_signals() -> Iterator[None]:
    """Defer Ctrl-C and SIGTERM to the end of the block: one call to SQS and recording its answer.

    Otherwise messages that are being received would stay hidden. A second signal is not deferred.
    """
    asked: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        raise KeyboardInterrupt


@contextmanager
def peek_all(
    sqs: SQSClient,
    url: str,
    *,
    hidden_s: int = HIDDEN_WHILE_READ_S,
    advance: Advance = lambda _more: None,
    wait_s: int = RECEIVE_WAIT_S,
) -> Iterator[dict[str, DeadLetter]]:
    """Every message of the queue by id. What is still in the dictionary at the end can be received again at once,

    however the block ends: an error and Ctrl-C included.
    """
    letters: dict[str, DeadLetter] = {}
    try:
        _receive_all(sqs, url, letters, advance, hidden_s, wait_s)
        yield letters
    finally:
        with defer_signals():
            _give_back(sqs, url, list(letters.values()))


def _receive_all(
    sqs: SQSClient, url: str, letters: dict[str, DeadLetter], advance: Advance, hidden_s: int, wait_s: int
) -> None:
    """Receive until nothing comes, or until a full pass has brought nothing new."""
    known_again = 0
    while known_again <= len(letters):
        with defer_signals():
            received = _receive(sqs, url, hidden_s, wait_s)
            new = [letter for letter in received if letter.message_id not in letters]
            letters.update({letter.message_id: letter for letter in received})  # the newest receipt is the valid one
        if not received:
            return
        known_again = 0 if new else known_again + len(received)
        advance(len(new))


def _receive(sqs: SQSClient, url: str, hidden_s: int, wait_s: int) -> list[DeadLetter]:
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=SQS_BATCH,
        VisibilityTimeout=hidden_s,
        WaitTimeSeconds=wait_s,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    return [letter(message) for message in answer.get("Messages", ())]


def _give_back(sqs: SQSClient, url: str, letters: Sequence[DeadLetter]) -> None:
    for some in _batches(letters):
        entries = [
            {"Id": str(n), "ReceiptHandle": letter.receipt, "VisibilityTimeout": 0} for n, letter in enumerate(some)
        ]
        sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]


def redrive(
    sqs: SQSClient,
    queue_url: str,
    dlq_url: str,
    letters: dict[str, DeadLetter],
    chosen: Iterable[DeadLetter],
    advance: Advance = lambda _more: None,
) -> int:
    """Send the chosen ones to the delivery queue, then remove them from `letters` and the dead-letter queue.

    In this order: a crash in between doubles a message, which changes nothing in HubSpot, and never loses one.
    Returns how many were moved.
    """
    moved = 0
    for some in send_batches(chosen):
        entries = [
            {"Id": str(n), "MessageBody": letter.body, "MessageAttributes": _attributes(letter)}
            for n, letter in enumerate(some)
        ]
        with defer_signals():
            answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)  # type: ignore[arg-type]
            sent = [some[int(entry["Id"])] for entry in answer.get("Successful", ())]
            moved += len(_delete(sqs, dlq_url, letters, sent))
        advance(len(some))
    return moved


def drop(
    sqs: SQSClient,
    dlq_url: str,
    letters: dict[str, DeadLetter],
    chosen: Iterable[DeadLetter],
    advance: Advance = lambda _more: None,
) -> int:
    """Delete the chosen ones for good, from `letters` too; how many were deleted."""
    dropped = 0
    for some in _batches(list(chosen)):
        with defer_signals():
            dropped += len(_delete(sqs, dlq_url, letters, some))
        advance(len(some))
    return dropped


def _delete(sqs: SQSClient, url: str, letters: dict[str, DeadLetter], some: Sequence[DeadLetter]) -> list[DeadLetter]:
    """At most ten; which of them are gone."""
    if not some:
        return []
    entries = [{"Id": str(n), "ReceiptHandle": letter.receipt} for n, letter in enumerate(some)]
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]
    gone = [some[int(entry["Id"])] for entry in answer.get("Successful", ())]
    for letter in gone:
        letters.pop(letter.message_id, None)
    return gone


def _attributes(letter: DeadLetter) -> dict[str, dict[str, str]]:
    kept = without_reason(letter.attributes)
    return {name: {"DataType": "String", "StringValue": text} for name, text in kept.items()}


def _batches(letters: Sequence[DeadLetter]) -> Iterator[Sequence[DeadLetter]]:
    for start in range(0, len(letters), SQS_BATCH):
        yield letters[start : start + SQS_BATCH]


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


def too_short_ids(ids: Collection[str]) -> list[str]:
    """Ids that are too short to name a message."""
    return [message_id for message_id in ids if len(message_id) < MIN_ID_CHARACTERS]
