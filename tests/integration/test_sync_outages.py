"""Lost responses, conflicts and outages of HubSpot."""

from __future__ import annotations

import pytest

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import message, order
from tests.support.sync import LATER

CREATES = ["contacts/batch/create", "deals/batch/create"]


@pytest.mark.parametrize("path", CREATES)
@pytest.mark.parametrize("kind", ["status", "reset", "truncate", "hold", "omit"])
@pytest.mark.parametrize("when", ["before", "after", "half"])
def test_a_create_without_response_makes_no_duplicate(path: str, kind: str, when: str) -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind=kind, status=502, when=when, path=path, count=1))
    batch = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 5)]

    assert engine.verdicts(*batch) == ["done"] * 4

    assert len(engine.deals) == len(engine.contacts) == 4
    assert engine.associated == {(str(n), f"shopper{n}@example.com") for n in range(1, 5)}


@pytest.mark.parametrize("kind", ["status", "omit"])
def test_an_unconfirmed_create_is_not_repeated_by_another_delivery_without_unique_order_ids(kind: str) -> None:
    engine = EngineFixture(unique=False)
    engine.verdicts(message("order.created", order(1)))
    engine.portal.faults.add(InjectedFault(kind=kind, status=502, when="after", count=1, path="deals/batch/create"))

    first = engine.verdicts(message("order.created", order(2)), message("order.created", order(3), 0.5))
    at_once = engine.verdicts(
        message("order.updated", order(2, **LATER), 1), message("order.updated", order(3, **LATER), 1)
    )
    engine.clock.sleep(61)
    later = engine.verdicts(
        message("order.updated", order(2, **LATER), 1), message("order.updated", order(3, **LATER), 1)
    )

    assert "retry" in first
    assert "retry" in at_once
    assert later == ["done", "done"]
    assert sorted(deal["woocommerce_order_id"] for deal in engine.deals) == ["1", "2", "3"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_association_moves_although_three_responses_are_lost(when: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    paths = ("associations/.*/batch/create", "associations/.*/batch/archive", "deals/batch/update")
    for path in paths:
        engine.portal.faults.add(InjectedFault(kind="reset", when=when, path=path, count=1))

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert engine.associated == {("1234", "john@example.com")}


def test_a_deal_that_another_process_created_meanwhile_is_updated() -> None:
    engine = EngineFixture()
    other = EngineFixture()
    other.portal = engine.portal
    other.restart()
    state = order(status="completed", **LATER)
    engine.portal.faults.add(InjectedFault(kind="omit", path="deals/batch/read", count=1))
    other.verdicts(message("order.created", order()))

    assert engine.verdicts(message("order.updated", state, 60)) == ["done"]

    assert engine.deal()["dealstage"] == "completed"


def test_an_outage_retries_28_orders_with_at_most_12_calls() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.calls.clear()
    engine.portal.faults.add(InjectedFault(status=503))

    assert engine.verdicts(*[message("order.created", order(n)) for n in range(2, 30)]) == ["retry"] * 28
    assert len(engine.calls) <= 12


def test_a_rejected_token_is_renewed_once() -> None:
    engine = EngineFixture()
    engine.token.value = "pat-revoked"

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert engine.token.renewals == 1


def test_a_batch_ends_within_57_s_when_hubspot_does_not_respond() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind="hold", hold_s=3600))
    started = engine.clock.now

    engine.verdicts(message("order.created", order()))

    assert engine.clock.now - started <= 57
