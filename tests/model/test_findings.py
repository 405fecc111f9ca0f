"""Histories in which the model found an error of woohub, reduced to what matters."""

from __future__ import annotations

from typing import Any

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order

LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}


def test_a_change_older_than_the_trashing_is_written_with_the_next_trashed_state() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.deleted", {"id": 1234}, 120))
    changed = order(**LATER, total="9.99", billing={"email": "new@example.com"})
    engine.verdicts(message("order.updated", changed, 130))

    engine.verdicts(message("order.updated", changed | {"status": "trash"}, 900))

    assert engine.deal()["amount"] == "9.99"
    assert engine.deal()["woocommerce_order_status"] == "trash"
    assert engine.associated == {("1234", "new@example.com")}


def test_a_swept_order_restores_an_address_whose_two_changes_arrived_in_reverse() -> None:
    """The change back writes nothing to HubSpot, so no version there is newer than the change before it."""
    engine = EngineFixture()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    engine.verdicts(message("order.created", order(billing=back)))
    engine.verdicts(message("order.updated", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    engine.verdicts(message("order.updated", order(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))
    before = engine.contact()["address"]

    engine.verdicts(message("order.swept", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 900))

    assert (before, engine.contact()["address"]) == ("2 Elm St", "123 Main St")


def test_an_account_keeps_its_newest_address_when_two_changes_arrive_in_reverse() -> None:
    engine = EngineFixture()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    engine.verdicts(message("customer.created", customer(billing=back)))
    engine.verdicts(message("customer.updated", customer(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    engine.verdicts(message("customer.updated", customer(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))

    assert engine.contact()["address"] == "123 Main St"


def test_a_late_email_is_associated_although_a_response_is_lost() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(**LATER, billing={"email": ""}), 60))
    engine.portal.faults.add(InjectedFault(kind="reset", when="after", path="/batch/update", count=1))

    engine.verdicts(message("order.created", order(), 70))

    assert engine.associated == {("1234", "jane.doe@example.com")}


def test_an_unchanged_order_in_a_currency_not_enabled_is_not_written_again() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="GBP")))
    before = len(engine.calls)

    engine.verdicts(message("order.updated", order(currency="GBP"), 60))

    assert [call.path.rpartition("/")[2] for call in engine.calls[before:]] == ["read", "read"]


def test_14_orders_in_a_currency_not_enabled_take_two_reads_of_definitions() -> None:
    engine = EngineFixture()
    for number in range(1, 15):
        engine.verdicts(message("order.created", order(number, currency="GBP")))
        engine.clock.sleep(60)

    assert len([call for call in engine.calls if "/properties/" in call.path]) == 2


def test_a_swept_order_restores_the_address_after_a_late_state_with_a_future_date() -> None:
    """Only the receipt decides between such dates, so until then the contact has the older address."""
    engine, future = EngineFixture(), "2031-01-05T15:00:00"
    newest = order(date_created_gmt=future, **LATER, billing={"city": "New Town"})
    older = order(date_created_gmt=future, date_modified_gmt=future, billing={"city": "Old Town"})
    engine.verdicts(message("order.updated", newest, 62))
    engine.verdicts(message("order.updated", older, 90))
    before = engine.contact()["city"]

    engine.verdicts(message("order.swept", newest, 900))

    assert (before, engine.contact()["city"]) == ("Old Town", "New Town")
