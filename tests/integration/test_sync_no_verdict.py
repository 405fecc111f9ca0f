"""What HubSpot could not do for a record by its own fault is no rejection of the record, and is tried again."""

from __future__ import annotations

from itertools import count

import pytest

from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import JANE, LATER, Intercept, orders_of_shoppers, respond
from woohub.errors import HubSpotUnavailable, UnknownOutcome
from woohub.hubspot.objects import CONTACTS
from woohub.sync.outcome import Message

ATTEMPTS = 3  # after which a rejection of a record is final
PATHS = ["contacts/batch/read", "contacts/batch/create", "deals/batch/read", "deals/batch/create"]


def fail_calls(engine: EngineFixture, path: str, times: int, category: str = "INTERNAL_ERROR") -> None:
    """Answer so many calls for a single record with 207 and an error of this category."""
    failed = count(1)
    error = {"status": "error", "category": category, "context": {"objectWriteTraceId": ["write-0"]}}
    Intercept(
        engine,
        lambda url, _: url.endswith(path) and next(failed) <= times,
        respond(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]}),
    )


def deliver_until_done(engine: EngineFixture, delivered: Message) -> list[str]:
    """The verdicts of deliveries of the same message, up to the first that is done."""
    verdicts = [engine.verdicts(delivered)[0]]
    while verdicts[-1] == "retry" and len(verdicts) < 5:
        verdicts += engine.verdicts(delivered)
    return verdicts


@pytest.mark.parametrize("category", ["INTERNAL_ERROR", "RATE_LIMITS"])
@pytest.mark.parametrize("path", PATHS)
def test_an_order_is_written_once_after_more_internal_errors_than_a_rejection_takes(path: str, category: str) -> None:
    engine = EngineFixture()
    fail_calls(engine, path, ATTEMPTS + 2, category)

    verdicts = deliver_until_done(engine, message("order.created", order()))

    assert (set(verdicts[:-1]) <= {"retry"}, verdicts[-1]) == (True, "done")
    assert (len(engine.deals), engine.associated) == (1, {("1234", JANE)})


def test_an_association_is_made_after_internal_errors() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    fail_calls(engine, "deals/contacts/batch/create", ATTEMPTS + 2)

    moved = message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60)

    assert deliver_until_done(engine, moved)[-1] == "done"
    assert engine.associated == {("1234", "john@example.com")}


def test_one_record_with_an_internal_error_leaves_the_others_written_and_waits() -> None:
    engine = EngineFixture()
    error = {"category": "INTERNAL_ERROR", "message": "internal error", "context": {}}
    chosen = b'"woocommerce_order_id":"666"'
    Intercept(
        engine,
        lambda url, body: url.endswith("deals/batch/create") and chosen in body,
        respond(207, {"results": [], "errors": [error]}),
    )

    *good, bad = engine.deliver(*orders_of_shoppers(*range(1, 31), 666))

    assert {outcome.verdict.value for outcome in good} == {"done"}
    assert (bad.verdict.value, type(bad.error)) == ("retry", UnknownOutcome)


def test_a_contact_that_hubspot_cannot_read_does_not_count_as_missing() -> None:
    engine = EngineFixture()
    fail_calls(engine, "contacts/batch/read", 1)

    with pytest.raises(HubSpotUnavailable, match="INTERNAL_ERROR"):
        engine.hubspot.read(CONTACTS, [JANE], ["email"], id_property="email")
