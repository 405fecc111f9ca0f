"""Concurrent calls in real threads over HTTP: rate limit, bisection, deadline, token renewal and breaker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import urllib3
from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault, SimulatedPortal, provision, running
from tests.support.engine import FIELDS, Token
from tests.support.orders import message, order
from woohub.clock import Timer
from woohub.concurrency import MOST_AT_ONCE, Threads
from woohub.errors import DeadlineExceeded, HubSpotRejected, HubSpotUnavailable, Suspended, Unauthorized
from woohub.hubspot.client import HubSpot
from woohub.hubspot.objects import CONTACTS
from woohub.hubspot.properties import PropertyCatalog
from woohub.hubspot.retries import Caller
from woohub.sync.engine import Sync
from woohub.sync.outcome import Message, Outcome
from woohub.sync.record_kinds import record_kinds

FASTER = 5  # how many times faster than real time the clocks of client and simulator run


def now() -> float:
    """Epoch seconds on a clock that runs faster than real time."""
    return 1_795_473_600.0 + time.monotonic() * FASTER


@dataclass
class CountingPool:
    """A real connection pool that counts the calls in flight and answers 400 to creates that contain `rejected`."""

    rejected: bytes = b"no such order"
    most_in_flight: int = 0
    _in_flight: int = 0
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=MOST_AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            if url.endswith("batch/create") and self.rejected in kwargs["body"]:
                return InProcessResponse(400, HTTPHeaderDict(), b'{"message":"invalid","category":"VALIDATION_ERROR"}')
            return self._pool.request(method, url, **kwargs)
        finally:
            with self._lock:
                self._in_flight -= 1


class ConsumerOverHttp:
    """The consumer's client and engine, with a portal over HTTP."""

    def __init__(self, portal: SimulatedPortal, url: str) -> None:
        self.portal = portal
        self.http = CountingPool()
        self.token = Token()
        self.timer = Timer(now, lambda seconds: time.sleep(seconds / FASTER))
        self.calls: list[str] = []  # paths
        self.threads = Threads()
        caller = Caller(
            self.http,
            self.token,
            self.timer,
            url,
            on_call=lambda call: self.calls.append(call.path),
            concurrency=self.threads,
        )
        self.hubspot = HubSpot(caller)
        catalog = PropertyCatalog(self.hubspot, self.timer, _silent)
        self.sync = Sync(self.hubspot, catalog, lambda _stores: record_kinds(FIELDS), self.timer, _silent)

    def deliver(self, count: int, *, seconds: float = 57) -> list[Outcome]:
        """Deliver `count` orders of different shoppers in one batch, in an invocation of `seconds`."""
        self.timer.start(seconds)
        return self.sync.sync(shopper(number) for number in range(1, 1 + count))

    def orders_in_hubspot(self) -> list[str]:
        """The order ids of the deals whose only contact is the order's customer."""
        state = self.portal.state()
        emails = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        order_ids = [
            (row["properties"]["woocommerce_order_id"], *map(emails.get, row["contacts"])) for row in state["deals"]
        ]
        return [number for number, *people in order_ids if people == [f"shopper{number}@example.com"]]


def shopper(number: int) -> Message:
    return message("order.created", order(number, customer_id=0, billing={"email": f"shopper{number}@example.com"}))


def _silent(_event: str, **_facts: Any) -> None:
    return None


@pytest.fixture
def consumer() -> Iterator[ConsumerOverHttp]:
    portal = SimulatedPortal(now, latency_ms=20)
    provision(portal)
    with running(portal) as url:
        yield ConsumerOverHttp(portal, url)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ThreadPool")] == []


def order_ids(*wanted: int) -> list[str]:
    return [str(number) for number in wanted]


def test_200_concurrent_calls_keep_the_rate_limit_with_at_most_eight_in_flight(consumer: ConsumerOverHttp) -> None:
    consumer.threads.run([lambda: consumer.hubspot.read(CONTACTS, ["1"], ["email"])] * 200)

    counters = consumer.portal.counters()
    assert (counters["total"], counters["refused_429"]) == (200, 0)
    assert counters["peak_per_10_s"] <= 100
    assert 1 < consumer.http.most_in_flight <= MOST_AT_ONCE


def test_a_rejected_batch_is_bisected_while_the_others_are_written(consumer: ConsumerOverHttp) -> None:
    consumer.http.rejected = b'"77"'

    outcomes = {outcome.message.entity: outcome for outcome in consumer.deliver(250)}

    assert isinstance(outcomes.pop("order:77").error, HubSpotRejected)
    assert {outcome.error for outcome in outcomes.values()} == {None}
    assert sorted(consumer.orders_in_hubspot(), key=int) == order_ids(*range(1, 77), *range(78, 251))


def test_orders_after_the_deadline_are_written_by_the_next_batch_without_duplicates(consumer: ConsumerOverHttp) -> None:
    consumer.portal.change_settings({"latency_ms": 200})

    first = consumer.deliver(250, seconds=4)
    again = consumer.deliver(250)

    assert any(isinstance(outcome.error, DeadlineExceeded) for outcome in first)
    assert {outcome.error for outcome in again} == {None}
    assert sorted(consumer.orders_in_hubspot(), key=int) == order_ids(*range(1, 251))


def test_a_changed_token_is_renewed_once_for_all_concurrent_calls(consumer: ConsumerOverHttp) -> None:
    consumer.deliver(1)  # reads the property definitions
    consumer.portal.tokens = {"the next": consumer.portal.tokens.popitem()[1]}
    consumer.token.next_token = "the next"

    assert {outcome.error for outcome in consumer.deliver(250)} == {None}
    assert consumer.token.renewals == 1


def test_a_revoked_token_makes_every_order_fail_as_unauthorized(consumer: ConsumerOverHttp) -> None:
    consumer.deliver(1)
    consumer.portal.tokens.clear()

    errors = [outcome.error for outcome in consumer.deliver(250)]

    assert {type(error) for error in errors} == {Unauthorized}
    assert consumer.portal.counters()["by_status"]["401"] <= 4 * MOST_AT_ONCE


def test_the_daily_limit_suspends_the_batch(consumer: ConsumerOverHttp) -> None:
    consumer.deliver(1)
    consumer.portal.change_settings({"requests_per_day": 4})

    assert any(isinstance(outcome.error, Suspended) for outcome in consumer.deliver(250))


def break_hubspot(consumer: ConsumerOverHttp) -> None:
    """Answer 503 to every call from now on, and make the first one."""
    consumer.portal.faults.add(InjectedFault(status=503))
    with pytest.raises(HubSpotUnavailable):
        consumer.hubspot.probe()


def test_calls_are_made_one_at_a_time_and_only_for_contacts_during_an_outage(consumer: ConsumerOverHttp) -> None:
    consumer.deliver(1)  # reads the property definitions
    break_hubspot(consumer)

    consumer.http.most_in_flight, before = 0, len(consumer.calls)
    consumer.deliver(250, seconds=20)

    assert consumer.http.most_in_flight == 1
    assert {path for path in consumer.calls[before:] if "/contacts/batch/read" not in path} == set()


def test_calls_are_concurrent_again_after_an_outage(consumer: ConsumerOverHttp) -> None:
    consumer.deliver(1)
    break_hubspot(consumer)

    consumer.portal.faults.clear()
    consumer.http.most_in_flight = 0

    assert {outcome.error for outcome in consumer.deliver(250)} == {None}
    assert consumer.http.most_in_flight > 1
