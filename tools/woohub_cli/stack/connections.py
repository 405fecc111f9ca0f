"""Reach the store, HubSpot and the queue of a stack, with the keys the stack itself uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from woohub.clock import Timer
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.hubspot_settings import HubSpotSettings
from woohub.pool import Pool
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.environment import STORE_VARIABLES, store_credentials
from woohub_cli.rendering import output
from woohub_cli.set_up.store_setup import waiting
from woohub_cli.stack.secret_store import StackSecrets
from woohub_cli.stack.stacks import LOCAL, Stack

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# Of HubSpot's 100, all callers together: when the consumer alone makes more, these reads wait.
HUBSPOT_REQUESTS_PER_10_SECONDS = 60
TENANT = "backfill"  # the message group of what commands queue
HUBSPOT_TIMEOUT_S = 120.0  # seconds for all calls of a set-up or check together

Connect = Callable[[str], HubSpot]  # with a token


@dataclass(frozen=True)
class FixedToken:
    """A token that is what it is: reading it again gives the same."""

    value: str

    def current(self) -> str:
        return self.value

    def renew(self) -> str:
        return self.value


@dataclass(frozen=True)
class HubSpotAddress:
    url: str = HubSpotSettings.hubspot_api_url
    version: str = HubSpotSettings.hubspot_api_version

    def connect(self, token: str) -> HubSpot:
        """A client with little time, for a set-up or check."""
        hubspot = self.client(token, Caller.requests_per_10_seconds)
        hubspot.caller.timer.start(HUBSPOT_TIMEOUT_S)
        return hubspot

    def client(self, token: str, share: int) -> HubSpot:
        """A client that has all the time it needs, and this share of HubSpot's budget."""
        caller = Caller(Pool(), FixedToken(token), Timer(), self.url, share, on_wait=waiting)
        return HubSpot(caller, self.version)


def hubspot_address(stack: Stack | None, env: Mapping[str, str]) -> HubSpotAddress:
    """The HubSpot that the stack calls; without a stack that of HUBSPOT_API_URL (else WrongUsage) and _VERSION."""
    usual = HubSpotAddress()
    if stack:
        url, version = stack.outputs.get("HubSpotApiUrl"), stack.outputs.get("HubSpotApiVersion")
    else:
        url, version = env.get("HUBSPOT_API_URL"), env.get("HUBSPOT_API_VERSION")
        if url and not url.startswith(("https://", "http://")):
            raise WrongUsage(f"HUBSPOT_API_URL is {url}, which is no address: HubSpot's is {usual.url}")
    return HubSpotAddress((url or usual.url).rstrip("/"), version or usual.version)


def access(stack: Stack | None, env: Mapping[str, str]) -> StoreCredentials | None:
    """The store of the stack; None if it is not known.

    The variables of `.env` count for the local stack and where there is none: those of a person's folder may well
    belong to another store than the one of a stack in AWS.
    """
    stored = StackSecrets(stack).store() if stack else None
    return stored if stored or (stack and stack.name != LOCAL) else store_credentials(env)


def store(stack: Stack | None, env: Mapping[str, str]) -> Store:
    """A client of the store that has all the time it needs; Trouble if the store is not known."""
    known = access(stack, env)
    if known is None:
        raise Trouble(store_unknown(f"the stack {stack.name} has" if stack else "there are"))
    return Store(Pool(), known, Timer(), warn=warn, on_wait=waiting)


def store_unknown(whose: str) -> str:
    """What to do where a command needs the store."""
    return f"{whose} no address and keys of a store: put {', '.join(STORE_VARIABLES)} into .env and run `woohub setup`"


def hubspot(stack: Stack | None, env: Mapping[str, str], share: int = HUBSPOT_REQUESTS_PER_10_SECONDS) -> HubSpot:
    """A client of the HubSpot the stack writes to, with a share of its budget; Trouble without a token."""
    token = (StackSecrets(stack).token() if stack else "") or env.get("HUBSPOT_API_KEY", "")
    if not token:
        raise Trouble("there is no HubSpot token: put HUBSPOT_API_KEY into .env and run `woohub setup`")
    return hubspot_address(stack, env).client(token, share)


def queue(stack: Stack) -> DeliveryQueue:
    """The delivery queue, for what is read from the store: what the store delivers meanwhile overtakes it."""
    sqs = cast("SQSClient", Tenant(stack.aws.sqs, TENANT))
    return DeliveryQueue(sqs, stack.output("QueueUrl"), warn, stack.store)


@dataclass(frozen=True)
class Tenant:
    """An SQS client that marks what it sends as one tenant's.

    SQS's fair queues hand out everybody else's messages first once a tenant has more than a tenth of those in flight;
    a message without such a mark counts as a tenant of its own, so deliveries of the store overtake.
    """

    _sqs: SQSClient
    _name: str

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        marked = [{**entry, "MessageGroupId": self._name} for entry in Entries]
        return self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=marked)  # type: ignore[arg-type]


def warn(event: str, **fields: Any) -> None:
    """Show a warning of the store's client or the queue."""
    facts = ", ".join(f"{name}: {value}" for name, value in fields.items())
    output.note(f"{event.replace('_', ' ')} ({facts})" if facts else event.replace("_", " "), style="yellow")
