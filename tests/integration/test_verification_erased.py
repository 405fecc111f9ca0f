"""`woohub verify` lists the contacts of anonymised orders and accounts."""

from __future__ import annotations

from tests.support.verification import (
    ERASED,
    Case,
    findings,
)


def test_an_anonymised_order_is_no_difference_and_its_contact_is_listed(case: Case) -> None:
    number = case.place(billing={"email": "ana@shop.example"})
    case.lab.pass_time(60)
    case.lab.shop.edit_address(number, **ERASED)
    case.deliver()

    report = case.verify()

    assert (findings(report), report.anonymised) == ([], 1)
    (person,) = report.erased
    assert (person.entity, person.contact_id) == (f"order:{number}", case.contact_id(number))
    assert report.facts()["erased_people_in_hubspot"][0]["what_to_do"]


def test_an_anonymised_order_that_hubspot_never_knew_otherwise_has_nobody_to_list(case: Case) -> None:
    case.place(billing=ERASED)

    report = case.verify()

    assert (findings(report), report.erased, report.anonymised) == ([], [], 1)


def test_whoever_ordered_again_is_not_listed_as_erased(case: Case) -> None:
    number = case.place(billing={"email": "ana@shop.example"})
    case.place(billing={"email": "ana@shop.example"})
    case.lab.pass_time(60)
    case.lab.shop.edit_address(number, **ERASED)
    case.deliver()

    assert (case.verify().equal, case.verify().erased) == (True, [])


def test_an_account_that_was_emptied_is_listed_with_its_contact(case: Case) -> None:
    account = case.lab.shop.register()
    case.deliver()
    case.lab.pass_time(60)
    case.lab.shop.edit_customer(account, billing=dict.fromkeys(case.lab.shop.customers[account].billing, ""))
    case.deliver()

    report = case.verify()

    assert report.equal
    assert [mismatch.entity for mismatch in report.erased] == [f"customer:{account}"]
