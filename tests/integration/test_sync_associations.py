"""Which contact a deal gets, and how an association moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order
from tests.support.sync import JANE, LATER, Instead, _edit, canned, moved, paths, shoppers
from woohub.hubspot.objects import CONTACTS
from woohub.sync import lookup


def test_a_changed_billing_address_moves_the_association() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert engine.associated == {("1234", "john@example.com")}


def test_the_old_contact_is_taken_off_before_the_new_one_is_put_on() -> None:
    """A contact merged into the new one answers to its old id too: the other way round the deal would lose both."""
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert [path for path in paths(engine) if path.startswith("deals/contacts")] == [
        "deals/contacts/batch/archive",
        "deals/contacts/batch/create",
    ]


def test_an_order_that_gets_its_address_later_is_associated_then() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(billing={"email": ""})))
    assert engine.associated == set()

    engine.verdicts(message("order.updated", order(**LATER), 60))

    assert engine.associated == {("1234", JANE)}


def test_addresses_that_differ_in_case_only_are_one_contact() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1)),
        message("order.created", order(2, billing={"email": "Jane.Doe@EXAMPLE.com"})),
    )

    assert len(engine.contacts) == 1
    assert engine.associated == {("1", JANE), ("2", JANE)}


def test_a_contact_found_by_an_additional_address_is_updated_and_not_doubled() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    _edit(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails="jane@work.example.com")
    newer = {"date_created_gmt": "2026-11-23T22:41:00"} | LATER

    engine.verdicts(
        message("order.created", order(1235, billing={"email": "jane@work.example.com", "phone": "1"}, **newer), 60),
        message("order.created", order(1236, **newer), 61),
    )

    assert len(engine.contacts) == 1
    assert engine.contact()["email"] == JANE
    assert engine.associated == {("1234", JANE), ("1235", JANE), ("1236", JANE)}


def test_many_addresses_of_one_contact_that_hubspot_does_not_show_are_found_by_the_conflicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, addresses = EngineFixture(), [f"jane{number}@work.example.com" for number in range(5)]
    engine.verdicts(message("order.created", order()))
    _edit(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails=";".join(addresses))
    monkeypatch.setattr(lookup, "_key_values", lambda kind, record: [record.properties.get(kind.key)])

    verdicts = engine.verdicts(
        *(
            message("order.created", order(number, billing={"email": email}))
            for number, email in enumerate(addresses, 1)
        )
    )

    assert verdicts == ["done"] * len(addresses)
    assert len(engine.contacts) == 1
    assert len(engine.associated) == 1 + len(addresses)


def test_guests_are_not_one_customer() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1, customer_id=0)),
        message("order.created", order(2, customer_id=0, billing={"email": "john@example.com"})),
    )

    assert len(engine.contacts) == 2
    assert all("woocommerce_customer_id" not in contact for contact in engine.contacts)


@pytest.mark.parametrize("email", ["", "no address", "jane@company.invalid"])
def test_an_order_without_a_usable_address_becomes_a_deal_without_a_contact(email: str) -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.created", order(billing={"email": email}))) == ["done"]

    assert engine.deal()["amount"] == "150.00"
    assert engine.contacts == []
    assert ("order_without_usable_email", {"entity": "order:1234"}) in engine.warnings


def test_an_address_that_hubspot_refuses_in_words_only_costs_the_contact_and_not_the_deal() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"errors_in_words": True})

    assert engine.verdicts(message("order.created", order(billing={"email": "jane@company.invalid"}))) == ["done"]
    assert (len(engine.deals), engine.contacts) == (1, [])


@pytest.mark.parametrize("email", ["no address", "jane@company.invalid"])
def test_a_customer_with_an_unusable_address_is_rejected(email: str) -> None:
    assert EngineFixture().verdicts(message("customer.created", customer(email=email))) == ["rejected"]


def test_a_customer_without_an_address_is_no_contact() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("customer.created", customer(email=""))) == ["ignored"]
    assert engine.contacts == []


def deal_id(engine: EngineFixture, number: int) -> str:
    rows = engine.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def test_one_association_that_is_refused_keeps_no_other_deal() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3, 4))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 3).encode()
    refusal = {"status": "COMPLETE", "results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "no"}]}
    chosen: Callable[[str, bytes], bool] = lambda url, body: "associations" in url and "create" in url and bad in body  # noqa: E731
    Instead(engine, chosen, canned(207, refusal))

    assert engine.verdicts(*moved(1, 2, 3, 4)) == ["done", "done", "rejected", "done"]
    assert {ids for ids in engine.associated if ids[0] != "3"} == {(str(n), f"other{n}@example.com") for n in (1, 2, 4)}


def test_one_old_contact_that_cannot_be_taken_off_keeps_no_other_on_its_deal() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 2).encode()
    Instead(engine, lambda url, body: url.endswith("archive") and bad in body, canned(404, {"message": "gone"}))

    assert engine.verdicts(*moved(1, 2, 3)) == ["done"] * 3
    assert {ids for ids in engine.associated if ids[0] != "2"} == {
        ("1", "other1@example.com"),
        ("3", "other3@example.com"),
    }
    assert [event for event, _ in engine.warnings] == ["old_contact_not_taken_off"]


def test_while_associations_fail_other_changes_of_deals_are_written() -> None:
    engine = EngineFixture()
    engine.verdicts(*shoppers(1, 2, 3))
    engine.portal.faults.add(InjectedFault(status=503, path="/associations/"))
    changed = message("order.updated", order(3, status="completed", billing={"email": "shopper3@example.com"}, **LATER))
    engine.calls.clear()

    assert engine.verdicts(*moved(1, 2), changed) == ["retry", "retry", "done"]
    assert engine.deal(3)["dealstage"] == "completed"
    assert [path for path in paths(engine) if path.startswith("deals")][:2] == [
        "deals/batch/read",
        "deals/batch/update",
    ]
