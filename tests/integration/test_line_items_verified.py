"""verify compares a deal's line items with its order's as a set, and repairs them; setup makes what they need."""

from __future__ import annotations

from typing import cast

import pytest
from mypy_boto3_sqs import SQSClient

from simulators.hubspot import RUN_TIME_SCOPES, definitions, provision_line_items
from tests.support.engine import EngineFixture
from tests.support.line_items import WITH_ITEMS
from tests.support.reconcile import ReconcileFixture
from woohub.clock import Timer
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.sync.record_kinds import record_kinds
from woohub_cli.check_result import Result
from woohub_cli.checks import scopes
from woohub_cli.deliveries.history import Pace
from woohub_cli.period import Period
from woohub_cli.set_up.provision import provision
from woohub_cli.targets import written
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.line_items import RECORD
from woohub_cli.verify.repairs import repair
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import VerificationRun

SINCE = Period("2026-11-01T00:00:00")


class Case:
    """A shop with an order of two items and shipping, all of it in HubSpot."""

    def __init__(self) -> None:
        self.lab = ReconcileFixture().with_webhooks()
        self.lab.engine.kinds = record_kinds(WITH_ITEMS)
        provision_line_items(self.lab.engine.portal)
        self.lab.run()
        self.lab.pass_time(900)
        self.crm = Crm(self.lab.engine.hubspot, WITH_ITEMS, self.lab.log)
        self.number = self.lab.shop.place()
        self.lab.shop.run_webhooks()
        self.lab.drain()
        self.lab.pass_time(30)

    def verify(self) -> VerificationReport:
        self.lab.timer.start(float("inf"))
        self.lab.engine.timer.start(float("inf"))
        return verify(VerificationRun(self.lab.store(), self.crm, SINCE, self.lab.clock.read))

    def repair(self, report: VerificationReport) -> None:
        queue = DeliveryQueue(cast(SQSClient, self.lab.sqs), "queue", self.lab.log)
        pace = Pace(lambda: 0, Timer(self.lab.clock.read, self.lab.clock.sleep))
        repair(report.mismatches, self.lab.store(), self.crm, queue, pace, self.lab.clock.read)
        self.lab.drain()
        self.lab.pass_time(30)


@pytest.mark.parametrize("frees", [True, False])
def test_what_people_changed_of_the_items_is_found_with_the_sums_and_repaired(*, frees: bool) -> None:
    case = Case()
    portal, kind = case.lab.engine.portal, definitions.LINE_ITEMS
    portal.change_settings({"frees_archived_values": frees})
    first, *rest = portal.state()["line_items"]
    assert case.verify().mismatches == []

    portal.objects.update(kind, first["id"], {"properties": {"price": "1.00", "quantity": "77"}})
    for row in rest:
        portal.objects.archive(kind, row["id"])
    (mismatch,) = case.verify().mismatches
    case.repair(case.verify())

    assert mismatch.record == RECORD
    assert {difference.property.split()[-1] for difference in mismatch.differences} >= {"price", "quantity", "items"}
    assert case.verify().mismatches == []
    assert len(portal.state()["line_items"]) == 1 + len(rest)


@pytest.mark.parametrize("version", ["2026-09", "v3"])
def test_setup_makes_what_line_items_need(version: str) -> None:
    engine = EngineFixture(version=version)
    engine.timer.start(60)

    made = [
        step.what for step in provision(engine.hubspot, WITH_ITEMS, dry_run=False) if step.outcome is Result.CREATED
    ]
    again = {step.outcome for step in provision(engine.hubspot, WITH_ITEMS, dry_run=False)}

    assert "line item property woocommerce_line_item_id" in made
    assert "deal property woocommerce_line_items" in made
    assert again == {Result.OK}
    assert engine.portal.schema.properties["0-8"]["woocommerce_line_item_id"].unique


def test_doctor_names_the_scopes_that_line_items_lack() -> None:
    engine = EngineFixture()
    engine.portal.tokens[engine.token.current()] = RUN_TIME_SCOPES
    engine.timer.start(60)

    step = scopes.step(engine.hubspot, written(WITH_ITEMS))

    assert step.outcome is Result.FAILED
    assert step.detail == "missing: crm.objects.line_items.read, crm.objects.line_items.write"
