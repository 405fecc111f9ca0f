"""Control characters, invisible characters and lone surrogates in orders."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import delivery, message, order
from woohub.delivery.delivery import Delivery
from woohub.sync.outcome import Message


def raw(changes: Mapping[str, bytes]) -> Message:
    """The delivery of an order with some bytes of its body replaced."""
    sent = delivery("order.created", order())
    body = sent.body
    for name, value in changes.items():
        body = body.replace(name.encode(), value)
    return Message("raw", Delivery(sent.topic, body, sent.received_ms, sent.entity))


def test_control_characters_are_removed_from_written_values() -> None:
    engine = EngineFixture()

    engine.verdicts(
        raw({'"Jane"': b'"Ja\\u0000ne"', '"Anytown"': b'"A\\u0007b\\u009f"', '"Product A"': b'"Tea\\ud83d"'})
    )

    assert (engine.contact()["firstname"], engine.contact()["city"]) == ("Jane", "Ab")
    assert engine.deal()["associated_products"] == "Tea, Product B"


def test_line_breaks_in_an_address_are_kept() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(billing={"address_1": "Unit 3\n\t12 High St"})))

    assert engine.contact()["address"] == "Unit 3\n\t12 High St"


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ('"currency"', b'"\\ud83d": 1, '),
        ('"first_name"', b'"\\ud83d": 1, '),
        ('"name": "Product A"', b'"\\ud83d": 1, '),
        ('"currency"', b'"customer_note": "ok \\ud83d", '),
    ],
)
def test_an_order_with_a_lone_surrogate_in_a_field_or_its_name_makes_a_deal(place: str, field: bytes) -> None:
    engine = EngineFixture()

    assert engine.verdicts(raw({place: field + place.encode()})) == ["done"]

    assert len(engine.deals) == 1


def test_invisible_characters_are_removed_from_an_email() -> None:
    engine = EngineFixture()

    engine.verdicts(message("order.created", order(billing={"email": "\u200bjane.doe@example.com\u200e"})))

    assert engine.contact()["firstname"] == "Jane"
