"""The consumer: SQS batches, batch item failures, retry delays and dead letters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws

from simulators.hubspot import InjectedFault
from tests.support.consumer import ConsumerFixture
from tests.support.orders import delivery, order
from woohub.consumer.batch import read
from woohub.consumer.retries import RESEND_RECEIVES, delay
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub.errors import DeadlineExceeded, HubSpotUnavailable
from woohub.sync.outcome import Message, Outcome, Verdict


@pytest.fixture
def fixture() -> Iterator[ConsumerFixture]:
    with mock_aws():
        yield ConsumerFixture()


def test_a_written_batch_has_no_batch_item_failures(fixture: ConsumerFixture) -> None:
    assert fixture.consume(fixture.receive(1, 2, 3)) == []
    assert len(fixture.engine.deals) == 3


def test_a_trash_received_while_its_order_is_retried_waits_and_is_applied_last(
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


def test_a_trash_of_an_order_that_is_not_retried_does_not_wait(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    fixture.consume(fixture.receive(2))
    fixture.engine.portal.faults.clear()

    assert fixture.consume(fixture.receive_deliveries(delivery("order.deleted", {"id": 1}))) == []


def test_a_trash_that_comes_before_its_order_counts_once_the_order_comes(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive_deliveries(delivery("order.deleted", {"id": 1}, after_s=1)))
    fixture.consume(fixture.receive_deliveries(delivery("order.created", order(2))))

    (created,) = fixture.receive_deliveries(delivery("order.created", order(1), after_s=2))
    assert fixture.consume([created]) == []

    assert {deal["woocommerce_order_id"]: deal["woocommerce_order_status"] for deal in fixture.engine.deals} == {
        "1": "trash",
        "2": "processing",
    }
    assert {number for number, _email in fixture.engine.associated} == {"1", "2"}


def test_a_trash_that_comes_before_its_order_waits_until_the_order_is_written(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive_deliveries(delivery("order.deleted", {"id": 1}, after_s=1)))
    created = fixture.receive_deliveries(delivery("order.created", order(1), after_s=2))
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    assert fixture.consume(created) == [created[0]["messageId"]]
    fixture.engine.portal.faults.clear()

    assert fixture.consume(created) == []

    assert fixture.engine.deals[0]["woocommerce_order_status"] == "trash"


def test_a_restore_undoes_a_trash_that_came_before_its_order(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive_deliveries(delivery("order.deleted", {"id": 1}, after_s=1)))

    fixture.consume(fixture.receive_deliveries(delivery("order.restored", order(1), after_s=2)))
    fixture.consume(fixture.receive_deliveries(delivery("order.created", order(1), after_s=3)))

    assert fixture.engine.deals[0]["woocommerce_order_status"] == "processing"


def test_messages_that_fail_temporarily_are_handed_back_without_dead_letters(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    records = fixture.receive(1, 2)

    assert set(fixture.consume(records)) == {record["messageId"] for record in records}
    assert fixture.dead_letters() == []


def test_a_message_handed_back_is_retried_after_15_s(
    fixture: ConsumerFixture,
) -> None:
    records = fixture.receive(1)
    delays: list[int] = []
    change = fixture.sqs.change_message_visibility_batch

    def record_delays(**request: Any) -> Any:
        delays.extend(entry["VisibilityTimeout"] for entry in request["Entries"])
        return change(**request)

    fixture.sqs.change_message_visibility_batch = record_delays  # type: ignore[method-assign]
    fixture.engine.portal.faults.add(InjectedFault(status=503))

    fixture.consume(records)

    assert delays == [15]


def refuse_delays(fixture: ConsumerFixture, times: int, code: str) -> list[int]:
    """Let SQS refuse the first entry of the first calls that set delays; returns how many entries each call has."""
    calls: list[int] = []

    def answer(*, Entries: list[dict[str, Any]], **_queue: str) -> Any:
        calls.append(len(Entries))
        refusals = [{"Id": Entries[0]["Id"], "Code": code, "SenderFault": False}] if len(calls) <= times else []
        return {"Successful": [], "Failed": refusals}

    fixture.sqs.change_message_visibility_batch = answer  # type: ignore[assignment,method-assign]
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    return calls


def test_a_refused_delay_is_set_again(fixture: ConsumerFixture) -> None:
    calls = refuse_delays(fixture, 1, "InternalError")

    fixture.consume(fixture.receive(1, 2, 3))

    assert (calls, fixture.warned) == ([3, 1], [])


def test_a_delay_that_sqs_never_accepts_is_logged_and_the_others_are_set(fixture: ConsumerFixture) -> None:
    calls = refuse_delays(fixture, 3, "ReceiptHandleIsInvalid")

    fixture.consume(fixture.receive(*range(1, 13)))

    assert calls == [10, 1, 1, 2]
    assert fixture.warned == [("queue_call_failed", "ReceiptHandleIsInvalid")]


def test_a_foreign_message_that_the_dead_letter_queue_refuses_is_handed_back_without_a_copy(
    fixture: ConsumerFixture,
) -> None:
    fixture.sqs.send_message(QueueUrl=fixture.queue, MessageBody="as large as SQS allows: no room for a reason")
    (record,) = fixture.receive()
    old = record | {"attributes": {"ApproximateReceiveCount": "19"}}
    fixture.sqs.delete_queue(QueueUrl=fixture.dead)

    assert fixture.consume([old]) == [record["messageId"]]
    assert fixture.receive() == []  # no copy, which would be received again and again


def test_a_rejected_record_becomes_a_dead_letter_with_its_delivery_and_the_reason(fixture: ConsumerFixture) -> None:
    fixture.reject_amount("13.00")

    assert fixture.consume(fixture.receive(66, total="13.00")) == []

    (letter,) = fixture.dead_letters()
    facts = flat_attributes(letter["MessageAttributes"])
    assert from_sqs(letter["Body"], facts) == delivery("order.created", order(66, total="13.00"))
    assert facts["entity"] == "order:66"
    assert facts["attempts"] == "3"
    assert facts["status"] == "400"
    assert "hs_next_step" in facts["property"]
    assert "What to do" in facts["reason"]


def test_a_rejected_message_is_handed_back_when_the_dead_letter_queue_fails(fixture: ConsumerFixture) -> None:
    fixture.reject_amount("13.00")
    records = fixture.receive(66, total="13.00")
    fixture.sqs.delete_queue(QueueUrl=fixture.dead)

    assert fixture.consume(records) == [records[0]["messageId"]]


def test_a_foreign_message_becomes_a_dead_letter(fixture: ConsumerFixture) -> None:
    fixture.sqs.send_message(QueueUrl=fixture.queue, MessageBody="hello")

    assert fixture.consume(fixture.receive()) == []

    (letter,) = fixture.dead_letters()
    assert letter["Body"] == "hello"
    assert letter["MessageAttributes"]["entity"]["StringValue"] == "unknown"


def test_a_refused_token_opens_the_breaker_and_hands_all_messages_back(fixture: ConsumerFixture) -> None:
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


def test_each_message_has_one_outcome(fixture: ConsumerFixture) -> None:
    fixture.reject_amount("13.00")
    records = fixture.receive(1, 2) + fixture.receive(66, total="13.00")

    fixture.consume(records)

    assert sorted((report.message.entity, report.verdict.value) for report in fixture.reported) == [
        ("order:1", "done"),
        ("order:2", "done"),
        ("order:66", "rejected"),
    ]


def test_an_outcome_names_the_deal_and_contact_ids(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(1))

    deal, contact = fixture.engine.deals[0], fixture.engine.contacts[0]
    facts = fixture.reported[0].facts()
    assert (facts["deal_id"], facts["contact_id"]) == (deal["hs_object_id"], contact["hs_object_id"])


def test_the_outcome_of_a_rejected_deal_names_its_written_contact(fixture: ConsumerFixture) -> None:
    fixture.reject_amount("13.00")

    fixture.consume(fixture.receive(66, total="13.00"))

    facts = fixture.reported[0].facts()
    assert (facts["deal_id"], facts["contact_id"]) == ("", fixture.engine.contacts[0]["hs_object_id"])


def test_outcomes_and_warnings_hold_no_personal_data(fixture: ConsumerFixture) -> None:
    fixture.consume(fixture.receive(1, billing={"email": "jane@company.invalid"}))
    fixture.reject_amount("13.00")
    fixture.consume(fixture.receive(2, total="13.00"))

    reported = repr([report.facts() for report in fixture.reported]) + repr(fixture.engine.warnings)
    assert not [word for word in ("jane", "Doe", "Main St", "555") if word in reported]


def outcome(error: Any, receives: int) -> Outcome:
    return Outcome(Message("1", delivery("order.created", order()), receives), Verdict.RETRY, error)


@pytest.mark.parametrize(("receives", "seconds"), [(1, 15), (2, 30), (3, 60), (6, 480), (7, 900), (19, 900)])
def test_a_retry_delay_doubles_with_each_receive_up_to_15_minutes(receives: int, seconds: float) -> None:
    assert delay(outcome(HubSpotUnavailable("503"), receives)) == seconds


def test_a_message_that_ran_out_of_time_is_retried_after_5_s() -> None:
    assert delay(outcome(DeadlineExceeded("no time"), 3)) == 5


def test_a_retry_delay_is_at_least_hubspots_retry_after() -> None:
    assert delay(outcome(HubSpotUnavailable("503", retry_after=100), 1)) == 100


def test_a_message_at_its_tenth_receive_is_replaced_by_a_delayed_copy(fixture: ConsumerFixture) -> None:
    fixture.engine.portal.faults.add(InjectedFault(status=503))
    records = fixture.receive(1)
    records[0]["attributes"]["ApproximateReceiveCount"] = str(RESEND_RECEIVES)

    assert fixture.consume(records) == []

    waiting = fixture.sqs.get_queue_attributes(
        QueueUrl=fixture.queue, AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert waiting["Attributes"]["ApproximateNumberOfMessagesDelayed"] == "1"
    assert fixture.dead_letters() == []


def test_a_record_without_attributes_is_read_as_a_foreign_message() -> None:
    message = read({"messageId": "m1", "receiptHandle": "r", "body": "hello", "attributes": {}})

    assert message.entity == "unknown"
