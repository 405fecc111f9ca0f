"""The consumer dies at every call it makes, before and after the call's effect: HubSpot ends up the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.model.plant import Plant
from tests.model.reference import reference
from tests.model.shop import Shop
from tests.model.world import World

NOT_COMPARED = {"hs_object_id", "createdate", "lastmodifieddate", "hs_lastmodifieddate"} | {
    "num_associated_deals",
    "num_associated_contacts",
}


Crash = tuple[int, str]  # number of the call, and the moment: `before` or `after` its effect


@dataclass
class Stage:
    """A store and the product, without any trouble but the crashes that a test orders."""

    world: World = field(default_factory=World)
    crashes: tuple[Crash, ...] = ()

    def __post_init__(self) -> None:
        self.shop = Shop(self.world)
        self.plant = Plant(self.world, crashes=self._next_crash)
        self._crashed = self._calls = 0

    def arm(self, crashes: tuple[Crash, ...]) -> None:
        """From now on the consumer dies at these calls, the first counted from here, each other from the one before."""
        self.crashes, self._calls = crashes, self.plant.calls

    def _next_crash(self) -> Crash | None:
        if self.plant.crashed > self._crashed:
            self._crashed, self._calls = self.plant.crashed, self.plant.calls
        if self._crashed >= len(self.crashes):
            return None
        call, moment = self.crashes[self._crashed]
        return call - (self.plant.calls - self._calls), moment

    def tell(self, number: int, topics: list[str]) -> None:
        """The store delivers at once; and what it does next it does in the next second, so nothing is a tie."""
        for topic in topics:
            assert self.plant.post(self.shop.request(topic, number)) == 200
        self.world.sleep(1)

    def pass_by(self, seconds: float = 10.0) -> None:
        """Time in which the consumer works."""
        self.world.sleep(seconds)

    def state(self) -> dict[str, Any]:
        """What HubSpot has, without ids, which depend on what was tried before."""
        found = self.plant.portal.state()
        emails = {row["id"]: row["properties"]["email"] for row in found["contacts"]}
        return {
            "contacts": sorted(_plain(row, {}) for row in found["contacts"]),
            "deals": sorted(_plain(row, emails) for row in found["deals"]),
        }


def _plain(row: dict[str, Any], emails: dict[str, str]) -> str:
    properties = {name: value for name, value in sorted(row["properties"].items()) if name not in NOT_COMPARED}
    if version := properties.get("woocommerce_order_version"):
        modified, _, contact = version.split("|")  # of equal bodies, either receipt is right
        properties["woocommerce_order_version"] = f"{modified}|{emails.get(contact, contact)}"
    return f"{properties} {sorted(emails[one] for one in row.get('contacts', ()))}"


Story = Callable[[Stage], None]


def known(stage: Stage) -> None:
    """An account, and an order of it from yesterday, which HubSpot has."""
    stage.shop.register(1, "ana@shop.example", days_ago=30)
    stage.shop.place(11, "ana@shop.example", customer=1, days_ago=1)
    stage.tell(1, ["customer.updated"])
    stage.tell(11, ["order.updated"])
    stage.pass_by()
    assert len(stage.plant.queue) == 0


def unknown(_stage: Stage) -> None:
    """HubSpot is empty."""


def a_new_order(stage: Stage) -> None:
    stage.tell(12, stage.shop.place(12, "Bo@Mail.example", way="checkout"))


def two_new_orders_of_one_guest(stage: Stage) -> None:
    stage.tell(12, stage.shop.place(12, "bo@mail.example"))
    stage.tell(13, stage.shop.place(13, "BO@mail.example"))


def a_new_order_of_a_known_customer(stage: Stage) -> None:
    stage.tell(12, stage.shop.place(12, "ana@shop.example", customer=1))


def a_status_change(stage: Stage) -> None:
    stage.tell(11, stage.shop.change_status(11, "completed"))


def another_address_on_the_order(stage: Stage) -> None:
    stage.tell(11, stage.shop.change_order_email(11, "bo@mail.example"))


def a_move_and_an_old_orders_status_change(stage: Stage) -> None:
    stage.tell(1, stage.shop.edit_customer(1))
    stage.tell(11, stage.shop.change_status(11, "completed"))


def trash(stage: Stage) -> None:
    stage.tell(11, stage.shop.trash(11))


def trash_and_undo(stage: Stage) -> None:
    stage.tell(11, stage.shop.trash(11))
    stage.tell(11, stage.shop.restore(11))


def a_bit_of_everything(stage: Stage) -> None:
    a_new_order(stage)
    a_move_and_an_old_orders_status_change(stage)
    stage.tell(14, stage.shop.place(14, ""))
    stage.tell(12, stage.shop.change_order_email(12, "ana@shop.example"))


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


def told(before: Story, then: Story, *crashes: Crash, after: Story = unknown) -> Stage:
    """The story up to its end, with these crashes once HubSpot has what was before."""
    stage = Stage()
    before(stage)
    calls = stage.plant.calls
    stage.arm(crashes)
    then(stage)
    stage.pass_by()
    after(stage)
    assert stage.plant.settle()
    stage.plant.portal.calls["since"] = stage.plant.calls - calls
    return stage


def calls_of(before: Story, then: Story) -> int:
    """HubSpot calls that the story takes without a crash."""
    return told(before, then).plant.portal.calls["since"]


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_crash_at_any_call_changes_nothing_in_the_end(before: Story, then: Story) -> None:
    usual = told(before, then)
    assert reference(usual.plant.accepted).problems(usual.plant.portal) == {}

    for call in range(1, calls_of(before, then) + 1):
        for moment in ("before", "after"):
            stage = told(before, then, (call, moment))
            assert stage.plant.crashed == 1, (call, moment)
            assert stage.state() == usual.state(), (call, moment)


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_second_crash_during_the_redelivery_changes_nothing_either(before: Story, then: Story) -> None:
    usual = told(before, then).state()

    for call in range(1, calls_of(before, then) + 1):
        for again in range(1, 5):
            stage = told(before, then, (call, "after"), (again, "after"))
            assert stage.state() == usual, (call, again)


@pytest.mark.parametrize(("before", "then"), STORIES, ids=NAMES)
def test_a_redelivery_of_what_is_done_changes_nothing_and_writes_nothing(before: Story, then: Story) -> None:
    stage = told(before, then)
    usual, writes = stage.state(), _writes(stage)

    for one in list(stage.plant.accepted):
        body, metadata = one.key
        stage.plant.queue.send(body, {"delivery": {"DataType": "String", "StringValue": metadata}})
    assert stage.plant.settle()

    assert stage.state() == usual
    assert _writes(stage) == writes


def _writes(stage: Stage) -> int:
    return sum(count for route, count in stage.plant.portal.calls.items() if route.endswith(("create", "update")))


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_change_that_overtakes_the_redelivery_of_a_crashed_one_wins(moment: str) -> None:
    def the_next_change(stage: Stage) -> None:
        stage.tell(11, stage.shop.change_order_email(11, "chloe@mail.example"))
        stage.pass_by()

    usual = told(known, another_address_on_the_order, after=the_next_change)
    assert reference(usual.plant.accepted).problems(usual.plant.portal) == {}

    for call in range(1, calls_of(known, another_address_on_the_order) + 1):
        stage = told(known, another_address_on_the_order, (call, moment), after=the_next_change)
        assert stage.plant.crashed == 1, call
        assert stage.state() == usual.state(), call
