"""A deal's line items are its order's items: made, changed and archived with it, in few calls, whatever happens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from simulators.hubspot import InjectedFault, definitions, provision_line_items
from tests.support.engine import EngineFixture
from tests.support.line_items import WITH_ITEMS, item, items_by_key, order_of, sums
from tests.support.orders import START_MS, message
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
def shop() -> EngineFixture:
    """A portal that is set up for line items."""
    made = EngineFixture(kinds=record_kinds(WITH_ITEMS))
    provision_line_items(made.portal)
    return made


def deliver(
    shop: EngineFixture, *bodies: dict[str, Any], topic: str = "order.updated", after_s: float = 0
) -> list[str]:
    """One batch, received when the orders were changed or so many seconds later; the verdicts."""
    made = dates.utc_from_ms(START_MS)
    received = [after_s + dates.seconds_between(made, body["date_modified_gmt"]) for body in bodies]
    return shop.verdicts(*(message(topic, body, at) for body, at in zip(bodies, received, strict=True)))


def calls(shop: EngineFixture) -> list[str]:
    """The calls since this was asked last, but for the reading of definitions."""
    made = [call.path.partition("2026-09/")[2] for call in shop.calls if "/properties/" not in call.path]
    shop.calls.clear()
    return made


def test_each_item_of_an_order_becomes_a_line_item_of_its_deal(shop: EngineFixture) -> None:
    shipping = [{"id": 9, "method_title": "DHL", "total": "7.50"}]
    body = order_of(11, [item(1, "Mug &amp; lid", 2, "20.00", subtotal="24.00"), item(2, "Bowl", 3, "10.00", sku=None)])

    fees = [{"id": 8, "name": "Pay", "total": "1.00"}]

    assert deliver(shop, body | {"shipping_lines": shipping, "fee_lines": fees}) == ["done"]

    made = items_by_key(shop.portal)
    assert made.keys() == {"11-1", "11-2", "11-8", "11-9"}
    wanted = {"name": "Mug & lid", "quantity": "2", "price": "12.00", "discount": "2.00", "hs_sku": "MUG"}
    assert made["11-1"].items() >= wanted.items()
    assert (made["11-2"]["price"], made["11-9"]["name"]) == ("3.333333", "Shipping: DHL")
    assert abs(sums(shop.portal)["11"] - Decimal("38.50")) < Decimal("0.00001")


def test_a_read_of_the_items_that_hubspot_rejects_for_a_moment_rejects_no_order(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1, "Mug")]))
    shop.portal.faults.add(InjectedFault(status=400, path="deals/line_items/batch/read", count=2))

    assert deliver(shop, order_of(11, [item(1, "Bowl")], date_modified_gmt=LATER)) == ["done"]
    assert items_by_key(shop.portal)["11-1"]["name"] == "Bowl"


def test_rows_of_one_id_count_once_where_they_are_equal_and_each_where_they_differ(shop: EngineFixture) -> None:
    split = [item(1), item(1), item(1, "Mug, as a gift", 1, "12.00")]
    shipping = [{"id": 1, "method_title": "DHL", "total": "7.50"}]
    deliver(shop, order_of(11, split) | {"shipping_lines": shipping})

    assert sorted(part["name"] for part in items_by_key(shop.portal).values()) == [
        "Mug",
        "Mug, as a gift",
        "Shipping: DHL",
    ]
    assert sums(shop.portal)["11"] == Decimal("39.50")


def test_negative_fees_are_left_out_with_a_note_that_goes_when_they_go(shop: EngineFixture) -> None:
    body = order_of(11, [item(1)])
    deliver(shop, body | {"fee_lines": [{"id": 8, "name": "Gift card", "total": "-5.00"}]})
    noted = shop.deal(11)["woocommerce_line_items_note"]
    deliver(shop, body | {"date_modified_gmt": LATER})

    assert noted == "Not among the line items, because HubSpot takes no negative price: Gift card -5.00"
    assert "woocommerce_line_items_note" not in shop.deal(11)
    assert items_by_key(shop.portal).keys() == {"11-1"}


def test_a_note_that_no_property_could_hold_is_cut(shop: EngineFixture) -> None:
    fees = [{"id": number, "name": str(number) * 40_000, "total": "-5.00"} for number in (8, 9)]

    assert deliver(shop, order_of(11, [item(1)], fee_lines=fees)) == ["done"]


def test_a_hundred_orders_with_250_items_take_eight_calls_and_no_more_for_their_status(shop: EngineFixture) -> None:
    bodies = [
        order_of(number, [item(place) for place in range(2 + number % 2)], billing={"email": f"a{number}@b.example"})
        for number in range(1, 101)
    ]
    deliver(shop, *bodies)
    new = calls(shop)
    deliver(shop, *(body | {"status": "completed", "date_modified_gmt": LATER} for body in bodies))
    changed = calls(shop)
    deliver(shop, *bodies, after_s=600)

    assert len(items_by_key(shop.portal)) == 250
    assert (len(new), new.count("line_items/batch/create")) == (8, 3)
    assert changed == ["contacts/batch/read", "deals/batch/read", "deals/batch/update"]
    assert calls(shop) == ["contacts/batch/read", "deals/batch/read"]


def test_what_leaves_is_archived_what_changes_is_updated_what_is_new_is_made(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1), item(2, "Bowl"), item(3, "Cup")]))
    ids = {row["properties"]["woocommerce_line_item_id"]: row["id"] for row in shop.portal.state()["line_items"]}
    calls(shop)

    edited = order_of(11, [item(1), item(2, "Bowl", 3, "30.00"), item(4, "Jug")], date_modified_gmt=LATER)
    assert deliver(shop, edited) == ["done"]

    made = items_by_key(shop.portal)
    now = {row["properties"]["woocommerce_line_item_id"]: row["id"] for row in shop.portal.state()["line_items"]}
    assert set(made) == {"11-1", "11-2", "11-4"}
    assert made["11-2"]["quantity"] == "3"
    assert (now["11-1"], now["11-2"]) == (ids["11-1"], ids["11-2"])
    assert len(calls(shop)) == 9


def test_a_failed_payment_tried_again_replaces_all_items(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1), item(2)], status="failed"))
    deliver(shop, order_of(11, [item(3), item(4)], date_modified_gmt=LATER))

    assert items_by_key(shop.portal).keys() == {"11-3", "11-4"}


def test_a_stale_order_changes_no_items(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1)], date_modified_gmt=LATER))
    deliver(shop, order_of(11, [item(2)]), after_s=301)

    assert items_by_key(shop.portal).keys() == {"11-1"}


@pytest.mark.parametrize("frees", [True, False])
def test_an_item_that_left_may_come_back(shop: EngineFixture, *, frees: bool) -> None:
    shop.portal.change_settings({"frees_archived_values": frees})
    for items, at in (([item(1), item(2)], "2026-11-23T22:40:00"), ([item(1)], LATER), ([item(1), item(2)], LATEST)):
        assert deliver(shop, order_of(11, items, date_modified_gmt=at)) == ["done"]

    assert items_by_key(shop.portal).keys() == {"11-1", "11-2"}


def record_ids(shop: EngineFixture) -> dict[str, str]:
    """By the item's key, the record that has it."""
    return {row["properties"]["woocommerce_line_item_id"]: row["id"] for row in shop.portal.state()["line_items"]}


@pytest.mark.parametrize("frees", [True, False])
def test_items_deleted_by_hand_are_made_again_under_a_key_that_is_free(shop: EngineFixture, *, frees: bool) -> None:
    shop.portal.change_settings({"frees_archived_values": frees})
    deliver(shop, order_of(11, [item(1), item(2), item(3)]))
    deleted = record_ids(shop)
    for key in ("11-1", "11-2"):
        shop.portal.objects.archive(definitions.LINE_ITEMS, deleted[key])

    edited = order_of(11, [item(1), item(2), item(3, "Bowl")], date_modified_gmt=LATER)
    assert deliver(shop, edited) == ["done"]
    again = record_ids(shop)
    assert deliver(shop, edited | {"line_items": [item(2, "Jug")], "date_modified_gmt": LATEST}) == ["done"]

    usual = {"11-1", "11-2", "11-3"}
    assert again.keys() == (usual if frees else {f"11-{n}-after-{deleted[f'11-{n}']}" for n in (1, 2)} | {"11-3"})
    ((key, properties),) = items_by_key(shop.portal).items()
    assert (usual_key(key), properties["name"]) == ("11-2", "Jug")
    assert record_ids(shop) == {key: again[key]}


@pytest.mark.parametrize("frees", [True, False])
def test_an_item_made_again_may_be_deleted_and_leave_and_come_back(shop: EngineFixture, *, frees: bool) -> None:
    shop.portal.change_settings({"frees_archived_values": frees})
    both, later = [item(1), item(2)], iter(f"2026-11-23T22:{minute}:00" for minute in range(40, 60))
    for items in (both, [item(1), item(2, "Bowl")], both):
        assert deliver(shop, order_of(11, items, date_modified_gmt=next(later))) == ["done"]
        by_item = {usual_key(key): record for key, record in record_ids(shop).items()}
        shop.portal.objects.archive(definitions.LINE_ITEMS, by_item["11-1"])
    for items in ([item(2)], both, [item(2)], both):
        assert deliver(shop, order_of(11, items, date_modified_gmt=next(later))) == ["done"]

    assert sorted(map(usual_key, items_by_key(shop.portal))) == ["11-1", "11-2"]


def test_an_item_that_lost_its_association_is_replaced(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1), item(2)]))
    deal, lost = shop.portal.state()["deals"][0]["id"], record_ids(shop)["11-1"]
    shop.hubspot.disassociate(DEALS, LINE_ITEMS, [(deal, lost)])

    assert deliver(shop, order_of(11, [item(1), item(2, "Bowl")], date_modified_gmt=LATER)) == ["done"]

    assert sorted(map(usual_key, items_by_key(shop.portal))) == ["11-1", "11-2"]


def test_a_deal_deleted_by_hand_comes_back_with_its_items(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1), item(2)]))
    shop.portal.objects.archive(definitions.DEALS, shop.portal.state()["deals"][0]["id"])

    assert deliver(shop, order_of(11, [item(1), item(2)], date_modified_gmt=LATER)) == ["done"]

    assert sorted(map(usual_key, items_by_key(shop.portal))) == ["11-1", "11-2"]


def delete_deal(shop: EngineFixture, _kept: str, order: str) -> None:
    shop.portal.objects.archive(definitions.DEALS, deal_ids(shop)[order])


def merge_deals(shop: EngineFixture, kept: str, order: str) -> None:
    shop.portal.objects.merge(definitions.DEALS, deal_ids(shop)[kept], deal_ids(shop)[order])


def deal_ids(shop: EngineFixture) -> dict[str, str]:
    """By the order's id."""
    return {row["properties"]["woocommerce_order_id"]: row["id"] for row in shop.portal.state()["deals"]}


def items_by_order(shop: EngineFixture) -> dict[str, list[str]]:
    """The usual keys of the items that each order's deal has."""
    keys = {record: usual_key(key) for key, record in record_ids(shop).items()}
    rows = shop.portal.state()["deals"]
    return {
        row["properties"]["woocommerce_order_id"]: sorted(keys[record] for record in row["line_items"]) for row in rows
    }


@pytest.mark.parametrize(("kept", "order"), [("11", "12"), ("12", "11")])
def test_of_merged_deals_each_order_has_its_own_again_with_its_items(
    shop: EngineFixture, kept: str, order: str
) -> None:
    deliver(shop, order_of(11, [item(1), item(2)]), order_of(12, [item(3)]))
    merge_deals(shop, kept, order)

    changed = [order_of(11, [item(1), item(2, "Bowl")]), order_of(12, [item(3, "Jug")])]
    assert deliver(shop, *(body | {"date_modified_gmt": LATER} for body in changed)) == ["done", "done"]

    assert items_by_order(shop) == {"11": ["11-1", "11-2"], "12": ["12-3"]}


@pytest.mark.parametrize("lose", [delete_deal, merge_deals], ids=["deleted", "merged"])
def test_where_hubspot_keeps_the_key_of_a_lost_deal_the_reason_says_what_to_do(shop: EngineFixture, lose: Any) -> None:
    shop.portal.change_settings({"frees_archived_values": False})
    deliver(shop, order_of(11, [item(1)]), order_of(12, [item(3)]))
    lost = deal_ids(shop)["12"]
    lose(shop, "11", "12")

    (outcome,) = shop.deliver(message("order.updated", order_of(12, [item(3)], date_modified_gmt=LATER), 300))

    assert outcome.verdict.value == "rejected"
    assert isinstance(outcome.error, HubSpotRejected)
    reason = attributes(outcome.error, "order:12", 1, 0)["reason"]
    assert f"{lost} already has that value" in reason
    assert "restore it there" in reason
    assert "drop this message" in reason


@pytest.mark.parametrize("call", range(1, 14))
def test_a_lost_answer_while_deleted_items_are_made_again_doubles_nothing(shop: EngineFixture, call: int) -> None:
    shop.portal.change_settings({"frees_archived_values": False})
    deliver(shop, order_of(11, [item(1), item(2)]))
    shop.portal.objects.archive(definitions.LINE_ITEMS, record_ids(shop)["11-1"])
    shop.hubspot.disassociate(DEALS, LINE_ITEMS, [(shop.portal.state()["deals"][0]["id"], record_ids(shop)["11-2"])])
    shop.portal.faults.add(InjectedFault("reset", when="after", skip=call - 1, count=1))

    edited = order_of(11, [item(1), item(2), item(3)], date_modified_gmt=LATER)
    for attempt in range(3):
        if deliver(shop, edited, after_s=attempt) == ["done"]:
            break

    assert sorted(map(usual_key, items_by_key(shop.portal))) == ["11-1", "11-2", "11-3"]


def test_the_deals_amount_stays_the_orders_total_where_hubspot_computes_it_from_items(shop: EngineFixture) -> None:
    shop.portal.change_settings({"calculates_amounts": True})
    body = order_of(11, [item(1)]) | {"total": "23.80", "total_tax": "3.80"}
    deliver(shop, body)
    first = shop.deal(11)["amount"]
    deliver(shop, body | {"line_items": [item(1), item(2)], "total": "47.60", "date_modified_gmt": LATER})

    assert (first, shop.deal(11)["amount"]) == ("23.80", "47.60")


def test_what_people_add_to_a_deal_stays(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1)]))
    deal = shop.portal.state()["deals"][0]["id"]
    types = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 20}]
    by_hand = {"properties": {"name": "Advice"}, "associations": [{"to": {"id": deal}, "types": types}]}
    shop.hubspot.post(f"{shop.hubspot.paths.objects}/line_items", by_hand)
    deliver(shop, order_of(11, [item(2)], date_modified_gmt=LATER))

    assert sorted(row["properties"]["name"] for row in shop.portal.state()["line_items"]) == ["Advice", "Mug"]


def test_a_payload_that_names_no_items_leaves_them_alone(shop: EngineFixture) -> None:
    deliver(shop, order_of(11, [item(1)]))
    body = order_of(11, [item(1)], date_modified_gmt=LATER, status="completed")
    deliver(shop, {name: value for name, value in body.items() if name != "line_items"})

    assert items_by_key(shop.portal).keys() == {"11-1"}


def test_a_deal_that_woohub_made_before_gets_its_items_when_its_order_is_read_again(shop: EngineFixture) -> None:
    without = EngineFixture()
    without.portal = shop.portal
    without.restart()
    deliver(without, order_of(11, [item(1)]))
    assert shop.portal.state()["line_items"] == []

    deliver(shop, order_of(11, [item(1)]), topic="order.swept", after_s=600)

    assert items_by_key(shop.portal).keys() == {"11-1"}


def test_an_item_that_hubspot_refuses_is_the_orders_problem_and_no_others(shop: EngineFixture) -> None:
    rule = {"object_type": "line_items", "properties": ["hs_url"], "when": {"name": "Gnome"}}
    shop.portal.change_settings({"rules": [rule]})

    verdicts = deliver(shop, order_of(10, [item(1)]), order_of(11, [item(1), item(2, "Gnome")]))

    assert verdicts == ["done", "rejected"]
    assert "10-1" in items_by_key(shop.portal)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 12))
def test_a_lost_answer_at_any_call_leaves_nothing_doubled_and_nothing_orphaned(
    shop: EngineFixture, call: int, moment: str
) -> None:
    deliver(shop, order_of(11, [item(1), item(2)]))
    edited = order_of(11, [item(1, quantity=1), item(3)], date_modified_gmt=LATER)
    new = order_of(12, [item(1), item(2)])
    shop.portal.faults.add(InjectedFault("reset", when=moment, skip=call - 1, count=1))

    for attempt in range(3):
        if set(deliver(shop, edited, new, after_s=attempt)) == {"done"}:
            break

    made = items_by_key(shop.portal)
    assert made.keys() == {"11-1", "11-3", "12-1", "12-2"}
    assert made["11-1"]["quantity"] == "1"


def test_switched_off_calls_and_results_are_as_without_line_items() -> None:
    shop = EngineFixture()
    deliver(shop, order_of(11, [item(1)]))

    assert calls(shop) == ["contacts/batch/read", "contacts/batch/create", "deals/batch/read", "deals/batch/create"]
    assert not [name for name in shop.deal(11) if "line_item" in name]
    assert shop.portal.state()["line_items"] == []


def test_without_deals_the_items_belong_to_hubspots_order() -> None:
    overlay = b"[deal]\nenabled = false\n[order]\nenabled = true\n[line_item]\nenabled = true\n"
    mapping = load_mapping(Overlay("mapping.toml", overlay))
    shop = EngineFixture(kinds=record_kinds(mapping))
    provision_line_items(shop.portal)
    provision_orders(shop.portal, mapping)

    assert deliver(shop, order_of(11, [item(1), item(2)])) == ["done"]

    (made,) = shop.portal.state()["orders"]
    assert len(made["line_items"]) == 2
    assert "pending" not in made["properties"]["woocommerce_line_items"]


def test_after_a_switch_to_orders_and_back_a_deal_whose_note_was_emptied_gets_its_items_again() -> None:
    """As docs/mapping.md says: the items left with the switch, and the deal's note still says that they are there."""
    orders = load_mapping(
        Overlay("mapping.toml", b"[deal]\nenabled = false\n[order]\nenabled = true\n[line_item]\nenabled = true\n")
    )
    shop = EngineFixture(kinds=record_kinds(WITH_ITEMS))
    provision_line_items(shop.portal)
    provision_orders(shop.portal, orders)
    for kinds, changed in (record_kinds(WITH_ITEMS), LATER), (record_kinds(orders), LATEST):
        shop.kinds = kinds
        deliver(shop, order_of(11, [item(1), item(2)], date_modified_gmt=changed))
    shop.kinds = record_kinds(WITH_ITEMS)
    (deal,) = shop.portal.state()["deals"]

    shop.hubspot.update(DEALS, [{"id": deal["id"], "properties": {"woocommerce_line_items": ""}}])
    deliver(shop, order_of(11, [item(1), item(2)], date_modified_gmt=LATEST), after_s=60)

    (again,) = shop.portal.state()["deals"]
    assert (deal["line_items"], len(again["line_items"])) == ([], 2)
