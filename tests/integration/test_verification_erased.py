"""`woohub verify` lists the contacts of anonymised orders and accounts."""

from __future__ import annotations

from tests.support.verification import ERASED, VerificationFixture, findings


def test_an_anonymised_order_is_no_difference_and_its_contact_is_listed(case: VerificationFixture) -> None:
    number = case.place(billing={"email": "ana@shop.example"})
    case.stack.pass_time(60)
    case.stack.shop.edit_address(number, **ERASED)
    case.deliver()

    report = case.verify()

    assert (findings(report), report.anonymised) == ([], 1)
    (person,) = report.erased
    assert (person.entity, person.contact_id) == (f"order:{number}", case.contact_id(number))
    assert report.facts()["erased_people_in_hubspot"][0]["what_to_do"]


def test_an_order_first_seen_anonymised_lists_no_contact(case: VerificationFixture) -> None:
    case.place(billing=ERASED)

    report = case.verify()

    assert (findings(report), report.erased, report.anonymised) == ([], [], 1)


def test_a_person_with_another_order_is_not_listed_as_erased(case: VerificationFixture) -> None:
    number = case.place(billing={"email": "ana@shop.example"})
    case.place(billing={"email": "ana@shop.example"})
    case.stack.pass_time(60)
    case.stack.shop.edit_address(number, **ERASED)
    case.deliver()

    assert (case.verify().equal, case.verify().erased) == (True, [])


def test_an_emptied_account_is_listed_as_erased(case: VerificationFixture) -> None:
    account = case.stack.shop.register()
    case.deliver()
    case.stack.pass_time(60)
    case.stack.shop.edit_customer(account, billing=dict.fromkeys(case.stack.shop.customers[account].billing, ""))
    case.deliver()

    report = case.verify()

    assert report.equal
    assert [mismatch.entity for mismatch in report.erased] == [f"customer:{account}"]
