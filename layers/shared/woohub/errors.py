"""The errors that this package raises, arranged by what the caller must do.

WooHubError
├── SignatureError             the store did not sign the request: answer 401, queue nothing
│   └── SignatureMissing       the request has no signature
├── NotAnEntity                authentic, but no order or customer: answer 200, queue nothing, log the cause
├── InvalidMapping             mapping.toml cannot be used (woohub.mapping.mapping_file)
├── PermanentError             a retry cannot succeed: to the dead-letter queue, with the reason
│   ├── InvalidMessage         the queue message was not written by woohub
│   ├── InvalidPayload         the store's body does not fit the model
│   ├── InvalidParameter       an SSM parameter or a file of the configuration cannot be read
│   ├── HubSpotRejected        HubSpot rejected this record or request
│   └── StoreRefused           the store refused this request (woohub.store.requests)
└── TransientError             a retry may succeed: leave the message on the queue
    ├── HubSpotUnavailable     5xx, time-out or broken connection, after all retries
    ├── UnknownOutcome         the response to a write was lost: read the unique key before anything else
    ├── RejectionUnconfirmed   HubSpot rejected this record, and the invocation ended before it was asked again
    ├── KeyChanged             the property by which HubSpot's records are found is another one now
    ├── InternalError          a bug in woohub, to be reported
    ├── SecretUnavailable      Secrets Manager did not respond: nothing was sent, and HubSpot is not the cause
    ├── StoreUnknown           the message names a store that the stack does not have, or not yet
    ├── DeadlineExceeded       the invocation has no time left for another call
    ├── StoreUnavailable       the store did not respond properly, after all retries (woohub.store.requests)
    │   ├── StoreOverloaded    the store failed on this request: a smaller page may succeed
    │   └── Unreadable         the store cannot show this record, while it shows others (woohub.store.unreadable)
    └── Suspended              stop calling HubSpot altogether: the circuit breaker opens
        ├── ConfigurationUnreadable    the stack's configuration cannot be read (woohub.configuration)
        ├── Unauthorized       401: the token is missing, wrong or expired
        │   └── Forbidden      403: the token lacks a scope
        ├── KeyOfErasuresUnknown    the list of erasures cannot be applied (woohub.erasures)
        ├── ListOfErasuresMissing   the list of erasures was deleted (woohub.erasures)
        └── RateLimited        477, the daily limit, or a 429 that lasts longer than this invocation

Logs (`error`) and dead letters (`category`) name each class by its `public_name`. People's queries and scripts use
these names, so a renamed class keeps the public name it had first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar


class WooHubError(Exception):
    """Base of every error this package raises on purpose."""

    public_name: ClassVar[str] = "WooHubError"

    def __init_subclass__(cls, *, public_name: str = "") -> None:
        cls.public_name = public_name or cls.__name__


class SignatureError(WooHubError):
    """The request carries no valid WooCommerce signature."""


class SignatureMissing(SignatureError):
    """The request is not signed at all."""


class NotAnEntity(WooHubError):
    """The delivery is authentic but holds no order or customer. `cause` is a short code for logs and metrics.

    `lost_event`: the store meant to send an order or customer and could not, which is worth an alarm.
    """

    def __init__(self, cause: str, *, lost_event: bool = False) -> None:
        super().__init__(cause)
        self.cause = cause
        self.lost_event = lost_event


class PermanentError(WooHubError):
    """A retry cannot succeed until somebody changes something."""


class InvalidMessage(PermanentError):
    """The queue message was not written by woohub, or was written by a newer version than this one."""


class InvalidPayload(PermanentError):
    """The store's body does not fit the model. The text says which field and why, never its value."""


class InvalidParameter(PermanentError):
    """An SSM parameter or a file of the configuration cannot be read. The text says where, never the value."""


@dataclass(frozen=True)
class HubSpotProblem:
    """HubSpot's error about a request or a record. HubSpot says to "treat every field of the error as optional".

    `properties` are the properties that HubSpot objected to, `absent` those of them that the portal does not have.
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


class HubSpotRejected(PermanentError, public_name="Refused"):
    """HubSpot answered with a 4xx. `problem` says what HubSpot objected to."""

    def __init__(self, problem: HubSpotProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class TransientError(WooHubError):
    """A retry may succeed: the message stays on the queue.

    `retry_after` is the wait in seconds that the response asks for, None if it asks for none. `status` is the
    response's status, 0 if there was no response. `call` is the path of the call that failed.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, status: int = 0, call: str = "") -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.call = call


class HubSpotUnavailable(TransientError, public_name="Unavailable"):
    """HubSpot did not respond properly, after all retries."""


class UnknownOutcome(TransientError):
    """The response to a write was lost, so the write may have happened: read the unique key before you try again."""


class RejectionUnconfirmed(TransientError):
    """HubSpot rejected this record, but too few times to be sure. `problem` says what HubSpot objected to."""

    def __init__(self, problem: HubSpotProblem) -> None:
        super().__init__(str(problem), status=problem.status)
        self.problem = problem


REJECTIONS = (HubSpotRejected, RejectionUnconfirmed)


class KeyChanged(TransientError):
    """The property by which records are found in HubSpot was deleted or created again since the batch began."""


class InternalError(TransientError, public_name="Fault"):
    """A bug in woohub. The text names the exception and its place in the code, never a value."""


class SecretUnavailable(TransientError):
    """Secrets Manager did not return a secret, so the call that needs it was not made."""


class StoreUnknown(TransientError):
    """The configuration does not have the message's store: it was just added, or removed."""

    def __init__(self, store: str) -> None:
        super().__init__(f"the stack has no store {store}: it was removed, or has only just been added")


class DeadlineExceeded(TransientError, public_name="OutOfTime"):
    """There is no time left in this invocation for another call."""


class Suspended(TransientError):
    """No call can succeed for now.

    `policy` is the reason that the breaker shows: auth, config, daily, migration, rate or outage.
    """

    policy = "outage"


class Unauthorized(Suspended):
    """HubSpot rejects the token, even after it was read again from its secret."""

    policy = "auth"


class Forbidden(Unauthorized):
    """The token is valid but lacks a scope this call needs."""


class RateLimited(Suspended):
    """HubSpot's limits allow no further call within this invocation."""

    def __init__(self, message: str, *, retry_after: float | None = None, policy: str = "rate") -> None:
        super().__init__(message, retry_after=retry_after)
        self.policy = policy
