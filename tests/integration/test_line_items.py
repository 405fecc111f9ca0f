"""A deal's line items are its order's items: created, updated and archived with the order, in few calls."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulators.hubspot import InjectedFault, definitions, provision_line_items
from tests.support.engine import EngineFixture
from tests.support.line_items import WITH_ITEMS, item, items_by_key, line_item_sums, order_of
from tests.support.orders import START_MS, message
from tests.support.payloads import without
from tests.support.targets import provision_orders
from woohub import dates
from woohub.consumer.dead_letters import attributes
from woohub.errors import HubSpotRejected
from woohub.hubspot.objects import DEALS, LINE_ITEMS
from woohub.mapping.fields import load_mapping
from woohub.mapping.overlay import Overlay
from woohub.sync.parts import usual_key
from woohub.sync.record_kinds import record_kinds

LATER = "2026-11-23T22:45:00"
LATEST = "2026-11-23T22:50:00"


@pytest.fixture
def engine() -> EngineFixture:
    """A portal that is set up for line items."""
    made = EngineFixture(kinds=record_kinds(WITH_ITEMS))
    provision_line_items(made.portal)
    return made


def deliver(
    engine: EngineFixture, *bodies: dict[str, Any], topic: str = "order.updated", after_s: float = 0
) -> list[str]:
    """Deliver one batch, received `after_s` seconds after the orders' modification dates; the verdicts."""
    made = dates.utc_from_ms(START_MS)
    received = [after_s + dates.seconds_between(made, body["date_modified_gmt"]) for body in bodies]
    return engine.verdicts(*(message(topic, body, at) for body, at in zip(bodies, received, strict=True)))


def calls(engine: EngineFixture) -> list[str]:
    """The paths called since the last use of this function, without the reads of definitions."""
    made = [call.path.partition("2026-09/")[2] for call in engine.calls if "/properties/" not in call.path]
    engine.calls.clear()
    return made


def record_ids(engine: EngineFixture) -> dict[str, str]:
    """The record id of each line item, by its key."""
    return {row["properties"]["woocommerce_line_item_id"]: row["id"] for row in engine.portal.state()["line_items"]}


def test_each_item_fee_and_shipping_line_becomes_a_line_item_of_the_deal(engine: EngineFixture) -> None:
    shipping = [{"id": 9, "method_title": "DHL", "total": "7.50"}]
    body = order_of(11, [item(1, "Mug &amp; lid", 2, "20.00", subtotal="24.00"), item(2, "Bowl", 3, "10.00", sku=None)])

    fees = [{"id": 8, "name": "Pay", "total": "1.00"}]

    assert deliver(engine, body | {"shipping_lines": shipping, "fee_lines": fees}) == ["done"]

    made = items_by_key(engine.portal)
    assert made.keys() == {"11-1", "11-2", "11-8", "11-9"}
    wanted = {"name": "Mug & lid", "quantity": "2", "price": "12.00", "discount": "2.00", "hs_sku": "MUG"}
    assert made["11-1"].items() >= wanted.items()
    assert (made["11-2"]["price"], made["11-9"]["name"]) == ("3.333333", "Shipping: DHL")
    assert abs(line_item_sums(engine.portal)["11"] - Decimal("38.50")) < Decimal("0.00001")


def test_an_order_is_written_after_two_rejected_reads_of_its_line_items(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1, "Mug")]))
    engine.portal.faults.add(InjectedFault(status=400, path="deals/line_items/batch/read", count=2))

    assert deliver(engine, order_of(11, [item(1, "Bowl")], date_modified_gmt=LATER)) == ["done"]
    assert items_by_key(engine.portal)["11-1"]["name"] == "Bowl"


def test_rows_with_the_same_id_are_merged_only_when_equal(engine: EngineFixture) -> None:
    split = [item(1), item(1), item(1, "Mug, as a gift", 1, "12.00")]
    shipping = [{"id": 1, "method_title": "DHL", "total": "7.50"}]
    deliver(engine, order_of(11, split) | {"shipping_lines": shipping})

    assert sorted(part["name"] for part in items_by_key(engine.portal).values()) == [
        "Mug",
        "Mug, as a gift",
        "Shipping: DHL",
    ]
    assert line_item_sums(engine.portal)["11"] == Decimal("39.50")


def test_negative_fees_are_left_out_with_a_note_that_is_removed_with_them(engine: EngineFixture) -> None:
    body = order_of(11, [item(1)])
    deliver(engine, body | {"fee_lines": [{"id": 8, "name": "Gift card", "total": "-5.00"}]})
    noted = engine.deal(11)["woocommerce_line_items_note"]
    deliver(engine, body | {"date_modified_gmt": LATER})

    assert noted == "Not among the line items, because HubSpot takes no negative price: Gift card -5.00"
    assert "woocommerce_line_items_note" not in engine.deal(11)
    assert items_by_key(engine.portal).keys() == {"11-1"}


@pytest.mark.parametrize("nothing", [{"line_items": None}, {"line_items": ""}, {"line_items": False}, {}])
def test_an_order_without_a_list_of_line_items_keeps_those_in_hubspot(
    engine: EngineFixture, nothing: dict[str, object]
) -> None:
    deliver(engine, order_of(11, [item(1)]))
    changed = without(order_of(11, [item(1)], status="completed", date_modified_gmt=LATER), "line_items")

    assert deliver(engine, changed | nothing) == ["done"]
    assert engine.deal(11)["dealstage"] == "completed"
    assert items_by_key(engine.portal).keys() == {"11-1"}


def test_an_order_whose_note_is_too_long_for_a_property_is_written(engine: EngineFixture) -> None:
    fees = [{"id": number, "name": str(number) * 40_000, "total": "-5.00"} for number in (8, 9)]

    assert deliver(engine, order_of(11, [item(1)], fee_lines=fees)) == ["done"]


def test_a_hundred_orders_with_250_items_take_eight_calls_and_their_status_changes_three(engine: EngineFixture) -> None:
    bodies = [
        order_of(number, [item(place) for place in range(2 + number % 2)], billing={"email": f"a{number}@b.example"})
        for number in range(1, 101)
    ]
    deliver(engine, *bodies)
    new = calls(engine)
    deliver(engine, *(body | {"status": "completed", "date_modified_gmt": LATER} for body in bodies))
    changed = calls(engine)
    deliver(engine, *bodies, after_s=600)

    assert len(items_by_key(engine.portal)) == 250
    assert (len(new), new.count("line_items/batch/create")) == (8, 3)
    assert changed == ["contacts/batch/read", "deals/batch/read", "deals/batch/update"]
    assert calls(engine) == ["contacts/batch/read", "deals/batch/read"]


def test_removed_items_are_archived_changed_ones_updated_and_new_ones_created(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1), item(2, "Bowl"), item(3, "Cup")]))
    ids = record_ids(engine)
    calls(engine)

    edited = order_of(11, [item(1), item(2, "Bowl", 3, "30.00"), item(4, "Jug")], date_modified_gmt=LATER)
    assert deliver(engine, edited) == ["done"]

    made, now = items_by_key(engine.portal), record_ids(engine)
    assert set(made) == {"11-1", "11-2", "11-4"}
    assert made["11-2"]["quantity"] == "3"
    assert (now["11-1"], now["11-2"]) == (ids["11-1"], ids["11-2"])
    assert len(calls(engine)) == 9


def test_an_order_paid_again_after_a_failure_has_only_its_new_items(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1), item(2)], status="failed"))
    deliver(engine, order_of(11, [item(3), item(4)], date_modified_gmt=LATER))

    assert items_by_key(engine.portal).keys() == {"11-3", "11-4"}


def test_a_stale_order_changes_no_items(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1)], date_modified_gmt=LATER))
    deliver(engine, order_of(11, [item(2)]), after_s=301)

    assert items_by_key(engine.portal).keys() == {"11-1"}


@pytest.mark.parametrize("frees", [True, False])
def test_a_removed_item_can_be_added_again(engine: EngineFixture, *, frees: bool) -> None:
    engine.portal.change_settings({"frees_archived_values": frees})
    for items, at in (([item(1), item(2)], "2026-11-23T22:40:00"), ([item(1)], LATER), ([item(1), item(2)], LATEST)):
        assert deliver(engine, order_of(11, items, date_modified_gmt=at)) == ["done"]

    assert items_by_key(engine.portal).keys() == {"11-1", "11-2"}


@pytest.mark.parametrize("frees", [True, False])
def test_items_deleted_by_hand_are_created_again_under_a_free_key(engine: EngineFixture, *, frees: bool) -> None:
    engine.portal.change_settings({"frees_archived_values": frees})
    deliver(engine, order_of(11, [item(1), item(2), item(3)]))
    deleted = record_ids(engine)
    for key in ("11-1", "11-2"):
        engine.portal.objects.archive(definitions.LINE_ITEMS, deleted[key])

    edited = order_of(11, [item(1), item(2), item(3, "Bowl")], date_modified_gmt=LATER)
    assert deliver(engine, edited) == ["done"]
    again = record_ids(engine)
    assert deliver(engine, edited | {"line_items": [item(2, "Jug")], "date_modified_gmt": LATEST}) == ["done"]

    usual = {"11-1", "11-2", "11-3"}
    assert again.keys() == (usual if frees else {f"11-{n}-after-{deleted[f'11-{n}']}" for n in (1, 2)} | {"11-3"})
    ((key, properties),) = items_by_key(engine.portal).items()
    assert (usual_key(key), properties["name"]) == ("11-2", "Jug")
    assert record_ids(engine) == {key: again[key]}


@pytest.mark.parametrize("frees", [True, False])
def test_a_recreated_item_can_be_deleted_removed_and_added_again(engine: EngineFixture, *, frees: bool) -> None:
    engine.portal.change_settings({"frees_archived_values": frees})
    both, later = [item(1), item(2)], iter(f"2026-11-23T22:{minute}:00" for minute in range(40, 60))
    for items in (both, [item(1), item(2, "Bowl")], both):
        assert deliver(engine, order_of(11, items, date_modified_gmt=next(later))) == ["done"]
        by_item = {usual_key(key): record for key, record in record_ids(engine).items()}
        engine.portal.objects.archive(definitions.LINE_ITEMS, by_item["11-1"])
    for items in ([item(2)], both, [item(2)], both):
        assert deliver(engine, order_of(11, items, date_modified_gmt=next(later))) == ["done"]

    assert sorted(map(usual_key, items_by_key(engine.portal))) == ["11-1", "11-2"]


def test_an_item_without_its_association_is_replaced(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1), item(2)]))
    deal, lost = engine.portal.state()["deals"][0]["id"], record_ids(engine)["11-1"]
    engine.hubspot.disassociate(DEALS, LINE_ITEMS, [(deal, lost)])

    assert deliver(engine, order_of(11, [item(1), item(2, "Bowl")], date_modified_gmt=LATER)) == ["done"]

    assert sorted(map(usual_key, items_by_key(engine.portal))) == ["11-1", "11-2"]


def test_a_deal_deleted_by_hand_is_created_again_with_its_items(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1), item(2)]))
    engine.portal.objects.archive(definitions.DEALS, engine.portal.state()["deals"][0]["id"])

    assert deliver(engine, order_of(11, [item(1), item(2)], date_modified_gmt=LATER)) == ["done"]

    assert sorted(map(usual_key, items_by_key(engine.portal))) == ["11-1", "11-2"]


def delete_deal(engine: EngineFixture, _kept: str, order: str) -> None:
    engine.portal.objects.archive(definitions.DEALS, deal_ids(engine)[order])


def merge_deals(engine: EngineFixture, kept: str, order: str) -> None:
    engine.portal.objects.merge(definitions.DEALS, deal_ids(engine)[kept], deal_ids(engine)[order])


def deal_ids(engine: EngineFixture) -> dict[str, str]:
    """The deal's record id, by order id."""
    return {row["properties"]["woocommerce_order_id"]: row["id"] for row in engine.portal.state()["deals"]}


def items_by_order(engine: EngineFixture) -> dict[str, list[str]]:
    """The usual keys of the line items of each order's deal."""
    keys = {record: usual_key(key) for key, record in record_ids(engine).items()}
    rows = engine.portal.state()["deals"]
    return {
        row["properties"]["woocommerce_order_id"]: sorted(keys[record] for record in row["line_items"]) for row in rows
    }


@pytest.mark.parametrize(("kept", "order"), [("11", "12"), ("12", "11")])
def test_orders_of_merged_deals_get_their_own_deals_and_items_again(
    engine: EngineFixture, kept: str, order: str
) -> None:
    deliver(engine, order_of(11, [item(1), item(2)]), order_of(12, [item(3)]))
    merge_deals(engine, kept, order)

    changed = [order_of(11, [item(1), item(2, "Bowl")]), order_of(12, [item(3, "Jug")])]
    assert deliver(engine, *(body | {"date_modified_gmt": LATER} for body in changed)) == ["done", "done"]

    assert items_by_order(engine) == {"11": ["11-1", "11-2"], "12": ["12-3"]}


@pytest.mark.parametrize("lose", [delete_deal, merge_deals], ids=["deleted", "merged"])
def test_an_order_whose_id_is_kept_by_a_lost_deal_is_rejected_with_instructions(
    engine: EngineFixture, lose: Any
) -> None:
    engine.portal.change_settings({"frees_archived_values": False})
    deliver(engine, order_of(11, [item(1)]), order_of(12, [item(3)]))
    lost = deal_ids(engine)["12"]
    lose(engine, "11", "12")

    (outcome,) = engine.deliver(message("order.updated", order_of(12, [item(3)], date_modified_gmt=LATER), 300))

    assert outcome.verdict.value == "rejected"
    assert isinstance(outcome.error, HubSpotRejected)
    reason = attributes(outcome.error, "order:12", 1, 0)["reason"]
    assert f"{lost} already has that value" in reason
    assert "restore it there" in reason
    assert "drop this message" in reason


@pytest.mark.parametrize("call", range(1, 14))
def test_a_lost_response_while_items_are_created_again_makes_no_duplicates(engine: EngineFixture, call: int) -> None:
    engine.portal.change_settings({"frees_archived_values": False})
    deliver(engine, order_of(11, [item(1), item(2)]))
    engine.portal.objects.archive(definitions.LINE_ITEMS, record_ids(engine)["11-1"])
    engine.hubspot.disassociate(
        DEALS, LINE_ITEMS, [(engine.portal.state()["deals"][0]["id"], record_ids(engine)["11-2"])]
    )
    engine.portal.faults.add(InjectedFault("reset", when="after", skip=call - 1, count=1))

    edited = order_of(11, [item(1), item(2), item(3)], date_modified_gmt=LATER)
    for attempt in range(3):
        if deliver(engine, edited, after_s=attempt) == ["done"]:
            break

    assert sorted(map(usual_key, items_by_key(engine.portal))) == ["11-1", "11-2", "11-3"]


def test_the_deals_amount_is_the_orders_total_when_hubspot_calculates_amounts(engine: EngineFixture) -> None:
    engine.portal.change_settings({"calculates_amounts": True})
    body = order_of(11, [item(1)]) | {"total": "23.80", "total_tax": "3.80"}
    deliver(engine, body)
    first = engine.deal(11)["amount"]
    deliver(engine, body | {"line_items": [item(1), item(2)], "total": "47.60", "date_modified_gmt": LATER})

    assert (first, engine.deal(11)["amount"]) == ("23.80", "47.60")


def test_a_line_item_added_by_hand_stays(engine: EngineFixture) -> None:
    deliver(engine, order_of(11, [item(1)]))
    deal = engine.portal.state()["deals"][0]["id"]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 20}]
    by_hand = {"properties": {"name": "Advice"}, "associations": [{"to": {"id": deal}, "types": types}]}
    engine.hubspot.post(f"{engine.hubspot.paths.objects}/line_items", by_hand)
    deliver(engine, order_of(11, [item(2)], date_modified_gmt=LATER))

    assert sorted(row["properties"]["name"] for row in engine.portal.state()["line_items"]) == ["Advice", "Mug"]


def test_a_deal_without_items_gets_them_when_its_order_is_swept(engine: EngineFixture) -> None:
    without = EngineFixture()
    without.portal = engine.portal
    without.restart()
    deliver(without, order_of(11, [item(1)]))
    assert engine.portal.state()["line_items"] == []

    deliver(engine, order_of(11, [item(1)]), topic="order.swept", after_s=600)

    assert items_by_key(engine.portal).keys() == {"11-1"}


def test_a_rejected_item_rejects_only_its_own_order(engine: EngineFixture) -> None:
    rule = {"object_type": "line_items", "properties": ["hs_url"], "when": {"name": "Gnome"}}
    engine.portal.change_settings({"rules": [rule]})

    verdicts = deliver(engine, order_of(10, [item(1)]), order_of(11, [item(1), item(2, "Gnome")]))

    assert verdicts == ["done", "rejected"]
    assert "10-1" in items_by_key(engine.portal)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 12))
def test_a_lost_response_at_any_call_leaves_no_duplicate_and_no_orphan(
    engine: EngineFixture, call: int, moment: str
) -> None:
    deliver(engine, order_of(11, [item(1), item(2)]))
    edited = order_of(11, [item(1, quantity=1), item(3)], date_modified_gmt=LATER)
    new = order_of(12, [item(1), item(2)])
    engine.portal.faults.add(InjectedFault("reset", when=moment, skip=call - 1, count=1))

    for attempt in range(3):
        if set(deliver(engine, edited, new, after_s=attempt)) == {"done"}:
            break

    made = items_by_key(engine.portal)
    assert made.keys() == {"11-1", "11-3", "12-1", "12-2"}
    assert made["11-1"]["quantity"] == "1"


def test_no_line_item_is_read_or_written_when_line_items_are_switched_off() -> None:
    engine = EngineFixture()
    deliver(engine, order_of(11, [item(1)]))

    assert calls(engine) == ["contacts/batch/read", "contacts/batch/create", "deals/batch/read", "deals/batch/create"]
    assert not [name for name in engine.deal(11) if "line_item" in name]
    assert engine.portal.state()["line_items"] == []


def test_the_line_items_belong_to_the_hubspot_order_when_deals_are_switched_off() -> None:
    overlay = b"[deal]\nenabled = false\n[order]\nenabled = true\n[line_item]\nenabled = true\n"
    mapping = load_mapping(Overlay("mapping.toml", overlay))
    engine = EngineFixture(kinds=record_kinds(mapping))
    provision_line_items(engine.portal)
    provision_orders(engine.portal, mapping)

    assert deliver(engine, order_of(11, [item(1), item(2)])) == ["done"]

    (made,) = engine.portal.state()["orders"]
    assert len(made["line_items"]) == 2
    assert "pending" not in made["properties"]["woocommerce_line_items"]


def test_a_deal_with_an_emptied_note_gets_its_items_again_after_switching_from_orders() -> None:
    """As in docs/mapping.md: the switch removed the items, and the deal's note still lists them."""
    orders = load_mapping(
        Overlay("mapping.toml", b"[deal]\nenabled = false\n[order]\nenabled = true\n[line_item]\nenabled = true\n")
    )
    engine = EngineFixture(kinds=record_kinds(WITH_ITEMS))
    provision_line_items(engine.portal)
    provision_orders(engine.portal, orders)
    for kinds, changed in (record_kinds(WITH_ITEMS), LATER), (record_kinds(orders), LATEST):
        engine.kinds = kinds
        deliver(engine, order_of(11, [item(1), item(2)], date_modified_gmt=changed))
    engine.kinds = record_kinds(WITH_ITEMS)
    (deal,) = engine.portal.state()["deals"]

    engine.hubspot.update(DEALS, [{"id": deal["id"], "properties": {"woocommerce_line_items": ""}}])
    deliver(engine, order_of(11, [item(1), item(2)], date_modified_gmt=LATEST), after_s=60)

    (again,) = engine.portal.state()["deals"]
    assert (deal["line_items"], len(again["line_items"])) == ([], 2)
