"""A simulated store, reconcile, the queue and the engine with its simulated portal, in one virtual time."""

from __future__ import annotations

from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, cast

from mypy_boto3_sqs import SQSClient
from mypy_boto3_ssm import SSMClient

from simulators.hubspot import provision_line_items
from simulators.woocommerce import KEY, SECRET, InProcessTransport, SimulatedShop, create_app
from simulators.woocommerce.bodies import Customer, Order
from tests.support.clock import Clock
from tests.support.engine import FIELDS, EngineFixture
from tests.support.metrics import provision_metrics
from tests.support.operations_page import assert_described
from tests.support.sqs import Sqs
from tests.support.ssm import Ssm
from tests.support.targets import provision_orders
from woohub.clock import Timer
from woohub.delivery import messages, signatures, topics
from woohub.delivery.delivery import Delivery
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.errors import NotAnEntity
from woohub.mapping.fields import FieldMapping
from woohub.reconcile.report import RunReport
from woohub.reconcile.request import RunRequest
from woohub.reconcile.run import SHARE_OF_TIME, Reconcile
from woohub.reconcile.watermark import Watermark, WatermarkParameter, read
from woohub.reconcile.webhook_repair import WebhookConfig
from woohub.store.client import Store
from woohub.store.connection import StoreCredentials
from woohub.store.payloads import OrderEvent, parse
from woohub.store.webhooks import TOPICS
from woohub.sync.outcome import Message, Verdict
from woohub.sync.record_kinds import record_kinds

STACK, WEBHOOK_URL, WEBHOOK_SECRET = "stack", "https://hooks.test/webhooks/woocommerce", "lab-secret"
INVOCATION_S = 300.0


@dataclass
class ReconcileFixture:
    """Everything a test of reconcile touches. Time begins at the deployment."""

    zone: str = "America/New_York"
    hpos: bool = True
    old: bool = False
    seed: int = 0
    scheme: str = "https"
    clock: Clock = field(default_factory=Clock)
    sqs: Sqs = field(default_factory=Sqs)
    metrics: dict[str, int] = field(default_factory=dict)
    logs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    may_create: bool = True
    webhook_url: str = WEBHOOK_URL
    mapping: FieldMapping = FIELDS
    down: bool = False  # whether ingest answers 500

    def __post_init__(self) -> None:
        self.shop = SimulatedShop(
            clock=self.clock.read, seed=self.seed, zone=self.zone, hpos=self.hpos, old=self.old, post=self.receive
        )
        self.app = create_app(self.shop)
        self.ssm = Ssm(datetime.fromtimestamp(self.clock.now, UTC))
        self.timer = Timer(self.clock.read, self.clock.sleep)

    @cached_property
    def engine(self) -> EngineFixture:
        """The engine and its portal."""
        engine = EngineFixture(clock=self.clock, kinds=record_kinds(self.mapping))
        if self.mapping.orders:
            provision_orders(engine.portal, self.mapping)
        provision_metrics(engine.portal, self.mapping)
        if self.mapping.line_items:
            provision_line_items(engine.portal)
        return engine

    def with_webhooks(self) -> ReconcileFixture:
        """With the webhooks that `woohub setup` creates."""
        self.shop.add_webhooks(WEBHOOK_URL, WEBHOOK_SECRET, TOPICS)
        return self

    def store(self, **changes: Any) -> Store:
        """A client of the store, in a new process."""
        http = InProcessTransport(self.app, sleep=self.clock.sleep)
        credentials = StoreCredentials(f"{self.scheme}://shop.test", KEY, SECRET)
        known: dict[str, Any] = {"http": http, "random": lambda: 0.5, "wall_clock": self.clock.read, "warn": self.log}
        return Store(credentials=credentials, timer=self.timer, **(known | changes))

    def receive(self, url: str, body: bytes, headers: Mapping[str, str], _timeout_s: float) -> int:
        """Check the signature and queue the delivery, as ingest does."""
        if self.down or url != WEBHOOK_URL:
            return 500 if self.down else 404
        if signatures.is_ping(headers, body):
            return 200
        secrets = {"current": WEBHOOK_SECRET}
        delivery, _ = signatures.verify(headers, body, secrets, received_ms=round(self.clock.now * 1000))
        with suppress(NotAnEntity):
            self.sqs.messages.append(messages.to_sqs(topics.identify(delivery)))
        return 200

    def log(self, event: str, **facts: Any) -> None:
        assert_described(event)
        self.logs.append((event, facts))

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The fields of each entry that was logged under this name."""
        return [facts for name, facts in self.logs if name == event]

    def count(self, metric: str, value: int) -> None:
        self.metrics[metric] = self.metrics.get(metric, 0) + value

    def run(self, seconds: float = INVOCATION_S, /, *, store: Store | None = None, **event: str) -> RunReport:
        """One invocation of reconcile; `event` as `woohub reconcile` sends it."""
        self.timer.start(seconds * SHARE_OF_TIME)
        self.engine.timer.start(seconds * SHARE_OF_TIME)
        reconcile = Reconcile(
            store or self.store(),
            DeliveryQueue(cast(SQSClient, self.sqs), "queue", self.log),
            WatermarkParameter(cast(SSMClient, self.ssm), "/stack/watermark"),
            self.engine.hubspot,
            lambda: self.mapping,
            WebhookConfig(STACK, self.webhook_url, lambda: WEBHOOK_SECRET, self.may_create),
            count=self.count,
            log=self.log,
            clock=self.clock.read,
        )
        return reconcile.run(RunRequest.from_event(event))

    def run_until_complete(self, seconds: float = INVOCATION_S, **event: str) -> int:
        """Run every quarter of an hour until a run is complete; the number of runs."""
        report = self.run(seconds, store=None, **event)
        for number in range(1, 100):
            if report.complete:
                return number
            self.pass_time(900)
            report = self.run(seconds)
        raise AssertionError("none of 100 runs was complete")

    def run_until_complete_or_failed(self) -> RunReport:
        """Run every quarter of an hour until a run is complete or fails; its report."""
        for _ in range(100):
            report = self.run()
            if report.complete or report.stopped.startswith("failed"):
                return report
            self.pass_time(900)
        raise AssertionError("none of 100 runs was complete")

    def pass_time(self, seconds: float) -> None:
        """Move the clock."""
        self.clock.sleep(seconds)

    def place_orders(self, count: int, *, every_s: float) -> list[int]:
        """Place orders without delivering them, each after a pause; their ids."""
        made = []
        for _ in range(count):
            self.pass_time(every_s)
            made.append(self.shop.place())
        return made

    @property
    def watermark(self) -> Watermark:
        """The watermark as it is stored."""
        return read(self.ssm.value)

    def queued(self) -> list[str]:
        """Topic and entity of every message in the queue."""
        return [f"{delivery.topic} {delivery.entity}" for delivery in self.sqs.deliveries()]

    def drain(self) -> None:
        """The consumer processes every message in the queue."""
        waiting = [Message(str(number), queued) for number, queued in enumerate(self.sqs.deliveries())]
        self.sqs.messages.clear()
        for start in range(0, len(waiting), 100):
            outcomes = self.engine.deliver(*waiting[start : start + 100])
            wrong = [outcome for outcome in outcomes if outcome.verdict not in (Verdict.DONE, Verdict.IGNORED)]
            assert not wrong, wrong[0]

    def differences(self) -> list[str]:
        """The differences between HubSpot and the store."""
        listed, associated = self.engine.deals, self.engine.associated
        deals = {deal["woocommerce_order_id"]: deal for deal in listed}
        assert len(deals) == len(listed), "duplicate deals"
        differences = [
            difference
            for order in self.shop.orders.values()
            for difference in self._order_differs(order, deals, associated)
        ]
        gone = [deal for key, deal in deals.items() if int(key) not in self.shop.orders]
        differences += [f"{deal['dealname']} is gone" for deal in gone if deal["woocommerce_order_status"] != "trash"]
        contacts = {contact["email"]: contact for contact in self.engine.contacts}
        return differences + [
            difference
            for customer in self.shop.customers.values()
            for difference in self._customer_differs(customer, contacts)
        ]

    def _order_differs(
        self, order: Order, deals: Mapping[str, Mapping[str, str]], associated: Container[tuple[str, str]]
    ) -> list[str]:
        body = self.shop.order_text(order).encode()
        event = parse(Delivery("order.swept", body, 0, f"order:{order.id}"))
        if not isinstance(event, OrderEvent):
            return []
        has = deals.get(str(order.id))
        if has is None:
            return [f"order {order.id} is missing"]
        names = ("woocommerce_order_status", "dealstage", "associated_products", "currency")
        wanted = {name: FIELDS.deal(event.order).get(name) for name in names}
        differences = [f"order {order.id}: {name} is {has[name]}" for name in names if has[name] != wanted[name]]
        if float(has["amount"]) != float(order.total):
            differences.append(f"order {order.id}: amount is {has['amount']}")
        if (str(order.id), order.billing["email"]) not in associated:
            differences.append(f"order {order.id} has no contact")
        return differences

    def _customer_differs(self, customer: Customer, contacts: Mapping[str, Mapping[str, str]]) -> list[str]:
        """The right address is the account's, or that of an order created after the account's last change."""
        if customer.email not in contacts:
            return [f"customer {customer.id} is missing"]
        changed = customer.modified or customer.created
        orders = [order for order in self.shop.orders.values() if order.billing["email"] == customer.email]
        newer = [order.billing["address_1"] for order in orders if order.created >= changed]
        lives = contacts[customer.email]["address"]
        return [] if lives in (*newer, customer.billing["address_1"]) else [f"customer {customer.id} lives at {lives}"]


DAY, QUARTER = 86_400, 900


def deployed_fixture(**changes: Any) -> ReconcileFixture:
    """A stack that was deployed a quarter of an hour ago and has made its first run."""
    fixture = ReconcileFixture(**changes).with_webhooks()
    fixture.run()
    fixture.pass_time(QUARTER)
    return fixture
