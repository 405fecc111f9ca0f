"""`verify` compares and repairs line items, `setup` creates their properties, `doctor` checks their scopes."""

from __future__ import annotations

import pytest

from simulators.hubspot import RUN_TIME_SCOPES, definitions
from tests.support.engine import EngineFixture
from tests.support.line_items import WITH_ITEMS
from tests.support.verification import VerificationFixture
from woohub_cli.check_result import Result
from woohub_cli.checks import scopes
from woohub_cli.set_up.provision import provision
from woohub_cli.targets import written
from woohub_cli.verify.line_items import RECORD


@pytest.mark.parametrize("frees", [True, False])
def test_verify_finds_and_repairs_edited_and_deleted_line_items(*, frees: bool) -> None:
    case = VerificationFixture(mapping=WITH_ITEMS)
    case.place()
    portal, kind = case.engine.portal, definitions.LINE_ITEMS
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
def test_setup_creates_the_line_item_properties(version: str) -> None:
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


def test_doctor_reports_the_missing_line_item_scopes() -> None:
    engine = EngineFixture()
    engine.portal.tokens[engine.token.current()] = RUN_TIME_SCOPES
    engine.timer.start(60)

    step = scopes.step(engine.hubspot, written(WITH_ITEMS))

    assert step.outcome is Result.FAILED
    assert step.detail == "missing: crm.objects.line_items.read, crm.objects.line_items.write"
