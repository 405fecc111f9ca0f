"""What a dead letter says, and which ones are meant. Pure: no calls."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from woohub.counted import counted
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.errors import InvalidMessage
from woohub.json_values import whole_number
from woohub.stores import FIRST
from woohub_cli.cli_errors import Trouble
from woohub_cli.orders import order_names
from woohub_cli.orders.order_names import OrderName

SHOWN_ID_CHARACTERS = 8  # characters of an id that people are shown
MIN_ID_CHARACTERS = 4  # characters of an id that are enough to name a message

NO_REASON = (
    "retries exhausted or the consumer crashed, received {times} (`woohub dlq` included). "
    "What to do: see the consumer's log, then `woohub dlq redrive MESSAGE`"
)


@dataclass(frozen=True)
class DeadLetter:
    """One message of the dead-letter queue. `delivery` is None where woohub did not write the message."""

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
        if kind != "order" or whole_number(order_id) is None:
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
        reason = self.attributes.get("reason") or NO_REASON.format(times=counted(self.receives, "time"))
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
        except (ValueError, OverflowError):
            return None

    @property
    def attempts(self) -> int:
        """How often the consumer tried it."""
        attempts = whole_number(self.attributes.get("attempts"))
        return self.receives if attempts is None else attempts

    @property
    def size(self) -> int:
        """Bytes that SQS counts, roughly."""
        return len(self.body.encode()) + sum(len(n) + len(v.encode()) for n, v in self.attributes.items())

    def facts(self) -> dict[str, Any]:
        """For --json; what is unknown is null, and an order's number or name is left out."""
        known = self.name.facts() if self.name else {}
        store = {"store": self.store} if self.store else {}
        return (
            store
            | {name: known[name] for name in ("number", "name") if known.get(name)}
            | {
                "message_id": self.message_id,
                "entity": self.entity,
                "reason": self.reason,
                "status": whole_number(self.attributes.get("status")),
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
                raise Trouble(_not_one(start, len(named)))
        return chosen


def _not_one(start: str, count: int) -> str:
    if count:
        return f"{count} of these messages have an id that begins with {start}: give more of its characters"
    return f"no such message has an id that begins with {start}: `woohub dlq list` shows those that are there"


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
    entities = {(letter.store, letter.entity if ":" in letter.entity else letter.message_id) for letter in letters}
    kinds = Counter(entity.partition(":")[0] for _, entity in entities)
    orders, customers = kinds["order"], kinds["customer"]
    parts = [
        (orders, "order"),
        (customers, "customer"),
        (len(entities) - orders - customers, "other"),
    ]
    of = " and ".join(counted(count, noun) for count, noun in parts if count)
    return f"{counted(len(letters), 'message')} of {of}" if letters else "0 messages"


def too_short_ids(ids: Collection[str]) -> list[str]:
    """Ids that are too short to name a message."""
    return [message_id for message_id in ids if len(message_id) < MIN_ID_CHARACTERS]
