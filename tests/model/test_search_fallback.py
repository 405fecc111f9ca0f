"""A portal whose `woocommerce_order_id` is not unique: deals are found by search, whose index lags behind."""

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
    """A store, and a stack that must find deals by search."""

    def __init__(self, **stack: Any) -> None:
        self.simulation = Simulation(5)
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation, unique=False, **stack)
        self.stack.portal.change_settings({"search_lag_s": LAG})

    def deliver(self, number: int, *topics: str) -> None:
        """Deliver the order with each of these topics."""
        for topic in topics:
            assert self.stack.post(self.shop.request(topic, number)) == 200

    def ends_right(self) -> bool:
        """Whether each order has one deal with the newest state, once the queue is empty."""
        assert self.stack.drain()
        return reference(self.stack.accepted).problems(self.stack.portal) == {}


def test_created_and_updated_deliveries_within_the_search_lag_make_one_deal() -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.deliver(1, "order.created")
    portal.simulation.sleep(LAG / 2)
    assert len(portal.stack.portal.state()["deals"]) == 1

    portal.shop.change_status(1, "completed")
    portal.deliver(1, "order.updated")

    assert portal.ends_right()


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
def test_a_create_without_response_is_not_repeated(fault: dict[str, Any]) -> None:
    portal = Portal()
    portal.stack.portal.faults.add(InjectedFault(**fault, path="deals/batch/create", count=1))
    for number in range(1, 6):
        portal.shop.place(number, f"guest{number}@mail.example")
        portal.deliver(number, "order.created", "order.updated")

    assert portal.ends_right()


@pytest.mark.parametrize("path", ["deals/batch/read", "deals/search"])
def test_a_deal_omitted_from_one_response_is_not_created_again(path: str) -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.deliver(1, "order.created")
    portal.simulation.sleep(LAG * 2)
    portal.stack.cold_start()
    portal.stack.portal.faults.add(InjectedFault(kind="omit", when="after", path=path, count=1))

    portal.shop.change_status(1, "completed")
    portal.deliver(1, "order.updated")

    assert portal.ends_right()


def test_an_order_id_that_is_not_unique_is_logged() -> None:
    portal = Portal()
    portal.shop.place(1, "ana@shop.example")
    portal.deliver(1, "order.created")

    assert portal.ends_right()
    assert "order_id_not_unique_in_hubspot" in {event for event, _ in portal.stack.warnings}


def test_searches_stay_within_hubspots_limit() -> None:
    portal = Portal()
    for number in range(1, 1501):
        portal.shop.place(number, f"guest{number}@mail.example")
        portal.deliver(number, "order.created")

    assert portal.ends_right()
    assert portal.stack.portal.limits.search_peak <= 5
    assert portal.stack.portal.limits.refused == 0


def test_the_gate_passes_without_unique_order_ids_and_without_crashes() -> None:
    """The process remembers its creates until search finds them, so a crash soon after one may duplicate a deal."""
    scale = Scale(orders=300, customers=100, seconds=90.0, changes=4, moves=1, span=30)

    assert run(1, scale, unique=False, crashes=lambda: None).violations() == []
