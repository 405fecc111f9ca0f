"""`woohub portal-check`: its questions and answers; all records that it creates are removed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, create_app
from simulators.hubspot.definitions import DEALS
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.simulated import Calls
from woohub.hubspot import objects
from woohub_cli.commands import portal_check
from woohub_cli.portal_check import portal_findings
from woohub_cli.portal_check.portal_findings import Answer, Question
from woohub_cli.portal_check.portal_trial import MARK, Trial


@pytest.fixture
def shop(commands: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[OperatedStack]:  # noqa: ARG001  (used for its effect)
    monkeypatch.setattr(portal_findings, "RECALCULATION_S", 0.0)
    monkeypatch.setattr(portal_findings, "BATCH", 5)  # smaller batches, same questions
    monkeypatch.setattr(portal_check, "REQUESTS_PER_10_S", 10_000)
    with operated_stack(search_lag_s=0.0, requests_per_10_s=10_000, searches_per_s=1000) as running:
        yield running.ready()


def answers(shop: OperatedStack) -> dict[str, Any]:
    report = shop.json("portal-check", "--yes")
    assert report["left"] == 0
    return {answer["name"]: answer for answer in report["answers"]}


def record_count(shop: OperatedStack) -> int:
    return sum(len(records) for records in shop.portal.objects.records.values())


def test_portal_check_of_the_simulator_confirms_each_assumption(shop: OperatedStack) -> None:
    verdicts = {name: answer["verdict"] for name, answer in answers(shop).items()}

    assert set(verdicts) == {question.name for question in portal_findings.QUESTIONS}
    assert "differs" not in verdicts.values()
    assert verdicts["read_after_write"] == verdicts["unique_after_archiving_deal"] == "as assumed"
    assert verdicts["in_flight"] == "measured"
    assert record_count(shop) == 0


def test_portal_check_without_yes_names_the_portal_and_creates_no_deals(shop: OperatedStack) -> None:
    result = shop.run("portal-check")

    assert result.exit_code == 2
    assert f"the HubSpot portal {shop.portal.settings.portal_id}" in result.stderr
    assert not shop.portal.state()["deals"]


def test_portal_check_ends_with_exit_code_1_when_a_scope_is_missing(shop: OperatedStack) -> None:
    shop.portal.tokens[DEFAULT_TOKEN] -= {"crm.objects.contacts.write"}

    result = shop.run("portal-check", "--yes")

    assert result.exit_code == 1
    assert "contacts write" in result.stdout


def test_portal_check_names_setup_when_a_property_is_missing(shop: OperatedStack) -> None:
    shop.portal.schema.archive_property(DEALS, "woocommerce_order_id")

    assert "woohub setup" in answers(shop)["read_after_write"]["answer"]


def test_portal_check_removes_its_records_when_interrupted(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portal_check, "QUESTIONS", (Question("x", "", "", create_and_interrupt),))

    result = shop.run("portal-check", "--yes")

    assert result.exit_code == 130
    assert record_count(shop) == 0


def test_portal_check_removes_only_its_own_records_of_an_earlier_run(shop: OperatedStack) -> None:
    calls = Calls(InProcessTransport(create_app(shop.portal)))
    calls.deal(dealname=MARK)
    other_deal = calls.deal(dealname="Another deal")

    result = shop.run("portal-check", "--yes")

    assert "the simulator's, an assumption" in result.stdout
    assert [deal["id"] for deal in shop.portal.state()["deals"]] == [other_deal]


def create_and_interrupt(trial: Trial) -> Answer:
    trial.create(objects.DEALS, [{}, {}])
    raise KeyboardInterrupt
