"""The engine with several stores in one stack, which share customers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from moto import mock_aws

from tests.support.consumer import ConsumerFixture
from tests.support.engine import FIELDS, EngineFixture
from tests.support.line_items import item, order_of
from tests.support.orders import customer, delivery, order
from tests.support.several_stores import mappings
from woohub.configuration import StoredObject, parse
from woohub.consumer.batch import POISON_RECEIVES
from woohub.delivery.messages import to_sqs
from woohub.sync.outcome import Message
from woohub.sync.record_kinds import kinds_of_stores, record_kinds
from woohub_cli.set_up.provision import provision

JANE = "jane.doe@example.com"


def store_message(store: str, topic: str, body: dict[str, Any], after_s: float = 0) -> Message:
    """A message of a store; "" is the first store."""
    sent = replace(delivery(topic, body, after_s), store=store)
    return Message(f"{store}/{topic}/{body['id']}/{after_s}", sent)


@pytest.fixture
def engine() -> EngineFixture:
    """The engine of a stack with three stores, whose portal is set up."""
    mapping_by_store = mappings("second", "third")
    engine = EngineFixture(kinds=kinds_of_stores(mapping_by_store))
    engine.timer.start(600)
    for mapping in mapping_by_store.values():
        list(provision(engine.hubspot, mapping, dry_run=False))
    engine.calls.clear()
    return engine


def test_orders_of_two_stores_with_the_same_id_make_two_deals(engine: EngineFixture) -> None:
    engine.deliver(
        *(store_message(store, "order.created", order(12, total=f"{store.count('')}.00")) for store in ("", "second"))
    )

    amounts = {deal["woocommerce_order_id"]: deal["amount"] for deal in engine.deals}
    assert amounts == {"12": "1.00", "second-12": "7.00"}


def test_trashing_one_stores_order_keeps_the_stage_of_the_other_stores_order(engine: EngineFixture) -> None:
    engine.deliver(store_message("", "order.created", order(12)), store_message("second", "order.created", order(12)))

    engine.deliver(store_message("second", "order.deleted", {"id": 12}, 60))

    stages = {deal["woocommerce_order_id"]: deal["dealstage"] for deal in engine.deals}
    assert stages == {"12": "newly_created_order", "second-12": "cancelled"}


def test_a_customer_of_three_stores_is_one_contact_with_three_customer_ids(engine: EngineFixture) -> None:
    engine.deliver(
        store_message("", "order.created", order(12, customer_id=5)),
        store_message("second", "order.created", order(12, customer_id=6), 1),
        store_message("third", "customer.created", customer(7), 2),
    )

    numbers = [f"woocommerce_customer_id{suffix}" for suffix in ("", "_second", "_third")]
    assert [engine.contact(JANE)[name] for name in numbers] == ["5", "6", "7"]
    assert engine.associated == {("12", JANE), ("second-12", JANE)}


ORDERS, NO_ORDERS, NO_DEALS, ITEMS = (
    f"[{section}]\nenabled = {switch}\n"
    for section, switch in (("order", "true"), ("order", "false"), ("deal", "false"), ("line_item", "true"))
)


@pytest.mark.parametrize(
    ("first", "second", "made"),
    [
        ("", ORDERS, "deal 12, deal second-12, order second-12"),
        (ORDERS, NO_ORDERS, "deal 12, order 12, deal second-12"),
        (ORDERS, NO_DEALS, "deal 12, order 12, order second-12"),
        ("", NO_DEALS, "deal 12"),
        (ITEMS, ORDERS + NO_DEALS, "deal 12 with 1 item, order second-12 with 1 item"),
        (
            ORDERS + NO_DEALS + ITEMS,
            NO_ORDERS + "[deal]\nenabled = true\n",
            "order 12 with 1 item, deal second-12 with 1 item",
        ),
    ],
)
def test_each_store_writes_the_objects_of_its_own_mapping(first: str, second: str, made: str) -> None:
    stored = {"mapping.toml": first, "stores.json": '{"stores": {"second": {}}}', "stores/second/mapping.toml": second}
    mapping_by_store = parse({key: StoredObject(key, text.encode()) for key, text in stored.items()}).mappings
    engine = EngineFixture(kinds=kinds_of_stores(mapping_by_store))
    engine.timer.start(600)
    for mapping in mapping_by_store.values():
        assert not [step for step in provision(engine.hubspot, mapping, dry_run=False) if step.outcome == "failed"]

    body = order_of(12, [item(1)])
    assert engine.verdicts(
        store_message("", "order.created", body), store_message("second", "order.created", body)
    ) == ["done", "done"]

    assert sorted(records_of_orders(engine)) == sorted(made.split(", "))


def records_of_orders(engine: EngineFixture) -> list[str]:
    """Kind and key of the deals and orders, with their number of line items."""
    state = engine.portal.state()
    rows = [(kind, row) for kind in ("deal", "order") for row in state[f"{kind}s"]]
    items = [f" with {len(row['line_items'])} item" if row["line_items"] else "" for _, row in rows]
    keys = [f"{kind} {row['properties']['woocommerce_order_id']}" for kind, row in rows]
    return [key + having for key, having in zip(keys, items, strict=True)]


@pytest.mark.parametrize("batches", ["one", "two"])
def test_a_contact_of_two_stores_has_the_city_of_the_newest_order(engine: EngineFixture, batches: str) -> None:
    dates = {"date_created_gmt": "2026-11-23T22:50:00", "date_modified_gmt": "2026-11-23T22:50:00"}
    newer = store_message("second", "order.created", order(3, billing={"city": "Lyon"}, **dates), 600)
    older = store_message("", "order.updated", order(12, billing={"city": "Berlin"}), 660)

    for batch in [[newer, older]] if batches == "one" else [[newer], [older]]:
        engine.deliver(*batch)

    assert engine.contact(JANE)["city"] == "Lyon"


def test_a_batch_of_three_stores_takes_four_calls(engine: EngineFixture) -> None:
    stores = ("", "second", "third")
    engine.deliver(
        *(
            store_message(store, "order.created", order(n, billing={"email": f"p{n}@x.org"}))
            for n in range(1, 5)
            for store in stores
        )
    )

    calls = [call.path for call in engine.calls if "properties" not in call.path]
    assert (len(engine.deals), len(engine.contacts), len(calls)) == (12, 4, 4)


def test_a_message_of_an_unknown_store_is_retried_without_a_write(engine: EngineFixture) -> None:
    (outcome,) = engine.deliver(store_message("fourth", "order.created", order(12)))

    assert (outcome.verdict, outcome.facts()["error"], outcome.facts()["store"]) == ("retry", "StoreUnknown", "fourth")
    assert engine.deals == []


def test_the_first_message_of_a_new_store_fills_its_new_customer_id_property() -> None:
    engine = EngineFixture(kinds=kinds_of_stores(mappings()))
    engine.deliver(store_message("", "customer.created", customer(5)))
    list(provision(engine.hubspot, mappings("second")["second"], dry_run=False))

    engine.kinds = kinds_of_stores(mappings("second"))
    engine.deliver(store_message("second", "customer.created", customer(6)))

    assert engine.contact(JANE)["woocommerce_customer_id_second"] == "6"


def test_a_missing_customer_id_property_is_looked_up_once() -> None:
    engine = EngineFixture(kinds=kinds_of_stores(mappings()))
    engine.deliver(store_message("", "customer.created", customer(5)))
    engine.calls.clear()

    engine.kinds = kinds_of_stores(mappings("second"))
    for number in range(6, 10):
        engine.deliver(store_message("second", "customer.created", customer(number)))

    assert [call.path for call in engine.calls if "properties" in call.path] == ["/crm/properties/2026-09/contacts"]


def test_a_stack_with_one_store_sends_the_same_requests_as_a_single_mapping() -> None:
    batches = [
        [store_message("", "order.created", order(n, customer_id=n)) for n in range(1, 40)],
        [
            store_message(
                "", "order.updated", order(n, status="completed", date_modified_gmt="2026-11-23T23:00:00"), 1200
            )
            for n in range(1, 40)
        ],
        [
            store_message("", "customer.updated", customer(1, first_name="Joan"), 1300),
            store_message("", "order.deleted", {"id": 4}, 1400),
        ],
    ]
    bodies = []
    for kinds in (record_kinds(FIELDS), kinds_of_stores(mappings())):
        engine = EngineFixture(kinds=kinds)
        sent = record_requests(engine)
        for batch in batches:
            engine.deliver(*batch)
        bodies.append(sent)

    assert bodies[0] == bodies[1]


def record_requests(engine: EngineFixture) -> list[tuple[Any, ...]]:
    """A list that records what the engine's client sends from now on."""
    sent = list[tuple[Any, ...]]()
    http: Any = engine.hubspot.caller.http
    request = http.request

    def recorded(method: str, url: str, **kwargs: Any) -> Any:
        sent.append((method, url, kwargs.get("body")))
        return request(method, url, **kwargs)

    http.request = recorded
    return sent


@mock_aws
def test_a_message_of_a_store_that_stays_unknown_becomes_a_dead_letter_with_instructions() -> None:
    consumer = ConsumerFixture(EngineFixture(kinds=kinds_of_stores(mappings("second"))))
    sent = to_sqs(replace(delivery("order.created", order(12)), store="gone"))
    consumer.sqs.send_message(QueueUrl=consumer.queue, **sent)
    (record,) = consumer.receive()

    for receives in range(1, POISON_RECEIVES + 1):
        consumer.consume([record | {"attributes": {"ApproximateReceiveCount": str(receives)}}])

    (letter,) = consumer.dead_letters()
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (attributes["category"], attributes["entity"]) == ("STORE_UNKNOWN", "order:12")
    assert "woohub store add" in attributes["reason"]
    assert consumer.engine.calls == []
