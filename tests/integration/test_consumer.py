"""The consumer: an SQS batch in, batch item failures, delays and dead letters out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from moto import mock_aws
from urllib3 import HTTPHeaderDict

from simulators.hubspot import Fault
from simulators.hubspot.inprocess import InProcessResponse
from simulators.hubspot.settings import RequiredProperties
from tests.support.lab import Lab
from tests.support.orders import customer, delivery, order
from tests.unit.test_breaker import Scene
from woohub.consumer.batch import Consumer, delay, read
from woohub.delivery.messages import flat_attributes, from_sqs, to_sqs
from woohub.errors import OutOfTime, Unavailable
from woohub.http import Http, Response
from woohub.hubspot.client import CallStats
from woohub.sync.outcome import Message, Outcome, Verdict


@dataclass
class Bench:
    """A consumer with real queues (moto) and the simulated portal."""

    lab: Lab = field(default_factory=Lab)
    scene: Scene = field(default_factory=Scene)
    reported: list[Outcome] = field(default_factory=list)
    warned: list[tuple[str, object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sqs = boto3.client("sqs", region_name="eu-west-1")
        self.queue = self.sqs.create_queue(QueueName="deliveries", Attributes={"VisibilityTimeout": "390"})["QueueUrl"]
        self.dead = self.sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
        self.consumer = Consumer(
            self.lab.sync,
            self.scene.breaker,
            self.sqs,
            self.queue,
            self.dead,
            self.reported.append,
            self._warn,
            clock=self.lab.clock.read,
            jitter=lambda: 0.0,
        )

    def _warn(self, event: str, **facts: object) -> None:
        self.warned.append((event, facts["error"]))

    def receive(self, *numbers: int, **changes: Any) -> list[dict[str, Any]]:
        """Orders sent to the queue and received from it, as Lambda gets them."""
        for number in numbers:
            self.sqs.send_message(
                QueueUrl=self.queue,
                **to_sqs(delivery("order.created", order(number, **changes))),
            )
        return [as_record(one) for one in self._all(self.queue)]

    def consume(self, records: list[dict[str, Any]]) -> list[str]:
        """The ids of the messages handed back."""
        self.lab.timer.start(57)
        return [one["itemIdentifier"] for one in self.consumer.consume(records)["batchItemFailures"]]

    def dead_letters(self) -> list[dict[str, Any]]:
        return self._all(self.dead)

    def _all(self, url: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while some := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        ).get("Messages"):
            found += some  # type: ignore[arg-type]
        return found


def as_record(message: dict[str, Any], receives: int = 1) -> dict[str, Any]:
    attributes = message.get("MessageAttributes", {})
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": {
            name: {"stringValue": one["StringValue"], "dataType": "String"} for name, one in attributes.items()
        },
    }


@pytest.fixture
def bench() -> Iterator[Bench]:
    with mock_aws():
        yield Bench()


def reject_amount(bench: Bench, amount: str) -> None:
    bench.lab.portal.change_settings({"rules": [RequiredProperties("deals", ("hs_next_step",), {"amount": amount})]})


def test_a_batch_that_lands_hands_nothing_back(bench: Bench) -> None:
    assert bench.consume(bench.receive(1, 2, 3)) == []
    assert len(bench.lab.deals) == 3


def test_only_what_failed_for_now_is_handed_back(bench: Bench) -> None:
    bench.lab.portal.faults.add(Fault(status=503))
    records = bench.receive(1, 2)

    assert set(bench.consume(records)) == {record["messageId"] for record in records}
    assert bench.dead_letters() == []


def test_what_is_handed_back_comes_again_in_seconds_and_not_after_the_visibility_timeout(bench: Bench) -> None:
    records = bench.receive(1)
    asked: list[int] = []
    change = bench.sqs.change_message_visibility_batch

    def noted(**request: Any) -> Any:
        asked.extend(entry["VisibilityTimeout"] for entry in request["Entries"])
        return change(**request)

    bench.sqs.change_message_visibility_batch = noted  # type: ignore[method-assign]
    bench.lab.portal.faults.add(Fault(status=503))

    bench.consume(records)

    assert asked == [15]


def test_a_reject_goes_to_the_dead_letter_queue_with_its_reason_and_is_done(bench: Bench) -> None:
    reject_amount(bench, "13.00")

    assert bench.consume(bench.receive(66, total="13.00")) == []

    (letter,) = bench.dead_letters()
    facts = flat_attributes(letter["MessageAttributes"])
    assert facts["entity"] == "order:66"
    assert facts["attempts"] == "3"
    assert facts["status"] == "400"
    assert "hs_next_step" in facts["property"]
    assert "What to do" in facts["reason"]


def test_a_dead_letter_holds_the_delivery_unchanged(bench: Bench) -> None:
    reject_amount(bench, "13.00")
    sent = delivery("order.created", order(66, total="13.00"))

    bench.consume(bench.receive(66, total="13.00"))

    (letter,) = bench.dead_letters()
    assert from_sqs(letter["Body"], flat_attributes(letter["MessageAttributes"])) == sent


def test_a_reject_the_dead_letter_queue_does_not_take_is_handed_back(bench: Bench) -> None:
    reject_amount(bench, "13.00")
    records = bench.receive(66, total="13.00")
    bench.sqs.delete_queue(QueueUrl=bench.dead)

    assert bench.consume(records) == [records[0]["messageId"]]


def test_a_message_of_somebody_else_goes_to_the_dead_letter_queue(bench: Bench) -> None:
    bench.sqs.send_message(QueueUrl=bench.queue, MessageBody="hello")

    assert bench.consume(bench.receive()) == []

    (letter,) = bench.dead_letters()
    assert letter["Body"] == "hello"
    assert letter["MessageAttributes"]["entity"]["StringValue"] == "unknown"


def test_a_refused_token_stops_the_flow_and_loses_nothing(bench: Bench) -> None:
    bench.lab.portal.faults.add(Fault(status=401))
    records = bench.receive(1, 2)

    assert len(bench.consume(records)) == 2
    assert bench.scene.state.policy == "auth"
    assert bench.scene.lambda_.state == "Disabled"


def test_a_batch_behind_an_open_breaker_makes_no_call(bench: Bench) -> None:
    bench.lab.portal.faults.add(Fault(status=401))
    bench.consume(bench.receive(1))
    before = len(bench.lab.calls)

    assert len(bench.consume(bench.receive(2))) == 1
    assert len(bench.lab.calls) == before


def test_every_message_is_reported_once(bench: Bench) -> None:
    reject_amount(bench, "13.00")
    records = bench.receive(1, 2) + bench.receive(66, total="13.00")

    bench.consume(records)

    assert sorted((one.message.entity, one.verdict.value) for one in bench.reported) == [
        ("order:1", "done"),
        ("order:2", "done"),
        ("order:66", "rejected"),
    ]


def test_a_report_names_the_records_in_hubspot(bench: Bench) -> None:
    bench.consume(bench.receive(1))

    deal, contact = bench.lab.deals[0], bench.lab.contacts[0]
    told = bench.reported[0].facts()
    assert (told["deal_id"], told["contact_id"]) == (deal["hs_object_id"], contact["hs_object_id"])


def test_the_report_of_a_refused_deal_names_the_contact_that_landed(bench: Bench) -> None:
    reject_amount(bench, "13.00")

    bench.consume(bench.receive(66, total="13.00"))

    told = bench.reported[0].facts()
    assert (told["deal_id"], told["contact_id"]) == ("", bench.lab.contacts[0]["hs_object_id"])


def test_reports_hold_no_personal_data(bench: Bench) -> None:
    bench.consume(bench.receive(1, billing={"email": "jane@company.invalid"}))
    reject_amount(bench, "13.00")
    bench.consume(bench.receive(2, total="13.00"))

    told = repr([one.facts() for one in bench.reported]) + repr(bench.lab.warnings)
    assert not [word for word in ("jane", "Doe", "Main St", "555") if word in told]


# --- Delays and culprits ---


def outcome(error: Any, receives: int) -> Outcome:
    return Outcome(Message("1", delivery("order.created", order()), receives), Verdict.RETRY, error)


@pytest.mark.parametrize(("receives", "seconds"), [(1, 15), (2, 30), (3, 60), (6, 480), (7, 900), (19, 900)])
def test_each_try_waits_twice_as_long_up_to_a_quarter_of_an_hour(receives: int, seconds: float) -> None:
    assert delay(outcome(Unavailable("503"), receives)) == seconds


def test_a_message_time_did_not_suffice_for_comes_again_at_once() -> None:
    assert delay(outcome(OutOfTime("no time"), 3)) == 5


def test_hubspots_own_wish_is_the_least_delay() -> None:
    assert delay(outcome(Unavailable("503", retry_after=100), 1)) == 100


class Allergic:
    """A HubSpot that answers 500 to every call with order 666 in it, reads or writes."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if b'"666"' in (kwargs.get("body") or b""):
            return InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
        return self._http.request(method, url, **kwargs)


def tried(bench: Bench, number: int, receives: int) -> int:
    """An order alone in a batch, received so often; how many messages are handed back."""
    records = bench.receive(number)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)
    return len(bench.consume(records))


def customers(bench: Bench, *numbers: int) -> None:
    """Customers who change their address, each in a batch of its own."""
    for number in numbers:
        sent = delivery("customer.updated", customer(number, email=f"c{number}@example.com"))
        bench.sqs.send_message(QueueUrl=bench.queue, **to_sqs(sent))
        assert bench.consume(bench.receive()) == []


@pytest.mark.parametrize(("receives", "dead"), [(2, 0), (4, 0), (5, 1)])
def test_a_record_that_breaks_what_others_get_answered_is_set_aside(bench: Bench, receives: int, dead: int) -> None:
    bench.lab.hubspot.http = Allergic(bench.lab.hubspot.http)
    tried(bench, 666, receives - 1)
    for number in (1, 2):
        assert tried(bench, number, 1) == 0

    assert tried(bench, 666, receives) == 1 - dead

    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in bench.dead_letters()]
    assert ["HubSpot takes others but fails at this one" in reason for reason in reasons] == [True] * dead


@pytest.mark.parametrize("path", ["deals/batch/read", "deals/batch/create"])
def test_while_a_kind_of_call_fails_for_all_orders_nobody_is_the_culprit(bench: Bench, path: str) -> None:
    bench.lab.portal.faults.add(Fault(status=503, path=path))

    for receives in range(1, 15):
        assert tried(bench, 1, receives) == 1
        customers(bench, receives, receives + 100)

    assert bench.dead_letters() == []
    assert not bench.scene.state.is_open
    assert len(bench.lab.contacts) == 29


def test_while_all_writes_fail_nobody_is_the_culprit(bench: Bench) -> None:
    bench.lab.portal.faults.add(Fault(status=503, path="batch/(create|update)"))

    for receives in (13, 14):
        assert tried(bench, 666, receives) == 1

    assert bench.dead_letters() == []


def test_a_record_that_breaks_calls_does_not_open_the_breaker_for_the_others(bench: Bench) -> None:
    bench.lab.hubspot.http = Allergic(bench.lab.hubspot.http)
    customers(bench, 1)

    for receives in range(1, 5):
        tried(bench, 666, receives)

    assert bench.lab.calls[-1].status == 500
    assert not bench.scene.state.is_open


def test_an_outage_of_everything_opens_the_breaker_though_there_was_a_write_a_moment_ago(bench: Bench) -> None:
    customers(bench, 1)
    bench.lab.portal.faults.add(Fault(status=503))

    for receives in range(1, 4):
        tried(bench, 1, receives)

    assert bench.scene.state.is_open


class Buggy:
    """An engine with a bug that one order triggers."""

    def __init__(self, sync: Any) -> None:
        self._sync = sync

    def tally(self) -> CallStats:
        return CallStats()

    def sync(self, messages: list[Message]) -> list[Outcome]:
        if any(one.entity == "order:666" for one in messages):
            raise KeyError("jane.doe@example.com")
        outcomes: list[Outcome] = self._sync.sync(messages)
        return outcomes


@pytest.mark.parametrize(("receives", "dead"), [(1, 0), (5, 1)])
def test_a_bug_of_ours_keeps_only_the_record_that_triggers_it(bench: Bench, receives: int, dead: int) -> None:
    bench.consumer._sync = Buggy(bench.lab.sync)  # type: ignore[assignment]
    records = bench.receive(1, 2, 666, 3, 4)
    for record in records:
        record["attributes"]["ApproximateReceiveCount"] = str(receives)

    assert len(bench.consume(records)) == 1 - dead

    assert len(bench.lab.deals) == 4
    reasons = [letter["MessageAttributes"]["reason"]["StringValue"] for letter in bench.dead_letters()]
    assert [("KeyError" in reason, "jane" in reason, "bug in woohub" in reason) for reason in reasons] == [
        (True, False, True)
    ] * dead


def test_a_message_that_only_has_to_wait_is_renewed_before_the_queue_gives_it_up(bench: Bench) -> None:
    bench.lab.portal.faults.add(Fault(status=503))
    records = bench.receive(1)
    records[0]["attributes"]["ApproximateReceiveCount"] = "15"

    assert bench.consume(records) == []

    waiting = bench.sqs.get_queue_attributes(
        QueueUrl=bench.queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    assert bench.dead_letters() == []


def test_a_record_without_attributes_is_read_as_a_foreign_message() -> None:
    found = read({"messageId": "m1", "receiptHandle": "r", "body": "hello", "attributes": {}})

    assert found.entity == "unknown"
