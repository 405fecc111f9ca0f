"""What can go wrong, typed by what the caller must do.

WooHubError
├── SignatureError             not from the store: answer 401, queue nothing
├── NotAnEntity                authentic, but no order or customer: answer 200, queue nothing, log the cause
├── PermanentError             trying again cannot help: to the dead-letter queue, with the reason
│   ├── InvalidMessage         the queue message is not one of ours
│   ├── InvalidPayload         the store's body does not fit the model
│   ├── InvalidParameter       an SSM parameter holds what woohub cannot read
│   └── Refused                HubSpot refused this one record or request
└── TransientError             leave it on the queue
    ├── Unavailable            5xx, time-out or broken connection, and the retries are used up
    ├── UnknownOutcome         a write whose answer was lost: read the unique key again before anything else
    ├── Fault                  woohub itself failed on it: a bug, to be reported
    ├── SecretUnavailable      Secrets Manager did not answer: nothing was sent, and HubSpot is not the cause
    ├── OutOfTime              the invocation has no time left for another call
    └── Suspended              stop calling HubSpot altogether: the circuit breaker opens
        ├── Unauthorized       401: the token is missing, wrong or expired
        │   └── Forbidden      403: the token lacks a scope
        └── RateLimited        429 that waiting within this invocation cannot cure, the daily limit, or 477
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class WooHubError(Exception):
    """Base of every error this package raises on purpose."""


class SignatureError(WooHubError):
    """The request carries no valid WooCommerce signature."""


class NotAnEntity(WooHubError):
    """The delivery is authentic but holds no order or customer; `cause` is a short, loggable code."""

    def __init__(self, cause: str, *, lost_event: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.lost_event = lost_event  # the store meant to send an order or customer and could not: worth an alarm


class PermanentError(WooHubError):
    """Trying again cannot help until somebody changes something."""


class InvalidMessage(PermanentError):
    """The queue message was not written by woohub, or by a newer version than this one."""


class InvalidPayload(PermanentError):
    """The store's body does not fit the model; the message says which field and why, never its value."""


class InvalidParameter(PermanentError):
    """An SSM parameter holds something else; the message says where and why, never the value."""


@dataclass(frozen=True)
class Problem:
    """What HubSpot said about a request or a record. HubSpot: "treat every field of the error as optional".

    `properties` are all it objected to, `absent` those of them that the portal does not have.
    """

    status: int
    message: str = ""
    category: str = ""
    code: str = ""
    correlation_id: str = ""
    properties: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __str__(self) -> str:
        words = [str(self.status), self.category, self.code, self.message]
        return " ".join(word for word in words if word)


class Refused(PermanentError):
    """HubSpot refused with a 4xx; `problem` says what it objected to."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class TransientError(WooHubError):
    """It may work later: the message stays on the queue.

    `retry_after` in seconds, where HubSpot said so; `status` of HubSpot's answer, 0 where there was none; `call` is the
    path of the call that broke.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, status: int = 0, call: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.call = call


class Unavailable(TransientError):
    """HubSpot did not answer properly, time and again."""


class UnknownOutcome(TransientError):
    """The answer to a write was lost: it may have happened. Read the unique key before trying again."""


class Fault(TransientError):
    """woohub itself failed on this; the message says with which error and where, never with which value."""


class SecretUnavailable(TransientError):
    """Secrets Manager did not give a secret, so nothing was sent."""


class OutOfTime(TransientError):
    """There is no time left in this invocation for another call."""


class Suspended(TransientError):
    """No call can succeed for now; `policy` is the breaker's reason: auth, daily, migration, rate or outage."""

    policy = "outage"


class Unauthorized(Suspended):
    """HubSpot refuses the token, even after reading it again."""

    policy = "auth"


class Forbidden(Unauthorized):
    """The token is valid but lacks a scope this call needs."""


class RateLimited(Suspended):
    """HubSpot's limits leave no room within this invocation."""

    def __init__(self, message: str, *, retry_after: float | None = None, policy: str = "rate") -> None:
        super().__init__(message, retry_after=retry_after)
        self.policy = policy
