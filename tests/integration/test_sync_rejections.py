"""A record that HubSpot rejects, or that breaks its calls, does not affect the other records of its batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault
from simulators.hubspot.settings import RequiredProperties
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import Intercept, orders_of_shoppers, respond
from woohub.consumer.retries import delay
from woohub.errors import HubSpotRejected, InvalidMessage, UnknownOutcome
from woohub.http import Response
from woohub.sync.outcome import Message, Outcome, Verdict


def test_one_order_of_41_that_hubspot_rejects_is_rejected_after_three_attempts() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"rules": [RequiredProperties("deals", ("hs_next_step",), {"amount": "13.00"})]})
    good = [message("order.created", order(number)) for number in range(1, 41)]
    bad = message("order.created", order(66, total="13.00"))

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*good[:20], bad, *good[20:])}

    assert {outcomes[outcome.id].verdict.value for outcome in good} == {"done"}
    assert outcomes[bad.id].verdict.value == "rejected"
    assert isinstance(outcomes[bad.id].error, HubSpotRejected)
    assert outcomes[bad.id].attempts == 3
    assert len(engine.deals) == 40


def test_a_rejection_that_ends_within_three_attempts_rejects_no_order() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=400, path="deals/batch/create", count=2))

    assert engine.verdicts(message("order.created", order())) == ["done"]


def test_an_unreadable_message_and_an_unreadable_order_are_rejected_and_the_third_is_written() -> None:
    engine = EngineFixture()
    foreign = Message("m1", InvalidMessage("no message of woohub"))
    broken = message("order.created", order(2, total="a lot"))

    assert engine.verdicts(foreign, broken, message("order.created", order(3))) == ["rejected", "rejected", "done"]


def test_an_order_whose_contact_is_rejected_is_rejected_without_a_deal() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"rules": [RequiredProperties("contacts", ("company",), {"lastname": "Doe"})]})

    assert engine.verdicts(message("order.created", order())) == ["rejected"]
    assert engine.deals == []


def fail_creates_of_orders_beginning_with_666(engine: EngineFixture) -> None:
    sign = b'"woocommerce_order_id":"666'
    page = InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
    Intercept(engine, lambda url, body: url.endswith("deals/batch/create") and sign in body, lambda: page)


def test_a_record_whose_create_always_fails_leaves_the_other_orders_written() -> None:
    engine = EngineFixture()
    *batch, bad = orders_of_shoppers(*range(1, 31), 666)
    fail_creates_of_orders_beginning_with_666(engine)

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*batch, bad)}

    assert {outcomes[outcome.id].verdict.value for outcome in batch} == {"done"}
    error = outcomes[bad.id].error
    assert isinstance(error, UnknownOutcome)
    assert error.status == 500


def test_ten_records_whose_creates_always_fail_leave_the_other_orders_written_within_57_s() -> None:
    engine = EngineFixture()
    good, bad = orders_of_shoppers(*range(1, 41)), orders_of_shoppers(*range(6660, 6670))
    fail_creates_of_orders_beginning_with_666(engine)
    started = engine.clock.now

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*bad, *good)}

    assert {outcomes[outcome.id].verdict.value for outcome in good} == {"done"}
    assert {outcomes[outcome.id].verdict.value for outcome in bad} == {"retry"}
    assert engine.clock.now - started < 57


def deliver_with_retries(engine: EngineFixture, *messages: Message, batches: int) -> list[Outcome]:
    """Deliver as the queue does, where retried messages return after their delay; what the last batch leaves."""
    waiting = [(0.0, message) for message in messages]
    left: list[Outcome] = []
    for _ in range(batches):
        engine.clock.now = max(engine.clock.now, min(due for due, _ in waiting))
        due, waiting = _due(waiting, engine.clock.now)
        outcomes = engine.deliver(*(message._replace(receive_count=message.receive_count + 1) for message in due))
        left = [outcome for outcome in outcomes if outcome.verdict is Verdict.RETRY]
        waiting += [(engine.clock.now + delay(result), result.message) for result in left]
    assert len(left) == len(waiting)
    return left


def _due(waiting: list[tuple[float, Message]], now: float) -> tuple[list[Message], list[tuple[float, Message]]]:
    return [message for due, message in waiting if due <= now], [
        (due, message) for due, message in waiting if due > now
    ]


@pytest.mark.parametrize("times_out", [False, True], ids=["500", "timeout"])
@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("contacts/batch/read", b"shopper666@"),
        ("contacts/batch/create", b"shopper666@"),
        ("deals/batch/read", b'"666"'),
        ("deals/batch/create", b'"666"'),
    ],
)
def test_a_record_that_fails_one_kind_of_call_is_isolated_and_the_others_are_written(
    path: str, sign: bytes, times_out: bool
) -> None:
    engine = EngineFixture()

    def breaks() -> Response:
        if times_out:
            engine.clock.sleep(15)
            raise ReadTimeoutError(None, path, "timeout")  # type: ignore[arg-type]
        return InProcessResponse(500, HTTPHeaderDict(), b"")

    Intercept(engine, lambda url, body: url.endswith(path) and sign in body, breaks)

    left = deliver_with_retries(engine, *orders_of_shoppers(*range(1, 31), 666), batches=8)

    assert [(left_over.message.entity, left_over.broken_call) for left_over in left] == [
        ("order:666", f"/crm/objects/2026-09/{path}")
    ]
    assert len(engine.deals) == 30


@pytest.mark.parametrize("path", ["contacts/batch/read", "deals/batch/read"])
def test_a_404_for_a_whole_batch_read_rejects_no_order(path: str) -> None:
    engine = EngineFixture()
    Intercept(engine, lambda url, _: url.endswith(path), respond(404, {"message": "resource not found"}))

    assert engine.verdicts(*orders_of_shoppers(1, 2, 3)) == ["done"] * 3
    assert len(engine.deals) == 3


def test_a_batch_read_rejected_for_one_record_rejects_only_its_order() -> None:
    engine = EngineFixture()
    chosen: Callable[[str, bytes], bool] = lambda url, body: url.endswith("deals/batch/read") and b'"666"' in body  # noqa: E731
    Intercept(engine, chosen, respond(400, {"message": "no"}))

    assert engine.verdicts(*orders_of_shoppers(1, 2, 666, 3)) == ["done", "done", "rejected", "done"]


def test_a_batch_failure_without_trace_id_is_isolated_to_its_record() -> None:
    engine = EngineFixture()
    nameless = {"status": "COMPLETE", "results": [], "errors": [{"status": "error", "message": "no anvils, please"}]}
    Intercept(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, respond(207, nameless))

    outcomes = {outcome.message.entity: outcome for outcome in engine.deliver(*orders_of_shoppers(1, 2, 666, 3))}

    assert "no anvils" in str(outcomes.pop("order:666").error)
    assert {outcome.verdict.value for outcome in outcomes.values()} == {"done"}


def test_a_record_whose_create_fails_is_isolated_without_unique_order_ids() -> None:
    engine = EngineFixture(unique=False)
    Intercept(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, respond(500, {}))
    batch = orders_of_shoppers(1, 2, 666, 3)

    assert engine.verdicts(*batch) == ["retry"] * 4
    engine.clock.sleep(61)  # until the search index shows that none was created
    assert engine.verdicts(*batch) == ["done", "done", "retry", "done"]

    engine.clock.sleep(61)
    (outcome,) = engine.deliver(batch[2])
    assert outcome.broken_call.endswith("deals/batch/create")
