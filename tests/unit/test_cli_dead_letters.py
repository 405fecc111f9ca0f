"""Dead letters as a person sees and chooses them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cli_stack import REFUSED
from woohub.consumer import dead_letters
from woohub.delivery import messages
from woohub.delivery.delivery import Delivery
from woohub.errors import HubSpotProblem, HubSpotRejected, InvalidMessage
from woohub_cli.cli_errors import Trouble, WrongUsage
from woohub_cli.dlq.dead_letter_queue import send_batches
from woohub_cli.dlq.dead_letters import DeadLetter, LetterFilter, letter, summary
from woohub_cli.period import parsed_moment

NONE: Mapping[str, str] = {}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def received(number: int = 1, message_id: str = "", receives: int = 21, reason: Mapping[str, str] = NONE) -> DeadLetter:
    """A message as ReceiveMessage gives it."""
    body = json.dumps({"id": number, "status": "processing"}).encode()
    sent = messages.to_sqs(Delivery("order.updated", body, 1_795_473_600_123, f"order:{number}"))
    attributes: dict[str, Any] = sent["MessageAttributes"]
    attributes |= {name: {"DataType": "String", "StringValue": text} for name, text in reason.items()}
    return letter(
        {
            "MessageId": message_id or f"message-{number}",
            "ReceiptHandle": "receipt",
            "Body": sent["MessageBody"],
            "MessageAttributes": attributes,
            "Attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1795473600500"},
        }
    )


# --- What is known about one


@pytest.mark.parametrize("text", ["²", "9" * 5000, "0001-01-01T00:00:00+23:59", "order:²"])
@pytest.mark.parametrize("name", ["attempts", "status", "rejectedAt", "entity"])
def test_a_message_of_somebody_else_is_shown_whatever_its_attributes_say(name: str, text: str) -> None:
    facts = received(receives=2, reason={name: text}).facts()

    assert (facts["attempts"], facts["status"], facts["rejected_at"]) == (2, None, None)


def test_a_rejected_message_tells_everything_the_consumer_wrote() -> None:
    assert received(reason=REFUSED).facts() == {
        "message_id": "message-1",
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


def test_messages_that_nobody_can_read_are_counted_one_by_one() -> None:
    unread = dead_letters.attributes(InvalidMessage("it has no attribute `delivery`"), "unknown", 1, NOW.timestamp())
    letters = [received(message_id=f"3f2a91c{number}", reason=unread) for number in range(3)]

    assert summary([*letters, received(), received(message_id="9")]) == "5 messages of 1 order and 3 others"


def test_what_the_consumer_attaches_is_what_is_read() -> None:
    problem = HubSpotProblem(400, "no such option", "VALIDATION_ERROR", "INVALID_OPTION", "c-9", ("dealstage",))
    attached = dead_letters.attributes(HubSpotRejected(problem), "order:1", 3, NOW.timestamp())

    facts = received(reason=attached).facts()

    assert None not in facts.values()
    assert (facts["status"], facts["category"], facts["rejected_at"]) == (400, "INVALID_OPTION", "2026-11-24T12:00:00Z")


def test_a_message_that_sqs_moved_says_so_with_its_receive_count() -> None:
    facts = received(receives=21).facts()

    assert facts["reason"].startswith("retries exhausted or the consumer crashed, received 21 times")
    assert (facts["status"], facts["category"], facts["rejected_at"]) == (None, None, None)
    assert (facts["attempts"], facts["entity"], facts["topic"]) == (21, "order:1", "order.updated")


def test_the_command_in_the_advice_names_the_message() -> None:
    attached = dead_letters.attributes(HubSpotRejected(HubSpotProblem(400, "no")), "order:1", 3, NOW.timestamp())

    assert "`woohub dlq redrive 3f2a91c0`" in received(message_id="3f2a91c0-7cac", reason=attached).reason


def test_a_message_of_somebody_else_is_shown_all_the_same() -> None:
    stray = letter({"MessageId": "m", "ReceiptHandle": "r", "Body": "hello", "Attributes": {"SentTimestamp": "1000"}})

    assert stray.facts()["received_at"] == "1970-01-01T00:00:01Z"
    assert stray.details()["payload"] == "hello"
    assert stray.entity == ""


def test_details_hold_the_payload() -> None:
    assert received(7).details()["payload"] == {"id": 7, "status": "processing"}


def test_facts_hold_no_payload() -> None:
    assert "payload" not in received(7).facts()


# --- Choosing


@pytest.mark.parametrize(
    "letter_filter",
    [
        LetterFilter(reason="invalid_email"),
        LetterFilter(reason="Address X"),
        LetterFilter(order=1),
        LetterFilter(ids=("aaaa-1",)),
        LetterFilter(since=datetime(2026, 11, 24, 8, tzinfo=UTC)),
        LetterFilter(until=datetime(2026, 11, 24, 8, tzinfo=UTC)),
        LetterFilter(order=1, reason="email", since=datetime(2026, 11, 24, tzinfo=UTC)),
    ],
    ids=repr,
)
def test_a_message_that_fits_is_chosen(letter_filter: LetterFilter) -> None:
    assert letter_filter.select([received(1, "aaaa-1", reason=REFUSED)])


@pytest.mark.parametrize(
    "letter_filter",
    [
        LetterFilter(reason="INVALID_OPTION"),
        LetterFilter(order=11),
        LetterFilter(customer=1),
        LetterFilter(since=datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)),
        LetterFilter(until=datetime(2026, 11, 24, 7, 59, 59, tzinfo=UTC)),
        LetterFilter(order=1, reason="nothing like it"),
    ],
    ids=repr,
)
def test_a_message_that_does_not_fit_is_left_alone(letter_filter: LetterFilter) -> None:
    assert letter_filter.select([received(1, "aaaa-1", reason=REFUSED)]) == []


def test_without_a_rejection_the_time_of_the_delivery_counts() -> None:
    assert LetterFilter(since=datetime(2026, 11, 23, 22, 40, tzinfo=UTC)).matches(received())
    assert not LetterFilter(since=datetime(2026, 11, 23, 22, 41, tzinfo=UTC)).matches(received())


def test_the_first_characters_of_an_id_name_its_message() -> None:
    letters = [received(1, "aaaa-1"), received(2, "bbbb-2")]

    assert LetterFilter(ids=("bbbb",)).select(letters) == [letters[1]]


@pytest.mark.parametrize(
    ("start", "says"),
    [
        ("aaaa", "2 of these messages have an id that begins with aaaa"),
        ("cccc", "an id that begins with cccc: `woohub"),
    ],
    ids=["of two messages", "of none"],
)
def test_an_id_that_names_not_exactly_one_message_is_refused(start: str, says: str) -> None:
    with pytest.raises(Trouble, match=says):
        LetterFilter(ids=(start,)).select([received(1, "aaaa-1"), received(2, "aaaa-2")])


def test_nothing_set_means_everything() -> None:
    assert LetterFilter().everything
    assert LetterFilter().select([received(1), received(2)]) == [received(1), received(2)]
    assert not LetterFilter(order=1).everything


# --- Times


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90m", NOW - timedelta(minutes=90)),
        ("2h", NOW - timedelta(hours=2)),
        ("3d", NOW - timedelta(days=3)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T08:30", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
        ("2026-11-20T08:30+02:00", datetime(2026, 11, 20, 6, 30, tzinfo=UTC)),
        ("2026-11-20T08:30:00Z", datetime(2026, 11, 20, 8, 30, tzinfo=UTC)),
    ],
)
def test_times_are_read(text: str, expected: datetime) -> None:
    assert parsed_moment("--since", text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a time"):
        parsed_moment("--since", text, NOW)


# --- Batches


@given(st.lists(st.integers(0, 600_000), max_size=40))
def test_groups_keep_to_what_sqs_takes_and_lose_nothing(sizes: list[int]) -> None:
    letters = [DeadLetter(str(n), "r", "x" * size, {}, 1, 0, None) for n, size in enumerate(sizes)]

    groups = list(send_batches(letters))

    assert [letter for group in groups for letter in group] == letters
    assert all(1 <= len(group) <= 10 for group in groups)
    assert all(len(group) == 1 or sum(letter.size for letter in group) <= 1_000_000 for group in groups)
