"""Which contact a deal gets, and how an association moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from simulators.hubspot import InjectedFault
from tests.support.engine import EngineFixture
from tests.support.orders import customer, message, order
from tests.support.sync import (
    JANE,
    LATER,
    Intercept,
    edit_record,
    orders_of_shoppers,
    orders_with_other_email,
    request_paths,
    respond,
)
from woohub.hubspot.objects import CONTACTS
from woohub.sync import lookup


def test_a_changed_billing_email_moves_the_association_by_an_archive_before_a_create() -> None:
    """A contact merged into the new one keeps its old id: in the other order the deal would lose both associations."""
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    engine.calls.clear()

    engine.verdicts(message("order.updated", order(billing={"email": "john@example.com"}, **LATER), 60))

    assert [path for path in request_paths(engine) if path.startswith("deals/contacts")] == [
        "deals/contacts/batch/archive",
        "deals/contacts/batch/create",
    ]
    assert engine.associated == {("1234", "john@example.com")}


def test_an_order_is_associated_once_it_has_an_email() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order(billing={"email": ""})))
    assert engine.associated == set()

    engine.verdicts(message("order.updated", order(**LATER), 60))

    assert engine.associated == {("1234", JANE)}


def test_emails_that_differ_only_in_case_make_one_contact() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1)),
        message("order.created", order(2, billing={"email": "Jane.Doe@EXAMPLE.com"})),
    )

    assert len(engine.contacts) == 1
    assert engine.associated == {("1", JANE), ("2", JANE)}


def test_an_order_with_an_additional_email_is_associated_with_the_existing_contact() -> None:
    engine = EngineFixture()
    engine.verdicts(message("order.created", order()))
    edit_record(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails="jane@work.example.com")
    newer = {"date_created_gmt": "2026-11-23T22:41:00"} | LATER

    engine.verdicts(
        message("order.created", order(1235, billing={"email": "jane@work.example.com", "phone": "1"}, **newer), 60),
        message("order.created", order(1236, **newer), 61),
    )

    assert len(engine.contacts) == 1
    assert engine.contact()["email"] == JANE
    assert engine.associated == {("1234", JANE), ("1235", JANE), ("1236", JANE)}


def test_hidden_additional_emails_are_resolved_from_the_create_conflicts(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, addresses = EngineFixture(), [f"jane{number}@work.example.com" for number in range(5)]
    engine.verdicts(message("order.created", order()))
    edit_record(engine, CONTACTS, engine.contact()["hs_object_id"], hs_additional_emails=";".join(addresses))
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


def test_two_guests_get_two_contacts_without_customer_id() -> None:
    engine = EngineFixture()

    engine.verdicts(
        message("order.created", order(1, customer_id=0)),
        message("order.created", order(2, customer_id=0, billing={"email": "john@example.com"})),
    )

    assert len(engine.contacts) == 2
    assert all("woocommerce_customer_id" not in contact for contact in engine.contacts)


@pytest.mark.parametrize("email", ["", "no address", "jane@company.invalid"])
def test_an_order_without_usable_email_makes_a_deal_without_contact(email: str) -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("order.created", order(billing={"email": email}))) == ["done"]

    assert engine.deal()["amount"] == "150.00"
    assert engine.contacts == []
    assert ("order_without_usable_email", {"entity": "order:1234"}) in engine.warnings


def test_an_email_rejected_without_error_code_makes_a_deal_without_contact() -> None:
    engine = EngineFixture()
    engine.portal.change_settings({"errors_in_words": True})

    assert engine.verdicts(message("order.created", order(billing={"email": "jane@company.invalid"}))) == ["done"]
    assert (len(engine.deals), engine.contacts) == (1, [])


@pytest.mark.parametrize("email", ["no address", "jane@company.invalid"])
def test_a_customer_with_an_invalid_email_is_rejected(email: str) -> None:
    assert EngineFixture().verdicts(message("customer.created", customer(email=email))) == ["rejected"]


def test_a_customer_without_email_is_ignored() -> None:
    engine = EngineFixture()

    assert engine.verdicts(message("customer.created", customer(email=""))) == ["ignored"]
    assert engine.contacts == []


def deal_id(engine: EngineFixture, number: int) -> str:
    rows = engine.portal.state()["deals"]
    return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))


def test_a_rejected_association_rejects_only_its_own_order() -> None:
    engine = EngineFixture()
    engine.verdicts(*orders_of_shoppers(1, 2, 3, 4))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 3).encode()
    refusal = {"status": "COMPLETE", "results": [], "errors": [{"category": "VALIDATION_ERROR", "message": "no"}]}
    chosen: Callable[[str, bytes], bool] = lambda url, body: "associations" in url and "create" in url and bad in body  # noqa: E731
    Intercept(engine, chosen, respond(207, refusal))

    assert engine.verdicts(*orders_with_other_email(1, 2, 3, 4)) == ["done", "done", "rejected", "done"]
    assert {ids for ids in engine.associated if ids[0] != "3"} == {(str(n), f"other{n}@example.com") for n in (1, 2, 4)}


def test_an_old_association_that_cannot_be_archived_is_logged_and_the_others_move() -> None:
    engine = EngineFixture()
    engine.verdicts(*orders_of_shoppers(1, 2, 3))
    bad = b'"from":{"id":"%s"}' % deal_id(engine, 2).encode()
    Intercept(engine, lambda url, body: url.endswith("archive") and bad in body, respond(404, {"message": "gone"}))

    assert engine.verdicts(*orders_with_other_email(1, 2, 3)) == ["done"] * 3
    assert {ids for ids in engine.associated if ids[0] != "2"} == {
        ("1", "other1@example.com"),
        ("3", "other3@example.com"),
    }
    assert [event for event, _ in engine.warnings] == ["old_contact_not_taken_off"]


def test_a_deal_update_is_written_while_the_associations_of_other_deals_fail() -> None:
    engine = EngineFixture()
    engine.verdicts(*orders_of_shoppers(1, 2, 3))
    engine.portal.faults.add(InjectedFault(status=503, path="/associations/"))
    changed = message("order.updated", order(3, status="completed", billing={"email": "shopper3@example.com"}, **LATER))
    engine.calls.clear()

    assert engine.verdicts(*orders_with_other_email(1, 2), changed) == ["retry", "retry", "done"]
    assert engine.deal(3)["dealstage"] == "completed"
    assert [path for path in request_paths(engine) if path.startswith("deals")][:2] == [
        "deals/batch/read",
        "deals/batch/update",
    ]
