"""What `woohub setup` creates in HubSpot, and its advice where it cannot."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simulators.hubspot import (
    DEFAULT_TOKEN,
    RUN_TIME_SCOPES,
    InjectedFault,
    InProcessTransport,
    SimulatedPortal,
    create_app,
)
from simulators.hubspot import provision as provision_directly
from simulators.hubspot.definitions import CONTACTS, DEALS
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
from woohub_cli.set_up.provision import provision
from woohub_cli.stack.connections import FixedToken
from woohub_cli.targets import written

VERSIONS = ("2026-09", "2026-03", "v3")
DEFAULT_MAPPING = load_mapping()
DEAL_SCHEMA, CONTACT_SCHEMA = "crm.schemas.deals.write", "crm.schemas.contacts.write"


@dataclass
class Provisioning:
    """A portal and setup's calls to it, checked against HubSpot's specs if there are any."""

    portal: SimulatedPortal
    contract: Contract | None
    version: str = "2026-09"
    table: fields.FieldMapping = DEFAULT_MAPPING
    token: str = DEFAULT_TOKEN

    def provision(self, *, dry_run: bool = False) -> dict[str, Step]:
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
def setup(contract: Contract | None) -> Provisioning:
    return Provisioning(SimulatedPortal(), contract)


def outcomes(steps: dict[str, Step]) -> Counter[str]:
    return Counter(step.outcome.value for step in steps.values())


def property_body(name: str, label: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "type": "string", "fieldType": "text", "groupName": "dealinformation"} | more


def create_property_by_hand(setup: Provisioning, name: str, label: str, **more: Any) -> None:
    """Create a property as a person would."""
    body = property_body(name, label, **more)
    setup.portal.schema.create_property(DEALS, body, setup.portal.settings, setup.portal.now())


def create_pipeline_by_hand(setup: Provisioning, pipeline_id: str, label: str, *stages: tuple[str, str, str]) -> None:
    """Create a pipeline as a person would, with stages of (id, label, probability)."""
    rows = [
        {"stageId": key, "label": name, "displayOrder": order, "metadata": {"probability": odds}}
        for order, (key, name, odds) in enumerate(stages)
    ]
    body = {"pipelineId": pipeline_id, "label": label, "displayOrder": 1, "stages": rows}
    setup.portal.schema.create_pipeline(DEALS, body, setup.portal.settings, setup.portal.now())


@pytest.mark.parametrize("version", VERSIONS)
def test_setup_creates_all_properties_and_the_pipeline_in_an_empty_portal(setup: Provisioning, version: str) -> None:
    setup.version = version

    steps = setup.provision()

    assert outcomes(steps) == {
        "created": 2 + len(DEFAULT_MAPPING.definitions) + 1
    }  # two groups, the properties, the pipeline
    schema = setup.portal.schema
    for expected in DEFAULT_MAPPING.definitions:
        kind = CONTACTS if expected.object_type == "contacts" else DEALS
        created = schema.properties[kind.id][expected.name]
        assert (created.label, created.type, created.field_type, created.group, created.description) == (
            expected.label,
            expected.type,
            expected.field_type,
            expected.group,
            expected.description,
        )
        assert created.unique is (expected.name == "woocommerce_order_id")
    pipeline = schema.pipelines[DEALS.id][DEFAULT_MAPPING.pipeline.id]
    assert pipeline.label == DEFAULT_MAPPING.pipeline.label
    assert [(stage.id, stage.label, stage.probability) for stage in pipeline.stages.values()] == [
        (stage.id, stage.label, str(stage.probability)) for stage in DEFAULT_MAPPING.pipeline.stages
    ]


def definitions_beyond_hubspots_own(portal: SimulatedPortal) -> Any:
    """The properties and pipelines that a new portal does not have."""
    new = SimulatedPortal().schema
    properties = {
        (kind.plural, name, definition.type, definition.field_type, definition.group, definition.unique)
        for kind in (CONTACTS, DEALS)
        for name, definition in portal.schema.properties[kind.id].items()
        if name not in new.properties[kind.id]
    }
    pipelines = [
        (pipeline.id, [(stage.id, stage.label, stage.probability) for stage in pipeline.stages.values()])
        for name, pipeline in portal.schema.pipelines[DEALS.id].items()
        if name not in new.pipelines[DEALS.id]
    ]
    return properties, pipelines


def test_setup_creates_what_the_simulator_provisions(setup: Provisioning) -> None:
    setup.provision()

    assert definitions_beyond_hubspots_own(setup.portal) == definitions_beyond_hubspots_own(
        provision_directly(SimulatedPortal())
    )


def test_setup_again_reports_ok_and_writes_nothing(setup: Provisioning) -> None:
    setup.provision()
    before = setup.writes

    steps = setup.provision()

    assert set(outcomes(steps)) == {"ok"}
    assert setup.writes == before


def test_setup_dry_run_lists_the_same_steps_and_writes_nothing(setup: Provisioning) -> None:
    steps = setup.provision(dry_run=True)

    assert set(outcomes(steps)) == {"would create"}
    assert setup.writes == 0
    assert list(steps) == list(setup.provision())  # the same steps, in the same order


def test_setup_creates_only_what_is_missing(setup: Provisioning) -> None:
    create_property_by_hand(setup, "woocommerce_order_status", "Status in the shop")

    steps = setup.provision()

    assert steps["deal property woocommerce_order_status"].outcome is Result.OK
    assert outcomes(steps)["created"] == 2 + len(DEFAULT_MAPPING.definitions)


@pytest.mark.parametrize("version", VERSIONS)
def test_setup_provisions_hubspots_orders_and_metrics_if_the_mapping_has_them(
    setup: Provisioning, version: str
) -> None:
    setup.version, setup.table = version, mapping_with(f"{INSTEAD}[contact.metrics]\nenabled = true\n")
    steps = setup.provision()

    assert not failed(list(steps.values()))
    assert steps["order property woocommerce_order_id"].outcome is Result.CREATED
    assert steps["contact property woocommerce_total_paid"].outcome is Result.CREATED
    assert steps["order pipeline Order Pipeline (14a2e10e-5471-408a-906e-c51f3b04369e)"].outcome is Result.OK
    assert steps["order stage Delivered (3725360f-519b-4b18-a593-494d60a29c9f)"].outcome is Result.OK
    assert not [what for what in steps if what.startswith("deal ")]
    assert set(outcomes(setup.provision())) == {"ok"}


def test_setup_accepts_the_properties_of_the_makewebbetter_plugin(setup: Provisioning) -> None:
    provision_metrics(provision_directly(setup.portal), mapping_with_metrics(names="makewebbetter"), **OTHER_PLUGINS)
    setup.table = mapping_with('[contact.metrics]\nenabled = true\nnames = "makewebbetter"\n')
    steps = setup.provision()

    assert not failed(list(steps.values()))
    assert steps["contact property last_order_status"].outcome is Result.OK


def test_setup_creates_a_custom_order_pipeline_with_its_stages(setup: Provisioning) -> None:
    pipeline = (
        '[order_pipeline]\nid = "shop"\nlabel = "Shop"\ndefault_stage = "new"\n[order_stages]\n'
        'new = { label = "New", state = "OPEN" }\ngone = { label = "Gone", state = "CLOSED", statuses = ["trash"] }\n'
    )
    setup.table = mapping_with(BESIDE + pipeline)

    assert setup.provision()["order pipeline shop"].outcome is Result.CREATED
    assert set(outcomes(setup.provision())) == {"ok"}


def test_setup_fails_and_names_the_fix_when_the_object_orders_is_switched_off(setup: Provisioning) -> None:
    setup.portal.settings = setup.portal.settings.changed({"switched_off": ["0-123"]})
    setup.table = mapping_with(BESIDE)
    step = setup.provision(dry_run=True)["HubSpot's object Orders"]

    assert step.outcome is Result.FAILED
    assert "switched off" in step.detail
    assert "switch it on" in step.fix


def test_setup_warns_of_an_order_id_property_that_is_not_unique(setup: Provisioning) -> None:
    create_property_by_hand(setup, "woocommerce_order_id", "Order number")

    step = setup.provision()["deal property woocommerce_order_id"]

    assert step.outcome is Result.WARNING
    assert "search" in step.detail
    assert step.fix


def test_setup_fails_on_a_property_of_another_type(setup: Provisioning) -> None:
    create_property_by_hand(setup, "woocommerce_order_version", "Version", type="number", fieldType="number")

    step = setup.provision()["deal property woocommerce_order_version"]

    assert step.outcome is Result.FAILED
    assert "number" in step.detail
    assert step.fix


def test_setup_accepts_a_unique_order_id_of_type_number(setup: Provisioning) -> None:
    create_property_by_hand(
        setup, "woocommerce_order_id", "Order", type="number", fieldType="number", hasUniqueValue=True
    )

    assert setup.provision()["deal property woocommerce_order_id"].outcome is Result.OK


def test_setup_creates_a_property_with_another_label_if_its_label_is_taken(setup: Provisioning) -> None:
    create_property_by_hand(setup, "products", "WooCommerce products")

    step = setup.provision()["deal property associated_products"]

    assert step.outcome is Result.CREATED
    assert "WooCommerce products (woohub)" in step.detail
    assert setup.portal.schema.properties[DEALS.id]["associated_products"].label == "WooCommerce products (woohub)"


@pytest.mark.parametrize(
    ("limit", "what", "fixes"),
    [
        ({"max_unique_properties": 0}, "property woocommerce_order_id", ["delete one"]),
        (
            {"max_deal_pipelines": 1},
            "pipeline ecommerce_sales",
            ["upgrade", "in your mapping.toml, run `woohub mapping push`"],
        ),
    ],
    ids=["unique properties", "pipelines"],
)
def test_setup_fails_and_names_the_fixes_when_a_limit_of_the_plan_is_used_up(
    setup: Provisioning, limit: dict[str, Any], what: str, fixes: list[str]
) -> None:
    setup.portal.change_settings(limit)

    steps = setup.provision()

    step = steps[f"deal {what}"]
    assert (step.outcome, outcomes(steps)["failed"]) == (Result.FAILED, 1)
    assert all(fix in step.fix for fix in fixes)


def test_setup_names_the_mapping_section_of_the_order_pipeline_in_its_fix(setup: Provisioning) -> None:
    pipeline = (
        '[order_pipeline]\nid = "web"\nlabel = "Order Pipeline"\ndefault_stage = "new"\n[order_stages]\n'
        'new = { label = "New", state = "OPEN", statuses = ["trash"] }\n'
    )
    setup.table = mapping_with(INSTEAD + pipeline)

    (step,) = [step for step in setup.provision().values() if step.outcome is Result.FAILED]

    assert '[order_pipeline] id = "14a2e10e-5471-408a-906e-c51f3b04369e"' in step.fix


def test_setup_creates_the_missing_stages_of_a_pipeline(setup: Provisioning) -> None:
    create_pipeline_by_hand(setup, "ecommerce_sales", "Sales online", ("completed", "Done", "1.0"))

    steps = setup.provision()

    assert steps["deal stage Done (completed)"].outcome is Result.OK
    assert {step.outcome for what, step in steps.items() if what.startswith("deal stage")} == {
        Result.OK,
        Result.CREATED,
    }
    assert set(setup.portal.schema.pipelines[DEALS.id]["ecommerce_sales"].stages) == {
        stage.id for stage in DEFAULT_MAPPING.pipeline.stages
    }
    assert set(outcomes(setup.provision())) == {"ok"}


def test_setup_warns_of_a_won_stage_with_another_probability(setup: Provisioning) -> None:
    create_pipeline_by_hand(setup, "ecommerce_sales", "Sales online", ("completed", "Done", "0.5"))

    step = setup.provision()["deal stage Done (completed)"]

    assert (step.outcome, "0.5" in step.detail) == (Result.WARNING, True)


@pytest.mark.parametrize(
    ("existing", "what", "named"),
    [
        (("ecommerce_sales", "Sales online", ("hold", "On hold", "0.4")), "stage on_hold", '"hold"'),
        (("75000001", DEFAULT_MAPPING.pipeline.label, ("a", "A", "0.5")), "pipeline ecommerce_sales", "75000001"),
    ],
    ids=["stage", "pipeline"],
)
def test_setup_names_the_existing_stage_or_pipeline_with_the_same_label(
    setup: Provisioning, existing: Any, what: str, named: str
) -> None:
    create_pipeline_by_hand(setup, *existing)

    step = setup.provision()[f"deal {what}"]

    assert step.outcome is Result.FAILED
    assert named in step.fix


def test_setup_uses_an_existing_pipeline_that_the_mapping_names(setup: Provisioning, tmp_path: Path) -> None:
    setup.portal.change_settings({"max_deal_pipelines": 1})
    text = Path(fields.__file__).with_name("mapping.toml").read_text("utf-8")
    file = tmp_path / "mapping.toml"
    file.write_text(text.replace('id    = "ecommerce_sales"', 'id    = "default"'), "utf-8")
    setup.table = load_mapping(path=file)

    steps = setup.provision()

    assert steps["deal pipeline Sales Pipeline (default)"].outcome is Result.OK
    assert not outcomes(steps)["failed"]


def test_setup_reports_missing_scopes_once_per_part(setup: Provisioning) -> None:
    setup.portal.tokens["run-time"] = RUN_TIME_SCOPES
    setup.token = "run-time"

    steps = setup.provision()

    assert [(step.what, step.outcome) for step in steps.values()] == [
        ("contact properties", Result.FAILED),
        ("deal properties", Result.FAILED),
        ("deal pipeline", Result.FAILED),
    ]
    assert CONTACT_SCHEMA in steps["contact properties"].detail
    assert DEAL_SCHEMA in steps["deal pipeline"].detail
    assert all("HUBSPOT_SETUP_API_KEY" in step.fix for step in steps.values())


SCOPES_BY_MAPPING = [
    (DEFAULT_MAPPING, ["contacts", "deals"]),
    (WITH_ITEMS, ["contacts", "deals", "line_items"]),
    (mapping_with(INSTEAD), ["contacts", "orders"]),
]


@pytest.mark.parametrize(("table", "objects"), SCOPES_BY_MAPPING, ids=["the default", "line items", "HubSpot's orders"])
def test_setup_names_only_the_missing_scopes_that_the_mapping_needs(
    setup: Provisioning, table: fields.FieldMapping, objects: list[str]
) -> None:
    setup.portal.tokens["run-time"] = RUN_TIME_SCOPES
    setup.token, setup.table = "run-time", table

    fixes = {step.fix for step in setup.provision().values() if step.outcome is Result.FAILED and step.fix}

    named = {word.strip(",") for fix in fixes for word in fix.split() if word.startswith("crm.")}
    assert named == {f"crm.schemas.{kind}.write" for kind in objects}


@pytest.mark.parametrize(("table", "objects"), SCOPES_BY_MAPPING, ids=["the default", "line items", "HubSpot's orders"])
def test_token_step_without_a_token_names_the_scopes_that_the_mapping_needs(
    table: fields.FieldMapping, objects: list[str]
) -> None:
    step = token_step("", connect=lambda _token: pytest.fail("there is no token"), kinds=written(table))

    named = [word for word in step.fix.split() if word.startswith("crm.")]
    assert named == [f"crm.objects.{kind}.read" for kind in objects]


def test_written_lists_the_objects_of_all_stores_mappings() -> None:
    assert written(DEFAULT_MAPPING, WITH_ITEMS, mapping_with(INSTEAD)) == ["contacts", "deals", "orders", "line_items"]


def test_setup_stops_at_a_refused_token(setup: Provisioning) -> None:
    setup.token = "pat-wrong"

    (step,) = setup.provision().values()

    assert (step.outcome, "HUBSPOT_SETUP_API_KEY" in step.fix) == (Result.FAILED, True)


def test_setup_fails_on_a_lost_response_and_the_next_run_completes(setup: Provisioning) -> None:
    setup.portal.faults.add(InjectedFault("reset", when="after", method="POST", path="pipelines", count=1))

    assert setup.provision()["deal pipeline"].outcome is Result.FAILED
    assert set(outcomes(setup.provision())) == {"ok"}
