"""Records that break calls, trigger bugs or are rejected again and again: dead letters, and the breaker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws
from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault, definitions, provision_line_items
from tests.support.consumer import ConsumerFixture
from tests.support.line_items import WITH_ITEMS
from tests.support.orders import customer, delivery
from woohub.consumer.batch import HEALTHY_AFTER_WRITE_S, POISON_RECEIVES
from woohub.consumer.breaker import SILENT_BATCHES
from woohub.consumer.retries import RESEND_RECEIVES
from woohub.delivery.messages import to_sqs
from woohub.http import Http, Response
from woohub.hubspot.call_stats import CallStats
from woohub.sync.outcome import Message, Outcome
from woohub.sync.record_kinds import record_kinds


@pytest.fixture
def fixture() -> Iterator[ConsumerFixture]:
    with mock_aws():
        yield ConsumerFixture()


class BreaksOnRecord:
    """A HubSpot that answers 500 to every read and write that contains order 666."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if b'"666"' in (kwargs.get("body") or b""):
            return InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
        return self._http.request(method, url, **kwargs)


def consume_order(fixture: ConsumerFixture, number: int, receives: int) -> int:
    """Consume a batch of one order with this receive count; returns how many messages are handed back."""
    records = fixture.receive(number)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)
    return len(fixture.consume(records))


def consume_customers(fixture: ConsumerFixture, *numbers: int) -> None:
    """Consume one batch with a changed address for each customer."""
    for number in numbers:
        sent = delivery("customer.updated", customer(number, email=f"c{number}@example.com"))
        fixture.sqs.send_message(QueueUrl=fixture.queue, **to_sqs(sent))
        assert fixture.consume(fixture.receive()) == []


@pytest.mark.parametrize(("receives", "dead"), [(2, 0), (4, 0), (5, 1)])
def test_a_record_that_breaks_calls_becomes_a_dead_letter_at_the_fifth_receive(
    fixture: ConsumerFixture, receives: int, dead: int
) -> None:
    fixture.engine.hubspot.caller.http = BreaksOnRecord(fixture.engine.hubspot.caller.http)
    consume_order(fixture, 666, receives - 1)
    for number in (1, 2):
        assert consume_order(fixture, number, 1) == 0

    assert consume_order(fixture, 666, receives) == 1 - dead

    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in fixture.dead_letters()]
    assert ["HubSpot fails on this record only" in reason for reason in reasons] == [True] * dead


@pytest.mark.parametrize("path", ["deals/batch/read", "deals/batch/create"])
def test_no_order_becomes_a_dead_letter_while_a_call_fails_for_all_orders(fixture: ConsumerFixture, path: str) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503, path=path))

    for receives in range(1, RESEND_RECEIVES):
        assert consume_order(fixture, 1, receives) == 1
        consume_customers(fixture, receives, receives + 100)

    assert fixture.dead_letters() == []
    assert not fixture.breaker_fixture.state.is_open
    assert len(fixture.engine.contacts) == 2 * RESEND_RECEIVES - 1


def test_no_order_becomes_a_dead_letter_while_all_writes_fail(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503, path="batch/(create|update)"))

    for receives in (RESEND_RECEIVES - 2, RESEND_RECEIVES - 1):
        assert consume_order(fixture, 666, receives) == 1

    assert fixture.dead_letters() == []


def test_a_record_that_breaks_calls_keeps_the_breaker_closed(fixture: ConsumerFixture) -> None:
    fixture.engine.hubspot.caller.http = BreaksOnRecord(fixture.engine.hubspot.caller.http)
    consume_customers(fixture, 1)

    for receives in range(1, 5):
        consume_order(fixture, 666, receives)

    assert fixture.engine.calls[-1].status == 500
    assert not fixture.breaker_fixture.state.is_open


def test_a_full_outage_opens_the_breaker_despite_an_earlier_write(
    fixture: ConsumerFixture,
) -> None:
    consume_customers(fixture, 1)
    fixture.engine.portal.faults.add(InjectedFault(status=503))

    for receives in range(1, 4):
        consume_order(fixture, 1, receives)

    assert fixture.breaker_fixture.state.is_open


class BuggySync:
    """An engine with a bug that order 666 triggers."""

    def __init__(self, sync: Any) -> None:
        self._sync = sync

    def call_stats(self) -> CallStats:
        return CallStats()

    def sync(self, messages: list[Message]) -> list[Outcome]:
        if any(message.entity == "order:666" for message in messages):
            raise KeyError("jane.doe@example.com")
        outcomes: list[Outcome] = self._sync.sync(messages)
        return outcomes


@pytest.mark.parametrize(("receives", "dead"), [(1, 0), (5, 1)])
def test_a_bug_hands_back_or_rejects_only_the_record_that_triggers_it(
    fixture: ConsumerFixture, receives: int, dead: int
) -> None:
    fixture.consumer._sync = BuggySync(fixture.engine.sync)  # type: ignore[assignment]
    records = fixture.receive(1, 2, 666, 3, 4)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)

    assert len(fixture.consume(records)) == 1 - dead

    assert len(fixture.engine.deals) == 4
    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in fixture.dead_letters()]
    assert [("KeyError" in reason, "jane" in reason, "bug in woohub" in reason) for reason in reasons] == [
        (True, False, True)
    ] * dead


class ActsBeforeCall:
    """A connection to HubSpot that runs `act` before the first call to this path."""

    def __init__(self, fixture: ConsumerFixture, path: str, act: Callable[[], object]) -> None:
        self._caller, self._http = fixture.engine.hubspot.caller, fixture.engine.hubspot.caller.http
        self._path, self._act = path, act
        self._caller.http = self

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if self._path in url:
            self._caller.http = self._http
            self._act()
        return self._http.request(method, url, **kwargs)


def delete_first(fixture: ConsumerFixture, name: str) -> Callable[[], object]:
    """A function that deletes the first record of this object in HubSpot."""
    portal = fixture.engine.portal
    return lambda: portal.objects.archive(definitions.OBJECT_TYPES[name], portal.state()[name][0]["id"])


@pytest.mark.parametrize(
    ("path", "deleted"), [("deals/batch/create", "contacts"), ("line_items/batch/create", "deals")]
)
def test_a_record_deleted_during_a_batch_is_written_again_by_the_retry(
    fixture: ConsumerFixture, path: str, deleted: str
) -> None:
    fixture.engine.kinds = record_kinds(WITH_ITEMS)
    provision_line_items(fixture.engine.portal)
    records = fixture.receive(1)
    ActsBeforeCall(fixture, path, delete_first(fixture, deleted))

    assert fixture.consume(records) == [records[0]["messageId"]]
    assert fixture.consume(records) == []
    assert fixture.engine.associated == {("1", "jane.doe@example.com")}
    assert fixture.dead_letters() == []


def test_a_temporary_409_makes_no_dead_letter(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=409, path="deals/batch/create", count=3))
    records = fixture.receive(1)

    assert fixture.consume(records) == [records[0]["messageId"]]
    assert fixture.consume(records) == []
    assert fixture.dead_letters() == []


def test_an_order_that_hubspot_never_associates_becomes_a_dead_letter(fixture: ConsumerFixture) -> None:
    (record,) = fixture.receive(1)
    record["attributes"]["ApproximateReceiveCount"] = str(POISON_RECEIVES)
    ActsBeforeCall(fixture, "deals/batch/create", delete_first(fixture, "contacts"))

    assert fixture.consume([record]) == []
    assert len(fixture.dead_letters()) == 1


def test_all_rejections_end_as_dead_letters_although_one_invocation_cannot_isolate_them(
    fixture: ConsumerFixture,
) -> None:
    fixture.reject_amount("6.66")
    fixture.engine.portal.change_settings({"partial_writes": False, "requests_per_10_s": 10})
    waiting = {record["messageId"]: record for record in fixture.receive(*range(1, 41), total="6.66")}
    for receives in range(1, 10):
        for record in waiting.values():
            record["attributes"]["ApproximateReceiveCount"] = str(receives)
        waiting = {message: waiting[message] for message in fixture.consume(list(waiting.values()))}

    assert waiting == {}
    assert [letter["MessageAttributes"]["status"]["StringValue"] for letter in fixture.dead_letters()] == ["400"] * 40


def test_unconfirmed_rejections_keep_the_breaker_closed(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(100))
    fixture.engine.clock.sleep(HEALTHY_AFTER_WRITE_S)
    fixture.reject_amount("6.66")
    fixture.engine.portal.change_settings({"partial_writes": False, "requests_per_10_s": 10})
    records = fixture.receive(*range(1, 41), total="6.66")

    for _ in range(SILENT_BATCHES):
        fixture.consume(records)

    assert fixture.breaker_fixture.breaker.cooldown_error() is None
