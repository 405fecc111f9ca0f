"""The engine writes contacts and deals to the simulated portal from batches of deliveries."""

from __future__ import annotations

import pytest

from tests.support.deliveries import SECRET, captured
from tests.support.engine import EngineFixture
from tests.support.orders import delivery, message, order
from tests.support.payloads import CONTACT
from tests.support.sync import JANE, LATER, request_paths
from woohub.delivery import signatures, topics
from woohub.errors import NotAnEntity
from woohub.sync.outcome import Message


@pytest.mark.parametrize("version", ["2026-09", "2026-03", "v3"])
def test_an_order_writes_its_contact_and_deal_properties_in_each_api_version(version: str) -> None:
    engine = EngineFixture(version=version)
    body = order(date_created="2023-10-26T10:00:00", date_created_gmt=None, date_modified_gmt=None)

    assert engine.verdicts(message("order.created", body)) == ["done"]

    contact, deal = engine.contact(), engine.deal()
    assert {name: contact[name] for name in CONTACT} == CONTACT
    assert deal["dealname"] == "WooCommerce Order #1234 - Jane Doe"
    assert deal["dealstage"] == "newly_created_order"
    assert deal["amount"] == "150.00"
    assert deal["closedate"] in ("2023-10-26T10:00:00Z", "2023-10-26T10:00:00.000Z")
    assert deal["pipeline"] == "ecommerce_sales"
    assert deal["currency"] == "USD"
    assert deal["woocommerce_order_id"] == "1234"
    assert deal["woocommerce_order_status"] == "processing"
    assert deal["associated_products"] == "Product A, Product B"
    assert engine.associated == {("1234", JANE)}


def test_created_and_updated_deliveries_in_one_batch_make_one_contact_and_one_deal() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order()), message("order.updated", order(), 0.1))

    assert len(engine.deals) == len(engine.contacts) == 1
    assert engine.associated == {("1234", JANE)}


def test_a_created_delivery_after_the_updated_one_keeps_the_newer_status() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.updated", order(status="completed", **LATER)))
    engine.verdicts(message("order.created", order(), 1))

    assert engine.deal()["woocommerce_order_status"] == "completed"
    assert engine.deal()["dealstage"] == "completed"


def test_a_hundred_new_orders_take_four_calls() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.calls.clear()

    batch = [
        message("order.created", order(number, billing={"email": f"shopper{number}@example.com"}))
        for number in range(2, 102)
    ]

    assert set(engine.verdicts(*batch)) == {"done"}
    assert request_paths(engine) == [
        "contacts/batch/read",
        "contacts/batch/create",
        "deals/batch/read",
        "deals/batch/create",
    ]
    assert len(engine.associated) == 101


def test_a_hundred_status_changes_take_three_calls() -> None:
    engine = EngineFixture()
    emails = {number: f"shopper{number}@example.com" for number in range(1, 101)}
    engine.verdicts(*[message("order.created", order(n, billing={"email": email})) for n, email in emails.items()])
    engine.calls.clear()

    changed = [order(n, status="completed", billing={"email": email}, **LATER) for n, email in emails.items()]
    engine.verdicts(*[message("order.updated", body, 60) for body in changed])

    assert request_paths(engine) == ["contacts/batch/read", "deals/batch/read", "deals/batch/update"]
    assert {deal["dealstage"] for deal in engine.deals} == {"completed"}


def test_an_unchanged_redelivery_takes_two_reads_and_no_write() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(), 30))

    assert request_paths(engine) == ["contacts/batch/read", "deals/batch/read"]


def test_captured_deliveries_give_the_same_records_in_batches_of_1_7_and_100() -> None:
    states = []
    for size in (1, 7, 100):
        engine, messages = EngineFixture(), _captured_messages()
        for some in (messages[start : start + size] for start in range(0, len(messages), size)):
            assert set(engine.verdicts(*some)) <= {"done", "ignored"}
        states.append(_final(engine))

    assert states[0] == states[1] == states[2]
    assert len(states[0][0]) == len({deal["woocommerce_order_id"] for deal in states[0][0]}) > 20


def _captured_messages() -> list[Message]:
    messages = []
    for line in captured():
        if line.secret != SECRET:
            continue
        received, _ = signatures.verify(
            line.headers, line.body, {"current": SECRET}, received_ms=1_795_500_000_000 + line.nr
        )
        try:
            messages.append(Message(str(line.nr), topics.identify(received)))
        except NotAnEntity:
            continue
    return messages


def _final(engine: EngineFixture) -> tuple[list[dict[str, str]], list[dict[str, str]], set[tuple[str, str]]]:
    def shown(row: dict[str, str]) -> dict[str, str]:
        return {
            k: v
            for k, v in row.items()
            if not k.startswith(("hs_", "createdate", "lastmod", "num_")) and "version" not in k
        }

    deals = sorted((shown(row) for row in engine.deals), key=lambda row: row["woocommerce_order_id"])
    return deals, sorted((shown(row) for row in engine.contacts), key=lambda row: row["email"]), engine.associated


def test_an_order_status_without_stage_gets_the_default_stage_and_a_warning() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(status="awaiting-pickup")))

    assert engine.deal()["dealstage"] == "newly_created_order"
    assert ("order_status_without_stage", {"entity": "order:1234", "status": "awaiting-pickup"}) in engine.warnings


def test_a_delivery_made_for_tests_has_the_entity_that_ingest_determines() -> None:
    assert topics.identify(delivery("order.created", order())).entity == "order:1234"
