"""`woohub why`: each reason an order is not in HubSpot as it is in the store is told, with what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from simulators.hubspot import InjectedFault
from simulators.hubspot.definitions import CONTACTS, DEALS
from tests.support.operated_stack import OperatedStack, now_text, operated_stack
from tests.support.stack_consumer import StackConsumer
from woohub.consumer.breaker import State
from woohub.hubspot import retries
from woohub_cli.dlq import dead_letter_queue

AN_HOUR_AGO = -3600.0


@pytest.fixture(scope="module")
def running() -> Iterator[StackConsumer]:
    """One stack for all tests here: starting it takes longer than most of them."""
    with operated_stack(search_lag_s=0.0, requests_per_10_s=10_000) as stack:
        make_ingest()
        yield StackConsumer(stack.ready())


def make_ingest() -> None:
    client = boto3.client("lambda")
    role = client.get_function(FunctionName="consumer")["Configuration"]["Role"]
    code: Any = {"ZipFile": b"nothing"}
    client.create_function(
        FunctionName="ingest", Runtime="python3.13", Role=role, Handler="app.lambda_handler", Code=code
    )


@pytest.fixture
def consumer(running: StackConsumer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackConsumer:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letter_queue, "RECEIVE_WAIT_S", 0)  # moto takes waiting for messages literally
    running.reset()
    return running


@pytest.fixture
def shop(consumer: StackConsumer) -> OperatedStack:
    """Without orders, and without a past."""
    return consumer.shop


def why(shop: OperatedStack, number: int | str, *, code: int = 1) -> dict[str, Any]:
    """The answer; and people are told the same."""
    result = shop.run("why", str(number), "--json")
    assert result.exit_code == code, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    result = shop.run("why", str(number))
    assert (result.exit_code, facts["conclusion"] in result.stdout) == (code, True), result.output
    assert bool(facts["next_step"]) is not facts["fine"]
    return facts


def silently(shop: OperatedStack, act: Any, *arguments: Any, **fields: Any) -> Any:
    shop.shop.hooks.lose = 1.0
    done = act(*arguments, **fields)
    shop.shop.run_webhooks()
    shop.shop.hooks.lose = 0.0
    return done


def deal_id(shop: OperatedStack, number: int) -> str:
    rows = shop.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def edit(shop: OperatedStack, number: int, **properties: str) -> None:
    shop.portal.objects.update(DEALS, deal_id(shop, number), {"properties": properties})


def test_an_order_that_arrived_is_fine_and_its_way_is_shown(shop: OperatedStack, consumer: StackConsumer) -> None:
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


def test_an_unknown_order_says_what_was_tried(shop: OperatedStack) -> None:
    facts = why(shop, 4711)

    assert facts["conclusion"] == "Neither the store nor HubSpot has an order 4711."
    assert "the id 4711; the store's search for the number 4711; HubSpot's deals" in facts["next_step"]


def test_an_unknown_number_says_what_was_tried(shop: OperatedStack) -> None:
    facts = why(shop, "RE-2026-X")

    assert (facts["order"], facts["conclusion"]) == (None, "Neither the store nor HubSpot has an order RE-2026-X.")
    assert "the store's search for the number RE-2026-X; HubSpot's deals by name" in facts["next_step"]


# --- Ids and numbers


@pytest.mark.parametrize("form", ["RE-2026-00434", "#RE-2026-00434", "  re-2026-00434 ", "# RE-2026-00434"])
def test_an_order_is_found_by_its_number_in_any_usual_form(
    shop: OperatedStack, consumer: StackConsumer, form: str
) -> None:
    number = shop.shop.place(number="RE-2026-00434", billing={"first_name": "Ana", "last_name": "Rossi"})
    consumer.deliver()

    facts = why(shop, form, code=0)

    assert (facts["order"], facts["number"], facts["name"]) == (number, "RE-2026-00434", "Ana Rossi")


@pytest.mark.parametrize("form", ["{}", "#{}", " {} ", "order:{}"])
def test_an_order_is_found_by_its_id_in_any_usual_form(shop: OperatedStack, form: str) -> None:
    number = silently(shop, shop.shop.place)

    assert why(shop, form.format(number))["order"] == number


def test_id_and_number_are_shown_side_by_side_with_the_name(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(number="RE-7", billing={"first_name": "Ana", "last_name": "Rossi"})
    consumer.deliver()

    assert f"{number} (number RE-7, Ana Rossi)" in shop.run("why", str(number)).stdout


def test_a_number_that_a_plugin_makes_of_the_id_and_no_search_knows(shop: OperatedStack) -> None:
    number = silently(shop, shop.shop.place)
    order = shop.shop.orders[number]
    order.text = shop.shop.order_text(order).replace(f'"number":"{number}"', f'"number":"WC-{number}"')

    assert why(shop, f"wc-{number}")["order"] == number


def two_orders(shop: OperatedStack, consumer: StackConsumer) -> tuple[int, int]:
    """The id of an order that is another one's number, and the id of that one."""
    first = shop.shop.place(number="A-1")
    second = shop.shop.place(number=str(first))
    consumer.deliver()
    return first, second


def test_where_id_and_number_name_two_orders_the_id_is_described_and_the_other_named(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    by_id, by_number = two_orders(shop, consumer)

    facts, text = why(shop, by_id, code=0), shop.run("why", str(by_id)).stdout

    assert (facts["order"], facts["other_order"]["id"], facts["other_order"]["number"]) == (
        by_id,
        by_number,
        str(by_id),
    )
    assert f"woohub why order:{by_number}" in text


def test_with_a_hash_the_number_is_described_and_the_id_named(shop: OperatedStack, consumer: StackConsumer) -> None:
    by_id, by_number = two_orders(shop, consumer)

    facts = why(shop, f"#{by_id}", code=0)

    assert (facts["order"], facts["other_order"]["id"]) == (by_number, by_id)


def test_the_id_alone_can_be_asked_for(shop: OperatedStack, consumer: StackConsumer) -> None:
    by_id, _ = two_orders(shop, consumer)

    facts = why(shop, f"order:{by_id}", code=0)

    assert (facts["order"], facts["other_order"]) == (by_id, None)


def test_what_is_longer_than_any_id_is_looked_for_as_a_number_only(shop: OperatedStack) -> None:
    facts = why(shop, "99999999999999999999999")

    assert facts["conclusion"] == "Neither the store nor HubSpot has an order 99999999999999999999999."
    assert facts["next_step"].startswith("write it as in the store's list of orders")
    assert facts["next_step"].endswith(
        "(looked for: no id, as WordPress's ids end at 18446744073709551615; the store's search for the number "
        "99999999999999999999999; HubSpot's deals by name)"
    )


def test_an_id_that_is_longer_than_any_says_so(shop: OperatedStack) -> None:
    assert "ids end at 18446744073709551615" in shop.run("why", "order:99999999999999999999999").output


@pytest.mark.parametrize("text", ["", "  ", "#", "0", "order:x", "order:", f"order:{2**64}"])
def test_what_names_no_order_is_wrong_usage(shop: OperatedStack, text: str) -> None:
    assert shop.run("why", text).exit_code == 2


def test_without_the_store_the_deals_name_tells_the_order(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(number="RE-8")
    consumer.deliver()
    edit(shop, number, dealname="WooCommerce Order #RE-8 - Ana Rossi")
    shop.shop.keys.clear()

    facts = why(shop, "RE-8")

    assert (facts["order"], facts["number"]) == (number, "RE-8")
    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)
    assert facts["conclusion"].startswith("The store could not be read")


def test_a_stack_without_the_stores_key_still_shows_the_deal(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.stack.store("StoreSecretArn", {"url": "", "consumer_key": "", "consumer_secret": ""})

    facts = why(shop, number)

    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)
    assert "woohub setup" in facts["conclusion"]


def test_an_order_that_was_never_delivered(shop: OperatedStack) -> None:
    number = silently(shop, shop.shop.place)

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert facts["next_step"].startswith("woohub reconcile queues it now")


def test_a_change_that_was_never_delivered_though_the_order_was(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(created=time.time() - 100, modified=time.time() - 100, status="pending")
    consumer.deliver()
    shop.shop.hooks.lose = 1.0
    ago, shop.shop.clock = shop.shop.clock, lambda: time.time() + 2
    shop.shop.change_status(number, "completed")
    shop.shop.clock = ago
    shop.shop.run_webhooks()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert {difference["property"] for difference in facts["hubspot"]["findings"][0]["differences"]} == {
        "dealstage",
        "woocommerce_order_status",
    }


def test_never_delivered_though_reconcile_has_passed(shop: OperatedStack) -> None:
    number = silently(shop, shop.shop.place, created=time.time() + AN_HOUR_AGO)
    shop.watermark(orders={"moment": now_text()})

    facts = why(shop, number)

    assert "reconcile has passed that moment" in facts["conclusion"]
    assert facts["next_step"] == f"woohub reconcile --since {facts['store']['modified_at'][:-1]}"


def test_deliveries_refused_for_their_signature(shop: OperatedStack, consumer: StackConsumer) -> None:
    for webhook in shop.shop.hooks.webhooks.values():
        webhook.secret = "another-secret"
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "2 requests had no valid signature" in facts["conclusion"]
    assert "woohub doctor" in facts["next_step"]


def test_a_dead_letter_with_its_reason(shop: OperatedStack, consumer: StackConsumer) -> None:
    shop.portal.change_settings({"rules": [{"object_type": "deals", "properties": ["description"], "when": {}}]})
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "is in the dead-letter queue: HubSpot rejected it" in facts["conclusion"]
    assert "woohub dlq redrive" in facts["next_step"]
    assert shop.stack.visible("DeadLetterQueueUrl") == len(facts["dead_letters"]) == 2


def only_a_dead_letter(shop: OperatedStack, consumer: StackConsumer, act: Any) -> int:
    """An order whose delivery HubSpot rejected, before this happened to it in the store."""
    shop.portal.change_settings({"rules": [{"object_type": "deals", "properties": ["description"], "when": {}}]})
    number: int = shop.shop.place()
    consumer.deliver()
    silently(shop, act, number)
    return number


def test_an_order_that_is_only_a_dead_letter(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = only_a_dead_letter(shop, consumer, shop.shop.delete)

    facts = why(shop, number)

    assert facts["conclusion"].startswith(f"Neither the store nor HubSpot has an order {number}; a delivery of it was")
    assert "is in the dead-letter queue: HubSpot rejected it" in facts["conclusion"]
    assert f"woohub dlq drop --order order:{number};" in facts["next_step"]


def test_a_dead_letter_of_an_order_that_is_fine_otherwise(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = only_a_dead_letter(shop, consumer, shop.shop.trash)

    facts = why(shop, number)

    assert "nothing is made of it. An older delivery of it is in the dead-letter queue" in facts["conclusion"]
    assert facts["next_step"] == f"woohub dlq drop --order order:{number}"


def test_a_dead_letter_of_an_order_whose_store_does_not_answer(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = only_a_dead_letter(shop, consumer, lambda _number: shop.shop.keys.clear())

    conclusion = why(shop, number)["conclusion"]

    assert conclusion.startswith("The store could not be read")
    assert "is in the dead-letter queue: HubSpot rejected it" in conclusion


def test_the_stale_guard(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(status="pending")
    consumer.deliver()
    edit(shop, number, woocommerce_order_version="2999-01-01T00:00:00|9999999999999|")  # received in the year 2286
    shop.shop.change_status(number, "completed")
    consumer.deliver()

    facts = why(shop, number)

    assert "counts as stale" in facts["conclusion"]
    assert "clear woocommerce_order_version" in facts["next_step"]


@pytest.mark.parametrize(
    ("policy", "step"),
    [("auth", "woohub setup"), ("daily", "daily limit resets"), ("outage", "HubSpot is probed every minute")],
)
def test_an_open_breaker(shop: OperatedStack, policy: str, step: str) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    shop.stack.breaker(State("open", policy, "HubSpot's reason", since=1_795_473_600))

    facts = why(shop, number)

    assert "the circuit breaker has been open since 2026-11-23T22:40:00Z" in facts["conclusion"]
    assert "HubSpot's reason" in facts["conclusion"]
    assert step in facts["next_step"]


def test_an_open_breaker_while_hubspot_refuses_the_token(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token", since=1_795_473_600))
    shop.portal.tokens.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("Waiting: the circuit breaker has been open")
    assert facts["hubspot"]["not_asked"]


def test_a_refused_token_before_the_breaker_knows(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.portal.tokens.clear()

    assert why(shop, number)["conclusion"].startswith("HubSpot could not be read: HubSpot refuses the token")


def test_what_is_waited_for_is_said(shop: OperatedStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "BACKOFF_S", (0,))
    number = shop.shop.place()
    shop.portal.faults.add(InjectedFault("status", status=503, path="deals/batch/read", count=1))

    assert "then trying again: HubSpot" in shop.run("why", str(number)).stderr


def test_a_consumer_disabled_by_hand(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    boto3.client("lambda").update_event_source_mapping(UUID=shop.stack.outputs["EventSourceMappingId"], Enabled=False)

    assert "disabled, by hand" in why(shop, number)["conclusion"]


def test_a_delivery_that_waits_in_the_queue(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    consumer.ingested()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("Waiting: it was delivered at")
    assert facts["queue"]["visible"] == 2


def retried(shop: OperatedStack, consumer: StackConsumer, error: str) -> int:
    """An order whose delivery the consumer has returned to the queue, as its log says."""
    number: int = shop.shop.place()
    shop.shop.run_webhooks()
    message_id = consumer.ingested()[-1]["message_id"]
    said = {"entity": f"order:{number}", "message_id": message_id, "verdict": "retry", "error": error}
    consumer.log("consumer", json.dumps(said))
    return number


def test_a_delivery_that_hubspot_does_not_take_yet(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = retried(shop, consumer, "Unavailable")

    assert "tried 1 time, last with Unavailable" in why(shop, number)["conclusion"]


def test_a_delivery_that_waits_for_secrets_manager_is_not_blamed_on_hubspot(
    shop: OperatedStack, consumer: StackConsumer
) -> None:
    number = retried(shop, consumer, "SecretUnavailable")

    assert "Secrets Manager returns the token" in why(shop, number)["next_step"]


def test_a_trashed_order_with_its_deal(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.trash(number)
    consumer.deliver()

    assert "in the store's trash, and its deal is in the lost stage" in why(shop, number, code=0)["conclusion"]


def test_a_trashed_order_that_hubspot_never_had(shop: OperatedStack) -> None:
    number = silently(shop, shop.shop.place)
    silently(shop, shop.shop.trash, number)

    assert "HubSpot never had it" in why(shop, number, code=0)["conclusion"]


def test_a_cart_is_no_order(shop: OperatedStack) -> None:
    assert "a cart, not an order" in why(shop, shop.shop.abandon(), code=0)["conclusion"]


def test_an_order_deleted_for_good(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.delete(number)

    assert "woohub reconcile --deleted check" in why(shop, number)["next_step"]


def test_an_order_that_cannot_be_read(shop: OperatedStack) -> None:
    number = shop.shop.place()
    order = shop.shop.orders[number]
    order.text = shop.shop.order_text(order).replace('"total":"', '"total":"EUR ')

    assert "cannot be read: total: must be a plain decimal number" in why(shop, number)["conclusion"]


def test_a_stage_that_was_moved_by_a_person(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, dealstage="on_hold")

    facts = why(shop, number, code=0)

    assert "moved in HubSpot to on_hold" in facts["conclusion"]
    assert facts["hubspot"]["stage_moved"]


def test_a_value_that_was_changed_in_hubspot(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, amount="1.00")

    facts = why(shop, number)

    assert "but amount was changed there afterwards" in facts["conclusion"]
    assert "woohub verify --repair" in facts["next_step"]


def test_a_contact_that_was_taken_off(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (link,) = shop.portal.state()["associations"]
    shop.portal.links.forget((DEALS.id, link["deal"]))

    facts = why(shop, number)

    assert "somebody removed the association" in facts["conclusion"]


def test_a_refused_address(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": "somebody@shop.invalid"})
    consumer.deliver()

    assert "HubSpot rejects the order's e-mail address" in why(shop, number, code=0)["conclusion"]


def test_an_order_without_an_address(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": ""})
    consumer.deliver()

    conclusion = why(shop, number, code=0)["conclusion"]

    assert conclusion == "HubSpot matches the store. It has no contact: the order has no e-mail address."


def test_an_anonymised_order_whose_contact_hubspot_still_has(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.edit_address(number, email="deleted@site.invalid", first_name="[deleted]", last_name="[deleted]")
    consumer.deliver()

    facts = why(shop, number)

    assert "The store has anonymised it" in facts["conclusion"]
    assert f"HubSpot still has the person as contact {facts['hubspot']['contact']}" in facts["conclusion"]
    assert "delete the contact in HubSpot" in facts["next_step"]


def test_an_anonymised_order_without_a_contact(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": "deleted@site.invalid"})
    consumer.deliver()

    facts = why(shop, number, code=0)

    assert facts["store"]["anonymised"]
    assert facts["conclusion"].endswith("It has no contact: the store has erased the person.")


def test_an_address_that_is_none(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place(billing={"email": "nobody"})
    consumer.deliver()

    assert "HubSpot could not accept the order's e-mail address" in why(shop, number, code=0)["conclusion"]


def test_a_contact_that_was_deleted(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (contact,) = shop.portal.state()["contacts"]
    shop.portal.objects.archive(CONTACTS, contact["id"])

    facts = why(shop, number)

    assert facts["conclusion"].startswith("HubSpot differs: contact missing")
    assert facts["next_step"].startswith("woohub reconcile --since")


def test_a_store_that_does_not_answer(shop: OperatedStack) -> None:
    number = shop.shop.place()
    shop.shop.keys.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store could not be read")
    assert facts["store"]["known"] is None


def test_logs_that_cannot_be_read_are_told(shop: OperatedStack) -> None:
    number = silently(shop, shop.shop.place)
    boto3.client("lambda").delete_function(FunctionName="ingest")

    facts = why(shop, number)

    make_ingest()
    assert "could not be read" in facts["conclusion"]
    assert facts["logs_not_read"]


def test_looking_changes_nothing(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    before = shop.portal.state()["deals"]

    why(shop, number, code=0)

    assert shop.portal.state()["deals"] == before
    assert {method for method, _, _ in shop.shop.requests} == {"GET"}


def test_a_fault_of_hubspot_on_the_way_does_not_end_it(shop: OperatedStack, consumer: StackConsumer) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.portal.faults.add(InjectedFault(status=500, count=1))

    assert shop.json("why", str(number))["fine"]
