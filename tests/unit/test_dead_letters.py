"""The attributes of dead letters."""

from __future__ import annotations

import json
import random

import pytest

from woohub import errors
from woohub.consumer import dead_letters
from woohub.delivery.delivery import Delivery
from woohub.delivery.messages import size, to_sqs
from woohub.errors import HubSpotProblem, HubSpotRejected, InvalidPayload

NOW = 1_795_473_600.0


def reason(problem: HubSpotProblem) -> dict[str, str]:
    return dead_letters.attributes(HubSpotRejected(problem), "order:1234", 3, NOW)


def test_attributes_of_a_rejection_name_the_reason_property_and_next_step() -> None:
    attributes = reason(
        HubSpotProblem(400, "amount was not a valid number", "VALIDATION_ERROR", "INVALID_LONG", "c0ffee", ("amount",))
    )

    assert attributes == {
        "reason": "HubSpot rejected it (amount): amount was not a valid number. What to do: correct the value in the "
        "store or its source in mapping.toml, then `woohub dlq redrive MESSAGE`",
        "status": "400",
        "category": "INVALID_LONG",
        "property": "amount",
        "correlationId": "c0ffee",
        "entity": "order:1234",
        "attempts": "3",
        "rejectedAt": "2026-11-23T22:40:00Z",
    }


def test_a_reason_shows_the_messages_of_details_in_json() -> None:
    details = [{"isValid": False, "message": 'Property "vat" is required', "name": "vat"}, {"message": "and so on"}]

    text = reason(HubSpotProblem(400, f"Property values were not valid: {json.dumps(details)}", properties=("vat",)))[
        "reason"
    ]

    assert text.startswith(
        'HubSpot rejected it (vat): Property values were not valid: Property "vat" is required; and so on. What to do:'
    )


@pytest.mark.parametrize("message", ["", "[{", "text [{}]", "text [{]", 'text [{"message": 1}] and more', "[{" * 5000])
def test_a_reason_shows_an_unusual_message_unchanged(message: str) -> None:
    assert reason(HubSpotProblem(400, message, "SOME"))["reason"].startswith(
        f"HubSpot rejected it: {message[:500] or 'SOME'}. What to do:"
    )


def test_empty_attributes_are_left_out() -> None:
    assert set(reason(HubSpotProblem(400))) == {"reason", "status", "category", "entity", "attempts", "rejectedAt"}


def test_no_attribute_exceeds_the_limit() -> None:
    assert (
        max(map(len, reason(HubSpotProblem(400, "x" * 100_000, correlation_id="y" * 5000)).values()))
        <= dead_letters.ATTRIBUTE_CHARACTERS
    )


def test_characters_that_sqs_rejects_are_replaced() -> None:
    attributes = reason(HubSpotProblem(400, "first\x00name \ud83d is \ufffe wrong", correlation_id="\x0b"))

    assert "first\ufffdname \ufffd is \ufffd wrong" in attributes["reason"]
    assert attributes["correlationId"] == "\ufffd"


def test_the_largest_delivery_fits_a_message_with_the_longest_reason() -> None:
    incompressible = random.Random(0).randbytes  # noqa: S311
    largest = max(
        (
            to_sqs(Delivery("order.created", incompressible(length), 0, "order:1"))
            for length in range(715_000, 745_000, 2000)
        ),
        key=size,
    )
    long = "\N{COLLISION SYMBOL}" * 5000
    problem = HubSpotProblem(400, long, long, long, long, (long,))

    reason = dead_letters.attributes(HubSpotRejected(problem), long, 3, NOW)

    assert size(largest) > 900_000
    assert size(largest) + sum(len((name + text + "String").encode()) for name, text in reason.items()) <= 1024 * 1024


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (HubSpotProblem(404, "no property", "NOT_SET_UP"), "woohub setup"),
        (HubSpotProblem(400, "Unable to read by non-unique 0-3 property woocommerce_order_id"), "woohub setup"),
        (HubSpotProblem(400, code="PROPERTY_DOESNT_EXIST"), "woohub setup"),
        (HubSpotProblem(400, code="INVALID_EMAIL"), "correct the customer's address"),
        (HubSpotProblem(400, "x is not a valid pipeline stage ID", code="INVALID_OPTION"), "add this option"),
        (HubSpotProblem(409, category="CONFLICT"), "another record has this key"),
        (HubSpotProblem(400, "Cannot set it on 7. 6 already has that value.", "VALIDATION_ERROR"), "restore it there"),
        (HubSpotProblem(400, "company is required"), "a rule in HubSpot requires"),
        (HubSpotProblem(400, "something new"), "see HubSpot's message"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_reason_includes_the_advice_for_each_kind_of_rejection(problem: HubSpotProblem, words: str) -> None:
    assert words in reason(problem)["reason"]


def test_an_invalid_payload_is_to_be_corrected_in_the_store() -> None:
    attributes = dead_letters.attributes(InvalidPayload("total: must be a number"), "order:1", 1, NOW)

    assert "in the store" in attributes["reason"]
    assert attributes["category"] == "InvalidPayload"


def test_without_reason_removes_the_reason_of_a_redriven_message() -> None:
    assert dead_letters.without_reason({"delivery": "{}", "reason": "no"}) == {"delivery": "{}"}


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (errors.HubSpotRejected, "Refused"),
        (errors.HubSpotUnavailable, "Unavailable"),
        (errors.InternalError, "Fault"),
        (errors.DeadlineExceeded, "OutOfTime"),
        (errors.InvalidPayload, "InvalidPayload"),
        (errors.RateLimited, "RateLimited"),
    ],
)
def test_each_error_keeps_its_public_name(error: type[errors.WooHubError], name: str) -> None:
    assert error.public_name == name
