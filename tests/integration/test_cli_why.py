"""`woohub why` finds the order by id, number or name, and reports an equal or unreadable one."""

from __future__ import annotations

import boto3
import pytest

from simulators.hubspot import InjectedFault
from tests.support.operated_stack import OperatedStack, deploy_ingest
from tests.support.stack_consumer import StackConsumer
from tests.support.why_command import deal_id, edit, why, without_delivery


def test_why_reports_a_synced_order_as_equal_with_its_deliveries(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number, code=0)

    assert facts["conclusion"] == "HubSpot matches the store."
    assert [(delivery["where"], delivery["verdict"]) for delivery in facts["deliveries"]] == [
        ("ingest", "queued"),
        ("ingest", "queued"),
        ("consumer", "done"),
        ("consumer", "done"),
    ]
    assert facts["store"]["status"] == "processing"
    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)


def test_why_lists_where_an_unknown_order_id_was_looked_for(shop: OperatedStack) -> None:
    facts = why(shop, 4711)

    assert facts["conclusion"] == "Neither the store nor HubSpot has an order 4711."
    assert "the id 4711; the store's search for the number 4711; HubSpot's deals" in facts["next_step"]


def test_why_lists_where_an_unknown_order_number_was_looked_for(shop: OperatedStack) -> None:
    facts = why(shop, "RE-2026-X")

    assert (facts["order"], facts["conclusion"]) == (None, "Neither the store nor HubSpot has an order RE-2026-X.")
    assert "the store's search for the number RE-2026-X; HubSpot's deals by name" in facts["next_step"]


@pytest.mark.parametrize("form", ["RE-2026-00434", "#RE-2026-00434", "  re-2026-00434 ", "# RE-2026-00434"])
def test_why_finds_an_order_by_its_number_in_each_form(shop: OperatedStack, consumer: StackConsumer, form: str) -> None:
    number = shop.shop.place(number="RE-2026-00434", billing={"first_name": "Ana", "last_name": "Rossi"})
    consumer.deliver()

    facts = why(shop, form, code=0)

    assert (facts["order"], facts["number"], facts["name"]) == (number, "RE-2026-00434", "Ana Rossi")


@pytest.mark.parametrize("form", ["{}", "#{}", " {} ", "order:{}"])
def test_why_finds_an_order_by_its_id_in_each_form(shop: OperatedStack, form: str) -> None:
    number = without_delivery(shop, shop.shop.place)

    assert why(shop, form.format(number))["order"] == number


def test_why_prints_id_number_and_name(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(number="RE-7", billing={"first_name": "Ana", "last_name": "Rossi"})
    consumer.deliver()

    assert f"{number} (number RE-7, Ana Rossi)" in shop.run("why", str(number)).stdout


def test_why_finds_an_order_whose_number_a_plugin_builds_from_the_id(shop: OperatedStack) -> None:
    number = without_delivery(shop, shop.shop.place)
    order = shop.shop.orders[number]
    order.text = shop.shop.order_text(order).replace(f'"number":"{number}"', f'"number":"WC-{number}"')

    assert why(shop, f"wc-{number}")["order"] == number


def test_why_prefers_the_order_with_the_id_except_after_a_hash_and_names_the_other(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    by_id = shop.shop.place(number="A-1")
    by_number = shop.shop.place(number=str(by_id))
    consumer.deliver()

    plain, hashed, prefixed = (why(shop, form, code=0) for form in (by_id, f"#{by_id}", f"order:{by_id}"))

    assert (plain["order"], plain["other_order"]["id"], plain["other_order"]["number"]) == (
        by_id,
        by_number,
        str(by_id),
    )
    assert (hashed["order"], hashed["other_order"]["id"]) == (by_number, by_id)
    assert (prefixed["order"], prefixed["other_order"]) == (by_id, None)
    assert f"woohub why order:{by_number}" in shop.run("why", str(by_id)).stdout


def test_why_looks_for_a_too_long_id_only_as_a_number(shop: OperatedStack) -> None:
    facts = why(shop, "99999999999999999999999")

    assert facts["conclusion"] == "Neither the store nor HubSpot has an order 99999999999999999999999."
    assert facts["next_step"].startswith("write it as in the store's list of orders")
    assert facts["next_step"].endswith(
        "(looked for: no id, as WordPress's ids end at 18446744073709551615; the store's search for the number "
        "99999999999999999999999; HubSpot's deals by name)"
    )


def test_why_names_the_largest_possible_id(shop: OperatedStack) -> None:
    assert "ids end at 18446744073709551615" in shop.run("why", "order:99999999999999999999999").output


@pytest.mark.parametrize("text", ["", "  ", "#", "0", "order:x", "order:", f"order:{2**64}"])
def test_why_rejects_an_invalid_order_with_exit_code_2(shop: OperatedStack, text: str) -> None:
    assert shop.run("why", text).exit_code == 2


def test_why_finds_an_order_by_its_deal_name_when_the_store_refuses_the_key(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = shop.shop.place(number="RE-8")
    consumer.deliver()
    edit(shop, number, dealname="WooCommerce Order #RE-8 - Ana Rossi")
    shop.shop.keys.clear()

    facts = why(shop, "RE-8")

    assert (facts["order"], facts["number"]) == (number, "RE-8")
    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)
    assert facts["conclusion"].startswith("The store could not be read")


def test_why_shows_the_deal_when_the_stack_has_no_store_key(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})

    facts = why(shop, number)

    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)
    assert "woohub setup" in facts["conclusion"]


def test_why_reports_that_the_store_cannot_be_read(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.shop.keys.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store could not be read")
    assert facts["store"]["known"] is None


def test_why_reports_logs_that_cannot_be_read(shop: OperatedStack) -> None:
    number = without_delivery(shop, shop.shop.place)
    boto3.client("lambda").delete_function(FunctionName="ingest")

    facts = why(shop, number)

    deploy_ingest()
    assert "could not be read" in facts["conclusion"]
    assert facts["logs_not_read"]


def test_why_changes_nothing_in_hubspot_and_the_store(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    before = shop.portal.state()["deals"]

    why(shop, number, code=0)

    assert shop.portal.state()["deals"] == before
    assert {method for method, _, _ in shop.shop.requests} == {"GET"}


def test_why_continues_after_one_failed_hubspot_call(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.portal.faults.add(InjectedFault(status=500, count=1))

    assert shop.json("why", str(number))["fine"]
