"""Calls made together, in real threads and over HTTP: budget, bisection, deadline, token and breaker hold."""

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

FASTER = 5  # how much faster the clocks of client and simulator run than real time


def now() -> float:
    """Epoch seconds that pass faster."""
    return 1_795_473_600.0 + time.monotonic() * FASTER


@dataclass
class Watched:
    """A real connection pool that counts how many calls are in flight; 400 to creates with `refused` in them."""

    refused: bytes = b"nobody"
    most: int = 0
    _under_way: int = 0
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(maxsize=MOST_AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        try:
            if url.endswith("batch/create") and self.refused in kwargs["body"]:
                return InProcessResponse(
                    400, HTTPHeaderDict(), b'{"message":"all of it","category":"VALIDATION_ERROR"}'
                )
            return self._pool.request(method, url, **kwargs)
        finally:
            with self._lock:
                self._under_way -= 1


class ConsumerOverHttp:
    """Client and engine as the consumer has them, on a portal behind HTTP."""

    def __init__(self, portal: SimulatedPortal, url: str) -> None:
        self.portal = portal
        self.http = Watched()
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
        """Orders of so many people in one batch, in an invocation of so many seconds."""
        self.timer.start(seconds)
        return self.sync.sync(shopper(number) for number in range(1, 1 + count))

    def orders_in_hubspot(self) -> list[str]:
        """The order of each deal that has one contact, which is the order's customer."""
        state = self.portal.state()
        emails = {row["id"]: row["properties"]["email"] for row in state["contacts"]}
        numbers = [
            (row["properties"]["woocommerce_order_id"], *map(emails.get, row["contacts"])) for row in state["deals"]
        ]
        return [number for number, *people in numbers if people == [f"shopper{number}@example.com"]]


def shopper(number: int) -> Message:
    return message("order.created", order(number, customer_id=0, billing={"email": f"shopper{number}@example.com"}))


def _silent(_event: str, **_facts: Any) -> None:
    return None


@pytest.fixture
def stage() -> Iterator[ConsumerOverHttp]:
    portal = SimulatedPortal(now, latency_ms=20)
    provision(portal)
    with running(portal) as url:
        yield ConsumerOverHttp(portal, url)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("ThreadPool")] == []


def numbers(*wanted: int) -> list[str]:
    return [str(number) for number in wanted]


def test_no_ten_seconds_see_more_calls_than_the_limit_and_no_more_than_eight_are_in_flight(
    stage: ConsumerOverHttp,
) -> None:
    stage.threads.run([lambda: stage.hubspot.read(CONTACTS, ["1"], ["email"])] * 200)

    counters = stage.portal.counters()
    assert (counters["total"], counters["refused_429"]) == (200, 0)
    assert counters["peak_per_10_s"] <= 100
    assert 1 < stage.http.most <= MOST_AT_ONCE


def test_a_refused_batch_is_halved_while_others_are_written(stage: ConsumerOverHttp) -> None:
    stage.http.refused = b'"77"'

    outcomes = {outcome.message.entity: outcome for outcome in stage.deliver(250)}

    assert isinstance(outcomes.pop("order:77").error, HubSpotRejected)
    assert {outcome.error for outcome in outcomes.values()} == {None}
    assert sorted(stage.orders_in_hubspot(), key=int) == numbers(*range(1, 77), *range(78, 251))


def test_what_the_time_does_not_suffice_for_waits_and_nothing_is_doubled(stage: ConsumerOverHttp) -> None:
    stage.portal.change_settings({"latency_ms": 200})

    first = stage.deliver(250, seconds=4)
    again = stage.deliver(250)

    assert any(isinstance(outcome.error, DeadlineExceeded) for outcome in first)
    assert {outcome.error for outcome in again} == {None}
    assert sorted(stage.orders_in_hubspot(), key=int) == numbers(*range(1, 251))


def test_a_token_changed_meanwhile_is_read_again_once_for_all_calls(stage: ConsumerOverHttp) -> None:
    stage.deliver(1)  # reads the definitions
    stage.portal.tokens = {"the next": stage.portal.tokens.popitem()[1]}
    stage.token.next_token = "the next"

    assert {outcome.error for outcome in stage.deliver(250)} == {None}
    assert stage.token.renewals == 1


def test_a_revoked_token_is_seen_by_the_breaker_whatever_else_happens(stage: ConsumerOverHttp) -> None:
    stage.deliver(1)
    stage.portal.tokens.clear()

    errors = [outcome.error for outcome in stage.deliver(250)]

    assert {type(error) for error in errors} == {Unauthorized}
    assert stage.portal.counters()["by_status"]["401"] <= 4 * MOST_AT_ONCE


def test_a_limit_that_lasts_ends_the_batch_as_such(stage: ConsumerOverHttp) -> None:
    stage.deliver(1)
    stage.portal.change_settings({"requests_per_day": 4})

    assert any(isinstance(outcome.error, Suspended) for outcome in stage.deliver(250))


def break_hubspot(stage: ConsumerOverHttp) -> None:
    """All calls are answered with 503 from now on, and the first one has been made."""
    stage.portal.faults.add(InjectedFault(status=503))
    with pytest.raises(HubSpotUnavailable):
        stage.hubspot.probe()


def test_while_hubspot_does_not_answer_calls_are_made_one_after_another_and_of_contacts_first(
    stage: ConsumerOverHttp,
) -> None:
    stage.deliver(1)  # reads the definitions
    break_hubspot(stage)

    stage.http.most, before = 0, len(stage.calls)
    stage.deliver(250, seconds=20)

    assert stage.http.most == 1
    assert {path for path in stage.calls[before:] if "/contacts/batch/read" not in path} == set()


def test_once_hubspot_answers_again_calls_are_made_together(stage: ConsumerOverHttp) -> None:
    stage.deliver(1)
    break_hubspot(stage)

    stage.portal.faults.clear()
    stage.http.most = 0

    assert {outcome.error for outcome in stage.deliver(250)} == {None}
    assert stage.http.most > 1
