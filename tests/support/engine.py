"""The real engine and HubSpot client, with the simulated portal in process and virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, SimulatedPortal, create_app, provision
from tests.support.clock import Clock
from tests.support.openapi_contract import Validated, hubspots_contract
from tests.support.operations_page import assert_described
from woohub.clock import Timer
from woohub.erasures import NOBODY, ErasedPeople
from woohub.http import Call
from woohub.hubspot.client import HubSpot
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.mapping.fields import load_mapping
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome
from woohub.sync.record_kinds import record_kinds
from woohub.sync.records import Kinds

FIELDS = load_mapping()


@dataclass
class Token:
    """The token that HubSpot gets; reading the secret again gives `next_token`."""

    value: str = DEFAULT_TOKEN
    next_token: str = DEFAULT_TOKEN
    renewals: int = 0

    def current(self) -> str:
        return self.value

    def renew(self) -> str:
        self.renewals += 1
        self.value = self.next_token
        return self.value


@dataclass
class EngineFixture:
    """An engine with its portal, clock and token, and the calls and warnings it made."""

    ready: bool = True
    unique: bool = True
    version: str = "2026-09"
    clock: Clock = field(default_factory=Clock)
    token: Token = field(default_factory=Token)
    calls: list[Call] = field(default_factory=list)
    warnings: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    erased: ErasedPeople = NOBODY
    kinds: Kinds = field(default_factory=lambda: record_kinds(FIELDS))

    def __post_init__(self) -> None:
        self.portal = SimulatedPortal(clock=self.clock.read)
        if self.ready:
            provision(self.portal, unique_order_id=self.unique)
        self.restart()

    def restart(self) -> None:
        """A cold start, with empty caches."""
        self.timer = Timer(self.clock.read, self.clock.sleep)
        http = InProcessTransport(create_app(self.portal), sleep=self.clock.sleep)
        contract = hubspots_contract()
        caller = Caller(
            Validated(http, contract) if contract else http,
            self.token,
            self.timer,
            random=lambda: 0.5,
            on_call=self.calls.append,
        )
        self.hubspot = HubSpot(caller, self.version)
        self.sync = Sync(
            self.hubspot,
            PropertyCatalog(self.hubspot, self.timer, self.warn),
            lambda _stores: self.kinds,
            self.timer,
            self.warn,
            current_erasures=lambda: self.erased,
        )

    def warn(self, event: str, **facts: Any) -> None:
        assert_described(event)
        self.warnings.append((event, facts))

    def deliver(self, *messages: Message) -> list[Outcome]:
        """Deliver one batch in an invocation of a minute; its outcomes."""
        self.timer.start(57)
        return self.sync.sync(messages)

    def verdicts(self, *messages: Message) -> list[str]:
        """Deliver one batch; its verdicts, in the order of the messages."""
        by_id = {outcome.message.id: outcome.verdict.value for outcome in self.deliver(*messages)}
        return [by_id[message.id] for message in messages]

    @property
    def contacts(self) -> list[dict[str, Any]]:
        return [row["properties"] for row in self.portal.state()["contacts"]]

    @property
    def deals(self) -> list[dict[str, Any]]:
        return [row["properties"] for row in self.portal.state()["deals"]]

    def deal(self, number: int = 1234) -> dict[str, Any]:
        """The properties of the only deal of this order."""
        (match,) = [deal for deal in self.deals if deal["woocommerce_order_id"] == str(number)]
        return match

    def contact(self, email: str = "jane.doe@example.com") -> dict[str, Any]:
        """The properties of the only contact with this email."""
        (match,) = [contact for contact in self.contacts if contact["email"] == email]
        return match

    @property
    def associated(self) -> set[tuple[str, str]]:
        """The order id and contact email of each association."""
        state = self.portal.state()
        orders = {row["id"]: row["properties"].get("woocommerce_order_id") for row in state["deals"]}
        emails = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        return {
            (str(orders[association["deal"]]), emails[association["contact"]]) for association in state["associations"]
        }
