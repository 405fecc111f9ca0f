"""Connect to the store, HubSpot and queue of a stack, with the keys that the stack itself uses."""

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

# Of the 100 that HubSpot allows all callers together. If the consumer makes more than the rest, these calls wait.
HUBSPOT_REQUESTS_PER_10_SECONDS = 60
TENANT = "backfill"  # the message group of messages that commands queue
HUBSPOT_TIMEOUT_S = 120.0  # for all calls of a set-up or check together

Connect = Callable[[str], HubSpot]  # called with a token


@dataclass(frozen=True)
class FixedToken:
    """A token that never changes: renewing returns the same."""

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
        """Return a client whose calls together have HUBSPOT_TIMEOUT_S, for a set-up or a check."""
        hubspot = self.client(token, Caller.requests_per_10_seconds)
        hubspot.caller.timer.start(HUBSPOT_TIMEOUT_S)
        return hubspot

    def client(self, token: str, share: int) -> HubSpot:
        """Return a client without a time limit. `share`: the requests it may make in 10 seconds."""
        caller = Caller(Pool(), FixedToken(token), Timer(), self.url, share, on_wait=waiting)
        return HubSpot(caller, self.version)


def hubspot_address(stack: Stack | None, env: Mapping[str, str]) -> HubSpotAddress:
    """Return the HubSpot that the stack calls; without a stack, the one of HUBSPOT_API_URL and _VERSION.

    Raises WrongUsage if HUBSPOT_API_URL is no address.
    """
    usual = HubSpotAddress()
    if stack:
        url, version = stack.outputs.get("HubSpotApiUrl"), stack.outputs.get("HubSpotApiVersion")
    else:
        url, version = env.get("HUBSPOT_API_URL"), env.get("HUBSPOT_API_VERSION")
        if url and not url.startswith(("https://", "http://")):
            raise WrongUsage(f"HUBSPOT_API_URL is {url}, which is no address: HubSpot's is {usual.url}")
    return HubSpotAddress((url or usual.url).rstrip("/"), version or usual.version)


def access(stack: Stack | None, env: Mapping[str, str]) -> StoreCredentials | None:
    """Return the address and key of the stack's store; None if they are not known.

    The variables of `.env` count only for the local stack or without a stack: for a stack in AWS, the `.env` in a
    person's folder may well belong to another store.
    """
    stored = StackSecrets(stack).store() if stack else None
    return stored if stored or (stack and stack.name != LOCAL) else store_credentials(env)


def store(stack: Stack | None, env: Mapping[str, str]) -> Store:
    """Return a client of the store without a time limit. Raises Trouble if the store is not known."""
    known = access(stack, env)
    if known is None:
        raise Trouble(store_unknown(f"the stack {stack.name} has" if stack else "there are"))
    return Store(Pool(), known, Timer(), warn=warn, on_wait=waiting)


def store_unknown(whose: str) -> str:
    """Return what to do if a command needs the store's address and keys. `whose`: "the stack has", for example."""
    return f"{whose} no address and keys of a store: put {', '.join(STORE_VARIABLES)} into .env and run `woohub setup`"


def hubspot(stack: Stack | None, env: Mapping[str, str], share: int = HUBSPOT_REQUESTS_PER_10_SECONDS) -> HubSpot:
    """Return a client of the HubSpot that the stack writes to. Raises Trouble if there is no token.

    `share`: the requests it may make in 10 seconds.
    """
    token = (StackSecrets(stack).token() if stack else "") or env.get("HUBSPOT_API_KEY", "")
    if not token:
        raise Trouble("there is no HubSpot token: put HUBSPOT_API_KEY into .env and run `woohub setup`")
    return hubspot_address(stack, env).client(token, share)


def queue(stack: Stack) -> DeliveryQueue:
    """Return the delivery queue, for what is read from the store. The store's own deliveries overtake it."""
    sqs = cast("SQSClient", Tenant(stack.aws.sqs, TENANT))
    return DeliveryQueue(sqs, stack.output("QueueUrl"), warn, stack.store)


@dataclass(frozen=True)
class Tenant:
    """An SQS client that marks the messages it sends as one tenant's.

    If a tenant has more than a tenth of the messages in flight, SQS's fair queues deliver the messages of others first.
    A message without a mark counts as a tenant of its own, so the store's deliveries overtake.
    """

    _sqs: SQSClient
    _name: str

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Any:
        marked = [{**entry, "MessageGroupId": self._name} for entry in Entries]
        return self._sqs.send_message_batch(QueueUrl=QueueUrl, Entries=marked)  # type: ignore[arg-type]


def warn(event: str, **fields: Any) -> None:
    """Show a warning of the store's client or the queue on standard error."""
    facts = ", ".join(f"{name}: {value}" for name, value in fields.items())
    output.note(f"{event.replace('_', ' ')} ({facts})" if facts else event.replace("_", " "), style="yellow")
