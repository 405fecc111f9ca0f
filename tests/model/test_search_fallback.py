"""A portal whose `woocommerce_order_id` is not unique: deals are found by search, in an index that lags behind."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.hubspot import InjectedFault
from tests.model.gate import run
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.shop_history import Scale
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation

LAG = 10.0  # seconds until a written deal can be searched


class Portal:
    """A store and a product that must search."""

    def __init__(self, **stack: Any) -> None:
        self.simulation = Simulation(5)
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation, unique=False, **stack)
        self.stack.portal.change_settings({"search_lag_s": LAG})

    def tell(self, number: int, *topics: str) -> None:
        """The store delivers these."""
        for topic in topics:
            assert self.stack.post(self.shop.request(topic, number)) == 200

    def ends_well(self) -> bool:
        """One deal for each order, with the newest state."""
        assert self.stack.drain()
        return reference(self.stack.accepted).problems(self.stack.portal) == {}


def test_created_and_updated_within_the_lag_are_one_deal() -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.tell(1, "order.created")
    portal.simulation.sleep(LAG / 2)
    assert len(portal.stack.portal.state()["deals"]) == 1

    portal.shop.change_status(1, "completed")
    portal.tell(1, "order.updated")

    assert portal.ends_well()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "reset", "when": "after"},
        {"kind": "hold", "when": "after"},
        {"status": 502, "when": "after"},
        {"status": 500, "when": "half"},
        {"kind": "truncate", "when": "after"},
        {"kind": "omit", "when": "after"},
    ],
    ids=str,
)
def test_a_create_whose_answer_is_lost_is_not_repeated(fault: dict[str, Any]) -> None:
    portal = Portal()
    portal.stack.portal.faults.add(InjectedFault(**fault, path="deals/batch/create", count=1))
    for number in range(1, 6):
        portal.shop.place(number, f"guest{number}@mail.example")
        portal.tell(number, "order.created", "order.updated")

    assert portal.ends_well()


@pytest.mark.parametrize("path", ["deals/batch/read", "deals/search"])
def test_a_deal_that_one_answer_leaves_out_is_not_made_again(path: str) -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.tell(1, "order.created")
    portal.simulation.sleep(LAG * 2)
    portal.stack.cold_start()
    portal.stack.portal.faults.add(InjectedFault(kind="omit", when="after", path=path, count=1))

    portal.shop.change_status(1, "completed")
    portal.tell(1, "order.updated")

    assert portal.ends_well()


def test_an_operator_is_warned() -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.tell(1, "order.created")

    assert portal.ends_well()
    assert "order_id_not_unique_in_hubspot" in {event for event, _ in portal.stack.warnings}


def test_searches_stay_within_hubspots_limit() -> None:
    portal = Portal()
    for number in range(1, 1501):
        portal.shop.place(number, f"guest{number}@mail.example")
        portal.tell(number, "order.created")

    assert portal.ends_well()
    assert portal.stack.portal.limits.search_peak <= 5
    assert portal.stack.portal.limits.refused == 0


def test_the_gate_holds_here_too_as_long_as_no_process_dies() -> None:
    """The lag is bridged by the memory of the process: one that dies soon after a create takes it with it."""
    scale = Scale(orders=300, customers=100, seconds=90.0, changes=4, moves=1, span=30)

    assert run(1, scale, unique=False, crashes=lambda: None).complaints() == []
