"""`woohub doctor`: its report, and single checks of the store, the stack and HubSpot."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from simulators.hubspot import DEFAULT_TOKEN, InProcessTransport, create_app
from simulators.hubspot.definitions import CONTACTS
from simulators.woocommerce import KEY, SECRET, InjectedFault
from tests.support.cli_stack import REFUSED
from tests.support.doctor_command import checks, context, healthy, named, step
from tests.support.openapi_contract import Contract, Validated
from tests.support.operated_stack import OperatedStack
from woohub.clock import Timer
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub_cli.check_result import Result
from woohub_cli.checks.health_context import ago
from woohub_cli.commands import doctor
from woohub_cli.stack.connections import FixedToken


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return healthy(new_stack)


def problems(rows: list[dict[str, str]]) -> dict[str, str]:
    """The outcome of each check that failed or warns."""
    return {row["check"]: row["outcome"] for row in rows if row["outcome"] in ("failed", "warning")}


def test_doctor_reports_no_problem_in_a_healthy_stack(shop: OperatedStack) -> None:
    result = shop.run("doctor")

    assert result.exit_code == 0, result.output
    assert problems(checks(shop)) == {}
    outcomes = Counter(row["outcome"] for row in checks(shop))
    counts = f"0 failed, 0 warnings, {outcomes['skipped']} skipped, {outcomes['ok']} fine"
    assert counts in result.stdout


def test_doctor_changes_no_records_webhooks_or_messages(shop: OperatedStack) -> None:
    before = shop.portal.state()["contacts"], shop.portal.state()["deals"], dict(shop.shop.hooks.webhooks)

    shop.run("doctor")

    assert (shop.portal.state()["contacts"], shop.portal.state()["deals"], shop.shop.hooks.webhooks) == before
    assert shop.queued() == []
    assert shop.outcomes() == ["NotAnEntity"]


def test_doctor_prints_the_fix_without_json(shop: OperatedStack) -> None:
    shop.stack.reject(1, **REFUSED)

    shown = shop.run("doctor").stdout

    assert "failed" in shown
    assert "woohub dlq redrive" in shown


def test_store_checks_are_skipped_without_a_store(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})
    shop.environment = {"HUBSPOT_API_KEY": DEFAULT_TOKEN}

    rows = checks(shop)

    assert [row["outcome"] for row in rows if row["area"] == "store"] == ["skipped"]
    assert problems(rows) == {}
    assert shop.run("doctor").exit_code == 0
    assert shop.shop.requests == []


def test_store_check_names_a_missing_key_variable(shop: OperatedStack) -> None:
    shop.stack.store("StoreSecretArn", {"url": ""})
    del shop.environment["WOO_COMMERCE_CONSUMER_SECRET"]

    assert "WOO_COMMERCE_CONSUMER_SECRET" in named(shop, "store")["detail"]


def test_governor_check_of_an_older_stack_fails_and_suggests_a_deployment(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    health = context(shop, monkeypatch)
    outputs = {name: value for name, value in health.stack.outputs.items() if name != "GovernorFunction"}

    governor = step(replace(health, stack=replace(health.stack, outputs=outputs)), "governor")

    assert (governor.outcome, "deploy" in governor.fix) == (Result.FAILED, True)


def test_store_key_check_fails_when_orders_get_401(shop: OperatedStack) -> None:
    shop.shop.faults.add(InjectedFault("status", status=401, path="orders"))

    check = named(shop, "store's key, reading")

    assert check["outcome"] == "failed"


def test_property_check_warns_about_validation_rules(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = {"ruleType": "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE", "ruleArguments": []}
    rows = {"0-1": [{"propertyName": "phone", "propertyValidationRules": [rule]}], "0-3": []}
    health = context(shop, monkeypatch)
    connect = health.connect

    def with_rules(token: str) -> Any:
        hubspot = connect(token)
        get = hubspot.get

        def answer(path: str) -> Any:
            kind = path.removeprefix("/crm/property-validations/2026-09/")
            return {"results": rows[kind]} if kind in rows else get(path)

        monkeypatch.setattr(hubspot, "get", answer)
        return hubspot

    phone = step(replace(health, connect=with_rules), "contact property phone")

    assert phone.outcome is Result.WARNING
    assert "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE" in phone.detail


def test_a_missing_mapped_property_is_a_warning(shop: OperatedStack) -> None:
    shop.portal.schema.properties[CONTACTS.id].pop("zip")

    check = named(shop, "contact property zip")

    assert (check["outcome"], "mapping.toml" in check["fix"]) == ("warning", True)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (200_000, "2 d"), (-3, "0 s")]
)
def test_ago_prints_a_span_in_one_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


def test_doctor_never_prints_secrets(shop: OperatedStack) -> None:
    texts = [shop.run("doctor", *more).output for more in ([], ["--json"])]

    hidden = (KEY, SECRET, DEFAULT_TOKEN, shop.webhook_secret)
    assert not any(name in text for text in texts for name in hidden)


def test_doctor_calls_match_hubspots_specs(
    shop: OperatedStack, contract: Contract | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checked only if HUBSPOT_OPENAPI_DIR has the specs."""
    health = context(shop, monkeypatch)
    http: Http = InProcessTransport(create_app(shop.portal))
    checked: Http = Validated(http, contract) if contract else http

    def connect(token: str) -> HubSpot:
        return HubSpot(Caller(checked, FixedToken(token), Timer(), "http://hubspot.test"))

    diagnosed = doctor.diagnose(replace(health, connect=connect))
    failed = [found for _, found in diagnosed if found.outcome is Result.FAILED]

    assert failed == []
    paths = [request["path"] for request in shop.portal.requests]
    assert {"/crm/objects/2026-09/contacts/batch/update", "/crm/objects/2026-09/deals/batch/read"} <= set(paths)
