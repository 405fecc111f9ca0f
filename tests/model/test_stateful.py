"""In any order of events no record is duplicated, versions only grow, and in the end HubSpot is right."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from simulators.hubspot import InjectedFault
from tests.model.gate import newest
from tests.model.reference import reference
from tests.model.shop import Request, Shop
from tests.model.simulated_stack import SimulatedStack
from tests.model.simulation import Simulation

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "60"))

ORDERS = st.sampled_from([11, 11, 12, 13])
CHANGES = ["status", "status", "edit", "new address", "trash", "restore"]
EMAILS = st.sampled_from(["ana@shop.example", "Ana@Shop.Example", "bo@mail.example", "chloe@mail.example", ""])
PAUSES = st.sampled_from([0.0, 0.4, 1.5, 30.0])  # seconds before an event; events within one second have equal dates
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


class StoreAndStack(RuleBasedStateMachine):
    """A small store and the stack, with every event that can happen to either."""

    def __init__(self) -> None:
        super().__init__()
        self.simulation = Simulation()
        self.shop = Shop(self.simulation)
        self.stack = SimulatedStack(self.simulation, crashes=self._next_crash)
        self.late_requests: list[Request] = []
        self.crash: tuple[int, str] | None = None
        self.versions: dict[str, tuple[list[str], bool]] = {}

    def _next_crash(self) -> tuple[int, str] | None:
        crash, self.crash = self.crash, None
        return crash

    @initialize(email=EMAILS, other=EMAILS)
    def create_orders_and_an_account(self, email: str, other: str) -> None:
        self._deliver(1, self.shop.register(1, "ana@shop.example", days_ago=2), "arrives")
        self._deliver(11, self.shop.place(11, email, customer=1, days_ago=1), "arrives")
        self._deliver(12, self.shop.place(12, other), "arrives")

    @rule(what=st.sampled_from(["edit", "new address"]), email=EMAILS, pause=PAUSES, fate=FATES)
    def change_account(self, what: str, email: str, pause: float, fate: str) -> None:
        self.simulation.sleep(pause)
        topics = self.shop.edit_customer(1) if what == "edit" else self.shop.change_account_email(1, email)
        self._deliver(1, topics, fate)

    @rule(number=ORDERS, what=st.sampled_from(CHANGES), email=EMAILS, pause=PAUSES, fate=FATES)
    def change_order(self, number: int, what: str, email: str, pause: float, fate: str) -> None:
        self.simulation.sleep(pause)
        self._deliver(number, self._change(number, what, email), fate)

    def _change(self, number: int, what: str, email: str) -> list[str]:
        if number not in self.shop.orders:
            return self.shop.place(number, email)
        if what == "restore":
            return self.shop.restore(number)
        if self.shop.orders[number]["status"] == "trash":
            return []
        if what == "new address":
            return self.shop.change_order_email(number, email)
        return {"status": self.shop.change_status, "edit": self.shop.edit_order, "trash": self.shop.trash}[what](number)

    def _deliver(self, number: int, topics: list[str], fate: str) -> None:
        requests = [self.shop.request(topic, number) for topic in topics]
        if fate == "is late":
            self.late_requests += requests
        if fate in ("arrives", "arrives twice"):
            for request in requests * (2 if fate == "arrives twice" else 1):
                assert self.stack.post(request) == 200

    @precondition(lambda self: self.late_requests)
    @rule(place=st.integers(0, 100))
    def deliver_a_late_request(self, place: int) -> None:
        assert self.stack.post(self.late_requests.pop(place % len(self.late_requests))) == 200

    @rule(seconds=st.sampled_from([1.0, 4.0, 20.0, 400.0]))
    def pass_time(self, seconds: float) -> None:
        self.simulation.sleep(seconds)

    @rule(fault=FAULTS, count=st.integers(1, 3))
    def add_fault(self, fault: dict[str, Any], count: int) -> None:
        self.stack.portal.faults.add(InjectedFault(**fault, count=count))

    @rule(path=st.sampled_from(["", "/batch/(create|update)"]))
    def begin_outage(self, path: str) -> None:
        self.stack.portal.faults.add(InjectedFault(status=503, path=path))

    @rule(call=st.integers(1, 9), moment=st.sampled_from(["before", "after"]))
    def plan_crash(self, call: int, moment: str) -> None:
        self.crash = (call, moment)

    @rule()
    def cold_start(self) -> None:
        self.stack.cold_start()

    @rule()
    def clear_faults(self) -> None:
        self.stack.portal.faults.clear()

    @rule()
    def reconcile(self) -> None:
        for record in newest(self.shop, self.simulation):
            self.stack.reconcile(record.topic, record.body)

    @invariant()
    def no_record_is_duplicated(self) -> None:
        state = self.stack.portal.state()
        emails = [row["properties"]["email"] for row in state["contacts"]]
        orders = [row["properties"]["woocommerce_order_id"] for row in state["deals"]]
        assert len(emails) == len(set(emails))
        assert len(orders) == len(set(orders))

    @invariant()
    def versions_only_grow(self) -> None:
        """Except that a restore may be older than the trashing it undoes, which is dated by its receipt."""
        state = self.stack.portal.state()
        for row in state["contacts"] + state["deals"]:
            properties = row["properties"]
            version = properties.get("woocommerce_customer_version") or properties.get("woocommerce_order_version", "")
            # Of a deal, its contacts follow; of a contact, the older states that single properties are from.
            dates = version.split("|")[: 2 if "woocommerce_order_id" in properties else 3]
            before, was_trash = self.versions.get(row["id"], ([], False))
            assert dates >= before or was_trash
            self.versions[row["id"]] = dates, properties.get("woocommerce_order_status") == "trash"

    @invariant()
    def every_accepted_delivery_is_accounted_for(self) -> None:
        assert self.stack.unaccounted() == []
        assert self.stack.faults == []

    def teardown(self) -> None:
        """Remove all faults, deliver late requests and reconcile; then HubSpot is right."""
        self.clear_faults()
        for request in self.late_requests:
            self.stack.post(request)
        assert self.stack.drain(6 * 3600)
        self.reconcile()
        assert self.stack.drain(6 * 3600)
        self.no_record_is_duplicated()
        self.every_accepted_delivery_is_accounted_for()
        assert len(self.stack.dead_letters) == 0
        assert reference(self.stack.accepted).problems(self.stack.portal) == {}


TestProduct = StoreAndStack.TestCase
TestProduct.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
