"""Interrupted reads and redrives of the dead-letter queue lose and hide no message."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.support.cli_stack import reject
from tests.support.dlq_command import PartlyFailingClient
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.dlq.dead_letter_queue import peek_all


class FailingClient:
    """An SQS client that raises `error` instead of making the named call, after so many successful ones."""

    def __init__(self, client: Any, call: str, error: BaseException, after: int = 0) -> None:
        self._client, self._call, self._error, self._left = client, call, error, after

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            self._left -= 1
            if self._left < 0:
                raise self._error
        return getattr(self._client, name)


@pytest.fixture
def sqs() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("sqs")


@pytest.fixture
def urls(sqs: Any) -> tuple[str, str]:
    """A delivery queue and a dead-letter queue with 25 messages."""
    queue, dlq = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("deliveries", "dead"))
    for number in range(25):
        reject(sqs, dlq, number)
    return queue, dlq


def visible(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ReceiveMessage")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DENIED], ids=["Ctrl-C", "AWS error"])
def test_peek_all_leaves_all_messages_visible_after_an_error(
    sqs: Any, urls: tuple[str, str], error: BaseException
) -> None:
    client = FailingClient(sqs, "receive_message", error, after=2)

    with pytest.raises(type(error)), peek_all(client, urls[1]):  # type: ignore[arg-type]
        pass

    assert visible(sqs, urls[1]) == 25


@pytest.mark.parametrize("call", ["send_message_batch", "delete_message_batch"])
def test_an_interrupted_redrive_loses_and_hides_no_message(sqs: Any, urls: tuple[str, str], call: str) -> None:
    queue, dlq = urls
    client = FailingClient(sqs, call, KeyboardInterrupt(), after=1)

    with pytest.raises(KeyboardInterrupt), peek_all(sqs, dlq) as letters:
        dead_letter_queue.redrive(client, queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    moved = 10 if call == "send_message_batch" else 20  # sent, and the second ten not yet deleted
    assert (visible(sqs, queue), visible(sqs, dlq)) == (moved, 15)


class SignallingClient:
    """An SQS client that sends its own process a signal during the named call."""

    def __init__(self, client: Any, call: str, number: signal.Signals) -> None:
        self._client, self._call, self._number = client, call, number

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name != self._call:
            return real

        def called(**request: Any) -> Any:
            answer = real(**request)
            os.kill(os.getpid(), self._number)
            return answer

        return called


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_peek_all_leaves_all_messages_visible_after_a_signal_during_a_receive(
    sqs: Any, urls: tuple[str, str], number: signal.Signals
) -> None:
    client = SignallingClient(sqs, "receive_message", number)

    with pytest.raises(KeyboardInterrupt), peek_all(client, urls[1]):  # type: ignore[arg-type]
        pass

    assert visible(sqs, urls[1]) == 25


def test_a_redrive_signalled_during_a_send_deletes_what_was_sent(sqs: Any, urls: tuple[str, str]) -> None:
    queue, dlq = urls
    client = SignallingClient(sqs, "send_message_batch", signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), peek_all(sqs, dlq) as letters:
        dead_letter_queue.redrive(client, queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    assert (visible(sqs, queue), visible(sqs, dlq)) == (10, 15)


def test_redrive_keeps_messages_that_sqs_did_not_accept(sqs: Any, urls: tuple[str, str]) -> None:
    queue, dlq = urls

    with peek_all(sqs, dlq) as letters:
        moved = dead_letter_queue.redrive(PartlyFailingClient(sqs), queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    assert (moved.count, visible(sqs, queue), visible(sqs, dlq)) == (22, 22, 3)
    assert moved.refusals == {"InternalError"}


class RepeatingClient:
    """An SQS client that receives the same messages again and again, because nothing hides them."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def receive_message(self, **request: Any) -> Any:
        return self._client.receive_message(**request | {"VisibilityTimeout": 0})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_peek_all_ends_when_the_queue_repeats_its_messages(sqs: Any, urls: tuple[str, str]) -> None:
    with peek_all(RepeatingClient(sqs), urls[1]) as letters:  # type: ignore[arg-type]
        assert 0 < len(letters) <= 25
