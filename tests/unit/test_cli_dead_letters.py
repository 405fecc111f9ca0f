"""Dead letters as commands show and select them."""

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

NO_ATTRIBUTES: Mapping[str, str] = {}
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def received(
    number: int = 1, message_id: str = "", receives: int = 21, reason: Mapping[str, str] = NO_ATTRIBUTES
) -> DeadLetter:
    """A dead letter as read from a response of ReceiveMessage."""
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


@pytest.mark.parametrize("text", ["²", "9" * 5000, "0001-01-01T00:00:00+23:59", "order:²"])
@pytest.mark.parametrize("name", ["attempts", "status", "rejectedAt", "entity"])
def test_facts_read_invalid_attributes_as_absent(name: str, text: str) -> None:
    facts = received(receives=2, reason={name: text}).facts()

    assert (facts["attempts"], facts["status"], facts["rejected_at"]) == (2, None, None)


def test_facts_of_a_rejected_message_include_all_attributes() -> None:
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


def test_summary_counts_each_unreadable_message_once() -> None:
    unread = dead_letters.attributes(InvalidMessage("it has no attribute `delivery`"), "unknown", 1, NOW.timestamp())
    letters = [received(message_id=f"3f2a91c{number}", reason=unread) for number in range(3)]

    assert summary([*letters, received(), received(message_id="9")]) == "5 messages of 1 order and 3 others"


def test_facts_are_read_from_the_attributes_the_consumer_writes() -> None:
    problem = HubSpotProblem(400, "no such option", "VALIDATION_ERROR", "INVALID_OPTION", "c-9", ("dealstage",))
    attached = dead_letters.attributes(HubSpotRejected(problem), "order:1", 3, NOW.timestamp())

    facts = received(reason=attached).facts()

    assert None not in facts.values()
    assert (facts["status"], facts["category"], facts["rejected_at"]) == (400, "INVALID_OPTION", "2026-11-24T12:00:00Z")


def test_facts_of_a_message_moved_by_sqs_report_the_receive_count() -> None:
    facts = received(receives=21).facts()

    assert facts["reason"].startswith("retries exhausted or the consumer crashed, received 21 times")
    assert (facts["status"], facts["category"], facts["rejected_at"]) == (None, None, None)
    assert (facts["attempts"], facts["entity"], facts["topic"]) == (21, "order:1", "order.updated")


def test_the_redrive_command_in_the_reason_names_the_message() -> None:
    attached = dead_letters.attributes(HubSpotRejected(HubSpotProblem(400, "no")), "order:1", 3, NOW.timestamp())

    assert "`woohub dlq redrive 3f2a91c0`" in received(message_id="3f2a91c0-7cac", reason=attached).reason


def test_a_message_without_attributes_is_shown() -> None:
    stray = letter({"MessageId": "m", "ReceiptHandle": "r", "Body": "hello", "Attributes": {"SentTimestamp": "1000"}})

    assert stray.facts()["received_at"] == "1970-01-01T00:00:01Z"
    assert stray.details()["payload"] == "hello"
    assert stray.entity == ""


def test_details_include_the_payload() -> None:
    assert received(7).details()["payload"] == {"id": 7, "status": "processing"}


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
def test_a_matching_message_is_selected(letter_filter: LetterFilter) -> None:
    assert letter_filter.select([received(1, "aaaa-1", reason=REFUSED)])


@pytest.mark.parametrize(
    "letter_filter",
    [
        LetterFilter(reason="INVALID_OPTION"),
        LetterFilter(order=11),
        LetterFilter(customer=1),
        LetterFilter(since=datetime(2026, 11, 24, 8, 0, 1, tzinfo=UTC)),
        LetterFilter(until=datetime(2026, 11, 24, 7, 59, 59, tzinfo=UTC)),
        LetterFilter(order=1, reason="other"),
    ],
    ids=repr,
)
def test_a_message_that_does_not_match_is_not_selected(letter_filter: LetterFilter) -> None:
    assert letter_filter.select([received(1, "aaaa-1", reason=REFUSED)]) == []


def test_a_message_without_rejection_is_filtered_by_its_delivery_time() -> None:
    assert LetterFilter(since=datetime(2026, 11, 23, 22, 40, tzinfo=UTC)).matches(received())
    assert not LetterFilter(since=datetime(2026, 11, 23, 22, 41, tzinfo=UTC)).matches(received())


def test_a_message_is_selected_by_the_start_of_its_id() -> None:
    letters = [received(1, "aaaa-1"), received(2, "bbbb-2")]

    assert LetterFilter(ids=("bbbb",)).select(letters) == [letters[1]]


@pytest.mark.parametrize(
    ("prefix", "error"),
    [
        ("aaaa", "2 of these messages have an id that begins with aaaa"),
        ("cccc", "an id that begins with cccc: `woohub"),
    ],
    ids=["of two messages", "of no message"],
)
def test_an_id_prefix_of_none_or_several_messages_is_rejected(prefix: str, error: str) -> None:
    with pytest.raises(Trouble, match=error):
        LetterFilter(ids=(prefix,)).select([received(1, "aaaa-1"), received(2, "aaaa-2")])


def test_an_empty_filter_selects_everything() -> None:
    assert LetterFilter().everything
    assert LetterFilter().select([received(1), received(2)]) == [received(1), received(2)]
    assert not LetterFilter(order=1).everything


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
def test_parsed_moment_reads_durations_and_dates(text: str, expected: datetime) -> None:
    assert parsed_moment("--since", text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2x", "2026-13-01"])
def test_parsed_moment_rejects_invalid_times(text: str) -> None:
    with pytest.raises(WrongUsage, match="is not a time"):
        parsed_moment("--since", text, NOW)


@given(st.lists(st.integers(0, 600_000), max_size=40))
def test_send_batches_divides_letters_within_sqs_limits_and_keeps_all(sizes: list[int]) -> None:
    letters = [DeadLetter(str(n), "r", "x" * size, {}, 1, 0, None) for n, size in enumerate(sizes)]

    groups = list(send_batches(letters))

    assert [letter for group in groups for letter in group] == letters
    assert all(1 <= len(group) <= 10 for group in groups)
    assert all(len(group) == 1 or sum(letter.size for letter in group) <= 1_000_000 for group in groups)
