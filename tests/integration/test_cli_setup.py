"""`woohub setup`: tokens, secrets and what it prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from simulators.hubspot import (
    DEFAULT_TOKEN,
    RUN_TIME_SCOPES,
    InjectedFault,
    SimulatedPortal,
    running,
)
from simulators.hubspot.definitions import DEALS
from simulators.hubspot.portal import ALL_SCOPES
from tests.support.cli_stack import NAME, WEBHOOK_SECRET, Deployed, deployed
from woohub_cli.main import app
from woohub_cli.portal_check.portal_trial import Portal

PIPELINE_ID = "ecommerce_sales"
runner = CliRunner()


@dataclass
class SetupCommand:
    """The setup command with a deployed stack, against a portal over HTTP."""

    portal: SimulatedPortal
    stack: Deployed
    url: str
    folder: Path

    def run(self, *arguments: str, **env: str | None) -> Any:
        return runner.invoke(app, ["setup", *arguments], env=env)

    def steps(self, *arguments: str, **env: str | None) -> dict[str, dict[str, str]]:
        report = json.loads(self.run("--stack", NAME, "--json", *arguments, **env).stdout)
        return {step["step"]: step for step in report["steps"]}


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SetupCommand]:
    monkeypatch.chdir(tmp_path)
    portal = SimulatedPortal()
    with running(portal) as url, deployed(HubSpotApiUrl=url) as stack:
        yield SetupCommand(portal, stack, url, tmp_path)


def test_setup_stores_token_and_webhook_secret_of_the_env_file(command: SetupCommand) -> None:
    (command.folder / ".env").write_text(f"HUBSPOT_API_KEY={DEFAULT_TOKEN}\nWOO_COMMERCE_WEBHOOK_SECRET=new-secret\n")

    result = command.run("--stack", NAME)

    assert result.exit_code == 0, result.output
    assert command.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}
    assert command.stack.secret("WebhookSecretArn") == {"current": "new-secret", "previous": WEBHOOK_SECRET}


def test_setup_reports_when_a_replaced_token_comes_into_use(command: SetupCommand) -> None:
    first = command.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN)["HubSpot token in the stack"]
    command.portal.tokens["another"] = RUN_TIME_SCOPES
    then = command.steps(HUBSPOT_API_KEY="another")["HubSpot token in the stack"]

    assert (first["detail"], "within five minutes" in then["detail"]) == ("", True)


@pytest.fixture
def other_portal(command: SetupCommand, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token of another portal than that of the stored token."""
    token = "of-another-portal"
    command.run("--stack", NAME, HUBSPOT_API_KEY=DEFAULT_TOKEN)
    command.portal.tokens[token] = ALL_SCOPES
    ids = {DEFAULT_TOKEN: "1", token: "2"}
    monkeypatch.setattr(Portal, "of", lambda hubspot: Portal(ids[hubspot.caller.token.current()], "", is_real=True))
    return token


def test_setup_does_not_store_a_token_of_another_portal_without_yes(command: SetupCommand, other_portal: str) -> None:
    steps = command.steps(HUBSPOT_API_KEY=other_portal)

    step = steps["HubSpot token in the stack"]
    assert (step["outcome"], "--yes" in step["fix"]) == ("failed", True)
    assert "belongs to the HubSpot portal 2, the stack's to the HubSpot portal 1" in step["detail"]
    assert command.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}
    assert list(steps)[-1] == "HubSpot token in the stack"  # nothing is created in the other portal


def test_setup_with_yes_stores_a_token_of_another_portal(command: SetupCommand, other_portal: str) -> None:
    command.steps("--yes", HUBSPOT_API_KEY=other_portal)

    assert command.stack.secret("HubSpotSecretArn") == {"token": other_portal}


def test_setup_dry_run_warns_of_a_token_of_another_portal(command: SetupCommand, other_portal: str) -> None:
    assert (
        command.steps("--dry-run", HUBSPOT_API_KEY=other_portal)["HubSpot token in the stack"]["outcome"] == "warning"
    )


def test_setup_never_prints_a_secret(command: SetupCommand) -> None:
    environment = {"HUBSPOT_API_KEY": DEFAULT_TOKEN, "WOO_COMMERCE_WEBHOOK_SECRET": "new-secret"}

    outputs = [command.run("--stack", NAME, *more, **environment).output for more in ([], ["--json"], ["--dry-run"])]

    assert not any(secret in text for text in outputs for secret in (DEFAULT_TOKEN, "new-secret", WEBHOOK_SECRET))


def test_setup_again_with_the_same_secrets_writes_none(command: SetupCommand) -> None:
    environment = {"HUBSPOT_API_KEY": DEFAULT_TOKEN, "WOO_COMMERCE_WEBHOOK_SECRET": "new-secret"}
    command.run("--stack", NAME, **environment)

    steps = command.steps(**environment)

    assert {step["outcome"] for step in steps.values()} == {"ok", "skipped"}
    assert command.stack.secret("WebhookSecretArn") == {"current": "new-secret", "previous": WEBHOOK_SECRET}


def test_setup_dry_run_stores_no_secret(command: SetupCommand) -> None:
    steps = command.steps("--dry-run", HUBSPOT_API_KEY=DEFAULT_TOKEN, WOO_COMMERCE_WEBHOOK_SECRET="new-secret")

    assert steps["HubSpot token in the stack"]["outcome"] == "would store"
    assert command.stack.secret("HubSpotSecretArn") == {"token": ""}
    assert command.stack.secret("WebhookSecretArn") == {"current": WEBHOOK_SECRET}
    posted = [route for route in command.portal.calls if route.startswith("POST")]
    assert all(
        route.endswith(("/batch/read", "/batch/update")) for route in posted
    )  # without records, to test the scopes


def test_setup_uses_the_stored_token_if_none_is_given(command: SetupCommand) -> None:
    command.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})

    assert command.run("--stack", NAME).exit_code == 0


def test_setup_does_not_store_a_token_that_hubspot_refuses(command: SetupCommand) -> None:
    result = command.run("--stack", NAME, HUBSPOT_API_KEY="pat-wrong")

    assert result.exit_code == 1
    assert command.stack.secret("HubSpotSecretArn") == {"token": ""}
    assert "HubSpot refuses the token" in result.stdout


def test_setup_uses_the_setup_token_and_stores_only_the_other(command: SetupCommand) -> None:
    command.portal.tokens["run-time"] = RUN_TIME_SCOPES

    result = command.run("--stack", NAME, HUBSPOT_API_KEY="run-time", HUBSPOT_SETUP_API_KEY=DEFAULT_TOKEN)

    assert result.exit_code == 0, result.output
    assert command.stack.secret("HubSpotSecretArn") == {"token": "run-time"}


def test_setup_fails_and_names_the_missing_schema_scope(command: SetupCommand) -> None:
    command.portal.tokens["run-time"] = RUN_TIME_SCOPES

    result = command.run("--stack", NAME, HUBSPOT_API_KEY="run-time")

    assert result.exit_code == 1
    assert "crm.schemas.deals.write" in result.stdout
    assert "HUBSPOT_SETUP_API_KEY" in result.stdout


def test_setup_does_not_store_a_token_that_cannot_write_deals(command: SetupCommand) -> None:
    command.portal.tokens["reads"] = RUN_TIME_SCOPES - {"crm.objects.deals.write"}

    steps = command.steps(HUBSPOT_API_KEY="reads")

    assert steps["HubSpot scopes"]["detail"] == "missing: crm.objects.deals.write"
    assert command.stack.secret("HubSpotSecretArn") == {"token": ""}


def test_setup_stores_a_token_whose_scopes_could_not_be_checked(command: SetupCommand) -> None:
    command.portal.faults.add(InjectedFault("status", status=503, path="deals/batch/update", count=1))

    steps = command.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN)

    assert steps["HubSpot scopes"]["outcome"] == "warning"
    assert command.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}


def test_setup_fails_without_a_token_and_names_the_variable(command: SetupCommand) -> None:
    result = command.run("--stack", NAME)

    assert result.exit_code == 1
    assert "HUBSPOT_API_KEY" in result.stdout


def test_setup_ends_with_exit_code_0_when_the_order_id_is_not_unique(command: SetupCommand) -> None:
    definition = {"name": "woocommerce_order_id", "label": "Order", "type": "string", "fieldType": "text"}
    body = definition | {"groupName": "dealinformation"}
    command.portal.schema.create_property(DEALS, body, command.portal.settings, command.portal.now())

    result = command.run("--stack", NAME, HUBSPOT_API_KEY=DEFAULT_TOKEN)

    assert result.exit_code == 0, result.output
    assert "warning" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["--hubspot-only"]], ids=["without stack", "--hubspot-only"])
def test_setup_provisions_hubspot_without_a_stack(command: SetupCommand, arguments: list[str]) -> None:
    result = command.run(*arguments, "--json", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL=command.url)

    assert result.exit_code == 0, result.output
    assert PIPELINE_ID in command.portal.schema.pipelines[DEALS.id]
    assert json.loads(result.stdout)["stack"] is None
    assert "woohub's own is used: no stack is named" in result.stdout
    assert command.stack.secret("HubSpotSecretArn") == {"token": ""}


def test_setup_names_a_hubspot_url_that_does_not_respond(command: SetupCommand) -> None:
    result = command.run("--hubspot-only", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert "http://127.0.0.1:9" in result.stdout


def test_setup_rejects_an_invalid_hubspot_url_with_exit_code_2(command: SetupCommand) -> None:
    result = command.run("--hubspot-only", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="api.hubapi.com")

    assert result.exit_code == 2
    assert (
        "HUBSPOT_API_URL is api.hubapi.com, which is no address: HubSpot's is https://api.hubapi.com" in result.stderr
    )


def test_setup_warns_of_another_hubspot_url_than_the_stacks_and_provisions_the_stacks_portal(
    command: SetupCommand,
) -> None:
    steps = command.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="https://other.example")

    assert steps["HubSpot address"]["outcome"] == "warning"
    assert PIPELINE_ID in command.portal.schema.pipelines[DEALS.id]


def test_setup_prints_arns_unchanged(command: SetupCommand) -> None:
    """The console library would replace ":secret:" by an emoji."""
    assert command.stack.outputs["WebhookSecretArn"] in command.run("--stack", NAME).stdout


def test_setup_reports_what_is_left_to_do(command: SetupCommand) -> None:
    report = json.loads(command.run("--stack", NAME, "--json", HUBSPOT_API_KEY=DEFAULT_TOKEN).stdout)

    left_to_do = "\n".join(report["left_to_do"])
    assert command.stack.outputs["WebhookUrl"] in left_to_do
    assert command.stack.outputs["WebhookSecretArn"] in left_to_do
    assert all(topic in left_to_do for topic in ("order.restored", "customer.deleted"))
    assert report["steps"][-1] == {
        "step": "store",
        "outcome": "skipped",
        "detail": "WOO_COMMERCE_URL is not set",
        "fix": "",
    }
