"""A shop whose orders are in HubSpot, with `woohub verify` and its repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from mypy_boto3_sqs import SQSClient

from simulators.hubspot import definitions
from tests.support.engine import EngineFixture
from tests.support.reconcile import ReconcileFixture
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


DAY, QUARTER = 86_400, 900


class Case:
    """A shop with some orders, all of them in HubSpot."""

    def __init__(self, **lab: Any) -> None:
        self.lab = ReconcileFixture(**lab).with_webhooks()
        self.lab.run()
        self.lab.pass_time(QUARTER)
        self.mapping = self.lab.mapping
        self.crm = Crm(self.lab.engine.hubspot, self.mapping, self.lab.log)

    @property
    def portal(self) -> EngineFixture:
        return self.lab.engine

    def trade(self, acts: int = 40, pause: float = 60) -> Case:
        for _ in range(acts):
            self.lab.shop.act()
            self.lab.pass_time(pause)
            self.deliver()
        return self

    def deliver(self) -> None:
        self.lab.shop.run_webhooks()
        self.lab.drain()
        self.lab.pass_time(30)

    def place(self, **fields: Any) -> int:
        """An order that HubSpot has."""
        number = self.lab.shop.place(**fields)
        self.deliver()
        return number

    def silently(self, act: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
        """Something happens in the shop, and nobody hears of it."""
        before, self.lab.shop.hooks.lose = self.lab.shop.hooks.lose, 1.0
        done = act(*arguments, **fields)
        self.lab.shop.run_webhooks()
        self.lab.shop.hooks.lose = before
        self.lab.pass_time(30)
        return done

    def verify(
        self, period: Period = EVER, *, depth: int = 0, others: OtherStores = lambda *_: (), **options: Any
    ) -> VerificationReport:
        self.lab.timer.start(float("inf"))
        self.portal.timer.start(float("inf"))
        run = VerificationRun(
            self.lab.store(), self.crm, period, self.lab.clock.read, lambda: depth, other_stores=others
        )
        return verify(run, **options)

    def repair(self, report: VerificationReport) -> RepairResult:
        queue = DeliveryQueue(cast(SQSClient, self.lab.sqs), "queue", self.lab.log)
        pace = Pace(lambda: 0, Timer(self.lab.clock.read, self.lab.clock.sleep))
        done = repair(report.mismatches, self.lab.store(), self.crm, queue, pace, self.lab.clock.read)
        self.lab.drain()
        self.lab.pass_time(30)
        return done

    def deal_id(self, number: int) -> str:
        (only,) = [
            row["id"]
            for row in self.portal.portal.state()["deals"]
            if row["properties"].get("woocommerce_order_id") == str(number)
        ]
        return str(only)

    def contact_id(self, number: int) -> str:
        """Of the order's deal."""
        self.portal.timer.start(float("inf"))
        (only,) = self.portal.hubspot.associated(DEALS, CONTACTS, [self.deal_id(number)])[self.deal_id(number)]
        return only

    def order_id(self, number: int) -> str:
        """Of HubSpot's order."""
        rows = self.portal.portal.state()["orders"]
        return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))

    def edit(self, object_type: str, record_id: str, **properties: str) -> None:
        """As a person does it in HubSpot."""
        self.portal.timer.start(float("inf"))
        self.portal.hubspot.update(
            OBJECT_TYPES[object_type], [{"id": record_id, "objectWriteTraceId": "edit", "properties": properties}]
        )

    def archive(self, object_type: str, record_id: str) -> None:
        self.portal.portal.objects.archive(
            {"contacts": definitions.CONTACTS, "deals": definitions.DEALS}[object_type], record_id
        )


def findings(report: VerificationReport) -> list[tuple[str, str, str]]:
    return [(mismatch.kind.value, mismatch.entity, mismatch.record) for mismatch in report.mismatches]


def differing(report: VerificationReport) -> dict[str, tuple[str, str | None]]:
    (mismatch,) = report.mismatches
    return {difference.property: (difference.store, difference.hubspot) for difference in mismatch.differences}


def missed_change(case: Case) -> str:
    number = case.place(status="pending")
    case.lab.pass_time(60)
    case.silently(case.lab.shop.change_status, number, "completed")
    return f"order:{number}"


ERASED = dict.fromkeys(("first_name", "last_name", "company", "address_1", "city", "postcode"), "[deleted]") | {
    "email": "deleted@site.invalid",
    "phone": "+0 000",
    "state": "",
    "country": "",
}


RECEIVED_IN_2286 = "9999999999999"  # a date in the future heals by itself, a receipt does not
