"""`woohub dlq list` and `show`: reading hides no message."""

from __future__ import annotations

import json

import pytest

from tests.support.cli_stack import NAME, REFUSED, Deployed
from tests.support.dlq_command import DLQ, FIELDS, listed, rejection, run, runner
from woohub_cli.main import app


@pytest.mark.usefixtures("stack")
def test_list_of_an_empty_queue_is_empty() -> None:
    assert listed() == []
    assert "empty" in run("list").stdout


def test_list_shows_each_message_with_its_reason(stack: Deployed) -> None:
    message_id = stack.reject(1, **REFUSED)

    assert [(letter["message_id"], letter["entity"], letter["reason"]) for letter in listed()] == [
        (message_id, "order:1", REFUSED["reason"])
    ]


def test_list_prints_the_whole_reason_without_a_terminal(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)

    assert REFUSED["reason"].split(". What")[0] in run("list").stdout


def test_list_prints_square_brackets_of_a_reason_unchanged(stack: Deployed) -> None:
    stack.reject(1, **rejection(1, reason="HubSpot answered [bold]no[/bold]"))

    assert "HubSpot answered [bold]no[/bold]" in run("list").stdout


@pytest.mark.parametrize("count", [1, 25])
@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["show", "--order", "0"]], ids=" ".join)
def test_list_and_show_leave_all_messages_visible(stack: Deployed, command: list[str], count: int) -> None:
    for number in range(count):
        stack.reject(number, **rejection(number))

    assert run(*command).exit_code == 0
    assert stack.visible(DLQ) == count


def test_listing_twice_shows_the_same_messages(stack: Deployed) -> None:
    for number in range(25):
        stack.reject(number, **rejection(number))

    first, second = listed(), listed()

    assert len(first) == 25
    assert first == second


def test_list_filters_by_reason_order_and_time(stack: Deployed) -> None:
    stack.reject(1, **rejection(1))
    stack.reject(2, **rejection(2, reason="no such option", category="INVALID_OPTION"))
    stack.reject(3, **rejection(3, rejectedAt="2026-11-20T08:00:00Z"))

    assert [letter["entity"] for letter in listed("--reason", "invalid_option")] == ["order:2"]
    assert [letter["entity"] for letter in listed("--order", "1")] == ["order:1"]
    assert [letter["entity"] for letter in listed("--until", "2026-11-21")] == ["order:3"]
    assert len(listed("--since", "2026-11-24T08:00")) == 2


@pytest.mark.usefixtures("stack")
@pytest.mark.parametrize(
    ("command", "exit_code"),
    [
        (["list", "--since", "yesterday"], 2),
        (["list", "--order", "#"], 2),
        (["show", "a"], 2),  # too short for the start of an id
        (["show", "no-such-id"], 1),
        (["show", "--order", "7"], 1),
    ],
)
def test_list_and_show_exit_with_2_for_invalid_and_1_for_unknown_arguments(command: list[str], exit_code: int) -> None:
    assert run(*command).exit_code == exit_code


def test_show_prints_the_payload_of_the_named_message(stack: Deployed) -> None:
    stack.reject(1, **rejection(1))
    message_id = stack.reject(2, **rejection(2))

    (shown,) = json.loads(run("show", message_id[:8], "--json").stdout)

    assert (shown["entity"], shown["payload"]) == ("order:2", {"id": 2, "status": "processing"})
    assert '"status": "processing"' in run("show", message_id).stdout


def test_list_and_show_print_the_order_number_and_customer_name(stack: Deployed) -> None:
    stack.reject(26, FIELDS, **rejection(26))

    (facts,) = listed()

    assert (facts["entity"], facts["number"], facts["name"]) == ("order:26", "RE-7", "Ana Rossi")
    assert "order:26  number RE-7, Ana Rossi" in run("list").stdout
    assert "order:26  number RE-7, Ana Rossi" in run("show", "--order", "re-7").stdout


@pytest.mark.parametrize("form", ["RE-7", "#re-7", " RE-7 ", "26", "#26", "order:26"])
def test_order_option_matches_number_or_id_in_each_form(stack: Deployed, form: str) -> None:
    stack.reject(26, FIELDS, **rejection(26))
    stack.reject(26, **rejection(26))  # like the message of a trashed order, which has only its id
    stack.reject(27, **rejection(27))

    assert {letter["entity"] for letter in listed("--order", form)} == {"order:26"}
    assert len(listed("--order", form)) == 2


def test_list_and_status_count_two_messages_of_one_order_as_one_order(stack: Deployed) -> None:
    stack.reject(26, FIELDS, **rejection(26))
    stack.reject(26, FIELDS, **rejection(26))

    assert "2 messages of 1 order." in run("list").stdout
    status = runner.invoke(app, ["status", "--stack", NAME])
    assert "2 messages of 1 order" in status.stdout


def test_list_mentions_messages_hidden_by_another_reader(stack: Deployed) -> None:
    stack.reject(1, **REFUSED)
    stack.messages(DLQ)

    result = run("list", "--json")

    assert json.loads(result.stdout) == []
    assert "hidden by another reader right now, so not listed here: 1" in result.stderr
