"""Histories in which the model found woohub wrong, cut down to what matters."""

from __future__ import annotations

from typing import Any

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order

LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}


def test_the_sweep_mends_what_a_trash_that_was_dated_by_its_receipt_kept_out() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.verdicts(message("order.deleted", {"id": 1234}, 120))
    changed = order(**LATER, total="9.99", billing={"email": "new@example.com"})
    engine.verdicts(message("order.updated", changed, 130))

    engine.verdicts(message("order.updated", changed | {"status": "trash"}, 900))

    assert engine.deal()["amount"] == "9.99"
    assert engine.deal()["woocommerce_order_status"] == "trash"
    assert engine.associated == {("1234", "new@example.com")}


def test_the_sweep_mends_an_address_that_went_and_came_back_in_the_wrong_order() -> None:
    """The change back changes nothing at HubSpot, so no version is left there that the change before is older than."""
    engine = EngineFixture()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    engine.verdicts(message("order.created", order(billing=back)))
    engine.verdicts(message("order.updated", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    engine.verdicts(message("order.updated", order(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))
    before = engine.contact()["address"]

    engine.verdicts(message("order.swept", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 900))

    assert (before, engine.contact()["address"]) == ("2 Elm St", "123 Main St")


def test_a_customers_own_address_that_went_and_came_back_needs_no_sweep() -> None:
    engine = EngineFixture()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    engine.verdicts(message("customer.created", customer(billing=back)))
    engine.verdicts(message("customer.updated", customer(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    engine.verdicts(message("customer.updated", customer(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))

    assert engine.contact()["address"] == "123 Main St"


def test_a_late_address_is_associated_even_if_the_first_try_is_broken_off() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.updated", order(**LATER, billing={"email": ""}), 60))
    engine.portal.faults.add(InjectedFault(kind="reset", when="after", path="/batch/update", count=1))

    engine.verdicts(message("order.created", order(), 70))

    assert engine.associated == {("1234", "jane.doe@example.com")}


def test_a_currency_that_hubspot_does_not_take_is_no_reason_to_write_again() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(currency="GBP")))
    before = len(engine.calls)

    engine.verdicts(message("order.updated", order(currency="GBP"), 60))

    assert [call.path.rpartition("/")[2] for call in engine.calls[before:]] == ["read", "read"]


def test_a_currency_that_hubspot_does_not_take_is_no_reason_to_read_definitions_all_the_time() -> None:
    engine = EngineFixture()
    for number in range(1, 15):
        engine.verdicts(message("order.created", order(number, currency="GBP")))
        engine.clock.sleep(60)

    assert len([call for call in engine.calls if "/properties/" in call.path]) == 2


def test_an_address_with_a_date_of_the_future_that_comes_late_is_undone_by_what_is_read_from_the_store() -> None:
    """Receipt alone tells of such a date, so until then the older address is on the contact."""
    engine, future = EngineFixture(), "2031-01-05T15:00:00"
    newest = order(date_created_gmt=future, **LATER, billing={"city": "New Town"})
    older = order(date_created_gmt=future, date_modified_gmt=future, billing={"city": "Old Town"})
    engine.verdicts(message("order.updated", newest, 62))
    engine.verdicts(message("order.updated", older, 90))
    before = engine.contact()["city"]

    engine.verdicts(message("order.swept", newest, 900))

    assert (before, engine.contact()["city"]) == ("Old Town", "New Town")
