"""The consumer: an SQS batch in, batch item failures, delays and dead letters out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws
from urllib3 import HTTPHeaderDict

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault, definitions, provision_line_items
from simulators.hubspot.settings import RequiredProperties
from tests.support.consumer import ConsumerFixture
from tests.support.line_items import WITH_ITEMS
from tests.support.orders import customer, delivery, order
from woohub.consumer.batch import HEALTHY_AFTER_WRITE_S, POISON_RECEIVES, read
from woohub.consumer.breaker import SILENT_BATCHES
from woohub.consumer.retries import RESEND_RECEIVES, delay
from woohub.delivery.messages import flat_attributes, from_sqs, to_sqs
from woohub.errors import DeadlineExceeded, HubSpotUnavailable
from woohub.http import Http, Response
from woohub.hubspot.call_stats import CallStats
from woohub.sync.outcome import Message, Outcome, Verdict
from woohub.sync.record_kinds import record_kinds


@pytest.fixture
def fixture() -> Iterator[ConsumerFixture]:
    with mock_aws():
        yield ConsumerFixture()


def reject_amount(fixture: ConsumerFixture, amount: str) -> None:
    fixture.engine.portal.change_settings(
        {"rules": [RequiredProperties("deals", ("hs_next_step",), {"amount": amount})]}
    )


def test_a_batch_that_lands_hands_nothing_back(fixture: ConsumerFixture) -> None:
    assert fixture.consume(fixture.receive(1, 2, 3)) == []
    assert len(fixture.engine.deals) == 3


def test_an_order_whose_trash_comes_while_it_waits_for_another_attempt_ends_in_the_trash(
    fixture: ConsumerFixture,
) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    created = fixture.receive(1)
    assert fixture.consume(created) == [created[0]["messageId"]]
    trash = fixture.receive_deliveries(delivery("order.deleted", {"id": 1}, after_s=1))
    fixture.engine.portal.faults.clear()

    assert fixture.consume(trash) == [trash[0]["messageId"]]
    assert fixture.consume(created) == []
    assert fixture.consume(trash) == []

    assert fixture.engine.deals[0]["woocommerce_order_status"] == "trash"


def test_the_trash_of_an_order_that_nobody_sent_waits_for_nothing(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    fixture.consume(fixture.receive(2))
    fixture.engine.portal.faults.clear()

    assert fixture.consume(fixture.receive_deliveries(delivery("order.deleted", {"id": 1}))) == []


def test_only_what_failed_for_now_is_handed_back(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    records = fixture.receive(1, 2)

    assert set(fixture.consume(records)) == {record["messageId"] for record in records}
    assert fixture.dead_letters() == []


def test_what_is_handed_back_comes_again_in_seconds_and_not_after_the_visibility_timeout(
    fixture: ConsumerFixture,
) -> None:
    records = fixture.receive(1)
    asked: list[int] = []
    change = fixture.sqs.change_message_visibility_batch

    def noted(**request: Any) -> Any:
        asked.extend(entry["VisibilityTimeout"] for entry in request["Entries"])
        return change(**request)

    fixture.sqs.change_message_visibility_batch = noted  # type: ignore[method-assign]
    fixture.engine.portal.faults.add(InjectedFault(status=503))

    fixture.consume(records)

    assert asked == [15]


def refusing_delays(fixture: ConsumerFixture, times: int, code: str) -> list[int]:
    """SQS refuses the first entry of so many calls that set delays; returns how many entries each call has."""
    calls: list[int] = []

    def answer(*, Entries: list[dict[str, Any]], **_queue: str) -> Any:
        calls.append(len(Entries))
        refusals = [{"Id": Entries[0]["Id"], "Code": code, "SenderFault": False}] if len(calls) <= times else []
        return {"Successful": [], "Failed": refusals}

    fixture.sqs.change_message_visibility_batch = answer  # type: ignore[assignment,method-assign]
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    return calls


def test_a_delay_that_sqs_refuses_among_others_is_set_again(fixture: ConsumerFixture) -> None:
    calls = refusing_delays(fixture, 1, "InternalError")

    fixture.consume(fixture.receive(1, 2, 3))

    assert (calls, fixture.warned) == ([3, 1], [])


def test_a_delay_that_sqs_never_sets_is_logged_and_no_other_waits_for_it(fixture: ConsumerFixture) -> None:
    calls = refusing_delays(fixture, 3, "ReceiptHandleIsInvalid")

    fixture.consume(fixture.receive(*range(1, 13)))

    assert calls == [10, 1, 1, 2]
    assert fixture.warned == [("queue_call_failed", "ReceiptHandleIsInvalid")]


def test_a_message_of_somebody_else_that_the_dead_letter_queue_refuses_is_left_to_the_queues_limit(
    fixture: ConsumerFixture,
) -> None:
    fixture.sqs.send_message(QueueUrl=fixture.queue, MessageBody="as large as SQS allows: no room for a reason")
    (record,) = fixture.receive()
    often = record | {"attributes": {"ApproximateReceiveCount": "19"}}
    fixture.sqs.delete_queue(QueueUrl=fixture.dead)

    assert fixture.consume([often]) == [record["messageId"]]
    assert fixture.receive() == []  # no copy, which would be received for ever


def test_a_reject_goes_to_the_dead_letter_queue_with_its_reason_and_is_done(fixture: ConsumerFixture) -> None:
    reject_amount(fixture, "13.00")

    assert fixture.consume(fixture.receive(66, total="13.00")) == []

    (letter,) = fixture.dead_letters()
    facts = flat_attributes(letter["MessageAttributes"])
    assert facts["entity"] == "order:66"
    assert facts["attempts"] == "3"
    assert facts["status"] == "400"
    assert "hs_next_step" in facts["property"]
    assert "What to do" in facts["reason"]


def test_a_dead_letter_holds_the_delivery_unchanged(fixture: ConsumerFixture) -> None:
    reject_amount(fixture, "13.00")
    sent = delivery("order.created", order(66, total="13.00"))

    fixture.consume(fixture.receive(66, total="13.00"))

    (letter,) = fixture.dead_letters()
    assert from_sqs(letter["Body"], flat_attributes(letter["MessageAttributes"])) == sent


def test_a_reject_the_dead_letter_queue_does_not_take_is_handed_back(fixture: ConsumerFixture) -> None:
    reject_amount(fixture, "13.00")
    records = fixture.receive(66, total="13.00")
    fixture.sqs.delete_queue(QueueUrl=fixture.dead)

    assert fixture.consume(records) == [records[0]["messageId"]]


def test_a_message_of_somebody_else_goes_to_the_dead_letter_queue(fixture: ConsumerFixture) -> None:
    fixture.sqs.send_message(QueueUrl=fixture.queue, MessageBody="hello")

    assert fixture.consume(fixture.receive()) == []

    (letter,) = fixture.dead_letters()
    assert letter["Body"] == "hello"
    assert letter["MessageAttributes"]["entity"]["StringValue"] == "unknown"


def test_a_refused_token_stops_the_flow_and_loses_nothing(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=401))
    records = fixture.receive(1, 2)

    assert len(fixture.consume(records)) == 2
    assert fixture.breaker_fixture.state.policy == "auth"
    assert fixture.breaker_fixture.lambda_.state == "Disabled"


def test_a_batch_behind_an_open_breaker_makes_no_call(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=401))
    fixture.consume(fixture.receive(1))
    before = len(fixture.engine.calls)

    assert len(fixture.consume(fixture.receive(2))) == 1
    assert len(fixture.engine.calls) == before


def test_every_message_is_reported_once(fixture: ConsumerFixture) -> None:
    reject_amount(fixture, "13.00")
    records = fixture.receive(1, 2) + fixture.receive(66, total="13.00")

    fixture.consume(records)

    assert sorted((report.message.entity, report.verdict.value) for report in fixture.reported) == [
        ("order:1", "done"),
        ("order:2", "done"),
        ("order:66", "rejected"),
    ]


def test_a_report_names_the_records_in_hubspot(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(1))

    deal, contact = fixture.engine.deals[0], fixture.engine.contacts[0]
    facts = fixture.reported[0].facts()
    assert (facts["deal_id"], facts["contact_id"]) == (deal["hs_object_id"], contact["hs_object_id"])


def test_the_report_of_a_refused_deal_names_the_contact_that_landed(fixture: ConsumerFixture) -> None:
    reject_amount(fixture, "13.00")

    fixture.consume(fixture.receive(66, total="13.00"))

    facts = fixture.reported[0].facts()
    assert (facts["deal_id"], facts["contact_id"]) == ("", fixture.engine.contacts[0]["hs_object_id"])


def test_reports_hold_no_personal_data(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(1, billing={"email": "jane@company.invalid"}))
    reject_amount(fixture, "13.00")
    fixture.consume(fixture.receive(2, total="13.00"))

    reported = repr([report.facts() for report in fixture.reported]) + repr(fixture.engine.warnings)
    assert not [word for word in ("jane", "Doe", "Main St", "555") if word in reported]


# --- Delays and culprits ---


def outcome(error: Any, receives: int) -> Outcome:
    return Outcome(Message("1", delivery("order.created", order()), receives), Verdict.RETRY, error)


@pytest.mark.parametrize(("receives", "seconds"), [(1, 15), (2, 30), (3, 60), (6, 480), (7, 900), (19, 900)])
def test_each_try_waits_twice_as_long_up_to_a_quarter_of_an_hour(receives: int, seconds: float) -> None:
    assert delay(outcome(HubSpotUnavailable("503"), receives)) == seconds


def test_a_message_time_did_not_suffice_for_comes_again_at_once() -> None:
    assert delay(outcome(DeadlineExceeded("no time"), 3)) == 5


def test_hubspots_own_wish_is_the_least_delay() -> None:
    assert delay(outcome(HubSpotUnavailable("503", retry_after=100), 1)) == 100


class Allergic:
    """A HubSpot that answers 500 to every call with order 666 in it, reads or writes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if b'"666"' in (kwargs.get("body") or b""):
            return InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
        return self._http.request(method, url, **kwargs)


def tried(fixture: ConsumerFixture, number: int, receives: int) -> int:
    """An order alone in a batch, received so often; how many messages are handed back."""
    records = fixture.receive(number)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)
    return len(fixture.consume(records))


def customers(fixture: ConsumerFixture, *numbers: int) -> None:
    """Customers who change their address, each in a batch of its own."""
    for number in numbers:
        sent = delivery("customer.updated", customer(number, email=f"c{number}@example.com"))
        fixture.sqs.send_message(QueueUrl=fixture.queue, **to_sqs(sent))
        assert fixture.consume(fixture.receive()) == []


@pytest.mark.parametrize(("receives", "dead"), [(2, 0), (4, 0), (5, 1)])
def test_a_record_that_breaks_what_others_get_answered_is_set_aside(
    fixture: ConsumerFixture, receives: int, dead: int
) -> None:
    fixture.engine.hubspot.caller.http = Allergic(fixture.engine.hubspot.caller.http)
    tried(fixture, 666, receives - 1)
    for number in (1, 2):
        assert tried(fixture, number, 1) == 0

    assert tried(fixture, 666, receives) == 1 - dead

    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in fixture.dead_letters()]
    assert ["HubSpot fails on this record only" in reason for reason in reasons] == [True] * dead


@pytest.mark.parametrize("path", ["deals/batch/read", "deals/batch/create"])
def test_while_a_kind_of_call_fails_for_all_orders_nobody_is_the_culprit(fixture: ConsumerFixture, path: str) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503, path=path))

    for receives in range(1, RESEND_RECEIVES):
        assert tried(fixture, 1, receives) == 1
        customers(fixture, receives, receives + 100)

    assert fixture.dead_letters() == []
    assert not fixture.breaker_fixture.state.is_open
    assert len(fixture.engine.contacts) == 2 * RESEND_RECEIVES - 1


def test_while_all_writes_fail_nobody_is_the_culprit(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503, path="batch/(create|update)"))

    for receives in (RESEND_RECEIVES - 2, RESEND_RECEIVES - 1):
        assert tried(fixture, 666, receives) == 1

    assert fixture.dead_letters() == []


def test_a_record_that_breaks_calls_does_not_open_the_breaker_for_the_others(fixture: ConsumerFixture) -> None:
    fixture.engine.hubspot.caller.http = Allergic(fixture.engine.hubspot.caller.http)
    customers(fixture, 1)

    for receives in range(1, 5):
        tried(fixture, 666, receives)

    assert fixture.engine.calls[-1].status == 500
    assert not fixture.breaker_fixture.state.is_open


def test_an_outage_of_everything_opens_the_breaker_though_there_was_a_write_a_moment_ago(
    fixture: ConsumerFixture,
) -> None:
    customers(fixture, 1)
    fixture.engine.portal.faults.add(InjectedFault(status=503))

    for receives in range(1, 4):
        tried(fixture, 1, receives)

    assert fixture.breaker_fixture.state.is_open


class Buggy:
    """An engine with a bug that one order triggers."""

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
def test_a_bug_of_ours_keeps_only_the_record_that_triggers_it(
    fixture: ConsumerFixture, receives: int, dead: int
) -> None:
    fixture.consumer._sync = Buggy(fixture.engine.sync)  # type: ignore[assignment]
    records = fixture.receive(1, 2, 666, 3, 4)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)

    assert len(fixture.consume(records)) == 1 - dead

    assert len(fixture.engine.deals) == 4
    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in fixture.dead_letters()]
    assert [("KeyError" in reason, "jane" in reason, "bug in woohub" in reason) for reason in reasons] == [
        (True, False, True)
    ] * dead


def test_a_message_that_only_has_to_wait_is_renewed_before_the_queue_gives_it_up(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    records = fixture.receive(1)
    records[0]["attributes"]["ApproximateReceiveCount"] = str(RESEND_RECEIVES)

    assert fixture.consume(records) == []

    waiting = fixture.sqs.get_queue_attributes(
        QueueUrl=fixture.queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    assert fixture.dead_letters() == []


class Meanwhile:
    """A connection to HubSpot, where somebody does something just before the first call to this path."""

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
    """Somebody deletes the first record of this object in HubSpot."""
    portal = fixture.engine.portal
    return lambda: portal.objects.archive(definitions.OBJECT_TYPES[name], portal.state()[name][0]["id"])


@pytest.mark.parametrize(
    ("path", "deleted"), [("deals/batch/create", "contacts"), ("line_items/batch/create", "deals")]
)
def test_what_is_deleted_while_its_order_is_written_makes_no_dead_letter(
    fixture: ConsumerFixture, path: str, deleted: str
) -> None:
    fixture.engine.kinds = record_kinds(WITH_ITEMS)
    provision_line_items(fixture.engine.portal)
    records = fixture.receive(1)
    Meanwhile(fixture, path, delete_first(fixture, deleted))

    assert fixture.consume(records) == [records[0]["messageId"]]
    assert fixture.consume(records) == []
    assert fixture.engine.associated == {("1", "jane.doe@example.com")}
    assert fixture.dead_letters() == []


def test_a_409_that_passes_makes_no_dead_letter(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=409, path="deals/batch/create", count=3))
    records = fixture.receive(1)

    assert fixture.consume(records) == [records[0]["messageId"]]
    assert fixture.consume(records) == []
    assert fixture.dead_letters() == []


def test_what_hubspot_never_associates_is_a_dead_letter_in_the_end(fixture: ConsumerFixture) -> None:
    (record,) = fixture.receive(1)
    record["attributes"]["ApproximateReceiveCount"] = str(POISON_RECEIVES)
    Meanwhile(fixture, "deals/batch/create", delete_first(fixture, "contacts"))

    assert fixture.consume([record]) == []
    assert len(fixture.dead_letters()) == 1


def test_more_rejections_than_an_invocation_can_isolate_do_not_wait_in_the_queue_for_ever(
    fixture: ConsumerFixture,
) -> None:
    reject_amount(fixture, "6.66")
    fixture.engine.portal.change_settings({"partial_writes": False, "requests_per_10_s": 10})
    waiting = {record["messageId"]: record for record in fixture.receive(*range(1, 41), total="6.66")}
    for receives in range(1, 10):
        for record in waiting.values():
            record["attributes"]["ApproximateReceiveCount"] = str(receives)
        waiting = {message: waiting[message] for message in fixture.consume(list(waiting.values()))}

    assert waiting == {}
    assert [letter["MessageAttributes"]["status"]["StringValue"] for letter in fixture.dead_letters()] == ["400"] * 40


def test_rejections_that_time_left_unconfirmed_are_no_outage(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(100))
    fixture.engine.clock.sleep(HEALTHY_AFTER_WRITE_S)
    reject_amount(fixture, "6.66")
    fixture.engine.portal.change_settings({"partial_writes": False, "requests_per_10_s": 10})
    records = fixture.receive(*range(1, 41), total="6.66")

    for _ in range(SILENT_BATCHES):
        fixture.consume(records)

    assert fixture.breaker_fixture.breaker.cooldown_error() is None


def test_a_record_without_attributes_is_read_as_a_foreign_message() -> None:
    message = read({"messageId": "m1", "receiptHandle": "r", "body": "hello", "attributes": {}})

    assert message.entity == "unknown"
