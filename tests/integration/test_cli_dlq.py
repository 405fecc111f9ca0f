"""`woohub dlq`: looking hides nothing, redriving loses nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from tests.support.cli_stack import NAME, REFUSED, Deployed, deployed, reject
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub_cli.dlq import dead_letter_queue
from woohub_cli.dlq.dead_letter_queue import peek_all
from woohub_cli.main import app
from woohub_cli.stack.stacks import Aws

runner = CliRunner()
DLQ, QUEUE = "DeadLetterQueueUrl", "QueueUrl"


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dead_letter_queue, "RECEIVE_WAIT_S", 0)  # moto takes waiting for messages literally
    with deployed() as stack:
        yield stack


def run(*arguments: str) -> Any:
    return runner.invoke(app, ["dlq", arguments[0], "--stack", NAME, *arguments[1:]])


def listed(*arguments: str) -> list[dict[str, Any]]:
    result = run("list", "--json", *arguments)
    assert result.exit_code == 0, result.output
    letters: list[dict[str, Any]] = json.loads(result.stdout)
    return letters


def refused(number: int, **more: str) -> dict[str, str]:
    return REFUSED | {"entity": f"order:{number}"} | more


# --- Looking


def test_an_empty_queue_is_an_empty_list(stack: Deployed) -> None:
    assert stack.outputs
    assert listed() == []
    assert "empty" in run("list").stdout


def test_each_message_is_listed_with_its_reason(stack: Deployed) -> None:
    message_id = stack.reject(1, **REFUSED)

    assert listed() == [
        {
            "message_id": message_id,
            "entity": "order:1",
            "reason": REFUSED["reason"],
            "status": 400,
            "category": "INVALID_EMAIL",
            "property": "email",
            "correlation_id": "c-1",
            "attempts": 3,
            "received_at": "2026-11-23T22:40:00.123Z",
            "rejected_at": "2026-11-24T08:00:00Z",
            "topic": "order.updated",
        }
    ]


def test_people_see_the_whole_reason_even_in_a_pipe(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    assert REFUSED["reason"].split(". What")[0] in run("list").stdout


def test_square_brackets_in_a_reason_are_no_markup(stack: Deployed) -> None:
    stack.reject(1, **refused(1, reason="HubSpot said [bold]no[/bold]"))

    assert "HubSpot said [bold]no[/bold]" in run("list").stdout


@pytest.mark.parametrize("count", [1, 25])
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "--order", "0"]], ids=" ".join)
def test_looking_hides_nothing(stack: Deployed, command: list[str], count: int) -> None:
    for number in range(count):
        stack.reject(number, **refused(number))

    assert run(*command).exit_code == 0
    assert stack.visible(DLQ) == count


def test_looking_twice_shows_the_same(stack: Deployed) -> None:
    for number in range(25):
        stack.reject(number, **refused(number))

    first, second = listed(), listed()

    assert len(first) == 25
    assert first == second


def test_filters_narrow_the_list(stack: Deployed) -> None:
    stack.reject(1, **refused(1))
    stack.reject(2, **refused(2, reason="no such option", category="INVALID_OPTION"))
    stack.reject(3, **refused(3, rejectedAt="2026-11-20T08:00:00Z"))

    assert [letter["entity"] for letter in listed("--reason", "invalid_option")] == ["order:2"]
    assert [letter["entity"] for letter in listed("--order", "1")] == ["order:1"]
    assert [letter["entity"] for letter in listed("--until", "2026-11-21")] == ["order:3"]
    assert len(listed("--since", "2026-11-24T08:00")) == 2


def test_a_time_that_is_none_is_wrong_usage(stack: Deployed) -> None:
    assert stack.outputs
    assert run("list", "--since", "yesterday").exit_code == 2


def test_show_gives_the_payload_of_the_message_that_is_named(stack: Deployed) -> None:
    stack.reject(1, **refused(1))
    message_id = stack.reject(2, **refused(2))

    (shown,) = json.loads(run("show", message_id[:8], "--json").stdout)

    assert (shown["entity"], shown["payload"]) == ("order:2", {"id": 2, "status": "processing"})
    assert '"status": "processing"' in run("show", message_id).stdout


def test_show_of_a_message_that_is_not_there_is_told(stack: Deployed) -> None:
    assert stack.outputs
    assert run("show", "no-such-id").exit_code == 1
    assert run("show", "--order", "7").exit_code == 1


def test_an_id_too_short_to_mean_something_is_wrong_usage(stack: Deployed) -> None:
    assert stack.outputs
    assert run("show", "a").exit_code == 2


# --- Redriving


def test_redriven_messages_are_as_they_first_came(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    result = run("redrive", "--all", "--json")

    assert (result.exit_code, stack.visible(DLQ)) == (0, 0)
    (message,) = stack.messages(QUEUE)
    attributes = flat_attributes(message["MessageAttributes"])
    assert set(attributes) == {"delivery"}
    assert from_sqs(message["Body"], attributes).entity == "order:1"


def test_the_answer_counts_and_names_what_was_redriven(stack: Deployed) -> None:
    message_id = stack.reject(1, **refused(1))
    stack.reject(2, **refused(2))

    report = json.loads(run("redrive", message_id, "--json").stdout)

    assert report == {
        "dry_run": False,
        "matched": 1,
        "redriven": 1,
        "left": 1,
        "messages": [{"message_id": message_id, "entity": "order:1"}],
        "refusals": [],
    }


def test_only_what_is_chosen_is_redriven_and_the_rest_stays_visible(stack: Deployed) -> None:
    for number in range(30):
        category = "INVALID_EMAIL" if number % 3 else "INVALID_OPTION"
        stack.reject(number, **refused(number, category=category, reason=category))

    result = run("redrive", "--reason", "INVALID_OPTION")

    assert result.exit_code == 0
    assert "10 of 10 messages redriven; 20 messages left" in result.stdout
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (10, 20)


def test_a_dry_run_moves_nothing(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    result = run("redrive", "--all", "--dry-run")

    assert "1 of 1 message would be redriven" in result.stdout
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


@pytest.mark.parametrize("command", [["redrive"], ["drop"], ["redrive", "--dry-run"], ["drop", "--dry-run"]])
def test_where_nothing_matches_a_move_says_so_as_the_list_does(stack: Deployed, command: list[str]) -> None:
    assert run(*command, "--all").stdout == run("list").stdout

    stack.reject(1, **REFUSED)

    assert run(*command, "--order", "999").stdout == run("list", "--order", "999").stdout


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_nothing_named_is_wrong_usage_and_moves_nothing(stack: Deployed, command: str) -> None:
    stack.reject(1, **REFUSED)

    assert run(command).exit_code == 2
    assert run(command, "--all", "--order", "1").exit_code == 2
    assert stack.visible(DLQ) == 1


def test_an_id_that_is_not_there_moves_nothing(stack: Deployed) -> None:
    message_id = stack.reject(1, **REFUSED)

    assert run("redrive", message_id, "no-such-id").exit_code == 1
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


# --- Orders by number


ANA = {"number": "RE-7", "billing": {"first_name": "Ana", "last_name": "Rossi"}}


def test_messages_are_shown_with_the_orders_number_and_name(stack: Deployed) -> None:
    stack.reject(26, ANA, **refused(26))

    (facts,) = listed()

    assert (facts["entity"], facts["number"], facts["name"]) == ("order:26", "RE-7", "Ana Rossi")
    assert "order:26  number RE-7, Ana Rossi" in run("list").stdout
    assert "order:26  number RE-7, Ana Rossi" in run("show", "--order", "re-7").stdout


@pytest.mark.parametrize("form", ["RE-7", "#re-7", " RE-7 ", "26", "#26", "order:26"])
def test_an_orders_messages_are_chosen_by_number_or_id(stack: Deployed, form: str) -> None:
    stack.reject(26, ANA, **refused(26))
    stack.reject(26, **refused(26))  # as of a trashed order, which tells its id only
    stack.reject(27, **refused(27))

    assert {letter["entity"] for letter in listed("--order", form)} == {"order:26"}
    assert len(listed("--order", form)) == 2


def test_what_is_one_orders_id_and_another_ones_number_drops_nothing(stack: Deployed) -> None:
    stack.reject(26, ANA, **refused(26))
    stack.reject(57, {"number": "26"}, **refused(57))

    result = run("drop", "--order", "26", "--yes")

    assert (result.exit_code, stack.visible(DLQ)) == (1, 2)
    assert "name the order as order:ID" in result.stderr
    assert [letter["entity"] for letter in listed("--order", "order:26")] == ["order:26"]
    assert [letter["entity"] for letter in listed("--order", "#26")] == ["order:57"]


def test_two_messages_of_one_order_are_counted_as_one_order(stack: Deployed) -> None:
    stack.reject(26, ANA, **refused(26))
    stack.reject(26, ANA, **refused(26))

    assert "2 messages of 1 order." in run("list").stdout
    status = runner.invoke(app, ["status", "--stack", NAME])
    assert "2 messages of 1 order" in status.stdout


def test_a_redrive_of_two_messages_of_one_order_says_that_it_does_no_harm(stack: Deployed) -> None:
    stack.reject(26, ANA, **refused(26))
    stack.reject(26, ANA, **refused(26))

    output = run("redrive", "--all").stdout

    assert "2 of 2 messages redriven (2 messages of 1 order); 0 messages left" in output
    assert "Several messages of one order are safe" in output


def test_what_names_no_order_is_wrong_usage(stack: Deployed) -> None:
    assert stack.outputs
    assert run("list", "--order", "#").exit_code == 2


def test_a_message_that_is_none_of_ours_is_redriven_too(stack: Deployed) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs[DLQ], MessageBody="hello")

    assert run("redrive", "--all").exit_code == 0
    assert [message["Body"] for message in stack.messages(QUEUE)] == ["hello"]


def test_large_messages_go_in_several_calls(stack: Deployed) -> None:
    for _ in range(4):
        stack.sqs.send_message(QueueUrl=stack.outputs[DLQ], MessageBody="x" * 400_000)

    assert run("redrive", "--all").exit_code == 0
    assert stack.visible(QUEUE) == 4


# --- Dropping


def test_dropped_messages_are_gone(stack: Deployed) -> None:
    message_id = stack.reject(1, **refused(1))
    stack.reject(2, **refused(2))

    result = run("drop", message_id, "--json", "--yes")

    assert json.loads(result.stdout)["dropped"] == 1
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_without_a_terminal_nothing_is_dropped_unless_yes_is_given(stack: Deployed, more: list[str]) -> None:
    stack.reject(1, **refused(1))

    result = run("drop", "--all", *more)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was deleted; pass --yes to confirm" in result.stderr
    assert stack.visible(DLQ) == 1


# --- Interruptions


class Interrupted:
    """An SQS client that breaks off: `error` is raised instead of the call that is named, after some."""

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


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DENIED], ids=["Ctrl-C", "an error"])
def test_an_interrupted_look_hides_nothing(sqs: Any, urls: tuple[str, str], error: BaseException) -> None:
    breaking = Interrupted(sqs, "receive_message", error, after=2)

    with pytest.raises(type(error)), peek_all(breaking, urls[1]):  # type: ignore[arg-type]
        pass

    assert visible(sqs, urls[1]) == 25


@pytest.mark.parametrize("call", ["send_message_batch", "delete_message_batch"])
def test_an_interrupted_redrive_loses_nothing_and_hides_nothing(sqs: Any, urls: tuple[str, str], call: str) -> None:
    queue, dlq = urls
    breaking = Interrupted(sqs, call, KeyboardInterrupt(), after=1)

    with pytest.raises(KeyboardInterrupt), peek_all(sqs, dlq) as letters:
        dead_letter_queue.redrive(breaking, queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    moved = 10 if call == "send_message_batch" else 20  # sent, and the second ten not yet deleted
    assert (visible(sqs, queue), visible(sqs, dlq)) == (moved, 15)


class Signalled:
    """An SQS client during whose calls of this name the process is asked to end."""

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
def test_messages_on_their_way_when_asked_to_end_are_not_hidden(
    sqs: Any, urls: tuple[str, str], number: signal.Signals
) -> None:
    breaking = Signalled(sqs, "receive_message", number)

    with pytest.raises(KeyboardInterrupt), peek_all(breaking, urls[1]):  # type: ignore[arg-type]
        pass

    assert visible(sqs, urls[1]) == 25


def test_what_is_being_redriven_when_asked_to_end_is_not_doubled(sqs: Any, urls: tuple[str, str]) -> None:
    queue, dlq = urls
    breaking = Signalled(sqs, "send_message_batch", signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), peek_all(sqs, dlq) as letters:
        dead_letter_queue.redrive(breaking, queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    assert (visible(sqs, queue), visible(sqs, dlq)) == (10, 15)


class Refusing:
    """An SQS client that sends all but the first message of each batch."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def send_message_batch(self, **request: Any) -> Any:
        request["Entries"] = request["Entries"][1:]
        return self._client.send_message_batch(**request) | {"Failed": [{"Id": "0", "Code": "InternalError"}]}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_message_that_could_not_be_sent_stays(sqs: Any, urls: tuple[str, str]) -> None:
    queue, dlq = urls

    with peek_all(sqs, dlq) as letters:
        moved = dead_letter_queue.redrive(Refusing(sqs), queue, dlq, letters, list(letters.values()))  # type: ignore[arg-type]

    assert (moved.count, visible(sqs, queue), visible(sqs, dlq)) == (22, 22, 3)
    assert moved.refusals == {"InternalError"}


def test_the_command_says_why_a_message_stayed(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.reject(1, **REFUSED)
    sqs = Refusing(stack.client("sqs"))
    monkeypatch.setattr(Aws, "sqs", property(lambda _: sqs))
    stack.reject(2, **REFUSED)

    result = run("redrive", "--all")

    assert (result.exit_code, "SQS refused the others (InternalError)" in result.output) == (1, True)


class Forgetful:
    """An SQS client whose queue gives the same messages again and again, as if no visibility timeout held."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def receive_message(self, **request: Any) -> Any:
        return self._client.receive_message(**request | {"VisibilityTimeout": 0})

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def test_a_queue_that_repeats_itself_is_read_once(sqs: Any, urls: tuple[str, str]) -> None:
    with peek_all(Forgetful(sqs), urls[1]) as letters:  # type: ignore[arg-type]
        assert 0 < len(letters) <= 25


def test_messages_that_another_reader_holds_are_mentioned(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)
    stack.messages(DLQ)

    result = run("list", "--json")

    assert json.loads(result.stdout) == []
    assert "hidden by another reader right now, so not listed here: 1" in result.stderr
