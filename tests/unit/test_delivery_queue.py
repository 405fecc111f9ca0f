"""Sending many deliveries to the queue in few calls."""

from __future__ import annotations

import random
from functools import cache
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mypy_boto3_sqs import SQSClient

from tests.support.sqs import Sqs
from woohub.delivery.delivery import Delivery
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.errors import TransientError


def a_queue(sqs: Sqs, warnings: list[dict[str, Any]] | None = None) -> DeliveryQueue:
    return DeliveryQueue(
        cast(SQSClient, sqs), "queue", lambda _event, **facts: (warnings if warnings is not None else []).append(facts)
    )


@cache
def incompressible(size: int) -> bytes:
    return random.Random(size).randbytes(size).hex().encode()  # noqa: S311


def a_delivery(number: int, size: int = 10) -> Delivery:
    body = b'{"id":%d,"x":["%s"]}' % (number, incompressible(size))  # in a list: lists are not truncated
    return Delivery("order.swept", body, 1, f"order:{number}")


@settings(deadline=None)
@given(st.lists(st.sampled_from([10, 1000, 100_000, 120_000]), max_size=40))
def test_deliveries_are_sent_once_in_order_within_sqs_limits(sizes: list[int]) -> None:
    sqs = Sqs()  # holds every call to SQS's limits
    deliveries = [a_delivery(number, size) for number, size in enumerate(sizes)]

    sent = a_queue(sqs).send(deliveries)

    assert sent == len(sizes)
    assert sqs.deliveries() == deliveries


def test_sending_no_deliveries_makes_no_call() -> None:
    assert a_queue(Sqs(refuse=1)).send([]) == 0


def test_rejected_entries_are_sent_again() -> None:
    sqs = Sqs(refuse_entries=4)

    a_queue(sqs).send([a_delivery(number) for number in range(10)])

    assert {delivery.entity for delivery in sqs.deliveries()} == {f"order:{number}" for number in range(10)}


def test_an_entry_rejected_three_times_raises_transient_error() -> None:
    with pytest.raises(TransientError, match="did not accept 1 of 1 message: InternalError"):
        a_queue(Sqs(refuse_entries=3)).send([a_delivery(1)])


def test_a_failed_call_raises_transient_error() -> None:
    with pytest.raises(TransientError, match="ServiceUnavailable"):
        a_queue(Sqs(refuse=1)).send([a_delivery(1)])


def test_a_delivery_too_large_for_a_message_is_reported_and_skipped() -> None:
    sqs, warnings = Sqs(), list[dict[str, Any]]()

    sent = a_queue(sqs, warnings).send([a_delivery(1, 900_000), a_delivery(2)])

    assert (sent, [delivery.entity for delivery in sqs.deliveries()]) == (1, ["order:2"])
    assert [warning["entity"] for warning in warnings] == ["order:1"]
