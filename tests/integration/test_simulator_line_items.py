"""Line items and orders in the simulator: associations by pair, one parent, amounts, archiving."""

from __future__ import annotations

import pytest

from simulators.hubspot import SimulatedPortal
from simulators.hubspot.definitions import ASSOCIATION_TYPES, OBJECT_TYPES
from simulators.hubspot.page import render
from tests.support.simulated import Calls, Json, spec

KEY = {"name": "shop_item", "label": "Shop item", "type": "string", "fieldType": "text"}


@pytest.fixture
def hubspot_with_item_key(hubspot: Calls) -> Calls:
    """A portal whose line items have a unique key."""
    group = {"name": "woocommerce", "label": "WooCommerce", "displayOrder": -1}
    assert hubspot.properties("POST", "line_items/groups", group).status == 201
    body = {**KEY, "groupName": "woocommerce", "hasUniqueValue": True, "formField": False}
    assert hubspot.properties("POST", "line_items", body).status == 201
    return hubspot


def item(deal: str = "", /, **properties: str) -> Json:
    """The input of one line item, with its deal."""
    links = [{"to": {"id": deal}, "types": [spec(20)]}] if deal else []
    return {"properties": {"name": "Mug", "quantity": "2", "price": "10.50"} | properties, "associations": links}


def make(hubspot: Calls, *items: Json) -> list[str]:
    """The ids of new line items."""
    answer = hubspot.objects("POST", "line_items/batch/create", {"inputs": list(items)})
    assert answer.status == 201, answer.body
    return [row["id"] for row in answer.body["results"]]


@pytest.mark.parametrize(("pair", "number"), ASSOCIATION_TYPES.items())
def test_each_pair_of_objects_has_its_own_association_type(
    hubspot: Calls, portal: SimulatedPortal, pair: tuple[str, str], number: int
) -> None:
    start, end = (OBJECT_TYPES[name] for name in pair)
    ids = [
        portal.objects.create(kind, {"properties": {"email": "a@b.example"} if kind.id == "0-1" else {}}).id
        for kind in (start, end)
    ]
    path = f"{start.plural}/{end.plural}/batch"

    wrong = {"inputs": [{"from": {"id": ids[0]}, "to": {"id": ids[1]}, "types": [spec(999)]}]}
    right = {"inputs": [{"from": {"id": ids[0]}, "to": {"id": ids[1]}, "types": [spec(number)]}]}

    assert hubspot.associations("POST", f"{path}/create", wrong).body["results"] == []
    assert hubspot.associations("POST", f"{path}/create", right).status == 200
    read = hubspot.associations("POST", f"{path}/read", {"inputs": [{"id": ids[0]}]})
    assert read.body["results"][0]["to"][0]["associationTypes"][0]["typeId"] == number


def test_a_line_item_has_a_single_parent(hubspot: Calls) -> None:
    first, second = hubspot.deal(dealname="1"), hubspot.deal(dealname="2")
    (mug,) = make(hubspot, item(first))

    pair = {"from": {"id": mug}, "to": {"id": second}, "types": [spec(20)]}
    answer = hubspot.associations("POST", "line_items/deals/batch/create", {"inputs": [pair]})

    assert "single parent" in answer.body["errors"][0]["message"]


def test_the_amount_of_an_item_is_calculated_and_a_negative_price_rejected(
    hubspot: Calls, portal: SimulatedPortal
) -> None:
    make(hubspot, item(discount="0.50"))
    rejected = hubspot.objects("POST", "line_items/batch/create", {"inputs": [item(price="-1")]})

    assert portal.state()["line_items"][0]["properties"]["amount"] == "20.00"
    assert (rejected.status, rejected.body["errors"][0]["context"]) == (400, {"propertyName": ["price"]})


@pytest.mark.parametrize(("calculates", "amount"), [(False, "99"), (True, "21.00")])
def test_writing_items_changes_the_deals_amount_when_calculates_amounts_is_set(
    hubspot: Calls, portal: SimulatedPortal, *, calculates: bool, amount: str
) -> None:
    portal.change_settings({"calculates_amounts": calculates})
    make(hubspot, item(hubspot.deal(dealname="1", amount="99")))

    assert portal.state()["deals"][0]["properties"]["amount"] == amount


@pytest.mark.parametrize(("frees", "status"), [(True, 201), (False, 400)])
def test_an_archived_items_key_can_be_used_again_when_frees_archived_values_is_set(
    hubspot_with_item_key: Calls, portal: SimulatedPortal, *, frees: bool, status: int
) -> None:
    portal.change_settings({"frees_archived_values": frees})
    ids = make(hubspot_with_item_key, item(shop_item="1-7"))

    archived = hubspot_with_item_key.objects("POST", "line_items/batch/archive", {"inputs": [{"id": ids[0]}]})
    again = hubspot_with_item_key.objects("POST", "line_items/batch/create", {"inputs": [item(shop_item="1-7")]})

    assert (archived.status, again.status) == (204, status)


@pytest.mark.parametrize("frees", [True, False])
def test_both_ids_of_merged_deals_return_the_new_deal(hubspot: Calls, portal: SimulatedPortal, *, frees: bool) -> None:
    portal.change_settings({"frees_archived_values": frees})
    ids = [hubspot.deal(dealname="1", amount="5"), hubspot.deal(dealname="2", closedate="2026-11-23")]
    items = [make(hubspot, item(deal))[0] for deal in ids]

    merged = portal.objects.merge(OBJECT_TYPES["0-3"], *ids)

    assert [hubspot.objects("GET", f"deals/{key}").body["id"] for key in ids] == [merged.id, merged.id]
    assert (merged.properties["dealname"], merged.properties["closedate"][:10]) == ("1", "2026-11-23")
    (deal,) = portal.state()["deals"]
    assert sorted(deal["line_items"]) == sorted(items)


def test_every_portal_has_the_same_order_pipeline(hubspot: Calls) -> None:
    (pipeline,) = hubspot.pipelines("GET", "orders").body["results"]
    created = hubspot.objects("POST", "orders", {"properties": {"hs_order_name": "#1"}, "associations": []})
    staged = {"hs_pipeline": pipeline["id"], "hs_pipeline_stage": pipeline["stages"][3]["id"]}

    assert pipeline["id"] == "14a2e10e-5471-408a-906e-c51f3b04369e"
    assert [stage["metadata"] for stage in pipeline["stages"]][2:4] == [{"state": "OPEN"}, {"state": "CLOSED"}]
    assert hubspot.objects("PATCH", f"orders/{created.body['id']}", {"properties": staged}).status == 200
    wrong = {"properties": staged | {"hs_pipeline_stage": "completed"}}
    assert hubspot.objects("PATCH", f"orders/{created.body['id']}", wrong).status == 400


def test_the_page_shows_a_deals_line_items(hubspot: Calls, portal: SimulatedPortal) -> None:
    make(hubspot, item(hubspot.deal(dealname="1")))

    assert "2 x Mug" in render(portal, fragment=True)
