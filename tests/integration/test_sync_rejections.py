"""A record that HubSpot rejects, or that breaks its calls, does not affect the other records of its batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from urllib3 import HTTPHeaderDict
from urllib3.exceptions import ReadTimeoutError

from simulators.core.transport import InProcessResponse
from simulators.hubspot import InjectedFault
from simulators.hubspot.settings import RequiredProperties
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import Instead, canned, shoppers
from woohub.consumer.retries import delay
from woohub.errors import HubSpotRejected, InvalidMessage, UnknownOutcome
from woohub.http import Http, Response
from woohub.sync.outcome import Message, Outcome, Verdict


def test_one_refused_order_harms_only_itself() -> None:
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


def test_a_refusal_that_goes_away_within_three_tries_is_none() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(status=400, path="deals/batch/create", count=2))

    assert engine.verdicts(message("order.created", order())) == ["done"]


def test_an_unreadable_message_and_an_unreadable_order_are_rejected_alone() -> None:
    engine = EngineFixture()
    foreign = Message("m1", InvalidMessage("no message of woohub"))
    broken = message("order.created", order(2, total="a lot"))

    assert engine.verdicts(foreign, broken, message("order.created", order(3))) == ["rejected", "rejected", "done"]


def test_an_order_whose_contact_is_refused_waits_for_it() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"rules": [RequiredProperties("contacts", ("company",), {"lastname": "Doe"})]})

    assert engine.verdicts(message("order.created", order())) == ["rejected"]
    assert engine.deals == []


class Allergic:
    """A HubSpot that fails at every create with an order of 666 in it."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Response:
        if url.endswith("deals/batch/create") and b'"woocommerce_order_id":"666' in kwargs["body"]:
            return InProcessResponse(500, HTTPHeaderDict(), b"<html>Internal Server Error</html>")
        return self._http.request(method, url, **kwargs)


def test_a_record_that_breaks_every_call_does_not_keep_the_others() -> None:
    engine = EngineFixture()
    batch = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 31)]
    bad = message("order.created", order(666, billing={"email": "shopper666@example.com"}))
    engine.hubspot.caller.http = Allergic(engine.hubspot.caller.http)

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*batch, bad)}

    assert {outcomes[outcome.id].verdict.value for outcome in batch} == {"done"}
    error = outcomes[bad.id].error
    assert isinstance(error, UnknownOutcome)
    assert error.status == 500


def test_ten_records_that_break_every_call_do_not_keep_the_others() -> None:
    engine = EngineFixture()
    good = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 41)]
    bad = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(6660, 6670)]
    engine.hubspot.caller.http = Allergic(engine.hubspot.caller.http)
    started = engine.clock.now

    outcomes = {outcome.message.id: outcome for outcome in engine.deliver(*bad, *good)}

    assert {outcomes[outcome.id].verdict.value for outcome in good} == {"done"}
    assert {outcomes[outcome.id].verdict.value for outcome in bad} == {"retry"}
    assert engine.clock.now - started < 57


def queued(engine: EngineFixture, *messages: Message, batches: int) -> list[Outcome]:
    """Deliver as a queue does: what is handed back comes again when its delay is over. The last batch's are left."""
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


@pytest.mark.parametrize("silent", [False, True], ids=["500", "silence"])
@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("contacts/batch/read", b"shopper666@"),
        ("contacts/batch/create", b"shopper666@"),
        ("deals/batch/read", b'"666"'),
        ("deals/batch/create", b'"666"'),
    ],
)
def test_a_record_that_breaks_one_kind_of_call_is_found_and_its_neighbours_are_written(
    path: str, sign: bytes, silent: bool
) -> None:
    engine = EngineFixture()

    def breaks() -> Response:
        if silent:
            engine.clock.sleep(15)
            raise ReadTimeoutError(None, path, "silence")  # type: ignore[arg-type]
        return InProcessResponse(500, HTTPHeaderDict(), b"")

    Instead(engine, lambda url, body: url.endswith(path) and sign in body, breaks)

    left = queued(engine, *shoppers(*range(1, 31), 666), batches=8)

    assert [(left_over.message.entity, left_over.broken_call) for left_over in left] == [
        ("order:666", f"/crm/objects/2026-09/{path}")
    ]
    assert len(engine.deals) == 30


@pytest.mark.parametrize("path", ["contacts/batch/read", "deals/batch/read"])
def test_a_404_for_the_whole_read_of_records_that_hubspot_does_not_have_rejects_none(path: str) -> None:
    engine = EngineFixture()
    Instead(engine, lambda url, _: url.endswith(path), canned(404, {"message": "resource not found"}))

    assert engine.verdicts(*shoppers(1, 2, 3)) == ["done"] * 3
    assert len(engine.deals) == 3


def test_a_read_that_is_rejected_because_of_one_record_keeps_no_other() -> None:
    engine = EngineFixture()
    chosen: Callable[[str, bytes], bool] = lambda url, body: url.endswith("deals/batch/read") and b'"666"' in body  # noqa: E731
    Instead(engine, chosen, canned(400, {"message": "no"}))

    assert engine.verdicts(*shoppers(1, 2, 666, 3)) == ["done", "done", "rejected", "done"]


def test_a_failure_that_names_no_record_is_brought_home_to_its_record() -> None:
    engine = EngineFixture()
    nameless = {"status": "COMPLETE", "results": [], "errors": [{"status": "error", "message": "no anvils, please"}]}
    Instead(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, canned(207, nameless))

    outcomes = {outcome.message.entity: outcome for outcome in engine.deliver(*shoppers(1, 2, 666, 3))}

    assert "no anvils" in str(outcomes.pop("order:666").error)
    assert {outcome.verdict.value for outcome in outcomes.values()} == {"done"}


def test_without_unique_ids_a_record_that_breaks_its_create_is_found_as_well() -> None:
    engine = EngineFixture(unique=False)
    Instead(engine, lambda url, body: url.endswith("deals/batch/create") and b'"666"' in body, canned(500, {}))
    batch = shoppers(1, 2, 666, 3)

    assert engine.verdicts(*batch) == ["retry"] * 4
    engine.clock.sleep(61)  # until the index tells that none was created
    assert engine.verdicts(*batch) == ["done", "done", "retry", "done"]

    engine.clock.sleep(61)
    (outcome,) = engine.deliver(batch[2])
    assert outcome.broken_call.endswith("deals/batch/create")
