"""Read dead letters, and select those that a command's options name. Pure: no calls."""

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

SHOWN_ID_CHARACTERS = 8  # of a message id are shown to people
MIN_ID_CHARACTERS = 4  # of a message id are needed to select a message

NO_REASON = (
    "retries exhausted or the consumer crashed, received {times} (`woohub dlq` included). "
    "What to do: see the consumer's log, then `woohub dlq redrive MESSAGE`"
)


@dataclass(frozen=True)
class DeadLetter:
    """One message of the dead-letter queue. `delivery` is None if woohub did not write the message."""

    message_id: str
    receipt: str
    body: str
    attributes: Mapping[str, str]
    receives: int  # in all queues together, including those by `woohub dlq`
    sent_ms: int
    delivery: Delivery | None

    @property
    def entity(self) -> str:
        """The order or customer that the message is about, such as "order:26"; "" if unknown."""
        return self.attributes.get("entity") or (self.delivery.entity if self.delivery else "")

    @property
    def store(self) -> str:
        """The store that the message comes from; "" for the first store."""
        return self.delivery.store if self.delivery else FIRST

    @cached_property
    def name(self) -> OrderName | None:
        """The id of the message's order, with number and customer from the payload; None if it is about no order."""
        kind, _, order_id = self.entity.partition(":")
        if kind != "order" or whole_number(order_id) is None:
            return None
        payload = _payload(self.delivery.body if self.delivery else b"")
        fields = payload if isinstance(payload, dict) else {}
        return order_names.of_order({**fields, "id": order_id})

    @property
    def about(self) -> str:
        """The order or customer of the message for people: `order:26  number RE-7, Jane Doe`."""
        more = self.name.more if self.name else ""
        entity = f"{self.store}/{self.entity}" if self.store else self.entity
        return f"{entity}  {more}" if more else entity

    @property
    def reason(self) -> str:
        """Why the message is here and what to do. A message that SQS itself moved has no reason and gets NO_REASON."""
        reason = self.attributes.get("reason") or NO_REASON.format(times=counted(self.receives, "time"))
        return reason.replace(" MESSAGE`", f" {self.message_id[:SHOWN_ID_CHARACTERS]}`")

    @property
    def received(self) -> datetime:
        """When the delivery arrived or, for any other message, when it was sent to a queue."""
        ms = self.delivery.received_ms if self.delivery else self.sent_ms
        return datetime.fromtimestamp(ms / 1000, UTC)

    @property
    def rejected(self) -> datetime | None:
        """When the consumer rejected the message; None if SQS moved it."""
        text = self.attributes.get("rejectedAt", "")
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            return None

    @property
    def attempts(self) -> int:
        """How often the consumer tried the message."""
        attempts = whole_number(self.attributes.get("attempts"))
        return self.receives if attempts is None else attempts

    @property
    def size(self) -> int:
        """The approximate size of the message in bytes, as SQS counts it."""
        return len(self.body.encode()) + sum(len(n) + len(v.encode()) for n, v in self.attributes.items())

    def facts(self) -> dict[str, Any]:
        """Return the facts for --json. Unknown ones are null, but an unknown number or name is left out."""
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
        """Return all facts with the payload. It has personal data, for the person who asked for it."""
        delivery = self.delivery
        return self.facts() | {
            "source": delivery.source if delivery else None,
            "webhook_id": delivery.webhook_id if delivery else None,
            "delivery_id": delivery.delivery_id if delivery else None,
            "receives": self.receives,
            "payload": _payload(delivery.body if delivery else self.body.encode()),
        }


def iso(moment: datetime) -> str:
    """Return the moment as ISO 8601 in UTC, with milliseconds if it has any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def _payload(body: bytes) -> Any:
    text = body.decode(errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def letter(message: Mapping[str, Any]) -> DeadLetter:
    """Parse a message as ReceiveMessage returns it."""
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
    """Selects messages: those that meet every condition that is set."""

    ids: tuple[str, ...] = ()  # message ids, or their first characters
    reason: str = ""  # part of the reason or category; upper and lower case do not matter
    order: int | str | None = None  # an order's id or number, in any form that `order_names.reference` accepts
    customer: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    store: str | None = None  # None: any store; "": the first one

    @property
    def everything(self) -> bool:
        """Whether no condition is set."""
        return self == LetterFilter()

    def matches(self, letter: DeadLetter, orders: Collection[str] = ()) -> bool:
        """Whether the message meets the conditions. `orders` are the entities of the requested order.

        Times are compared with the rejection or, if that is unknown, with the receipt of the delivery.
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
        """Return the selected messages, the oldest first.

        Raises Trouble if an id matches several messages or none, or if `order` is the id of one order and the number of
        another.
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
                raise Trouble(_ambiguous_id_text(start, len(named)))
        return chosen


def _ambiguous_id_text(start: str, count: int) -> str:
    if count:
        return f"{count} of these messages have an id that begins with {start}: give more of its characters"
    return f"no such message has an id that begins with {start}: `woohub dlq list` shows those that are there"


def entities_of_order(text: str, letters: Sequence[DeadLetter]) -> set[str]:
    """Return the entity of the order with this id or number, as far as the messages show it.

    Raises Trouble if the text names two orders.
    """
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
    """Return the number of messages, orders and customers: an order rejected twice has two messages."""
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
    """Return the ids that are too short to select a message."""
    return [message_id for message_id in ids if len(message_id) < MIN_ID_CHARACTERS]
