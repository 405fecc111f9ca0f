"""The messages that the consumer passes to the engine, and the outcome of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from woohub.delivery.delivery import Delivery
from woohub.errors import HubSpotRejected, InternalError, InvalidMessage, PermanentError, TransientError


class Message(NamedTuple):
    """A message of the queue: its delivery, or the error that says why it cannot be read."""

    id: str
    delivery: Delivery | InvalidMessage
    receive_count: int = 1

    @property
    def entity(self) -> str:
        """The order or customer, such as `order:1234`; `unknown` if the message cannot be read."""
        return (self.delivery.entity if isinstance(self.delivery, Delivery) else "") or "unknown"

    @property
    def names(self) -> dict[str, str]:
        """The entity, and the name of a further store, as fields of log lines."""
        return (self.delivery.names if isinstance(self.delivery, Delivery) else {}) | {"entity": self.entity}

    @property
    def record(self) -> str:
        """A name that is unique among all stores: `order:1234`, or `second/order:1234` for the store `second`."""
        return "/".join(reversed(self.names.values()))


class Verdict(StrEnum):
    """What the consumer does with a message."""

    DONE = "done"  # HubSpot is up to date: delete it
    IGNORED = "ignored"  # it changes nothing in HubSpot: delete it
    RETRY = "retry"  # leave it on the queue
    REJECTED = "rejected"  # to the dead-letter queue, with the reason


class Outcome(NamedTuple):
    """The verdict on one message, with the error that is the reason for a retry or a rejection."""

    message: Message
    verdict: Verdict
    error: PermanentError | TransientError | None = None
    attempts: int = 1
    note: str = ""
    broken_call: str = ""  # the path of a call that broke while this message's record was alone in it
    record_ids: Mapping[str, str] = MappingProxyType({})  # HubSpot's ids by log field: contact_id, deal_id

    def facts(self) -> dict[str, object]:
        """Return the fields of the log line, without HubSpot's message, which may hold personal data.

        The dead-letter queue has HubSpot's message.
        """
        delivery = self.message.delivery if isinstance(self.message.delivery, Delivery) else None
        problem = self.error.problem if isinstance(self.error, HubSpotRejected) else None
        return {
            **self.message.names,
            "topic": delivery.topic if delivery else "",
            "delivery_id": delivery.delivery_id if delivery else "",
            "message_id": self.message.id,
            "receive_count": self.message.receive_count,
            "verdict": self.verdict.value,
            **self.record_ids,
            "note": self.note,
            "error": self.error.public_name if self.error else "",
            "fault": str(self.error) if isinstance(self.error, InternalError) else "",
            "status": problem.status if problem else 0,
            "category": (problem.code or problem.category) if problem else "",
            "property": ", ".join(problem.properties) if problem else "",
            "correlation_id": problem.correlation_id if problem else "",
        }
