"""Whatever happens in whatever order: no doubles at any time, versions only grow, and in the end HubSpot is right."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.gate import newest
from tests.model.plant import Plant
from tests.model.reference import reference
from tests.model.shop import Request, Shop
from tests.model.world import World
from tools.hubspot_simulator import Fault

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))

CUSTOMERS = st.integers(1, 2)
ORDERS = st.integers(11, 13)
EMAILS = st.sampled_from(["ana@shop.example", "Ana@Shop.Example", "bo@mail.example", "chloe@mail.example", ""])
PAUSES = st.sampled_from([0.0, 0.4, 1.5, 30.0])  # seconds before something happens; within one second it is a tie
FATES = st.sampled_from(["arrives", "arrives twice", "is late", "is lost"])
FAULTS = st.sampled_from(
    [
        {"status": 503},
        {"status": 502, "when": "after"},
        {"status": 500, "when": "half"},
        {"status": 429},
        {"kind": "hold", "when": "after"},
        {"kind": "reset", "when": "after"},
        {"kind": "truncate", "when": "after"},
        {"kind": "omit", "when": "after", "path": "/batch/"},
    ]
)


class Product(RuleBasedStateMachine):
    """A small store, the product, and everything that may happen to either."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.shop = Shop(self.world)
        self.plant = Plant(self.world, crashes=self._next_crash)
        self.under_way: list[Request] = []
        self.crash: tuple[int, str] | None = None
        self.versions: dict[str, tuple[str, bool]] = {}

    def _next_crash(self) -> tuple[int, str] | None:
        crash, self.crash = self.crash, None
        return crash

    # In the store

    @rule(number=CUSTOMERS, email=EMAILS, pause=PAUSES, fate=FATES)
    def register(self, number: int, email: str, pause: float, fate: str) -> None:
        if number not in self.shop.customers:
            self._happens(number, pause, fate, lambda: self.shop.register(number, email))

    @rule(number=CUSTOMERS, pause=PAUSES, fate=FATES)
    def edit_customer(self, number: int, pause: float, fate: str) -> None:
        if number in self.shop.customers:
            self._happens(number, pause, fate, lambda: self.shop.edit_customer(number))

    @rule(number=CUSTOMERS, email=EMAILS, pause=PAUSES, fate=FATES)
    def change_account_email(self, number: int, email: str, pause: float, fate: str) -> None:
        if number in self.shop.customers:
            self._happens(number, pause, fate, lambda: self.shop.change_account_email(number, email))

    @rule(number=ORDERS, email=EMAILS, customer=st.integers(0, 2), pause=PAUSES, fate=FATES)
    def place(self, number: int, email: str, customer: int, pause: float, fate: str) -> None:
        if number not in self.shop.orders:
            self._happens(number, pause, fate, lambda: self.shop.place(number, email, customer=customer))

    @rule(number=ORDERS, pause=PAUSES, fate=FATES)
    def change_status(self, number: int, pause: float, fate: str) -> None:
        if self._alive(number):
            self._happens(number, pause, fate, lambda: self.shop.change_status(number))

    @rule(number=ORDERS, pause=PAUSES, fate=FATES)
    def edit_order(self, number: int, pause: float, fate: str) -> None:
        if self._alive(number):
            self._happens(number, pause, fate, lambda: self.shop.edit_order(number))

    @rule(number=ORDERS, email=EMAILS, pause=PAUSES, fate=FATES)
    def change_order_email(self, number: int, email: str, pause: float, fate: str) -> None:
        if self._alive(number):
            self._happens(number, pause, fate, lambda: self.shop.change_order_email(number, email))

    @rule(number=ORDERS, pause=PAUSES, fate=FATES)
    def trash(self, number: int, pause: float, fate: str) -> None:
        if number in self.shop.orders:
            self._happens(number, pause, fate, lambda: self.shop.trash(number))

    @rule(number=ORDERS, pause=PAUSES, fate=FATES)
    def restore(self, number: int, pause: float, fate: str) -> None:
        if number in self.shop.orders:
            self._happens(number, pause, fate, lambda: self.shop.restore(number))

    def _alive(self, number: int) -> bool:
        return number in self.shop.orders and self.shop.orders[number]["status"] != "trash"

    def _happens(self, number: int, pause: float, fate: str, act: Any) -> None:
        self.world.sleep(pause)
        requests = [self.shop.request(topic, number) for topic in act()]
        if fate == "is late":
            self.under_way += requests
        if fate in ("arrives", "arrives twice"):
            for request in requests * (2 if fate == "arrives twice" else 1):
                assert self.plant.post(request) == 200

    # On the way and in the system

    @precondition(lambda self: self.under_way)
    @rule(place=st.integers(0, 100))
    def a_late_one_arrives(self, place: int) -> None:
        assert self.plant.post(self.under_way.pop(place % len(self.under_way))) == 200

    @rule(seconds=st.sampled_from([1.0, 4.0, 20.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.sleep(seconds)

    @rule(fault=FAULTS, count=st.integers(1, 3))
    def trouble(self, fault: dict[str, Any], count: int) -> None:
        self.plant.portal.faults.add(Fault(**fault, count=count))

    @rule(call=st.integers(1, 9), moment=st.sampled_from(["before", "after"]))
    def a_crash_is_coming(self, call: int, moment: str) -> None:
        self.crash = (call, moment)

    @rule()
    def cold_start(self) -> None:
        self.plant.cold_start()

    @rule(path=st.sampled_from(["", "/batch/(create|update)"]))
    def an_outage_begins(self, path: str) -> None:
        self.plant.portal.faults.add(Fault(status=503, path=path))

    @rule()
    def all_trouble_ends(self) -> None:
        self.plant.portal.faults.clear()

    @rule()
    def sweep(self) -> None:
        for one in newest(self.shop, self.world):
            self.plant.reconcile(one.topic, one.body)

    # What holds at any time

    @invariant()
    def nothing_is_doubled(self) -> None:
        state = self.plant.portal.state()
        emails = [row["properties"]["email"] for row in state["contacts"]]
        orders = [row["properties"]["woocommerce_order_id"] for row in state["deals"]]
        assert len(emails) == len(set(emails))
        assert len(orders) == len(set(orders))

    @invariant()
    def versions_only_grow(self) -> None:
        """Except that a restore may be older than the trash it undoes, which is dated by its receipt."""
        state = self.plant.portal.state()
        for row in state["contacts"] + state["deals"]:
            properties = row["properties"]
            version = properties.get("woocommerce_customer_version") or properties.get("woocommerce_order_version", "")
            dates = version.rpartition("|")[0] if "woocommerce_order_id" in properties else version
            before, was_trash = self.versions.get(row["id"], ("", False))
            assert dates >= before or was_trash
            self.versions[row["id"]] = dates, properties.get("woocommerce_order_status") == "trash"

    @invariant()
    def every_accepted_delivery_is_somewhere(self) -> None:
        assert self.plant.unaccounted() == []
        assert self.plant.faults == []

    def teardown(self) -> None:
        """All trouble ends, what is late arrives, and reconcile sweeps."""
        self.all_trouble_ends()
        for request in self.under_way:
            self.plant.post(request)
        assert self.plant.settle(6 * 3600)
        self.sweep()
        assert self.plant.settle(6 * 3600)
        self.nothing_is_doubled()
        self.every_accepted_delivery_is_somewhere()
        assert len(self.plant.dead_letters) == 0
        assert reference(self.plant.accepted).problems(self.plant.portal) == {}


TestProduct = Product.TestCase
TestProduct.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
