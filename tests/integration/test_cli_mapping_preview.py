"""`woohub mapping preview` shows what HubSpot would get for an order."""

from __future__ import annotations

from typer.testing import CliRunner

from simulators.hubspot.definitions import ORDERS
from tests.support.cli_stack import NAME
from tests.support.mapping_command import facts, put_mapping, run, stored, write
from tests.support.operated_stack import OperatedStack
from tests.support.stack_consumer import StackConsumer
from tests.support.targets import BESIDE, INSTEAD, mapping_with, provision_orders
from woohub.mapping.fields import load_mapping
from woohub_cli.main import app


def test_preview_shows_new_values_beside_hubspots_and_writes_nothing(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place()
    consumer.deliver()
    write('contact.phone = { text = "{billing.phone} (shop)" }\n')

    preview = facts(shop, "preview", str(number))

    rows = {(row["record"], row["property"]): row for row in preview["rows"]}
    phone = rows["contact", "phone"]
    assert (phone["differs"], phone["mapping"]) == (True, f"{phone['hubspot']} (shop)")
    assert rows["deal", "amount"]["differs"] is False
    assert (preview["by"], preview["new_deal"]) == ("mapping.toml", False)
    assert "would be written" in run(shop, "preview", str(number))
    assert stored() is None


def test_preview_names_a_stage_by_its_label(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(status="completed")
    consumer.deliver()
    pipeline = load_mapping().pipeline
    label = pipeline.labels["dealstage", pipeline.stage("completed")]

    assert f"{label} (" in run(shop, "preview", str(number))


def test_preview_without_a_file_uses_the_pushed_mapping(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    put_mapping('deal.amount = { text = "about {total}" }\n')

    rows = {row["property"]: row["mapping"] for row in facts(shop, "preview", str(number))["rows"]}

    assert rows["amount"].startswith("about ")


ALL_OBJECTS = """
[line_item]
enabled = true

[contact.metrics]
enabled = true

[order]
enabled = true
"""


def test_preview_shows_each_record_of_the_order(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(status="completed")
    consumer.deliver()
    write(ALL_OBJECTS)

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


def test_preview_marks_differences_of_hubspots_order_and_not_of_the_deal(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    provision_orders(shop.portal, mapping_with(BESIDE))
    number = shop.shop.place()
    consumer.deliver()
    shop.portal.objects.create(ORDERS, {"properties": {"woocommerce_order_id": str(number), "hs_total_price": "1.00"}})
    write(BESIDE)

    rows = {(row["record"], row["property"]): row for row in facts(shop, "preview", str(number))["rows"]}

    assert (rows["order", "hs_total_price"]["hubspot"], rows["order", "hs_total_price"]["differs"]) == ("1.00", True)
    assert rows["deal", "amount"]["differs"] is False


def test_preview_reports_that_hubspot_has_no_order_yet(shop: OperatedStack) -> None:
    provision_orders(shop.portal, mapping_with(INSTEAD))
    number = shop.shop.place()
    write(INSTEAD)

    assert "(HubSpot has no order of it yet)" in run(shop, "preview", str(number))


def test_preview_before_setup_shows_the_order_and_names_the_missing_property(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place()
    consumer.deliver()
    write(f"{INSTEAD}[line_item]\nenabled = true\n[contact.metrics]\nenabled = true\n")

    preview = facts(shop, "preview", str(number))

    assert {row["record"].partition(" ")[0] for row in preview["rows"]} == {"contact", "hubspot_order", "line"}
    assert ["no order property woocommerce_order_id" in note for note in preview["not_read"]] == [True]


def test_preview_of_an_erased_person_shows_only_the_deal_without_the_name(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place(billing={"email": "ana@shop.example", "first_name": "Ana"})
    consumer.deliver()
    shop.run("erase", "ana@shop.example", "--yes", "--no-wait")

    rows = facts(shop, "preview", str(number))["rows"]

    assert {row["record"] for row in rows} == {"deal"}
    assert "Ana" not in str(rows)


def test_preview_of_an_unknown_order_ends_with_exit_code_1(shop: OperatedStack) -> None:
    result = CliRunner().invoke(app, ["mapping", "preview", "4711", "--stack", NAME], env=shop.environment)

    assert (result.exit_code, "4711" in result.output) == (1, True)
