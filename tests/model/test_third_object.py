"""A third HubSpot object, added with one row and one module, is written as reliably as contacts and deals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from simulators.hubspot import InjectedFault
from tests.model.gate import faults
from tests.model.shop import Shop
from tests.model.shop_history import Scale, ShopHistory
from tests.model.simulated_stack import FIELDS, SimulatedStack
from tests.model.simulation import Simulation
from tests.model.traffic import WebhookSender
from tests.support.third_object import ParcelKind, known_to_simulators, provision_parcels
from woohub.sync.record_kinds import record_kinds
from woohub.sync.records import Kinds

# in the wrong order; the engine sorts kinds by what they need
KINDS = Kinds((ParcelKind(), *record_kinds(FIELDS).records))


@pytest.fixture(autouse=True)
def _parcels() -> Iterator[None]:
    with known_to_simulators():
        yield


def stack(simulation: Simulation, **more: Any) -> SimulatedStack:
    """The stack with three kinds of records."""
    built = SimulatedStack(simulation, kinds=KINDS, **more)
    provision_parcels(built.portal)
    return built


def parcels(built: SimulatedStack) -> dict[str, tuple[str, str, list[str]]]:
    """Each parcel's name, status and orders, by its key; AssertionError for a duplicate."""
    state = built.portal.state()
    orders = {row["id"]: row["properties"]["woocommerce_order_id"] for row in state["deals"]}
    rows = {row["properties"]["woocommerce_parcel_id"]: row for row in state["parcels"]}
    assert len(rows) == len(state["parcels"])
    return {
        key: (
            row["properties"]["parcel_name"],
            row["properties"]["parcel_status"],
            [orders[deal] for deal in row["deals"]],
        )
        for key, row in rows.items()
    }


def wanted(shop: Shop) -> dict[str, tuple[str, str, list[str]]]:
    """The parcels of the store's orders."""
    return {
        f"{number}-{item['id']}": (item["name"], order["status"], [str(number)])
        for number, order in shop.orders.items()
        for item in order["line_items"]
    }


def test_each_item_becomes_a_parcel_of_its_orders_deal() -> None:
    simulation = Simulation()
    shop, built = Shop(simulation), stack(simulation)
    shop.place(11, "ana@shop.example")
    built.post(shop.request("order.created", 11))
    simulation.sleep(10)

    assert parcels(built) == wanted(shop)


def test_33_new_orders_with_parcels_take_six_batch_calls() -> None:
    simulation = Simulation()
    shop, built = Shop(simulation), stack(simulation)
    for number in range(1, 34):  # at most three items each, so at most a hundred parcels
        shop.place(number, f"shopper{number}@mail.example")
        built.post(shop.request("order.created", number))
    simulation.sleep(30)
    calls = {route: count for route, count in built.portal.calls.items() if "batch" in route}

    assert parcels(built) == wanted(shop)
    assert sum(calls.values()) == 6  # a read and a create for each of the three kinds


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(1, 10))
def test_a_crash_at_any_call_leaves_no_duplicate_and_no_orphaned_parcel(call: int, moment: str) -> None:
    simulation, crashes = Simulation(), [(call, moment)]
    shop, built = Shop(simulation), stack(simulation, crashes=lambda: crashes.pop() if crashes else None)
    shop.place(11, "ana@shop.example")
    for topic in ("order.created", "order.updated"):
        built.post(shop.request(topic, 11))
    simulation.sleep(600)
    shop.change_status(11, "completed")
    built.post(shop.request("order.updated", 11))

    assert built.drain()
    assert parcels(built) == wanted(shop)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_parcel_is_right_after_faults_and_reconcile(seed: int) -> None:
    simulation = Simulation(seed)
    shop, built = Shop(simulation), stack(simulation)
    for fault in faults(1.0):
        built.portal.faults.add(fault)
    sender = WebhookSender(simulation, shop, built.post)
    ShopHistory(
        simulation, shop, sender, Scale(orders=60, customers=20, seconds=60.0, changes=1, moves=0, span=20)
    ).plan()
    simulation.run_until(simulation.now + 60)
    simulation.run_while(lambda: simulation.planned > 0, timeout_s=3600)
    built.drain()
    for number, order in shop.orders.items():
        built.reconcile("order.swept", json.loads(json.dumps(order)))
        shop.orders[number] = order
    assert built.drain()

    seen = parcels(built)
    assert {key: seen.get(key) for key in wanted(shop)} == wanted(shop)


def test_parcels_wait_for_a_deal_that_cannot_be_written() -> None:
    simulation = Simulation()
    shop, built = Shop(simulation), stack(simulation)
    built.portal.faults.add(InjectedFault(status=503, path="/deals/batch/create"))
    shop.place(11, "ana@shop.example")
    built.post(shop.request("order.created", 11))
    simulation.sleep(10)

    assert parcels(built) == {}
