"""Messages on their way through the consumer, and what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from woohub.delivery.delivery import Delivery
from woohub.errors import HubSpotRejected, InternalError, InvalidMessage, PermanentError, TransientError


class Message(NamedTuple):
    """A delivery on its way through the queue, or why it could not be read."""

    id: str
    delivery: Delivery | InvalidMessage
    receive_count: int = 1

    @property
    def entity(self) -> str:
        """`order:1234`, or `unknown`."""
        return (self.delivery.entity if isinstance(self.delivery, Delivery) else "") or "unknown"

    @property
    def names(self) -> dict[str, str]:
        """For log lines: the entity, and the store unless it is the first."""
        return (self.delivery.names if isinstance(self.delivery, Delivery) else {}) | {"entity": self.entity}

    @property
    def record(self) -> str:
        """The entity as one of all stores': `order:1234`, of another store than the first `second/order:1234`."""
        return "/".join(reversed(self.names.values()))


class Verdict(StrEnum):
    """What becomes of a message."""

    DONE = "done"  # HubSpot is right; delete it
    IGNORED = "ignored"  # it concerns nothing in HubSpot; delete it
    RETRY = "retry"  # leave it on the queue
    REJECTED = "rejected"  # to the dead-letter queue, with the reason


class Outcome(NamedTuple):
    """The verdict on one message, with the error behind a retry or a rejection."""

    message: Message
    verdict: Verdict
    error: PermanentError | TransientError | None = None
    attempts: int = 1
    note: str = ""
    broken_call: str = ""  # the path of the call that it broke all by itself
    record_ids: Mapping[str, str] = MappingProxyType({})  # HubSpot's, by log field: contact_id, deal_id

    def facts(self) -> dict[str, object]:
        """For a log line: no personal data, so HubSpot's own words on a refusal are left to the dead-letter queue."""
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
