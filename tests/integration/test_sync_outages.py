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
def test_a_create_whose_answer_is_lost_is_settled_by_reading_again(path: str, kind: str, when: str) -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind=kind, status=502, when=when, path=path, count=1))
    batch = [message("order.created", order(n, billing={"email": f"shopper{n}@example.com"})) for n in range(1, 5)]

    assert engine.verdicts(*batch) == ["done"] * 4

    assert len(engine.deals) == len(engine.contacts) == 4
    assert engine.associated == {(str(n), f"shopper{n}@example.com") for n in range(1, 5)}


@pytest.mark.parametrize("kind", ["status", "omit"])
def test_without_unique_ids_a_create_whose_answer_is_lost_is_not_repeated_by_another_delivery(kind: str) -> None:
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
def test_a_lost_answer_while_the_association_moves_leaves_it_moved(when: str) -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    paths = ("associations/.*/batch/create", "associations/.*/batch/archive", "deals/batch/update")
    for path in paths:
        engine.portal.faults.add(InjectedFault(kind="reset", when=when, path=path, count=1))

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert engine.associated == {("1234", "john@example.com")}


def test_a_deal_somebody_creates_at_the_same_moment_is_updated_instead() -> None:
    engine = EngineFixture()
    other = EngineFixture()
    other.portal = engine.portal
    other.restart()
    state = order(status="completed", **LATER)
    engine.portal.faults.add(InjectedFault(kind="omit", path="deals/batch/read", count=1))
    other.verdicts(message("order.created", order()))

    assert engine.verdicts(message("order.updated", state, 60)) == ["done"]

    assert engine.deal()["dealstage"] == "completed"


def test_an_outage_leaves_everything_on_the_queue_with_few_calls() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(1)))
    engine.calls.clear()
    engine.portal.faults.add(InjectedFault(status=503))

    assert engine.verdicts(*[message("order.created", order(n)) for n in range(2, 30)]) == ["retry"] * 28
    assert len(engine.calls) <= 12


def test_a_refused_token_is_read_again_once() -> None:
    engine = EngineFixture()
    engine.token.value = "pat-revoked"

    assert engine.verdicts(message("order.created", order())) == ["done"]
    assert engine.token.renewals == 1


def test_a_batch_ends_in_time_even_when_hubspot_does_not_answer() -> None:
    engine = EngineFixture()
    engine.portal.faults.add(InjectedFault(kind="hold", hold_s=3600))
    started = engine.clock.now

    engine.verdicts(message("order.created", order()))

    assert engine.clock.now - started <= 57
