"""`woohub mapping push`, `rollback` and `pull`."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from typer.testing import CliRunner

from simulators.hubspot import DEFAULT_TOKEN
from simulators.hubspot.portal import ALL_SCOPES
from tests.support.bucket import BROKEN
from tests.support.cli_stack import NAME
from tests.support.mapping_command import BUCKET, facts, origins, put_mapping, run, stored, write
from tests.support.operated_stack import OperatedStack
from tests.support.overlays import PAID, PICKUP
from tests.support.stack_consumer import StackConsumer
from tests.support.targets import INSTEAD
from woohub.configuration import MAPPING_KEY
from woohub_cli.cli_errors import configuration_repair
from woohub_cli.main import app
from woohub_cli.mapping import mapping_push


def test_push_stores_the_mapping_and_detects_an_identical_one(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "Stored." in run(shop, "push", "--yes")
    assert stored() == PICKUP
    assert origins(shop) == {"stages.on_hold": MAPPING_KEY}
    assert "The stack has it already." in run(shop, "push", "--yes")


def test_push_of_a_new_field_names_setup_then_verify(shop: OperatedStack) -> None:
    write(PAID)

    output = " ".join(run(shop, "push", "--yes").split())

    assert output.index("Next: run `woohub setup`") < output.index(
        "Next: two minutes later run `woohub verify --days 1"
    )


def test_push_without_new_fields_names_no_next_step(shop: OperatedStack) -> None:
    write(PICKUP)

    assert facts(shop, "push", "--yes")["next"] == []


def test_push_reports_that_disabled_fields_keep_their_values(shop: OperatedStack) -> None:
    put_mapping("[line_item]\nenabled = true\n[contact.metrics]\nenabled = true\n")
    write("[line_item]\nenabled = false\n")

    pushed = facts(shop, "push", "--yes")

    assert pushed["effects"] == [
        "contact.metrics: HubSpot keeps the values that it has; nothing writes them any more",
        "line_item.enabled: HubSpot keeps the values that it has; nothing writes them any more",
    ]
    assert (pushed["affected"], pushed["next"]) == ([], [])


def test_push_without_yes_or_with_dry_run_stores_nothing(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "pass --yes" in run(shop, "push", code=2)
    assert facts(shop, "push", "--dry-run")["pushed"] is False
    assert stored() is None


@pytest.mark.parametrize("before", [None, PAID])
@pytest.mark.parametrize("command", ["push", "rollback"])
def test_push_and_rollback_refuse_to_overwrite_a_concurrent_change(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, command: str, before: str | None
) -> None:
    for text in filter(None, ("# older", before)) if command == "rollback" or before else ():
        put_mapping(text)
    write(PICKUP)

    def push_concurrently(*_: object, **__: object) -> bool:
        put_mapping("# concurrent")
        return True

    monkeypatch.setattr(mapping_push, "agreed", push_concurrently)

    result = CliRunner().invoke(app, ["mapping", command, "--stack", NAME], env=shop.environment)

    assert (result.exit_code, stored()) == (1, "# concurrent")
    assert "somebody else has changed mapping.toml" in result.output


def test_push_counts_the_affected_deals_by_status_and_field(shop: OperatedStack, consumer: StackConsumer) -> None:
    for status in ("awaiting-pickup", "awaiting-pickup", "completed", "unheard-of"):
        shop.shop.place(status=status)
    consumer.deliver()
    write('pipeline.default_stage = "awaiting_payment"\n' + PICKUP + PAID)

    counted = {(row["records"], row["why"]): row for row in facts(shop, "push", "--dry-run")["affected"]}

    moved = counted["deals", "awaiting-pickup"]
    assert (moved["count"], moved["now"], moved["then"]) == (2, "newly_created_order", "on_hold")
    assert counted["deals", "any that no stage lists"]["count"] == 1
    assert counted["deals", "deal.woocommerce_payment_method"]["count"] == 4
    assert len(counted) == 3
    assert "deals with the status awaiting-pickup: 2; stage on_hold" in run(shop, "push", "--dry-run")


def test_push_counts_no_records_of_an_object_without_properties(shop: OperatedStack) -> None:
    write("[line_item]\nenabled = true\n")

    (items,) = facts(shop, "push", "--dry-run")["affected"]

    assert (items["records"], items["count"]) == ("line items", 0)


def test_push_reports_an_unknown_count_without_the_scope(shop: OperatedStack) -> None:
    scopes = ALL_SCOPES - {"crm.objects.line_items.read", "crm.schemas.line_items.read"}
    shop.portal.tokens = {DEFAULT_TOKEN: scopes}
    write("[line_item]\nenabled = true\n")

    assert "line items that can get another value: an unknown number (changed: line_item" in run(
        shop, "push", "--dry-run"
    )


def test_push_counts_no_records_of_an_object_that_the_mapping_does_not_write(shop: OperatedStack) -> None:
    put_mapping(INSTEAD)
    write(INSTEAD + PAID.replace("\n[deal]\n", ""))

    assert facts(shop, "push", "--dry-run")["affected"] == []


def test_push_names_a_missing_order_property(shop: OperatedStack) -> None:
    write(f'{INSTEAD}[order.no_such_property]\norder = "total"\n')

    missing = facts(shop, "push", "--dry-run")["missing_in_hubspot"]

    assert "order property no_such_property: neither HubSpot has it nor [create] makes it" in missing
    assert not any(line.startswith("deal ") for line in missing)


def test_push_refuses_an_invalid_mapping(shop: OperatedStack) -> None:
    write(BROKEN)

    result = CliRunner().invoke(app, ["mapping", "push", "--yes", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, "deal.amount.as" in result.output, stored()) == (1, True, None)


def test_push_names_missing_properties_until_setup_creates_them(shop: OperatedStack) -> None:
    write('[deal]\nno_such_property = { order = "total" }\n' + PAID.replace("\n[deal]\n", ""))

    missing = facts(shop, "push", "--yes")["missing_in_hubspot"]

    assert missing == [
        "deal property woocommerce_payment_method",
        "deal property no_such_property: neither HubSpot has it nor [create] makes it",
    ]
    assert "woohub setup" in run(shop, "push", "--dry-run")
    setup = shop.run("setup", "--json", "--yes")
    assert "woocommerce_payment_method" in setup.stdout
    assert facts(shop, "push", "--dry-run")["missing_in_hubspot"] == missing[1:]


def test_push_warns_of_a_changed_order_key_prefix(shop: OperatedStack) -> None:
    write('order_key_prefix = "b-"')

    assert "A SECOND RECORD" in run(shop, "push", "--dry-run")


def test_rollback_restores_the_previous_mapping_and_a_second_one_undoes_it(shop: OperatedStack) -> None:
    for text in (PICKUP, PICKUP + PAID):
        write(text)
        run(shop, "push", "--yes")

    run(shop, "rollback", "--yes")
    assert stored() == PICKUP
    run(shop, "rollback", "--yes")
    assert stored() == PICKUP + PAID


def test_rollback_of_the_first_push_restores_the_default_mapping(shop: OperatedStack) -> None:
    write(PICKUP)
    run(shop, "push", "--yes")

    assert facts(shop, "rollback", "--yes")["pushed"] is True
    assert (stored(), origins(shop)) == (None, {})


def test_doctor_check_and_verify_report_an_invalid_pushed_mapping_and_rollback_repairs_it(shop: OperatedStack) -> None:
    write(PICKUP)
    run(shop, "push", "--yes")
    put_mapping(BROKEN)

    doctor = {step["check"]: step for step in shop.json("doctor")["checks"]}
    assert doctor["configuration"]["outcome"] == "failed"
    assert "deal.amount.as" in doctor["configuration"]["detail"]
    assert "deal.amount.as" in run(shop, "check", "--pushed", code=1)
    assert "mapping rollback" in shop.run("verify").output
    run(shop, "rollback", "--yes")
    assert stored() == PICKUP
    assert "fine" in run(shop, "check", "--pushed")


@pytest.mark.parametrize(
    ("key", "body", "repair"),
    [
        (MAPPING_KEY, "x = [", "`woohub mapping rollback` restores"),
        ("stores.json", "{", "“Repair a configuration that cannot be read” in docs/operations.md"),
        ("erasures.json", '{"stores": {}}', "“Repair a configuration that cannot be read” in docs/operations.md"),
    ],
)
def test_doctor_and_verify_name_the_repair_of_the_invalid_object(
    shop: OperatedStack, key: str, body: str, repair: str
) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body.encode())

    doctor = {step["check"]: step for step in shop.json("doctor")["checks"]}
    assert key in doctor["configuration"]["detail"]
    assert repair in doctor["configuration"]["fix"]
    assert repair in " ".join(shop.run("verify").output.split())


def test_configuration_repair_names_rollback_of_the_further_store() -> None:
    mistake = "the stack's configuration cannot be read: stores/outlet/mapping.toml: deal.amount.as"

    assert "`woohub mapping rollback --store outlet`" in configuration_repair(mistake)


def test_rollback_and_pull_fail_when_nothing_was_pushed(shop: OperatedStack) -> None:
    for command in ("rollback", "pull"):
        result = CliRunner().invoke(app, ["mapping", command, "--stack", NAME], env=shop.environment)
        assert (result.exit_code, "no mapping of its own" in result.output) == (1, True)


def test_pull_writes_the_file_and_overwrites_another_only_with_yes(shop: OperatedStack) -> None:
    put_mapping(PICKUP)
    run(shop, "pull")
    assert Path("mapping.toml").read_text("utf-8") == PICKUP
    run(shop, "pull")  # the same content: nothing is overwritten
    write(PAID)

    result = CliRunner().invoke(app, ["mapping", "pull", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, Path("mapping.toml").read_text("utf-8")) == (2, PAID)
    assert "pass --yes" in result.output
    run(shop, "pull", "--yes")
    assert Path("mapping.toml").read_text("utf-8") == PICKUP
