"""`woohub mapping`: what HubSpot gets is shown, checked, tried, changed and brought back, without a deployment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from simulators.hubspot import DEFAULT_TOKEN
from simulators.hubspot.definitions import ORDERS
from simulators.hubspot.portal import ALL_SCOPES
from tests.support.bucket import BROKEN
from tests.support.cli_stack import NAME
from tests.support.operated_stack import OperatedStack, operated_stack
from tests.support.overlays import PAID, PICKUP
from tests.support.stack_consumer import StackConsumer
from tests.support.targets import BESIDE, INSTEAD, mapping_with, provision_orders
from woohub.configuration import MAPPING_KEY
from woohub.mapping.fields import load_mapping
from woohub.mapping.mapping_file import DEFAULT
from woohub_cli.cli_errors import configuration_repair
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.main import app
from woohub_cli.mapping import mapping_push

BUCKET = f"{NAME}-configuration"


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    with operated_stack(search_lag_s=0.0, requests_per_10_s=10_000) as stack:
        yield StackConsumer(stack.ready())


@pytest.fixture
def shop(running: StackConsumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OperatedStack:
    """In an empty folder, with an empty bucket."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letter_queue, "RECEIVE_WAIT_S", 0)
    running.reset()
    versions = boto3.resource("s3").Bucket(BUCKET).object_versions
    versions.delete()
    return running.shop


def run(shop: OperatedStack, command: str, *arguments: str, code: int = 0, stack: str = NAME) -> str:
    """What the command says to people."""
    asked = ["mapping", command, *arguments, "--stack", stack]
    result = CliRunner().invoke(app, asked, env=shop.environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


def facts(shop: OperatedStack, command: str, *arguments: str, code: int = 0) -> Any:
    """What it says to machines."""
    asked = ["mapping", command, *arguments, "--stack", NAME, "--json"]
    result = CliRunner().invoke(app, asked, env=shop.environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def write(text: str, name: str = "mapping.toml") -> str:
    Path(name).write_text(text, "utf-8")
    return name


def stored() -> str | None:
    client = boto3.client("s3")
    if not client.list_objects_v2(Bucket=BUCKET).get("Contents"):
        return None
    return client.get_object(Bucket=BUCKET, Key=MAPPING_KEY)["Body"].read().decode()


def by_hand(text: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=MAPPING_KEY, Body=text.encode())


def origins(shop: OperatedStack) -> dict[str, str]:
    return {row["place"]: row["from"] for row in facts(shop, "show")["rows"] if row["from"] != "woohub"}


# show, check, diff


def test_without_anything_pushed_woohubs_own_mapping_is_shown(shop: OperatedStack) -> None:
    rows = {row["place"]: row["value"] for row in facts(shop, "show")["rows"]}

    assert rows["deal.amount"] == '{ order = "total", as = "number" }'
    assert origins(shop) == {}
    assert "deal.amount" in run(shop, "show")


def test_each_row_says_which_file_it_comes_from(shop: OperatedStack) -> None:
    by_hand(PICKUP + PAID)

    assert origins(shop) == {
        "stages.on_hold": MAPPING_KEY,
        "deal.woocommerce_payment_method": MAPPING_KEY,
        "create.deal.woocommerce_payment_method": MAPPING_KEY,
    }


def test_a_file_without_mistakes_is_fine(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "it changes 1 row of woohub's own mapping" in run(shop, "check")
    assert facts(shop, "check") == {"file": "mapping.toml", "ok": True, "mistakes": [], "rows_changed": 1}


def test_mistakes_are_named_with_file_and_place(shop: OperatedStack) -> None:
    write(BROKEN, "new.toml")

    assert "new.toml:\n  deal.amount.as: 'euros' is not possible" in run(shop, "check", "new.toml", code=1)
    assert facts(shop, "check", "new.toml", code=1)["mistakes"][0].startswith("deal.amount.as")


def test_a_file_that_is_not_there_is_named(shop: OperatedStack) -> None:
    result = CliRunner().invoke(app, ["mapping", "check"], env=shop.environment)

    assert (result.exit_code, "there is no file mapping.toml: " in result.output) == (2, True)


def test_a_diff_says_what_changes_and_which_records(shop: OperatedStack) -> None:
    write('deal.associated_products = false\ncontact.phone = { write = "if-empty" }\n' + PICKUP)

    differences = facts(shop, "diff")

    assert {change["place"] for change in differences["changes"]} == {
        "contact.phone",
        "deal.associated_products",
        "create.deal.associated_products",
        "stages.on_hold",
    }
    effects = " ".join(differences["effects"])
    assert "contact.phone: written when" in effects
    assert "HubSpot keeps the values that it has" in effects
    assert "stages.on_hold: a record moves when its order's status next changes" in effects
    assert "removed" in run(shop, "diff")


def test_a_mapping_that_was_edited_in_a_checkout_becomes_an_overlay(shop: OperatedStack) -> None:
    text = DEFAULT.read_text("utf-8")
    for old, new in (
        ('statuses = ["on-hold"]', 'statuses = ["on-hold", "awaiting-pickup"]'),
        ('closedate = { order = ["date_created_gmt", "date_created"], as = "datetime" }\n', ""),
        ('phone     = { order = "billing.phone",      customer = "billing.phone" }',
         'phone     = { order = "billing.phone", customer = "billing.phone", write = "if-empty" }'),
    ):  # fmt: skip
        assert old in text
        text = text.replace(old, new, 1)
    old_file = write(text, "old.toml")

    printed = run(shop, "diff", old_file, "--overlay")

    assert printed == (
        '[contact]\nphone = { write = "if-empty" }\n\n'
        "[deal]\nclosedate = false\n\n"
        '[stages]\non_hold = { statuses = ["awaiting-pickup"] }\n'
    )
    write(printed)
    run(shop, "push", "--yes")
    by_overlay = {row["place"]: row["value"] for row in facts(shop, "show")["rows"]}
    assert "deal.closedate" not in by_overlay
    assert "fine" in run(shop, "check", old_file), "the complete file is an overlay, too"


# push, rollback, pull


def test_a_pushed_status_is_used_by_the_command_and_the_functions(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "Stored." in run(shop, "push", "--yes")
    assert stored() == PICKUP
    assert origins(shop) == {"stages.on_hold": MAPPING_KEY}
    assert "The stack has it already." in run(shop, "push", "--yes")


def test_a_push_of_a_new_field_says_what_to_run_afterwards(shop: OperatedStack) -> None:
    write(PAID)

    said = " ".join(run(shop, "push", "--yes").split())

    assert said.index("Next: run `woohub setup`") < said.index("Next: two minutes later run `woohub verify --days 1")


def test_a_push_that_writes_no_field_asks_for_nothing_afterwards(shop: OperatedStack) -> None:
    write(PICKUP)

    assert facts(shop, "push", "--yes")["next"] == []


def test_what_is_switched_off_is_not_written_any_more(shop: OperatedStack) -> None:
    by_hand("[line_item]\nenabled = true\n[contact.metrics]\nenabled = true\n")
    write("[line_item]\nenabled = false\n")

    pushed = facts(shop, "push", "--yes")

    assert pushed["effects"] == [
        "contact.metrics: HubSpot keeps the values that it has; nothing writes them any more",
        "line_item.enabled: HubSpot keeps the values that it has; nothing writes them any more",
    ]
    assert (pushed["affected"], pushed["next"]) == ([], [])


def test_a_push_asks_and_without_an_answer_changes_nothing(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "pass --yes" in run(shop, "push", code=2)
    assert facts(shop, "push", "--dry-run")["pushed"] is False
    assert stored() is None


@pytest.mark.parametrize("before", [None, PAID])
@pytest.mark.parametrize("command", ["push", "rollback"])
def test_two_people_do_not_overwrite_each_others_mapping(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch, command: str, before: str | None
) -> None:
    for text in filter(None, ("# older", before)) if command == "rollback" or before else ():
        by_hand(text)
    write(PICKUP)

    def while_somebody_else_pushes(*_: object, **__: object) -> bool:
        by_hand("# the other's")
        return True

    monkeypatch.setattr(mapping_push, "agreed", while_somebody_else_pushes)

    result = CliRunner().invoke(app, ["mapping", command, "--stack", NAME], env=shop.environment)

    assert (result.exit_code, stored()) == (1, "# the other's")
    assert "somebody else has changed mapping.toml" in result.output


def test_a_push_counts_the_records_that_it_concerns(shop: OperatedStack, running: StackConsumer) -> None:
    for status in ("awaiting-pickup", "awaiting-pickup", "completed", "unheard-of"):
        shop.shop.place(status=status)
    running.deliver()
    write('pipeline.default_stage = "awaiting_payment"\n' + PICKUP + PAID)

    counted = {(row["records"], row["why"]): row for row in facts(shop, "push", "--dry-run")["affected"]}

    moved = counted["deals", "awaiting-pickup"]
    assert (moved["count"], moved["now"], moved["then"]) == (2, "newly_created_order", "on_hold")
    assert counted["deals", "any that no stage lists"]["count"] == 1
    assert counted["deals", "deal.woocommerce_payment_method"]["count"] == 4
    assert len(counted) == 3
    assert "deals with the status awaiting-pickup: 2; stage on_hold" in run(shop, "push", "--dry-run")


def test_of_what_set_up_has_not_made_yet_a_push_counts_none(shop: OperatedStack) -> None:
    write("[line_item]\nenabled = true\n")

    (items,) = facts(shop, "push", "--dry-run")["affected"]

    assert (items["records"], items["count"]) == ("line items", 0)


def test_what_hubspot_does_not_let_be_counted_is_not_known(shop: OperatedStack) -> None:
    scopes = ALL_SCOPES - {"crm.objects.line_items.read", "crm.schemas.line_items.read"}
    shop.portal.tokens = {DEFAULT_TOKEN: scopes}
    write("[line_item]\nenabled = true\n")

    assert "line items that can get another value: an unknown number (changed: line_item" in run(
        shop, "push", "--dry-run"
    )


def test_rows_of_what_the_mapping_does_not_write_are_not_counted(shop: OperatedStack) -> None:
    by_hand(INSTEAD)
    write(INSTEAD + PAID.replace("\n[deal]\n", ""))

    assert facts(shop, "push", "--dry-run")["affected"] == []


def test_a_property_of_orders_that_nobody_makes_is_named(shop: OperatedStack) -> None:
    write(f'{INSTEAD}[order.no_such_property]\norder = "total"\n')

    missing = facts(shop, "push", "--dry-run")["missing_in_hubspot"]

    assert "order property no_such_property: neither HubSpot has it nor [create] makes it" in missing
    assert not any(what.startswith("deal ") for what in missing)


def test_a_push_refuses_mistakes(shop: OperatedStack) -> None:
    write(BROKEN)

    result = CliRunner().invoke(app, ["mapping", "push", "--yes", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, "deal.amount.as" in result.output, stored()) == (1, True, None)


def test_what_hubspot_lacks_is_named_until_setup_has_made_it(shop: OperatedStack) -> None:
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


def test_a_changed_key_prefix_is_warned_of(shop: OperatedStack) -> None:
    write('order_key_prefix = "b-"')

    assert "A SECOND RECORD" in run(shop, "push", "--dry-run")


def test_a_rollback_brings_back_what_was_there_and_once_more_what_was_pushed(shop: OperatedStack) -> None:
    for text in (PICKUP, PICKUP + PAID):
        write(text)
        run(shop, "push", "--yes")

    run(shop, "rollback", "--yes")
    assert stored() == PICKUP
    run(shop, "rollback", "--yes")
    assert stored() == PICKUP + PAID


def test_the_first_push_rolls_back_to_woohubs_own(shop: OperatedStack) -> None:
    write(PICKUP)
    run(shop, "push", "--yes")

    assert facts(shop, "rollback", "--yes")["pushed"] is True
    assert (stored(), origins(shop)) == (None, {})


def test_a_broken_mapping_that_was_put_there_by_hand_is_found_and_rolled_back(shop: OperatedStack) -> None:
    write(PICKUP)
    run(shop, "push", "--yes")
    by_hand(BROKEN)

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
        (MAPPING_KEY, "x = [", "`woohub mapping rollback` brings back"),
        ("stores.json", "{", "“Repair a configuration that cannot be read” in docs/operations.md"),
        ("erasures.json", '{"stores": {}}', "“Repair a configuration that cannot be read” in docs/operations.md"),
    ],
)
def test_the_advice_on_a_broken_object_repairs_that_object(
    shop: OperatedStack, key: str, body: str, repair: str
) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body.encode())

    doctor = {step["check"]: step for step in shop.json("doctor")["checks"]}
    assert key in doctor["configuration"]["detail"]
    assert repair in doctor["configuration"]["fix"]
    assert repair in " ".join(shop.run("verify").output.split())


def test_the_overlay_of_a_further_store_is_rolled_back_by_name() -> None:
    mistake = "the stack's configuration cannot be read: stores/outlet/mapping.toml: deal.amount.as"

    assert "`woohub mapping rollback --store outlet`" in configuration_repair(mistake)


def test_nothing_pushed_is_nothing_to_roll_back_or_pull(shop: OperatedStack) -> None:
    for command in ("rollback", "pull"):
        result = CliRunner().invoke(app, ["mapping", command, "--stack", NAME], env=shop.environment)
        assert (result.exit_code, "no mapping of its own" in result.output) == (1, True)


def test_a_pull_writes_the_file_and_overwrites_nothing_unasked(shop: OperatedStack) -> None:
    by_hand(PICKUP)
    run(shop, "pull")
    assert Path("mapping.toml").read_text("utf-8") == PICKUP
    run(shop, "pull")  # the same: nothing is lost
    write(PAID)

    result = CliRunner().invoke(app, ["mapping", "pull", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, Path("mapping.toml").read_text("utf-8")) == (2, PAID)
    assert "pass --yes" in result.output
    run(shop, "pull", "--yes")
    assert Path("mapping.toml").read_text("utf-8") == PICKUP


# preview


def test_a_preview_shows_what_hubspot_would_get_beside_what_it_has(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place()
    running.deliver()
    write('contact.phone = { text = "{billing.phone} (shop)" }\n')

    preview = facts(shop, "preview", str(number))

    rows = {(row["record"], row["property"]): row for row in preview["rows"]}
    phone = rows["contact", "phone"]
    assert (phone["differs"], phone["mapping"]) == (True, f"{phone['hubspot']} (shop)")
    assert rows["deal", "amount"]["differs"] is False
    assert (preview["by"], preview["new_deal"]) == ("mapping.toml", False)
    assert "would be written" in run(shop, "preview", str(number))
    assert stored() is None


def test_a_preview_names_stages_by_their_labels(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place(status="completed")
    running.deliver()
    pipeline = load_mapping().pipeline
    label = pipeline.labels["dealstage", pipeline.stage("completed")]

    assert f"{label} (" in run(shop, "preview", str(number))


def test_a_preview_without_a_file_is_by_what_the_stack_uses(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place()
    running.deliver()
    by_hand('deal.amount = { text = "about {total}" }\n')

    rows = {row["property"]: row["mapping"] for row in facts(shop, "preview", str(number))["rows"]}

    assert rows["amount"].startswith("about ")


EVERYTHING = """
[line_item]
enabled = true

[contact.metrics]
enabled = true

[order]
enabled = true
"""


def test_a_preview_shows_every_record_that_the_order_would_become(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place(status="completed")
    running.deliver()
    write(EVERYTHING)

    preview = facts(shop, "preview", str(number))

    rows = {(row["record"], row["property"]): row for row in preview["rows"]}
    assert {record.partition(" ")[0] for record, _ in rows} == {"contact", "deal", "order", "line"}
    total = rows["deal", "amount"]["mapping"]
    assert (rows["order", "hs_total_price"]["mapping"], rows["contact", "woocommerce_total_paid"]["mapping"]) == (
        total,
        total,
    )
    assert rows["contact", "woocommerce_orders"]["mapping"] == "1"
    assert [name for record, name in rows if record.startswith("line item") and name == "hs_sku"]


def test_a_preview_marks_what_differs_in_hubspots_order_beside_the_deal(
    shop: OperatedStack, running: StackConsumer
) -> None:
    provision_orders(shop.portal, mapping_with(BESIDE))
    number = shop.shop.place()
    running.deliver()
    shop.portal.objects.create(ORDERS, {"properties": {"woocommerce_order_id": str(number), "hs_total_price": "1.00"}})
    write(BESIDE)

    rows = {(row["record"], row["property"]): row for row in facts(shop, "preview", str(number))["rows"]}

    assert (rows["order", "hs_total_price"]["hubspot"], rows["order", "hs_total_price"]["differs"]) == ("1.00", True)
    assert rows["deal", "amount"]["differs"] is False


def test_a_preview_says_that_hubspot_has_no_order_yet_where_the_mapping_has_no_deals(shop: OperatedStack) -> None:
    provision_orders(shop.portal, mapping_with(INSTEAD))
    number = shop.shop.place()
    write(INSTEAD)

    assert "(HubSpot has no order of it yet)" in run(shop, "preview", str(number))


def test_a_preview_before_setup_shows_hubspots_orders_and_says_what_hubspot_lacks(
    shop: OperatedStack, running: StackConsumer
) -> None:
    number = shop.shop.place()
    running.deliver()
    write(f"{INSTEAD}[line_item]\nenabled = true\n[contact.metrics]\nenabled = true\n")

    preview = facts(shop, "preview", str(number))

    assert {row["record"].partition(" ")[0] for row in preview["rows"]} == {"contact", "hubspot_order", "line"}
    assert ["no order property woocommerce_order_id" in note for note in preview["not_read"]] == [True]


def test_why_says_what_a_hubspot_that_was_never_set_up_lacks(shop: OperatedStack) -> None:
    number = shop.shop.place()
    by_hand(INSTEAD)

    explained = json.loads(shop.run("why", str(number), "--json").stdout)

    assert "run `woohub setup`" in explained["hubspot"]["not_asked"]


def test_why_names_the_stage_of_hubspots_order_as_hubspot_does(shop: OperatedStack) -> None:
    provision_orders(shop.portal, mapping_with(INSTEAD))
    by_hand(INSTEAD)
    number = shop.shop.place()
    StackConsumer(shop, mapping_with(INSTEAD)).deliver()

    said = shop.run("why", str(number)).stdout

    assert "stage Processed (937ea84d-0a4f-4dcf-9028-3f9c2aafbf03)" in " ".join(said.split())


def test_a_preview_shows_an_erased_person_without_the_person(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": "ana@shop.example", "first_name": "Ana"})
    running.deliver()
    shop.run("erase", "ana@shop.example", "--yes", "--no-wait")

    rows = facts(shop, "preview", str(number))["rows"]

    assert {row["record"] for row in rows} == {"deal"}
    assert "Ana" not in str(rows)


def test_a_preview_of_an_unknown_order_says_so(shop: OperatedStack) -> None:
    result = CliRunner().invoke(app, ["mapping", "preview", "4711", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, "4711" in result.output) == (1, True)


# Everywhere


def test_verify_and_why_compare_by_the_pushed_mapping(shop: OperatedStack, running: StackConsumer) -> None:
    number = shop.shop.place()
    running.deliver()
    by_hand('contact.phone = { text = "{billing.phone} (shop)" }\n')

    report = shop.json("verify")
    explained = json.loads(shop.run("why", str(number), "--json").stdout)

    assert [difference["property"] for row in report["findings"] for difference in row["differences"]] == ["phone"]
    assert not explained["fine"]


# Releases


def test_a_release_is_checked_against_what_is_pushed(shop: OperatedStack) -> None:
    assert "fine" in run(shop, "check", "--pushed")
    assert "fine" in run(shop, "check", "--pushed", stack="not-there-yet")
    by_hand(BROKEN)
    run(shop, "check", "--pushed", code=1)


def test_make_deploy_checks_first() -> None:
    text = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    recipe = text[text.index("\ndeploy:") :]

    assert 0 < recipe.index("mapping check --pushed") < recipe.index(" deploy --config-env")
