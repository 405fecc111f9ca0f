"""`woohub setup`: HubSpot provisioned, secrets stored, and what a person is told."""

from __future__ import annotations

import json
from collections import Counter
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
    InProcessTransport,
    SimulatedPortal,
    create_app,
    running,
)
from simulators.hubspot import provision as provision_directly
from simulators.hubspot.definitions import CONTACTS, DEALS
from simulators.hubspot.portal import ALL_SCOPES
from tests.support.cli_stack import NAME, WEBHOOK_SECRET, Deployed, deployed
from tests.support.line_items import WITH_ITEMS
from tests.support.metrics import OTHER_PLUGINS, mapping_with_metrics, provision_metrics
from tests.support.openapi_contract import Contract, Validated
from tests.support.targets import BESIDE, INSTEAD, mapping_with
from woohub.clock import Timer
from woohub.http import Http
from woohub.hubspot.client import HubSpot
from woohub.hubspot.retries import Caller
from woohub.mapping import fields
from woohub.mapping.fields import load_mapping
from woohub_cli.check_result import Result, Step, failed
from woohub_cli.checks.token import token_step
from woohub_cli.main import app
from woohub_cli.portal_check.portal_trial import Portal
from woohub_cli.set_up.provision import provision
from woohub_cli.stack.connections import FixedToken
from woohub_cli.targets import written

TABLE = load_mapping()
VERSIONS = ("2026-09", "2026-03", "v3")
DEAL_SCHEMA, CONTACT_SCHEMA = "crm.schemas.deals.write", "crm.schemas.contacts.write"


@dataclass
class Shop:
    """A portal and setup's calls to it, each held against HubSpot's specs where they are at hand."""

    portal: SimulatedPortal
    contract: Contract | None
    version: str = "2026-09"
    table: fields.FieldMapping = TABLE
    token: str = DEFAULT_TOKEN

    def set_up(self, *, dry_run: bool = False) -> dict[str, Step]:
        http: Http = InProcessTransport(create_app(self.portal))
        if self.contract:
            http = Validated(http, self.contract)
        timer = Timer(sleep=lambda _seconds: None)
        timer.start(120)
        hubspot = HubSpot(Caller(http, FixedToken(self.token), timer, "http://hubspot.test"), self.version)
        return {step.what: step for step in provision(hubspot, self.table, dry_run=dry_run)}

    @property
    def writes(self) -> int:
        return sum(count for route, count in self.portal.calls.items() if not route.startswith("GET"))


@pytest.fixture
def shop(contract: Contract | None) -> Shop:
    return Shop(SimulatedPortal(), contract)


def outcomes(steps: dict[str, Step]) -> Counter[str]:
    return Counter(step.outcome.value for step in steps.values())


def property_body(name: str, label: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "type": "string", "fieldType": "text", "groupName": "dealinformation"} | more


def make_property(shop: Shop, name: str, label: str, **more: Any) -> None:
    """Somebody made it by hand."""
    body = property_body(name, label, **more)
    shop.portal.schema.create_property(DEALS, body, shop.portal.settings, shop.portal.now())


def make_pipeline(shop: Shop, pipeline_id: str, label: str, *stages: tuple[str, str, str]) -> None:
    """Somebody made it by hand, with stages of (id, label, probability)."""
    rows = [
        {"stageId": key, "label": name, "displayOrder": order, "metadata": {"probability": odds}}
        for order, (key, name, odds) in enumerate(stages)
    ]
    body = {"pipelineId": pipeline_id, "label": label, "displayOrder": 1, "stages": rows}
    shop.portal.schema.create_pipeline(DEALS, body, shop.portal.settings, shop.portal.now())


# --- What it creates


@pytest.mark.parametrize("version", VERSIONS)
def test_a_bare_portal_gets_everything_the_mapping_names(shop: Shop, version: str) -> None:
    shop.version = version

    steps = shop.set_up()

    assert outcomes(steps) == {"created": 2 + len(TABLE.definitions) + 1}  # two groups, the properties, the pipeline
    schema = shop.portal.schema
    for wanted in TABLE.definitions:
        kind = CONTACTS if wanted.object_type == "contacts" else DEALS
        made = schema.properties[kind.id][wanted.name]
        assert (made.label, made.type, made.field_type, made.group, made.description) == (
            wanted.label,
            wanted.type,
            wanted.field_type,
            wanted.group,
            wanted.description,
        )
        assert made.unique is (wanted.name == "woocommerce_order_id")
    pipeline = schema.pipelines[DEALS.id][TABLE.pipeline.id]
    assert pipeline.label == TABLE.pipeline.label
    assert [(made.id, made.label, made.probability) for made in pipeline.stages.values()] == [
        (stage.id, stage.label, str(stage.probability)) for stage in TABLE.pipeline.stages
    ]


def made_by_somebody(portal: SimulatedPortal) -> Any:
    """What a portal has beyond what it was born with, as far as syncing depends on it."""
    born = SimulatedPortal().schema
    properties = {
        (kind.plural, name, definition.type, definition.field_type, definition.group, definition.unique)
        for kind in (CONTACTS, DEALS)
        for name, definition in portal.schema.properties[kind.id].items()
        if name not in born.properties[kind.id]
    }
    pipelines = [
        (pipeline.id, [(stage.id, stage.label, stage.probability) for stage in pipeline.stages.values()])
        for name, pipeline in portal.schema.pipelines[DEALS.id].items()
        if name not in born.pipelines[DEALS.id]
    ]
    return properties, pipelines


def test_setup_makes_what_the_simulator_provisions_for_tests(shop: Shop) -> None:
    shop.set_up()

    assert made_by_somebody(shop.portal) == made_by_somebody(provision_directly(SimulatedPortal()))


def test_a_second_run_finds_everything_and_writes_nothing(shop: Shop) -> None:
    shop.set_up()
    before = shop.writes

    steps = shop.set_up()

    assert set(outcomes(steps)) == {"ok"}
    assert shop.writes == before


def test_a_dry_run_says_what_would_be_created_and_writes_nothing(shop: Shop) -> None:
    steps = shop.set_up(dry_run=True)

    assert set(outcomes(steps)) == {"would create"}
    assert shop.writes == 0
    assert list(steps) == list(shop.set_up())  # the same steps, in the same order


def test_only_what_is_missing_is_created(shop: Shop) -> None:
    make_property(shop, "woocommerce_order_status", "Status in the shop")

    steps = shop.set_up()

    assert steps["deal property woocommerce_order_status"].outcome is Result.OK
    assert outcomes(steps)["created"] == 2 + len(TABLE.definitions)


# --- Portals that are not bare


@pytest.mark.parametrize("version", VERSIONS)
def test_hubspots_orders_and_metrics_are_set_up_where_the_mapping_has_them(shop: Shop, version: str) -> None:
    shop.version, shop.table = version, mapping_with(f"{INSTEAD}[contact.metrics]\nenabled = true\n")
    steps = shop.set_up()

    assert not failed(list(steps.values()))
    assert steps["order property woocommerce_order_id"].outcome is Result.CREATED
    assert steps["contact property woocommerce_total_paid"].outcome is Result.CREATED
    assert steps["order pipeline Order Pipeline (14a2e10e-5471-408a-906e-c51f3b04369e)"].outcome is Result.OK
    assert steps["order stage Delivered (3725360f-519b-4b18-a593-494d60a29c9f)"].outcome is Result.OK
    assert not [what for what in steps if what.startswith("deal ")]
    assert set(outcomes(shop.set_up())) == {"ok"}


def test_the_properties_of_the_plugin_that_woohub_replaces_are_as_needed(shop: Shop) -> None:
    provision_metrics(provision_directly(shop.portal), mapping_with_metrics(names="makewebbetter"), **OTHER_PLUGINS)
    shop.table = mapping_with('[contact.metrics]\nenabled = true\nnames = "makewebbetter"\n')
    steps = shop.set_up()

    assert not failed(list(steps.values()))
    assert steps["contact property last_order_status"].outcome is Result.OK


def test_an_order_pipeline_of_ones_own_is_made_with_its_stages(shop: Shop) -> None:
    own = (
        '[order_pipeline]\nid = "shop"\nlabel = "Shop"\ndefault_stage = "new"\n[order_stages]\n'
        'new = { label = "New", state = "OPEN" }\ngone = { label = "Gone", state = "CLOSED", statuses = ["trash"] }\n'
    )
    shop.table = mapping_with(BESIDE + own)

    assert shop.set_up()["order pipeline shop"].outcome is Result.CREATED
    assert set(outcomes(shop.set_up())) == {"ok"}


def test_a_portal_without_the_object_orders_is_named_with_the_way_out(shop: Shop) -> None:
    shop.portal.settings = shop.portal.settings.changed({"switched_off": ["0-123"]})
    shop.table = mapping_with(BESIDE)
    step = shop.set_up(dry_run=True)["HubSpot's object Orders"]

    assert step.outcome is Result.FAILED
    assert "switched off" in step.detail
    assert "switch it on" in step.fix


def test_a_key_that_is_not_unique_is_a_warning(shop: Shop) -> None:
    make_property(shop, "woocommerce_order_id", "Order number")

    step = shop.set_up()["deal property woocommerce_order_id"]

    assert step.outcome is Result.WARNING
    assert "search" in step.detail
    assert step.fix


def test_a_property_of_another_type_fails_with_the_way_out(shop: Shop) -> None:
    make_property(shop, "woocommerce_order_version", "Version", type="number", fieldType="number")

    step = shop.set_up()["deal property woocommerce_order_version"]

    assert step.outcome is Result.FAILED
    assert "number" in step.detail
    assert step.fix


def test_a_number_will_do_for_an_id(shop: Shop) -> None:
    make_property(shop, "woocommerce_order_id", "Order", type="number", fieldType="number", hasUniqueValue=True)

    assert shop.set_up()["deal property woocommerce_order_id"].outcome is Result.OK


def test_a_label_that_is_taken_gets_a_distinguishing_one(shop: Shop) -> None:
    make_property(shop, "products", "WooCommerce products")

    step = shop.set_up()["deal property associated_products"]

    assert step.outcome is Result.CREATED
    assert "WooCommerce products (woohub)" in step.detail
    assert shop.portal.schema.properties[DEALS.id]["associated_products"].label == "WooCommerce products (woohub)"


def test_too_many_unique_properties_fail_with_the_way_out(shop: Shop) -> None:
    shop.portal.change_settings({"max_unique_properties": 0})

    steps = shop.set_up()

    step = steps["deal property woocommerce_order_id"]
    assert (step.outcome, outcomes(steps)["failed"]) == (Result.FAILED, 1)
    assert "delete one" in step.fix


def test_a_plan_without_a_second_pipeline_fails_with_the_ways_out(shop: Shop) -> None:
    shop.portal.change_settings({"max_deal_pipelines": 1})

    steps = shop.set_up()

    step = steps["deal pipeline ecommerce_sales"]
    assert (step.outcome, outcomes(steps)["failed"]) == (Result.FAILED, 1)
    assert "upgrade" in step.fix
    assert "in your mapping.toml, run `woohub mapping push`" in step.fix


def test_advice_on_hubspots_orders_names_their_section_of_the_mapping(shop: Shop) -> None:
    own = (
        '[order_pipeline]\nid = "web"\nlabel = "Order Pipeline"\ndefault_stage = "new"\n[order_stages]\n'
        'new = { label = "New", state = "OPEN", statuses = ["trash"] }\n'
    )
    shop.table = mapping_with(INSTEAD + own)

    (step,) = [step for step in shop.set_up().values() if step.outcome is Result.FAILED]

    assert '[order_pipeline] id = "14a2e10e-5471-408a-906e-c51f3b04369e"' in step.fix


def test_missing_stages_of_the_pipeline_are_created(shop: Shop) -> None:
    make_pipeline(shop, "ecommerce_sales", "Sales online", ("completed", "Done", "1.0"))

    steps = shop.set_up()

    assert steps["deal stage Done (completed)"].outcome is Result.OK
    assert {step.outcome for what, step in steps.items() if what.startswith("deal stage")} == {
        Result.OK,
        Result.CREATED,
    }
    assert set(shop.portal.schema.pipelines[DEALS.id]["ecommerce_sales"].stages) == {
        stage.id for stage in TABLE.pipeline.stages
    }
    assert set(outcomes(shop.set_up())) == {"ok"}


def test_a_won_stage_that_is_not_won_in_hubspot_is_a_warning(shop: Shop) -> None:
    make_pipeline(shop, "ecommerce_sales", "Sales online", ("completed", "Done", "0.5"))

    step = shop.set_up()["deal stage Done (completed)"]

    assert (step.outcome, "0.5" in step.detail) == (Result.WARNING, True)


def test_a_stage_label_that_is_taken_names_the_stage_to_use(shop: Shop) -> None:
    make_pipeline(shop, "ecommerce_sales", "Sales online", ("hold", "On hold", "0.4"))

    step = shop.set_up()["deal stage on_hold"]

    assert step.outcome is Result.FAILED
    assert '"hold"' in step.fix


def test_a_pipeline_of_the_same_name_is_named_with_its_id(shop: Shop) -> None:
    make_pipeline(shop, "75000001", TABLE.pipeline.label, ("a", "A", "0.5"))

    step = shop.set_up()["deal pipeline ecommerce_sales"]

    assert step.outcome is Result.FAILED
    assert "75000001" in step.fix


def test_the_mapping_may_name_a_pipeline_that_is_there(shop: Shop, tmp_path: Path) -> None:
    shop.portal.change_settings({"max_deal_pipelines": 1})
    text = Path(fields.__file__).with_name("mapping.toml").read_text("utf-8")
    file = tmp_path / "mapping.toml"
    file.write_text(text.replace('id    = "ecommerce_sales"', 'id    = "default"'), "utf-8")
    shop.table = load_mapping(path=file)

    steps = shop.set_up()

    assert steps["deal pipeline Sales Pipeline (default)"].outcome is Result.OK
    assert not outcomes(steps)["failed"]


# --- Tokens and trouble


def test_missing_scopes_are_named_once_for_each_part(shop: Shop) -> None:
    shop.portal.tokens["run-time"] = RUN_TIME_SCOPES
    shop.token = "run-time"

    steps = shop.set_up()

    assert [(step.what, step.outcome) for step in steps.values()] == [
        ("contact properties", Result.FAILED),
        ("deal properties", Result.FAILED),
        ("deal pipeline", Result.FAILED),
    ]
    assert CONTACT_SCHEMA in steps["contact properties"].detail
    assert DEAL_SCHEMA in steps["deal pipeline"].detail
    assert all("HUBSPOT_SETUP_API_KEY" in step.fix for step in steps.values())


SCOPES_BY_MAPPING = [
    (TABLE, ["contacts", "deals"]),
    (WITH_ITEMS, ["contacts", "deals", "line_items"]),
    (mapping_with(INSTEAD), ["contacts", "orders"]),
]


@pytest.mark.parametrize(("table", "objects"), SCOPES_BY_MAPPING, ids=["the default", "line items", "HubSpot's orders"])
def test_the_fix_of_a_missing_scope_names_those_that_the_mapping_needs(
    shop: Shop, table: fields.FieldMapping, objects: list[str]
) -> None:
    shop.portal.tokens["run-time"] = RUN_TIME_SCOPES
    shop.token, shop.table = "run-time", table

    fixes = {step.fix for step in shop.set_up().values() if step.outcome is Result.FAILED and step.fix}

    named = {word.strip(",") for fix in fixes for word in fix.split() if word.startswith("crm.")}
    assert named == {f"crm.schemas.{kind}.write" for kind in objects}


@pytest.mark.parametrize(("table", "objects"), SCOPES_BY_MAPPING, ids=["the default", "line items", "HubSpot's orders"])
def test_without_a_token_setup_names_the_scopes_that_the_mapping_needs(
    table: fields.FieldMapping, objects: list[str]
) -> None:
    step = token_step("", connect=lambda _token: pytest.fail("there is no token"), kinds=written(table))

    named = [word for word in step.fix.split() if word.startswith("crm.")]
    assert named == [f"crm.objects.{kind}.read" for kind in objects]


def test_the_scopes_are_those_of_all_stores_mappings() -> None:
    assert written(TABLE, WITH_ITEMS, mapping_with(INSTEAD)) == ["contacts", "deals", "orders", "line_items"]


def test_a_refused_token_ends_it(shop: Shop) -> None:
    shop.token = "pat-wrong"

    (step,) = shop.set_up().values()

    assert (step.outcome, "HUBSPOT_SETUP_API_KEY" in step.fix) == (Result.FAILED, True)


def test_an_answer_that_is_lost_ends_it_and_the_next_run_continues(shop: Shop) -> None:
    shop.portal.faults.add(InjectedFault("reset", when="after", method="POST", path="pipelines", count=1))

    assert shop.set_up()["deal pipeline"].outcome is Result.FAILED
    assert set(outcomes(shop.set_up())) == {"ok"}


# --- The command

runner = CliRunner()


@dataclass
class Terminal:
    """The command with a deployed stack, against a portal over HTTP."""

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
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    portal = SimulatedPortal()
    with running(portal) as url, deployed(HubSpotApiUrl=url) as stack:
        yield Terminal(portal, stack, url, tmp_path)


def test_the_token_and_the_secret_of_env_file_are_stored(terminal: Terminal) -> None:
    (terminal.folder / ".env").write_text(f"HUBSPOT_API_KEY={DEFAULT_TOKEN}\nWOO_COMMERCE_WEBHOOK_SECRET=new-secret\n")

    result = terminal.run("--stack", NAME)

    assert result.exit_code == 0, result.output
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}
    assert terminal.stack.secret("WebhookSecretArn") == {"current": "new-secret", "previous": WEBHOOK_SECRET}


def test_of_a_token_that_replaces_another_it_says_when_it_is_used(terminal: Terminal) -> None:
    first = terminal.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN)["HubSpot token in the stack"]
    terminal.portal.tokens["another"] = RUN_TIME_SCOPES
    then = terminal.steps(HUBSPOT_API_KEY="another")["HubSpot token in the stack"]

    assert (first["detail"], "within five minutes" in then["detail"]) == ("", True)


@pytest.fixture
def other_portal(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> str:
    """A token of another portal than the one whose token the stack has."""
    token = "of-another-portal"
    terminal.run("--stack", NAME, HUBSPOT_API_KEY=DEFAULT_TOKEN)
    terminal.portal.tokens[token] = ALL_SCOPES
    ids = {DEFAULT_TOKEN: "1", token: "2"}
    monkeypatch.setattr(Portal, "of", lambda hubspot: Portal(ids[hubspot.caller.token.current()], "", is_real=True))
    return token


def test_a_token_of_another_portal_is_not_stored_unasked(terminal: Terminal, other_portal: str) -> None:
    steps = terminal.steps(HUBSPOT_API_KEY=other_portal)

    step = steps["HubSpot token in the stack"]
    assert (step["outcome"], "--yes" in step["fix"]) == ("failed", True)
    assert "is of the HubSpot portal 2, the stack's of the HubSpot portal 1" in step["detail"]
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}
    assert list(steps)[-1] == "HubSpot token in the stack"  # nothing is created in the other portal


def test_a_token_of_another_portal_is_stored_with_yes(terminal: Terminal, other_portal: str) -> None:
    terminal.steps("--yes", HUBSPOT_API_KEY=other_portal)

    assert terminal.stack.secret("HubSpotSecretArn") == {"token": other_portal}


def test_a_dry_run_warns_of_a_token_of_another_portal(terminal: Terminal, other_portal: str) -> None:
    assert (
        terminal.steps("--dry-run", HUBSPOT_API_KEY=other_portal)["HubSpot token in the stack"]["outcome"] == "warning"
    )


def test_secrets_are_never_printed(terminal: Terminal) -> None:
    given = {"HUBSPOT_API_KEY": DEFAULT_TOKEN, "WOO_COMMERCE_WEBHOOK_SECRET": "new-secret"}

    outputs = [terminal.run("--stack", NAME, *more, **given).output for more in ([], ["--json"], ["--dry-run"])]

    assert not any(secret in text for text in outputs for secret in (DEFAULT_TOKEN, "new-secret", WEBHOOK_SECRET))


def test_the_same_secrets_again_are_not_written(terminal: Terminal) -> None:
    given = {"HUBSPOT_API_KEY": DEFAULT_TOKEN, "WOO_COMMERCE_WEBHOOK_SECRET": "new-secret"}
    terminal.run("--stack", NAME, **given)

    steps = terminal.steps(**given)

    assert {step["outcome"] for step in steps.values()} == {"ok", "skipped"}
    assert terminal.stack.secret("WebhookSecretArn") == {"current": "new-secret", "previous": WEBHOOK_SECRET}


def test_a_dry_run_of_the_command_stores_nothing(terminal: Terminal) -> None:
    steps = terminal.steps("--dry-run", HUBSPOT_API_KEY=DEFAULT_TOKEN, WOO_COMMERCE_WEBHOOK_SECRET="new-secret")

    assert steps["HubSpot token in the stack"]["outcome"] == "would store"
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": ""}
    assert terminal.stack.secret("WebhookSecretArn") == {"current": WEBHOOK_SECRET}
    posted = [route for route in terminal.portal.calls if route.startswith("POST")]
    assert all(route.endswith(("/batch/read", "/batch/update")) for route in posted)  # of no records: scopes are tried


def test_the_stored_token_serves_where_none_is_given(terminal: Terminal) -> None:
    terminal.stack.store("HubSpotSecretArn", {"token": DEFAULT_TOKEN})

    assert terminal.run("--stack", NAME).exit_code == 0


def test_a_token_that_hubspot_refuses_is_not_stored(terminal: Terminal) -> None:
    result = terminal.run("--stack", NAME, HUBSPOT_API_KEY="pat-wrong")

    assert result.exit_code == 1
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": ""}
    assert "HubSpot refuses the token" in result.stdout


def test_a_token_of_its_own_sets_up_and_is_not_stored(terminal: Terminal) -> None:
    terminal.portal.tokens["run-time"] = RUN_TIME_SCOPES

    result = terminal.run("--stack", NAME, HUBSPOT_API_KEY="run-time", HUBSPOT_SETUP_API_KEY=DEFAULT_TOKEN)

    assert result.exit_code == 0, result.output
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": "run-time"}


def test_without_schema_scopes_the_command_fails_and_names_them(terminal: Terminal) -> None:
    terminal.portal.tokens["run-time"] = RUN_TIME_SCOPES

    result = terminal.run("--stack", NAME, HUBSPOT_API_KEY="run-time")

    assert result.exit_code == 1
    assert DEAL_SCHEMA in result.stdout
    assert "HUBSPOT_SETUP_API_KEY" in result.stdout


def test_a_token_that_may_not_write_deals_is_not_stored(terminal: Terminal) -> None:
    terminal.portal.tokens["reads"] = RUN_TIME_SCOPES - {"crm.objects.deals.write"}

    steps = terminal.steps(HUBSPOT_API_KEY="reads")

    assert steps["HubSpot scopes"]["detail"] == "missing: crm.objects.deals.write"
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": ""}


def test_a_token_whose_scopes_hubspot_cannot_tell_just_now_is_stored(terminal: Terminal) -> None:
    terminal.portal.faults.add(InjectedFault("status", status=503, path="deals/batch/update", count=1))

    steps = terminal.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN)

    assert steps["HubSpot scopes"]["outcome"] == "warning"
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": DEFAULT_TOKEN}


def test_without_any_token_it_fails_and_says_how_to_get_one(terminal: Terminal) -> None:
    result = terminal.run("--stack", NAME)

    assert result.exit_code == 1
    assert "HUBSPOT_API_KEY" in result.stdout


def test_a_key_that_is_not_unique_does_not_fail_the_command(terminal: Terminal) -> None:
    terminal.portal.schema.create_property(
        DEALS, property_body("woocommerce_order_id", "Order"), terminal.portal.settings, terminal.portal.now()
    )

    result = terminal.run("--stack", NAME, HUBSPOT_API_KEY=DEFAULT_TOKEN)

    assert result.exit_code == 0, result.output
    assert "warning" in result.stdout


def test_a_plan_without_a_second_pipeline_fails_the_command(terminal: Terminal) -> None:
    terminal.portal.change_settings({"max_deal_pipelines": 1})

    result = terminal.run("--stack", NAME, HUBSPOT_API_KEY=DEFAULT_TOKEN)

    assert result.exit_code == 1
    assert "upgrade" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["--hubspot-only"]], ids=["no stack is named", "asked for"])
def test_hubspot_alone_can_be_set_up(terminal: Terminal, arguments: list[str]) -> None:
    result = terminal.run(*arguments, "--json", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL=terminal.url)

    assert result.exit_code == 0, result.output
    assert TABLE.pipeline.id in terminal.portal.schema.pipelines[DEALS.id]
    assert json.loads(result.stdout)["stack"] is None
    assert "woohub's own: no stack is named" in result.stdout
    assert terminal.stack.secret("HubSpotSecretArn") == {"token": ""}


def test_a_hubspot_that_does_not_answer_is_named(terminal: Terminal) -> None:
    result = terminal.run("--hubspot-only", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="http://127.0.0.1:9")

    assert result.exit_code == 1
    assert "http://127.0.0.1:9" in result.stdout


def test_an_address_of_hubspot_that_is_none_is_named(terminal: Terminal) -> None:
    result = terminal.run("--hubspot-only", HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="api.hubapi.com")

    assert result.exit_code == 2
    assert (
        "HUBSPOT_API_URL is api.hubapi.com, which is no address: HubSpot's is https://api.hubapi.com" in result.stderr
    )


def test_another_address_than_the_stacks_is_pointed_out(terminal: Terminal) -> None:
    steps = terminal.steps(HUBSPOT_API_KEY=DEFAULT_TOKEN, HUBSPOT_API_URL="https://other.example")

    assert steps["HubSpot address"]["outcome"] == "warning"
    assert TABLE.pipeline.id in terminal.portal.schema.pipelines[DEALS.id]


def test_arns_are_shown_as_they_are(terminal: Terminal) -> None:
    """ ":secret:" is the name of a picture to some."""
    assert terminal.stack.outputs["WebhookSecretArn"] in terminal.run("--stack", NAME).stdout


def test_it_ends_with_what_is_left_to_do(terminal: Terminal) -> None:
    report = json.loads(terminal.run("--stack", NAME, "--json", HUBSPOT_API_KEY=DEFAULT_TOKEN).stdout)

    left_to_do = "\n".join(report["left_to_do"])
    assert terminal.stack.outputs["WebhookUrl"] in left_to_do
    assert terminal.stack.outputs["WebhookSecretArn"] in left_to_do
    assert all(topic in left_to_do for topic in ("order.restored", "customer.deleted"))
    assert report["steps"][-1] == {
        "step": "store",
        "outcome": "skipped",
        "detail": "WOO_COMMERCE_URL is not set",
        "fix": "",
    }
