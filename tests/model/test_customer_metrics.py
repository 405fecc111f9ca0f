"""Contact metrics equal the sums of HubSpot's deals, and each rule is needed for that; under faults: test_gate.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulators.hubspot import InjectedFault
from tests.model.shop import Shop
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation
from tests.support.metrics import mapping_with_metrics, provision_metrics, wrong_metrics
from woohub.sync import deals, verdicts
from woohub.sync.customer_metrics import CustomerMetricsSummary
from woohub.sync.record_kinds import record_kinds
from woohub.sync.records import Results

MAPPING = mapping_with_metrics()
Patch = pytest.MonkeyPatch


def stack(simulation: Simulation, **more: Any) -> SimulatedStack:
    """The stack with metrics switched on."""
    built = SimulatedStack(simulation, kinds=record_kinds(MAPPING), **more)
    provision_metrics(built.portal, MAPPING)
    return built


def crash_while_an_order_moves(call: int, moment: str) -> SimulatedStack:
    """An order moves to another customer, and the consumer crashes at a call."""
    simulation, crashes = Simulation(), [(call, moment)]
    shop, built = (
        Shop(simulation),
        stack(simulation, crashes=lambda: crashes.pop() if crashes and shop.orders[11]["moved"] else None),
    )
    for number in (11, 12):
        shop.place(number, "ana@shop.example")
        shop.orders[number]["moved"] = False
        built.post(shop.request("order.created", number))
    simulation.sleep(10)
    shop.change_order_email(11, "bo@mail.example")
    shop.orders[11]["moved"] = True
    built.post(shop.request("order.updated", 11))
    assert built.drain()
    assert built.crashed == 1
    return built


def two_orders_then(*events: Callable[[Shop, SimulatedStack], None]) -> SimulatedStack:
    """Two orders of one person, followed by these events."""
    simulation = Simulation()
    shop, built = Shop(simulation), stack(simulation)
    for number in (11, 12):
        shop.place(number, "ana@shop.example")
        built.post(shop.request("order.created", number))
    simulation.sleep(10)
    for event in events:
        event(shop, built)
    assert built.drain()
    return built


def trash(shop: Shop, built: SimulatedStack) -> None:
    shop.trash(11)
    built.post(shop.request("order.deleted", 11))


def status_change_in_an_outage(shop: Shop, built: SimulatedStack) -> None:
    until = built.simulation.now + 120
    built.portal.faults.add(InjectedFault(status=503, path="/contacts/deals/batch/read", until=until))
    shop.change_status(11, "failed")
    built.post(shop.request("order.updated", 11))


def test_metrics_are_right_after_an_outage_and_a_trashed_order() -> None:
    assert wrong_metrics(two_orders_then(status_change_in_an_outage, trash).portal) == {}


def without_former_contacts(patch: Patch) -> None:
    patch.setattr(deals, "_former_contacts", lambda *_: ())


def only_contacts_of_the_batch(patch: Patch) -> None:
    def touched(self: CustomerMetricsSummary, results: Results) -> list[str]:
        return [result.record_id for ref, result in results.items() if ref.type == self.type and result.record_id]

    patch.setattr(CustomerMetricsSummary, "touched", touched)


def done_though_metrics_failed(patch: Patch) -> None:
    patch.setattr(verdicts, "failures", lambda *_: [])


def trash_counts(patch: Patch) -> None:
    patch.setattr("woohub.sync.customer_metrics.TRASH", "no such status")


def wrong_after_moves() -> bool:
    return any(wrong_metrics(crash_while_an_order_moves(call, "after").portal) for call in range(1, 11))


def wrong_after_trash() -> bool:
    return bool(wrong_metrics(two_orders_then(trash).portal))


def wrong_after_an_outage() -> bool:
    return bool(wrong_metrics(two_orders_then(status_change_in_an_outage).portal))


@pytest.mark.parametrize(
    ("remove_rule", "is_wrong"),
    [
        (without_former_contacts, wrong_after_moves),
        (only_contacts_of_the_batch, wrong_after_moves),
        (done_though_metrics_failed, wrong_after_an_outage),
        (trash_counts, wrong_after_trash),
    ],
)
def test_metrics_are_wrong_without_a_rule(
    remove_rule: Callable[[Patch], None], is_wrong: Callable[[], bool], monkeypatch: Patch
) -> None:
    remove_rule(monkeypatch)
    assert is_wrong()
