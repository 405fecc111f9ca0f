"""The consumer dies at every call it makes, before and after the call's effect: HubSpot ends up the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation

NOT_COMPARED = {"hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate"} | {
    "num_associated_deals",
    "num_associated_contacts",
}


Crash = tuple[int, str]  # number of the call, and the moment: `before` or `after` its effect


@dataclass
class CrashScenario:
    """A store and the product, without any trouble but the crashes that a test orders."""

    simulation: Simulation = field(default_factory=Simulation)
    crashes: tuple[Crash, ...] = ()
    commerce: bool = False  # see SimulatedStack

    def __post_init__(self) -> None:
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation, crashes=self._next_crash, commerce=self.commerce)
        self._crashed = self._calls = 0

    def arm(self, crashes: tuple[Crash, ...]) -> None:
        """From now on the consumer dies at these calls, the first counted from here, each other from the one before."""
        self.crashes, self._calls = crashes, self.stack.calls

    def _next_crash(self) -> Crash | None:
        if self.stack.crashed > self._crashed:
            self._crashed, self._calls = self.stack.crashed, self.stack.calls
        if self._crashed >= len(self.crashes):
            return None
        call, moment = self.crashes[self._crashed]
        return call - (self.stack.calls - self._calls), moment

    def tell(self, number: int, topics: list[str]) -> None:
        """The store delivers at once; and what it does next it does in the next second, so nothing is a tie."""
        for topic in topics:
            assert self.stack.post(self.shop.request(topic, number)) == 200
        self.simulation.sleep(1)

    def pass_by(self, seconds: float = 10.0) -> None:
        """Time in which the consumer works."""
        self.simulation.sleep(seconds)

    def state(self) -> dict[str, Any]:
        """What HubSpot has, without ids, which depend on what was tried before."""
        state = self.stack.portal.state()
        emails = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        return {
            "contacts": sorted(_plain(row, {}) for row in state["contacts"]),
            "deals": sorted(_plain(row, emails) for row in state["deals"]),
            "orders": sorted(_plain(row, emails) for row in state["orders"]),
            "line items": sorted(_plain(row, {}) for row in state["line_items"]),
        }

    def problems(self) -> dict[str, list[str]]:
        """Where HubSpot is not as the deliveries demand."""
        return reference(self.stack.accepted).problems(self.stack.portal, commerce=self.commerce)


def _plain(row: dict[str, Any], emails: dict[str, str]) -> str:
    properties = {name: value for name, value in sorted(row["properties"].items()) if name not in NOT_COMPARED}
    if version := properties.get("woocommerce_order_version"):
        # Of equal bodies, either receipt is right; which contacts the deal had in between depends on the crash.
        modified, _, contact, *_ = version.split("|")
        properties["woocommerce_order_version"] = f"{modified}|{emails.get(contact, contact)}"
    return f"{properties} {sorted(emails[contact] for contact in row.get('contacts', ()))}"


Story = Callable[[CrashScenario], None]


def known(scenario: CrashScenario) -> None:
    """An account, and an order of it from yesterday, which HubSpot has."""
    scenario.shop.register(1, "ana@shop.example", days_ago=30)
    scenario.shop.place(11, "ana@shop.example", customer=1, days_ago=1)
    scenario.tell(1, ["customer.updated"])
    scenario.tell(11, ["order.updated"])
    scenario.pass_by()
    assert len(scenario.stack.queue) == 0


def unknown(_stage: CrashScenario) -> None:
    """HubSpot is empty."""


def a_new_order(scenario: CrashScenario) -> None:
    scenario.tell(12, scenario.shop.place(12, "Bo@Mail.example", way="checkout"))


def two_new_orders_of_one_guest(scenario: CrashScenario) -> None:
    scenario.tell(12, scenario.shop.place(12, "bo@mail.example"))
    scenario.tell(13, scenario.shop.place(13, "BO@mail.example"))


def a_new_order_of_a_known_customer(scenario: CrashScenario) -> None:
    scenario.tell(12, scenario.shop.place(12, "ana@shop.example", customer=1))


def a_status_change(scenario: CrashScenario) -> None:
    scenario.tell(11, scenario.shop.change_status(11, "completed"))


def another_address_on_the_order(scenario: CrashScenario) -> None:
    scenario.tell(11, scenario.shop.change_order_email(11, "bo@mail.example"))


def a_move_and_an_old_orders_status_change(scenario: CrashScenario) -> None:
    scenario.tell(1, scenario.shop.edit_customer(1))
    scenario.tell(11, scenario.shop.change_status(11, "completed"))


def trash(scenario: CrashScenario) -> None:
    scenario.tell(11, scenario.shop.trash(11))


def trash_and_undo(scenario: CrashScenario) -> None:
    scenario.tell(11, scenario.shop.trash(11))
    scenario.tell(11, scenario.shop.restore(11))


def a_bit_of_everything(scenario: CrashScenario) -> None:
    a_new_order(scenario)
    a_move_and_an_old_orders_status_change(scenario)
    scenario.tell(14, scenario.shop.place(14, ""))
    scenario.tell(12, scenario.shop.change_order_email(12, "ana@shop.example"))


def other_items_and_another_address(scenario: CrashScenario) -> None:
    """Some items leave, some come, some change; and the order is somebody else's."""
    scenario.tell(11, scenario.shop.edit_order(11))
    scenario.tell(11, scenario.shop.change_order_email(11, "bo@mail.example"))


WITH_COMMERCE: list[tuple[Story, Story]] = [
    (unknown, two_new_orders_of_one_guest),
    (known, other_items_and_another_address),
]
STORIES: list[tuple[Story, Story]] = [
    (unknown, a_new_order),
    (unknown, two_new_orders_of_one_guest),
    (known, a_new_order_of_a_known_customer),
    (known, a_status_change),
    (known, another_address_on_the_order),
    (known, a_move_and_an_old_orders_status_change),
    (known, trash),
    (known, trash_and_undo),
    (known, a_bit_of_everything),
]
NAMES = [then.__name__ for _, then in STORIES]


def told(before: Story, then: Story, *crashes: Crash, after: Story = unknown, commerce: bool = False) -> CrashScenario:
    """The story up to its end, with these crashes once HubSpot has what was before."""
    scenario = CrashScenario(commerce=commerce)
    before(scenario)
    calls = scenario.stack.calls
    scenario.arm(crashes)
    then(scenario)
    scenario.pass_by()
    after(scenario)
    assert scenario.stack.drain()
    scenario.stack.portal.calls["since"] = scenario.stack.calls - calls
    return scenario


def calls_of(before: Story, then: Story) -> int:
    """HubSpot calls that the story takes without a crash."""
    return told(before, then).stack.portal.calls["since"]


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_crash_at_any_call_changes_nothing_in_the_end(before: Story, then: Story) -> None:
    crash_at_every_call(before, then, commerce=False)


@pytest.mark.parametrize(("before", "then"), WITH_COMMERCE)
def test_nor_does_it_with_line_items_metrics_and_hubspots_orders(before: Story, then: Story) -> None:
    crash_at_every_call(before, then, commerce=True)


def crash_at_every_call(before: Story, then: Story, *, commerce: bool) -> None:
    usual = told(before, then, commerce=commerce)
    assert usual.problems() == {}

    for call in range(1, usual.stack.portal.calls["since"] + 1):
        for moment in ("before", "after"):
            scenario = told(before, then, (call, moment), commerce=commerce)
            assert scenario.stack.crashed == 1, (call, moment)
            assert scenario.problems() == {}, (call, moment)
            assert commerce or scenario.state() == usual.state(), (call, moment)


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_second_crash_during_the_redelivery_changes_nothing_either(before: Story, then: Story) -> None:
    usual = told(before, then).state()

    for call in range(1, calls_of(before, then) + 1):
        for again in range(1, 5):
            scenario = told(before, then, (call, "after"), (again, "after"))
            assert scenario.state() == usual, (call, again)


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_redelivery_of_what_is_done_changes_nothing_and_writes_nothing(before: Story, then: Story) -> None:
    scenario = told(before, then)
    usual, writes = scenario.state(), _writes(scenario)

    for delivery in list(scenario.stack.accepted):
        body, metadata = delivery.key
        scenario.stack.queue.send(body, {"delivery": {"DataType": "String", "StringValue": metadata}})
    assert scenario.stack.drain()

    assert scenario.state() == usual
    assert _writes(scenario) == writes


def _writes(scenario: CrashScenario) -> int:
    return sum(count for route, count in scenario.stack.portal.calls.items() if route.endswith(("create", "update")))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_change_that_overtakes_the_redelivery_of_a_crashed_one_wins(moment: str) -> None:
    def the_next_change(scenario: CrashScenario) -> None:
        scenario.tell(11, scenario.shop.change_order_email(11, "chloe@mail.example"))
        scenario.pass_by()

    usual = told(known, another_address_on_the_order, after=the_next_change)
    assert usual.problems() == {}

    for call in range(1, calls_of(known, another_address_on_the_order) + 1):
        scenario = told(known, another_address_on_the_order, (call, moment), after=the_next_change)
        assert scenario.stack.crashed == 1, call
        assert scenario.state() == usual.state(), call
