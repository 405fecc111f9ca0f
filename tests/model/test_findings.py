"""Histories in which the model found woohub wrong, cut down to what matters."""

from __future__ import annotations

from typing import Any

from simulators.hubspot import InjectedFault
from tests.support.lab import Lab
from tests.support.orders import customer, message, order

LATER: dict[str, Any] = {"date_modified_gmt": "2026-11-23T22:41:00"}


def test_the_sweep_mends_what_a_trash_that_was_dated_by_its_receipt_kept_out() -> None:
    lab = Lab()
    lab.verdicts(message("order.created", order()))
    lab.verdicts(message("order.deleted", {"id": 1234}, 120))
    changed = order(**LATER, total="9.99", billing={"email": "new@example.com"})
    lab.verdicts(message("order.updated", changed, 130))

    lab.verdicts(message("order.updated", changed | {"status": "trash"}, 900))

    assert lab.deal()["amount"] == "9.99"
    assert lab.deal()["woocommerce_order_status"] == "trash"
    assert lab.associated == {("1234", "new@example.com")}


def test_the_sweep_mends_an_address_that_went_and_came_back_in_the_wrong_order() -> None:
    """The change back changes nothing at HubSpot, so no version is left there that the change before is older than."""
    lab = Lab()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    lab.verdicts(message("order.created", order(billing=back)))
    lab.verdicts(message("order.updated", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    lab.verdicts(message("order.updated", order(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))
    before = lab.contact()["address"]

    lab.verdicts(message("order.swept", order(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 900))

    assert (before, lab.contact()["address"]) == ("2 Elm St", "123 Main St")


def test_a_customers_own_address_that_went_and_came_back_needs_no_sweep() -> None:
    lab = Lab()
    there, back = {"address_1": "2 Elm St"}, {"address_1": "123 Main St"}
    lab.verdicts(message("customer.created", customer(billing=back)))
    lab.verdicts(message("customer.updated", customer(billing=back, date_modified_gmt="2026-11-23T22:43:00"), 180))
    lab.verdicts(message("customer.updated", customer(billing=there, date_modified_gmt="2026-11-23T22:42:00"), 120))

    assert lab.contact()["address"] == "123 Main St"


def test_a_late_address_is_associated_even_if_the_first_try_is_broken_off() -> None:
    lab = Lab()
    lab.verdicts(message("order.updated", order(**LATER, billing={"email": ""}), 60))
    lab.portal.faults.add(InjectedFault(kind="reset", when="after", path="/batch/update", count=1))

    lab.verdicts(message("order.created", order(), 70))

    assert lab.associated == {("1234", "jane.doe@example.com")}


def test_a_currency_that_hubspot_does_not_take_is_no_reason_to_write_again() -> None:
    lab = Lab()
    lab.verdicts(message("order.created", order(currency="GBP")))
    before = len(lab.calls)

    lab.verdicts(message("order.updated", order(currency="GBP"), 60))

    assert [call.path.rpartition("/")[2] for call in lab.calls[before:]] == ["read", "read"]


def test_a_currency_that_hubspot_does_not_take_is_no_reason_to_read_definitions_all_the_time() -> None:
    lab = Lab()
    for number in range(1, 15):
        lab.verdicts(message("order.created", order(number, currency="GBP")))
        lab.clock.sleep(60)

    assert len([call for call in lab.calls if "/properties/" in call.path]) == 2
