"""A shop whose orders are in HubSpot, with `woohub verify` and its repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from mypy_boto3_sqs import SQSClient

from simulators.hubspot import definitions
from tests.support.engine import EngineFixture
from tests.support.reconcile import QUARTER, ReconcileFixture
from woohub.clock import Timer
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.hubspot.objects import CONTACTS, DEALS, OBJECT_TYPES
from woohub_cli.deliveries.history import Pace
from woohub_cli.period import Period
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.repairs import RepairResult, repair
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import OtherStores, VerificationRun

EVER = Period("2026-11-01T00:00:00")


class VerificationFixture:
    """A shop with some orders, all of them in HubSpot."""

    def __init__(self, **stack: Any) -> None:
        self.stack = ReconcileFixture(**stack).with_webhooks()
        self.stack.run()
        self.stack.pass_time(QUARTER)
        self.mapping = self.stack.mapping
        self.crm = Crm(self.stack.engine.hubspot, self.mapping, self.stack.log)

    @property
    def engine(self) -> EngineFixture:
        return self.stack.engine

    def act_and_deliver(self, acts: int = 40, pause: float = 60) -> VerificationFixture:
        for _ in range(acts):
            self.stack.shop.act()
            self.stack.pass_time(pause)
            self.deliver()
        return self

    def deliver(self) -> None:
        self.stack.shop.run_webhooks()
        self.stack.drain()
        self.stack.pass_time(30)

    def place(self, **fields: Any) -> int:
        """A new order, written to HubSpot."""
        number = self.stack.shop.place(**fields)
        self.deliver()
        return number

    def without_delivery(self, act: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
        """Change something in the shop while every delivery is lost."""
        before, self.stack.shop.hooks.lose = self.stack.shop.hooks.lose, 1.0
        done = act(*arguments, **fields)
        self.stack.shop.run_webhooks()
        self.stack.shop.hooks.lose = before
        self.stack.pass_time(30)
        return done

    def verify(
        self, period: Period = EVER, *, depth: int = 0, others: OtherStores = lambda *_: (), **options: Any
    ) -> VerificationReport:
        self.stack.timer.start(float("inf"))
        self.engine.timer.start(float("inf"))
        run = VerificationRun(
            self.stack.store(), self.crm, period, self.stack.clock.read, lambda: depth, other_stores=others
        )
        return verify(run, **options)

    def repair(self, report: VerificationReport) -> RepairResult:
        queue = DeliveryQueue(cast(SQSClient, self.stack.sqs), "queue", self.stack.log)
        pace = Pace(lambda: 0, Timer(self.stack.clock.read, self.stack.clock.sleep))
        done = repair(report.mismatches, self.stack.store(), self.crm, queue, pace, self.stack.clock.read)
        self.stack.drain()
        self.stack.pass_time(30)
        return done

    def deal_id(self, number: int) -> str:
        (only,) = [
            row["id"]
            for row in self.engine.portal.state()["deals"]
            if row["properties"].get("woocommerce_order_id") == str(number)
        ]
        return str(only)

    def contact_id(self, number: int) -> str:
        """The record id of the contact of the order's deal."""
        self.engine.timer.start(float("inf"))
        (only,) = self.engine.hubspot.associated(DEALS, CONTACTS, [self.deal_id(number)])[self.deal_id(number)]
        return only

    def order_id(self, number: int) -> str:
        """The record id of HubSpot's order."""
        rows = self.engine.portal.state()["orders"]
        return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))

    def edit(self, object_type: str, record_id: str, **properties: str) -> None:
        """Edit a record as a person does in HubSpot."""
        self.engine.timer.start(float("inf"))
        self.engine.hubspot.update(
            OBJECT_TYPES[object_type], [{"id": record_id, "objectWriteTraceId": "edit", "properties": properties}]
        )

    def archive(self, object_type: str, record_id: str) -> None:
        self.engine.portal.objects.archive(
            {"contacts": definitions.CONTACTS, "deals": definitions.DEALS}[object_type], record_id
        )


def findings(report: VerificationReport) -> list[tuple[str, str, str]]:
    return [(mismatch.kind.value, mismatch.entity, mismatch.record) for mismatch in report.mismatches]


def differing(report: VerificationReport) -> dict[str, tuple[str, str | None]]:
    (mismatch,) = report.mismatches
    return {difference.property: (difference.store, difference.hubspot) for difference in mismatch.differences}


def missed_change(case: VerificationFixture) -> str:
    number = case.place(status="pending")
    case.stack.pass_time(60)
    case.without_delivery(case.stack.shop.change_status, number, "completed")
    return f"order:{number}"


ERASED = dict.fromkeys(("first_name", "last_name", "company", "address_1", "city", "postcode"), "[deleted]") | {
    "email": "deleted@site.invalid",
    "phone": "+0 000",
    "state": "",
    "country": "",
}
RECEIVED_IN_2286 = "9999999999999"  # a version with a future date is overwritten, one with a future receipt is not
