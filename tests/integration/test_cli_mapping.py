"""`woohub mapping show`, `check` and `diff`, and the commands that use the pushed mapping."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from tests.support.bucket import BROKEN
from tests.support.mapping_command import facts, origins, put_mapping, run, write
from tests.support.operated_stack import OperatedStack
from tests.support.overlays import PAID, PICKUP
from tests.support.stack_consumer import StackConsumer
from tests.support.targets import INSTEAD, mapping_with, provision_orders
from woohub.configuration import MAPPING_KEY
from woohub.mapping.mapping_file import DEFAULT
from woohub_cli.main import app


def test_show_prints_the_default_mapping_when_nothing_is_pushed(shop: OperatedStack) -> None:
    rows = {row["place"]: row["value"] for row in facts(shop, "show")["rows"]}

    assert rows["deal.amount"] == '{ order = "total", as = "number" }'
    assert origins(shop) == {}
    assert "deal.amount" in run(shop, "show")


def test_show_names_the_file_of_each_changed_row(shop: OperatedStack) -> None:
    put_mapping(PICKUP + PAID)

    assert origins(shop) == {
        "stages.on_hold": MAPPING_KEY,
        "deal.woocommerce_payment_method": MAPPING_KEY,
        "create.deal.woocommerce_payment_method": MAPPING_KEY,
    }


def test_check_accepts_a_valid_file(shop: OperatedStack) -> None:
    write(PICKUP)

    assert "it changes 1 row of woohub's own mapping" in run(shop, "check")
    assert facts(shop, "check") == {"file": "mapping.toml", "ok": True, "mistakes": [], "rows_changed": 1}


def test_check_names_file_and_place_of_each_mistake(shop: OperatedStack) -> None:
    write(BROKEN, "new.toml")

    assert "new.toml:\n  deal.amount.as: 'euros' is not possible" in run(shop, "check", "new.toml", code=1)
    assert facts(shop, "check", "new.toml", code=1)["mistakes"][0].startswith("deal.amount.as")


def test_check_names_a_missing_file(shop: OperatedStack) -> None:
    result = CliRunner().invoke(app, ["mapping", "check"], env=shop.environment)

    assert (result.exit_code, "there is no file mapping.toml: " in result.output) == (2, True)


def test_diff_lists_the_changed_rows_and_their_effects(shop: OperatedStack) -> None:
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


def test_diff_overlay_reduces_an_edited_full_mapping_to_its_changes(shop: OperatedStack) -> None:
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
    assert "fine" in run(shop, "check", old_file), "a complete file is a valid overlay"


def test_why_names_setup_when_hubspots_orders_are_not_set_up(shop: OperatedStack) -> None:
    number = shop.shop.place()
    put_mapping(INSTEAD)

    explained = json.loads(shop.run("why", str(number), "--json").stdout)

    assert "run `woohub setup`" in explained["hubspot"]["not_asked"]


def test_why_names_the_stage_of_hubspots_order_by_label_and_id(shop: OperatedStack) -> None:
    provision_orders(shop.portal, mapping_with(INSTEAD))
    put_mapping(INSTEAD)
    number = shop.shop.place()
    StackConsumer(shop, mapping_with(INSTEAD)).deliver()

    output = shop.run("why", str(number)).stdout

    assert "stage Processed (937ea84d-0a4f-4dcf-9028-3f9c2aafbf03)" in " ".join(output.split())


def test_verify_and_why_compare_with_the_pushed_mapping(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    put_mapping('contact.phone = { text = "{billing.phone} (shop)" }\n')

    report = shop.json("verify")
    explained = json.loads(shop.run("why", str(number), "--json").stdout)

    assert [difference["property"] for row in report["findings"] for difference in row["differences"]] == ["phone"]
    assert not explained["fine"]


def test_check_pushed_validates_the_stored_mapping_before_a_release(shop: OperatedStack) -> None:
    assert "fine" in run(shop, "check", "--pushed")
    assert "fine" in run(shop, "check", "--pushed", stack="not-there-yet")
    put_mapping(BROKEN)
    assert "`woohub mapping rollback`" in run(shop, "check", "--pushed", code=1)
    assert "`woohub mapping rollback`" in run(shop, "show", code=1)


def test_make_deploy_checks_the_pushed_mapping_before_deploying() -> None:
    text = (Path(__file__).parents[2] / "Makefile").read_text("utf-8")
    recipe = text[text.index("\ndeploy:") :]

    assert 0 < recipe.index("mapping check --pushed") < recipe.index(" deploy --config-env")
