"""`woohub dlq redrive` and `drop`: only the chosen messages move or go."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_stack import REFUSED, Deployed
from tests.support.dlq_command import DLQ, FIELDS, QUEUE, PartlyFailingClient, listed, rejection, run
from woohub.delivery.messages import flat_attributes, from_sqs
from woohub_cli.stack.stacks import Aws


def test_a_redriven_message_has_its_original_body_and_attributes(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    result = run("redrive", "--all", "--json")

    assert (result.exit_code, stack.visible(DLQ)) == (0, 0)
    (message,) = stack.messages(QUEUE)
    attributes = flat_attributes(message["MessageAttributes"])
    assert set(attributes) == {"delivery"}
    assert from_sqs(message["Body"], attributes).entity == "order:1"


def test_redrive_reports_what_was_redriven_and_what_is_left(stack: Deployed) -> None:
    message_id = stack.reject(1, **rejection(1))
    stack.reject(2, **rejection(2))

    report = json.loads(run("redrive", message_id, "--json").stdout)

    assert report == {
        "dry_run": False,
        "matched": 1,
        "redriven": 1,
        "left": 1,
        "messages": [{"message_id": message_id, "entity": "order:1"}],
        "refusals": [],
    }


def test_redrive_by_reason_moves_only_matching_messages(stack: Deployed) -> None:
    for number in range(30):
        category = "INVALID_EMAIL" if number % 3 else "INVALID_OPTION"
        stack.reject(number, **rejection(number, category=category, reason=category))

    result = run("redrive", "--reason", "INVALID_OPTION")

    assert result.exit_code == 0
    assert "10 of 10 messages redriven; 20 messages left" in result.stdout
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (10, 20)


def test_redrive_dry_run_moves_no_message(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    result = run("redrive", "--all", "--dry-run")

    assert "1 of 1 message would be redriven" in result.stdout
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


@pytest.mark.parametrize("command", [["redrive"], ["drop"], ["redrive", "--dry-run"], ["drop", "--dry-run"]])
def test_redrive_and_drop_without_match_print_the_same_as_list(stack: Deployed, command: list[str]) -> None:
    assert run(*command, "--all").stdout == run("list").stdout

    stack.reject(1, **REFUSED)

    assert run(*command, "--order", "999").stdout == run("list", "--order", "999").stdout


@pytest.mark.parametrize("command", ["redrive", "drop"])
def test_redrive_and_drop_reject_a_missing_or_ambiguous_choice_and_move_no_message(
    stack: Deployed, command: str
) -> None:
    stack.reject(1, **REFUSED)

    assert run(command).exit_code == 2
    assert run(command, "--all", "--order", "1").exit_code == 2
    assert stack.visible(DLQ) == 1


def test_redrive_with_an_unknown_id_moves_no_message(stack: Deployed) -> None:
    message_id = stack.reject(1, **REFUSED)

    assert run("redrive", message_id, "no-such-id").exit_code == 1
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


def test_drop_of_an_ambiguous_order_number_drops_no_message(stack: Deployed) -> None:
    stack.reject(26, FIELDS, **rejection(26))
    stack.reject(57, {"number": "26"}, **rejection(57))

    result = run("drop", "--order", "26", "--yes")

    assert (result.exit_code, stack.visible(DLQ)) == (1, 2)
    assert "name the order as order:ID" in result.stderr
    assert [letter["entity"] for letter in listed("--order", "order:26")] == ["order:26"]
    assert [letter["entity"] for letter in listed("--order", "#26")] == ["order:57"]


def test_redrive_of_two_messages_of_one_order_explains_that_this_is_safe(stack: Deployed) -> None:
    stack.reject(26, FIELDS, **rejection(26))
    stack.reject(26, FIELDS, **rejection(26))

    output = run("redrive", "--all").stdout

    assert "2 of 2 messages redriven (2 messages of 1 order); 0 messages left" in output
    assert "Several messages of one order are safe" in output


def test_redrive_moves_a_message_that_woohub_did_not_write(stack: Deployed) -> None:
    stack.sqs.send_message(QueueUrl=stack.outputs[DLQ], MessageBody="hello")

    assert run("redrive", "--all").exit_code == 0
    assert [message["Body"] for message in stack.messages(QUEUE)] == ["hello"]


def test_redrive_moves_messages_that_are_too_large_for_one_call(stack: Deployed) -> None:
    for _ in range(4):
        stack.sqs.send_message(QueueUrl=stack.outputs[DLQ], MessageBody="x" * 400_000)

    assert run("redrive", "--all").exit_code == 0
    assert stack.visible(QUEUE) == 4


def test_drop_deletes_the_named_message_and_no_other(stack: Deployed) -> None:
    message_id = stack.reject(1, **rejection(1))
    stack.reject(2, **rejection(2))

    result = run("drop", message_id, "--json", "--yes")

    assert json.loads(result.stdout)["dropped"] == 1
    assert (stack.visible(QUEUE), stack.visible(DLQ)) == (0, 1)


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_drop_without_terminal_requires_yes(stack: Deployed, more: list[str]) -> None:
    stack.reject(1, **rejection(1))

    result = run("drop", "--all", *more)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "nothing was deleted; pass --yes to confirm" in result.stderr
    assert stack.visible(DLQ) == 1


def test_redrive_prints_why_messages_were_kept(stack: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.reject(1, **REFUSED)
    sqs = PartlyFailingClient(stack.client("sqs"))
    monkeypatch.setattr(Aws, "sqs", property(lambda _: sqs))
    stack.reject(2, **REFUSED)

    result = run("redrive", "--all")

    assert (result.exit_code, "SQS refused the others (InternalError)" in result.output) == (1, True)
