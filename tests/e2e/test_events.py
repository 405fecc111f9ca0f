"""Each sample event of events/ invokes its function in the emulated AWS, as `sam local invoke` does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local_stack import stack_client
from local_stack.settings import ROOT
from local_stack.stack import Stack
from local_stack.steps import wait_until

EVENTS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "events").glob("*.json")}
STATUSES = {"ingest-forged": 401}
CLOSED = {"state": "closed", "done": "closed"}


def invoke(stack: Stack, function: str, event: Any) -> Any:
    answer = stack.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


@pytest.mark.parametrize("name", [name for name in EVENTS if name.startswith("ingest-")])
def test_ingest_answers_each_sample_event(name: str, stack: Stack) -> None:
    answer = invoke(stack, stack.ingest_function, EVENTS[name])

    assert answer["statusCode"] == STATUSES.get(name, 200)
    wait_until(lambda: stack_client.queue_length(stack) == 0, "the delivery still waits", timeout_s=60)


def test_the_consumer_writes_the_sample_batch(stack: Stack) -> None:
    assert invoke(stack, stack.consumer_function, EVENTS["consumer-batch"]) == {"batchItemFailures": []}

    assert {deal.order for deal in stack_client.deals(stack)} == {"16", "17", "43"}
    assert stack_client.dead_letters(stack) == []


def test_the_consumer_makes_a_bad_record_a_dead_letter_and_writes_the_other(stack: Stack) -> None:
    assert invoke(stack, stack.consumer_function, EVENTS["consumer-bad-record"]) == {"batchItemFailures": []}

    assert {deal.order for deal in stack_client.deals(stack)} == {"16"}
    assert [letter["entity"] for letter in stack_client.dead_letters(stack)] == ["order:46"]


def test_governor_and_reconcile_accept_the_schedule_event(stack: Stack) -> None:
    assert invoke(stack, stack.governor_function, EVENTS["schedule"]) == CLOSED
    assert invoke(stack, stack.reconcile_function, EVENTS["schedule"]) == {"configured": False}


def test_the_sample_events_cover_ingest_consumer_and_schedule() -> None:
    assert {name.partition("-")[0] for name in EVENTS} == {"ingest", "consumer", "schedule"}
