"""The engine with several stores of one stack, which share people."""

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


def of(store: str, topic: str, body: dict[str, Any], after_s: float = 0) -> Message:
    """A message of a store; "" is the first."""
    sent = replace(delivery(topic, body, after_s), store=store)
    return Message(f"{store}/{topic}/{body['id']}/{after_s}", sent)


@pytest.fixture
def engine() -> EngineFixture:
    """Of a stack with three stores, set up."""
    of_stores = mappings("second", "third")
    engine = EngineFixture(kinds=kinds_of_stores(of_stores))
    engine.timer.start(600)
    for mapping in of_stores.values():
        list(provision(engine.hubspot, mapping, dry_run=False))
    engine.calls.clear()
    return engine


def test_orders_of_the_same_number_are_deals_of_their_own(engine: EngineFixture) -> None:
    engine.deliver(*(of(store, "order.created", order(12, total=f"{store.count('')}.00")) for store in ("", "second")))

    amounts = {deal["woocommerce_order_id"]: deal["amount"] for deal in engine.deals}
    assert amounts == {"12": "1.00", "second-12": "7.00"}


def test_a_status_of_one_stores_order_leaves_another_stores_alone(engine: EngineFixture) -> None:
    engine.deliver(of("", "order.created", order(12)), of("second", "order.created", order(12)))

    engine.deliver(of("second", "order.deleted", {"id": 12}, 60))

    stages = {deal["woocommerce_order_id"]: deal["dealstage"] for deal in engine.deals}
    assert stages == {"12": "newly_created_order", "second-12": "cancelled"}


def test_a_customer_of_three_stores_is_one_contact_with_three_numbers(engine: EngineFixture) -> None:
    engine.deliver(
        of("", "order.created", order(12, customer_id=5)),
        of("second", "order.created", order(12, customer_id=6), 1),
        of("third", "customer.created", customer(7), 2),
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
def test_each_store_makes_the_objects_of_its_own_mapping(first: str, second: str, made: str) -> None:
    stored = {"mapping.toml": first, "stores.json": '{"stores": {"second": {}}}', "stores/second/mapping.toml": second}
    of_stores = parse({key: StoredObject(key, text.encode()) for key, text in stored.items()}).mappings
    engine = EngineFixture(kinds=kinds_of_stores(of_stores))
    engine.timer.start(600)
    for mapping in of_stores.values():
        assert not [step for step in provision(engine.hubspot, mapping, dry_run=False) if step.outcome == "failed"]

    body = order_of(12, [item(1)])
    assert engine.verdicts(of("", "order.created", body), of("second", "order.created", body)) == ["done", "done"]

    assert sorted(records_of_orders(engine)) == sorted(made.split(", "))


def records_of_orders(engine: EngineFixture) -> list[str]:
    """The deals and orders by key, each with how many line items it has."""
    state = engine.portal.state()
    rows = [(kind, row) for kind in ("deal", "order") for row in state[f"{kind}s"]]
    items = [f" with {len(row['line_items'])} item" if row["line_items"] else "" for _, row in rows]
    keys = [f"{kind} {row['properties']['woocommerce_order_id']}" for kind, row in rows]
    return [key + having for key, having in zip(keys, items, strict=True)]


@pytest.mark.parametrize("batches", ["one", "two"])
def test_the_newest_order_says_where_a_customer_of_two_stores_lives(engine: EngineFixture, batches: str) -> None:
    dates = {"date_created_gmt": "2026-11-23T22:50:00", "date_modified_gmt": "2026-11-23T22:50:00"}
    newer = of("second", "order.created", order(3, billing={"city": "Lyon"}, **dates), 600)
    older = of("", "order.updated", order(12, billing={"city": "Berlin"}), 660)

    for batch in [[newer, older]] if batches == "one" else [[newer], [older]]:
        engine.deliver(*batch)

    assert engine.contact(JANE)["city"] == "Lyon"


def test_a_batch_of_three_stores_costs_the_calls_of_one(engine: EngineFixture) -> None:
    stores = ("", "second", "third")
    engine.deliver(
        *(
            of(store, "order.created", order(n, billing={"email": f"p{n}@x.org"}))
            for n in range(1, 5)
            for store in stores
        )
    )

    calls = [call.path for call in engine.calls if "properties" not in call.path]
    assert (len(engine.deals), len(engine.contacts), len(calls)) == (12, 4, 4)


def test_a_message_of_an_unknown_store_waits_and_writes_nothing(engine: EngineFixture) -> None:
    (outcome,) = engine.deliver(of("fourth", "order.created", order(12)))

    assert (outcome.verdict, outcome.facts()["error"], outcome.facts()["store"]) == ("retry", "StoreUnknown", "fourth")
    assert engine.deals == []


def test_the_first_message_of_a_new_store_fills_the_property_that_was_made_for_it() -> None:
    engine = EngineFixture(kinds=kinds_of_stores(mappings()))
    engine.deliver(of("", "customer.created", customer(5)))
    list(provision(engine.hubspot, mappings("second")["second"], dry_run=False))

    engine.kinds = kinds_of_stores(mappings("second"))
    engine.deliver(of("second", "customer.created", customer(6)))

    assert engine.contact(JANE)["woocommerce_customer_id_second"] == "6"


def test_a_property_that_nobody_has_made_is_looked_for_once() -> None:
    engine = EngineFixture(kinds=kinds_of_stores(mappings()))
    engine.deliver(of("", "customer.created", customer(5)))
    engine.calls.clear()

    engine.kinds = kinds_of_stores(mappings("second"))
    for number in range(6, 10):
        engine.deliver(of("second", "customer.created", customer(number)))

    assert [call.path for call in engine.calls if "properties" in call.path] == ["/crm/properties/2026-09/contacts"]


def test_a_stack_with_one_store_makes_the_calls_it_always_made() -> None:
    batches = [
        [of("", "order.created", order(n, customer_id=n)) for n in range(1, 40)],
        [
            of("", "order.updated", order(n, status="completed", date_modified_gmt="2026-11-23T23:00:00"), 1200)
            for n in range(1, 40)
        ],
        [of("", "customer.updated", customer(1, first_name="Joan"), 1300), of("", "order.deleted", {"id": 4}, 1400)],
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
    """What the engine's client sends from now on."""
    sent = list[tuple[Any, ...]]()
    http: Any = engine.hubspot.caller.http
    request = http.request

    def recorded(method: str, url: str, **kwargs: Any) -> Any:
        sent.append((method, url, kwargs.get("body")))
        return request(method, url, **kwargs)

    http.request = recorded
    return sent


# The consumer


@mock_aws
def test_a_message_of_a_store_that_stays_unknown_becomes_a_dead_letter_with_advice() -> None:
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
