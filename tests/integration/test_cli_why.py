"""`woohub why`: each reason an order is not in HubSpot as it is in the store is told, with what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.consuming import Consuming
from tests.operated import Operated, now_text, operated
from tools.cli import dead_letters
from tools.hubspot_simulator import Fault
from tools.hubspot_simulator.definitions import CONTACTS, DEALS
from woohub.breaker import State

AN_HOUR_AGO = -3600.0


@pytest.fixture(scope="module")
def running() -> Iterator[Consuming]:
    """One stack for all tests here: starting it takes longer than most of them."""
    with operated(search_lag_s=0.0, requests_per_10_s=10_000) as stack:
        make_ingest()
        yield Consuming(stack.ready())


def make_ingest() -> None:
    client = boto3.client("lambda")
    role = client.get_function(FunctionName="consumer")["Configuration"]["Role"]
    code: Any = {"ZipFile": b"nothing"}
    client.create_function(
        FunctionName="ingest", Runtime="python3.13", Role=role, Handler="app.lambda_handler", Code=code
    )


@pytest.fixture
def consumer(running: Consuming, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Consuming:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letters, "WAIT", 0)  # moto takes waiting for messages literally
    running.begin_anew()
    return running


@pytest.fixture
def shop(consumer: Consuming) -> Operated:
    """Without orders, and without a past."""
    return consumer.shop


def why(shop: Operated, number: int, *, code: int = 1) -> dict[str, Any]:
    """The answer; and people are told the same."""
    result = shop.run("why", str(number), "--json")
    assert result.exit_code == code, result.output
    facts: dict[str, Any] = json.loads(result.stdout)
    told = shop.run("why", str(number))
    assert (told.exit_code, facts["conclusion"] in told.stdout) == (code, True), told.output
    assert bool(facts["next_step"]) is not facts["fine"]
    return facts


def silently(shop: Operated, act: Any, *arguments: Any, **fields: Any) -> Any:
    shop.shop.hooks.lose = 1.0
    done = act(*arguments, **fields)
    shop.shop.run_webhooks()
    shop.shop.hooks.lose = 0.0
    return done


def deal_id(shop: Operated, number: int) -> str:
    rows = shop.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def edit(shop: Operated, number: int, **properties: str) -> None:
    shop.portal.objects.update(DEALS, deal_id(shop, number), {"properties": properties})


def test_an_order_that_arrived_is_fine_and_its_way_is_shown(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number, code=0)

    assert facts["conclusion"] == "HubSpot has what the store has."
    assert [(one["where"], one["verdict"]) for one in facts["deliveries"]] == [
        ("ingest", "queued"),
        ("ingest", "queued"),
        ("consumer", "done"),
        ("consumer", "done"),
    ]
    assert facts["store"]["status"] == "processing"
    assert facts["hubspot"]["deals"][0]["id"] == deal_id(shop, number)


def test_an_unknown_order(shop: Operated) -> None:
    facts = why(shop, 4711)

    assert facts["conclusion"] == "Neither the store nor HubSpot has an order 4711."


def test_an_order_that_was_never_delivered(shop: Operated) -> None:
    number = silently(shop, shop.shop.place)

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert facts["next_step"].startswith("woohub reconcile brings it now")


def test_a_change_that_was_never_delivered_though_the_order_was(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place(created=time.time() - 100, modified=time.time() - 100, status="pending")
    consumer.deliver()
    shop.shop.hooks.lose = 1.0
    ago, shop.shop.clock = shop.shop.clock, lambda: time.time() + 2
    shop.shop.change_status(number, "completed")
    shop.shop.clock = ago
    shop.shop.run_webhooks()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store never delivered it since its last change")
    assert {one["property"] for one in facts["hubspot"]["findings"][0]["differences"]} == {
        "dealstage",
        "woocommerce_order_status",
    }


def test_never_delivered_though_reconcile_has_passed(shop: Operated) -> None:
    number = silently(shop, shop.shop.place, created=time.time() + AN_HOUR_AGO)
    shop.watermark(orders={"moment": now_text()})

    facts = why(shop, number)

    assert "reconcile has passed that moment" in facts["conclusion"]
    assert facts["next_step"] == f"woohub reconcile --since {facts['store']['modified_at'][:-1]}"


def test_deliveries_refused_for_their_signature(shop: Operated, consumer: Consuming) -> None:
    for webhook in shop.shop.hooks.webhooks.values():
        webhook.secret = "another-secret"
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "2 requests were refused for their signature" in facts["conclusion"]
    assert "woohub doctor" in facts["next_step"]


def test_a_dead_letter_with_its_reason(shop: Operated, consumer: Consuming) -> None:
    shop.portal.change_settings({"rules": [{"object_type": "deals", "properties": ["description"], "when": {}}]})
    number = shop.shop.place()
    consumer.deliver()

    facts = why(shop, number)

    assert "lies in the dead-letter queue: HubSpot refused it" in facts["conclusion"]
    assert "woohub dlq redrive" in facts["next_step"]
    assert shop.stack.visible("DeadLetterQueueUrl") == len(facts["dead_letters"]) == 2


def test_the_stale_guard(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place(status="pending")
    consumer.deliver()
    version = shop.portal.state()["deals"][0]["properties"]["woocommerce_order_version"]
    edit(shop, number, woocommerce_order_version=version.replace(version[:4], "2999"))
    shop.shop.change_status(number, "completed")
    consumer.deliver()

    facts = why(shop, number)

    assert "counts as stale" in facts["conclusion"]
    assert "clear woocommerce_order_version" in facts["next_step"]


@pytest.mark.parametrize(
    ("policy", "step"),
    [("auth", "woohub setup"), ("daily", "day begins anew"), ("outage", "HubSpot is asked every minute")],
)
def test_an_open_breaker(shop: Operated, policy: str, step: str) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    shop.stack.breaker(State("open", policy, "HubSpot's reason", since=1_795_473_600))

    facts = why(shop, number)

    assert "the circuit breaker is open since 2026-11-23T22:40:00Z" in facts["conclusion"]
    assert "HubSpot's reason" in facts["conclusion"]
    assert step in facts["next_step"]


def test_an_open_breaker_while_hubspot_refuses_the_token(shop: Operated) -> None:
    number = shop.shop.place()
    shop.stack.breaker(State("open", "auth", "HubSpot refuses the token", since=1_795_473_600))
    shop.portal.tokens.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("It waits: the circuit breaker is open")
    assert facts["hubspot"]["not_asked"]


def test_a_refused_token_before_the_breaker_knows(shop: Operated) -> None:
    number = shop.shop.place()
    shop.portal.tokens.clear()

    assert why(shop, number)["conclusion"].startswith("HubSpot could not be asked: HubSpot refuses the token")


def test_a_consumer_disabled_by_hand(shop: Operated) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    boto3.client("lambda").update_event_source_mapping(UUID=shop.stack.outputs["EventSourceMappingId"], Enabled=False)

    assert "disabled, by hand" in why(shop, number)["conclusion"]


def test_a_delivery_that_waits_in_the_queue(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    consumer.ingested()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("It is on its way: delivered at")
    assert facts["queue"]["visible"] == 2


def test_a_delivery_that_hubspot_does_not_take_yet(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    shop.shop.run_webhooks()
    message_id = consumer.ingested()[-1]["message_id"]
    said = {"entity": f"order:{number}", "message_id": message_id, "verdict": "retry", "error": "Unavailable"}
    consumer.log("consumer", json.dumps(said))

    assert "tried 1 times, last with Unavailable" in why(shop, number)["conclusion"]


def test_a_trashed_order_with_its_deal(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.trash(number)
    consumer.deliver()

    assert "in the store's trash, and its deal is in the lost stage" in why(shop, number, code=0)["conclusion"]


def test_a_trashed_order_that_hubspot_never_had(shop: Operated) -> None:
    number = silently(shop, shop.shop.place)
    silently(shop, shop.shop.trash, number)

    assert "HubSpot never had it" in why(shop, number, code=0)["conclusion"]


def test_a_cart_is_no_order(shop: Operated) -> None:
    assert "a cart, not an order" in why(shop, shop.shop.abandon(), code=0)["conclusion"]


def test_an_order_deleted_for_good(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.shop.delete(number)

    assert "woohub reconcile --deleted check" in why(shop, number)["next_step"]


def test_an_order_that_cannot_be_read(shop: Operated) -> None:
    number = shop.shop.place()
    order = shop.shop.orders[number]
    order.text = shop.shop.order_text(order).replace('"total":"', '"total":"EUR ')

    assert "cannot be read: total: must be a plain decimal number" in why(shop, number)["conclusion"]


def test_a_stage_that_was_moved_by_a_person(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, dealstage="on_hold")

    facts = why(shop, number, code=0)

    assert "moved in HubSpot to on_hold" in facts["conclusion"]
    assert facts["hubspot"]["stage_moved"]


def test_a_value_that_was_changed_in_hubspot(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    edit(shop, number, amount="1.00")

    facts = why(shop, number)

    assert "but amount was changed there afterwards" in facts["conclusion"]
    assert "woohub verify --repair" in facts["next_step"]


def test_a_contact_that_was_taken_off(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (link,) = shop.portal.state()["associations"]
    shop.portal.links.forget((DEALS.id, link["deal"]))

    facts = why(shop, number)

    assert "somebody took that off" in facts["conclusion"]


def test_a_refused_address(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place(billing={"email": "somebody@shop.invalid"})
    consumer.deliver()

    assert "HubSpot refuses the order's e-mail address" in why(shop, number, code=0)["conclusion"]


def test_a_contact_that_was_deleted(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    (contact,) = shop.portal.state()["contacts"]
    shop.portal.objects.archive(CONTACTS, contact["id"])

    facts = why(shop, number)

    assert facts["conclusion"].startswith("HubSpot differs: contact missing")
    assert facts["next_step"].startswith("woohub reconcile --since")


def test_a_store_that_does_not_answer(shop: Operated) -> None:
    number = shop.shop.place()
    shop.shop.keys.clear()

    facts = why(shop, number)

    assert facts["conclusion"].startswith("The store could not be asked")
    assert facts["store"]["known"] is None


def test_logs_that_cannot_be_read_are_told(shop: Operated) -> None:
    number = silently(shop, shop.shop.place)
    boto3.client("lambda").delete_function(FunctionName="ingest")

    facts = why(shop, number)

    make_ingest()
    assert "could not be read" in facts["conclusion"]
    assert facts["logs_not_read"]


def test_looking_changes_nothing(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    before = shop.portal.state()["deals"]

    why(shop, number, code=0)

    assert shop.portal.state()["deals"] == before
    assert {method for method, _, _ in shop.shop.requests} == {"GET"}


def test_a_fault_of_hubspot_on_the_way_does_not_end_it(shop: Operated, consumer: Consuming) -> None:
    number = shop.shop.place()
    consumer.deliver()
    shop.portal.faults.add(Fault(status=500, count=1))

    assert shop.json("why", str(number))["fine"]
