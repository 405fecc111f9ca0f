"""The newest state of an order or customer wins, whatever the order of arrival."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order
from tests.support.sync import JANE, LATER, Intercept, edit_record, respond
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub.sync.outcome import Message

LATER_STILL: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:42:00"}


def test_a_stale_delivery_changes_neither_status_nor_amount() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(status="completed", total="99.00", **LATER)))

    engine.verdicts(message("order.updated", order(status="on-hold", total="150.00"), 5))

    assert engine.deal()["woocommerce_order_status"] == "completed"
    assert engine.deal()["amount"] == "99.00"


def test_an_older_order_fills_the_contacts_empty_phone() -> None:
    engine = EngineFixture()
    engine.verdicts(
        message("order.updated", order(billing={"phone": ""}, date_created_gmt="2026-11-23T22:41:00", **LATER))
    )

    engine.verdicts(message("order.created", order(1000), 5))

    assert engine.contact()["phone"] == "555-123-4567"


def test_the_later_receipt_wins_between_two_states_of_the_same_second() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.updated", order(status="on-hold"), 0.2), message("order.created", order(), 0.1))

    assert engine.deal()["woocommerce_order_status"] == "on-hold"


def test_a_status_change_of_an_old_order_keeps_the_customers_newer_address() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    moved = customer(date_modified_gmt="2026-11-23T22:41:00", billing={"city": "Newtown"})
    engine.verdicts(message("customer.updated", moved, 60))

    engine.verdicts(message("order.updated", order(status="completed", **LATER_STILL), 120))

    assert engine.contact()["city"] == "Newtown"
    assert engine.deal()["dealstage"] == "completed"


def test_a_blank_billing_field_keeps_the_contacts_value() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    blank = order(1235, date_created_gmt="2026-11-23T22:41:00", billing={"phone": "", "city": " "}, **LATER)
    engine.verdicts(message("order.created", blank, 60))

    assert engine.contact()["phone"] == "555-123-4567"
    assert engine.contact()["city"] == "Anytown"


def test_a_stage_set_by_a_salesperson_stays_until_the_order_status_changes() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    edit_record(engine, DEALS, engine.deal()["hs_object_id"], dealstage="on_hold")

    engine.verdicts(message("order.updated", order(total="151.00", **LATER), 60))
    assert (engine.deal()["dealstage"], engine.deal()["amount"]) == ("on_hold", "151.00")

    engine.verdicts(message("order.updated", order(status="completed", **LATER_STILL), 120))
    assert engine.deal()["dealstage"] == "completed"


def test_a_deal_renamed_by_a_salesperson_keeps_its_name() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    edit_record(engine, DEALS, engine.deal()["hs_object_id"], dealname="Jane's big one")

    engine.verdicts(message("order.updated", order(billing={"last_name": "Roe"}, **LATER), 60))

    assert engine.deal()["dealname"] == "Jane's big one"


def test_a_trashed_order_moves_its_deal_to_the_lost_stage_and_keeps_the_amount() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.deleted", {"id": 1234}, 60))

    assert (engine.deal()["dealstage"], engine.deal()["woocommerce_order_status"]) == ("cancelled", "trash")
    assert engine.deal()["amount"] == "150.00"


def test_an_order_created_and_trashed_in_one_batch_gets_a_cancelled_deal() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order()), message("order.deleted", {"id": 1234}, 60))

    assert engine.deal()["dealstage"] == "cancelled"
    assert engine.associated == {("1234", JANE)}


def test_trashing_an_order_without_a_deal_makes_no_deal() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.deleted", {"id": 1234})) == ["done"]
    assert engine.deals == []


def test_a_restored_order_leaves_the_lost_stage_until_it_is_trashed_again() -> None:
    """The date of the restored order is before the trashing."""
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.deleted", {"id": 1234}, 90))

    engine.verdicts(message("order.restored", order(**LATER), 91))

    assert (engine.deal()["dealstage"], engine.deal()["woocommerce_order_status"]) == (
        "newly_created_order",
        "processing",
    )
    engine.verdicts(message("order.deleted", {"id": 1234}, 92))
    assert engine.deal()["woocommerce_order_status"] == "trash"


@pytest.mark.parametrize("topic", ["order.restored", "order.swept"])
@pytest.mark.parametrize("between", [[], [message("order.updated", order(status="completed", **LATER_STILL), 195)]])
def test_a_repeated_order_deleted_after_the_restore_keeps_the_status(topic: str, between: list[Message]) -> None:
    engine = EngineFixture()
    trashed = message("order.deleted", {"id": 1234}, 180)
    engine.verdicts(message("order.created", order()))
    engine.verdicts(trashed)
    engine.verdicts(message(topic, order(**LATER), 190))
    for later in between:
        engine.verdicts(later)
    before = engine.deal()["woocommerce_order_status"]

    engine.verdicts(trashed)

    assert engine.deal()["woocommerce_order_status"] == before != "trash"


def test_an_order_deleted_received_before_the_restore_keeps_the_status() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(**LATER)))
    engine.verdicts(message("order.restored", order(**LATER), 190))

    engine.verdicts(message("order.deleted", {"id": 1234}, 180))

    assert engine.deal()["woocommerce_order_status"] == "processing"


def test_an_update_is_written_over_a_damaged_version() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    for kind in (CONTACTS, DEALS):
        (row,) = engine.portal.state()[kind.name]
        engine.hubspot.update(kind, [{"id": row["id"], "properties": {kind.version: "zzz|99999999999999999999|1"}}])
    changed = order(billing={"city": "Elsewhere"}, status="completed", **LATER)

    assert engine.verdicts(message("order.updated", changed, 60)) == ["done"]
    assert engine.contact()["city"] == "Elsewhere"
    assert engine.deal()["dealstage"] == "completed"


@pytest.mark.parametrize("value", ["9" * 400, "1e999999999", "sNaN", "-"])
def test_an_unreadable_amount_in_hubspot_is_replaced_by_the_orders_total(value: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    row = engine.portal.state()["deals"][0]
    odd = {"id": row["id"], "properties": row["properties"] | {"amount": value, "closedate": value}}
    Intercept(engine, lambda url, _: url.endswith("deals/batch/read"), respond(200, {"results": [odd]}))

    assert engine.verdicts(message("order.updated", order(total="9.99", **LATER), 60)) == ["done"]
    assert engine.deal()["amount"] == "9.99"


def test_three_states_of_an_order_give_the_same_deal_in_every_order_of_arrival() -> None:
    life = [
        message("order.created", order(status="pending"), 1),
        message("order.updated", order(status="processing", total="160.00", **LATER), 61),
        message("order.updated", order(status="completed", billing={"email": "john@example.com"}, **LATER_STILL), 121),
    ]
    for arrival in itertools.permutations(life):
        engine = EngineFixture()
        for part in arrival:
            engine.verdicts(part)

        assert (engine.deal()["dealstage"], engine.deal()["amount"]) == ("completed", "150.00")
        assert ("1234", "john@example.com") in engine.associated
