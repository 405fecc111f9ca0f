"""`woohub verify` finds each kind of difference and repairs what it can."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from simulators.woocommerce import Item
from tests.support.engine import FIELDS, EngineFixture
from tests.support.verification import (
    DAY,
    RECEIVED_IN_2286,
    Case,
    differing,
    findings,
    missed_change,
)
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub_cli.cli_errors import Trouble
from woohub_cli.period import Period
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.repairs import RepairResult

Damage = Callable[["Case"], str]


def missing_deal(case: Case) -> str:
    return f"order:{case.silently(case.lab.shop.place)}"


def missing_contact(case: Case) -> str:
    number = case.place()
    case.archive("contacts", case.contact_id(number))
    return f"order:{number}"


def edited_amount(case: Case) -> str:
    number = case.place(items=(Item("Anvil", Decimal("150.00")),))
    case.edit("deals", case.deal_id(number), amount="1.00")
    return f"order:{number}"


def edited_contact(case: Case) -> str:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Nowhere")
    return f"order:{number}"


def missed_move(case: Case) -> str:
    account = case.lab.shop.register()
    case.deliver()
    case.silently(case.lab.shop.edit_customer, account)
    return f"customer:{account}"


def missed_account(case: Case) -> str:
    return f"customer:{case.silently(case.lab.shop.register)}"


def taken_off(case: Case) -> str:
    number = case.place()
    case.portal.hubspot.disassociate(DEALS, CONTACTS, [(case.deal_id(number), case.contact_id(number))])
    return f"order:{number}"


def other_contact(case: Case) -> str:
    number, other = case.place(), case.place()
    case.portal.hubspot.associate(DEALS, CONTACTS, [(case.deal_id(number), case.contact_id(other))])
    case.portal.hubspot.disassociate(DEALS, CONTACTS, [(case.deal_id(number), _own(case, number, other))])
    return f"order:{number}"


def _own(case: Case, number: int, other: int) -> str:
    (own,) = case.portal.hubspot.associated(DEALS, CONTACTS, [case.deal_id(number)])[case.deal_id(number)] - {
        case.contact_id(other)
    }
    return own


DAMAGES: list[tuple[Damage, MismatchKind, str]] = [
    (missing_deal, MismatchKind.MISSING, "deal"),
    (missing_contact, MismatchKind.MISSING, "contact"),
    (missed_change, MismatchKind.DIFFERING, "deal"),
    (edited_amount, MismatchKind.DIFFERING, "deal"),
    (edited_contact, MismatchKind.DIFFERING, "contact"),
    (missed_move, MismatchKind.DIFFERING, "contact"),
    (missed_account, MismatchKind.MISSING, "contact"),
    (taken_off, MismatchKind.UNASSOCIATED, "deal"),
    (other_contact, MismatchKind.WRONG_CONTACT, "deal"),
]


@pytest.mark.parametrize(
    ("damage", "kind", "record"), DAMAGES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_each_planted_difference_is_found_among_many_orders_and_repaired(
    damage: Damage, kind: MismatchKind, record: str
) -> None:
    case = Case().trade(30)
    entity = damage(case)

    report = case.verify(all_customers=True)
    case.repair(report)

    assert (kind.value, entity, record) in findings(report)
    assert {mismatch.entity for mismatch in report.mismatches} == {entity}
    assert findings(case.verify(all_customers=True)) == []


def regular(case: Case, orders: int) -> list[int]:
    """Several orders of one guest, days apart."""
    made = []
    for _ in range(orders):
        made.append(case.place(billing={"email": "jane@shop.example"}))
        case.lab.pass_time(DAY)
    return made


def test_one_repair_brings_a_deleted_contact_back_to_all_its_deals(case: Case) -> None:
    numbers = regular(case, 3)
    case.archive("contacts", case.contact_id(numbers[0]))

    report = case.verify()
    case.repair(report)

    assert sorted(findings(report)) == [
        ("missing", f"order:{numbers[-1]}", "contact"),
        *(("unassociated", f"order:{number}", "deal") for number in numbers[:-1]),
    ]
    assert findings(case.verify()) == []
    assert {number for number, _ in case.portal.associated} == {str(number) for number in numbers}


def test_one_repair_brings_a_deleted_contact_back_to_deals_of_before_the_period(case: Case) -> None:
    numbers = regular(case, 3)
    case.archive("contacts", case.contact_id(numbers[0]))
    lately = Period(utc_from_ms(int((case.lab.clock.now - 1.5 * DAY) * 1000)))

    case.repair(case.verify(lately))

    assert findings(case.verify()) == []
    assert {number for number, _ in case.portal.associated} == {str(number) for number in numbers}


def test_findings_name_the_order_by_number_and_customer(case: Case) -> None:
    case.silently(case.lab.shop.place, number="RE-7", billing={"first_name": "Ana", "last_name": "Rossi"})

    (mismatch,) = case.verify().mismatches

    assert mismatch.named is not None
    assert mismatch.named.more == "number RE-7, Ana Rossi"
    assert (mismatch.facts()["order_number"], mismatch.facts()["name"]) == ("RE-7", "Ana Rossi")


def test_a_difference_names_the_property_and_both_values(case: Case) -> None:
    edited_amount(case)

    assert differing(case.verify()) == {"amount": ("150.00", "1.00")}


def test_a_missed_change_of_status_differs_in_status_and_stage(case: Case) -> None:
    missed_change(case)

    assert differing(case.verify()) == {
        "dealstage": ("completed", "awaiting_payment"),
        "woocommerce_order_status": ("completed", "pending"),
    }


def test_an_order_deleted_for_good_is_found_by_its_deal(case: Case) -> None:
    number = case.place()
    case.lab.shop.delete(number)

    report = case.verify()

    assert findings(report) == [("deleted_in_store", f"order:{number}", "deal")]
    assert case.repair(report) == RepairResult()
    case.lab.run(deleted="check")
    case.lab.drain()
    case.lab.pass_time(30)
    assert case.verify().equal


def test_what_the_store_has_unreadable_is_told_without_its_values(case: Case) -> None:
    number = case.silently(case.lab.shop.place)
    order = case.lab.shop.orders[number]
    order.text = case.lab.shop.order_text(order).replace('"total":"', '"total":"EUR ')

    (mismatch,) = case.verify().mismatches

    assert (mismatch.kind, mismatch.entity) == (MismatchKind.UNREADABLE, f"order:{number}")
    assert mismatch.detail == "total: must be a plain decimal number such as 150.00"
    assert not mismatch.queueable


def test_an_account_whose_address_is_none_is_told(case: Case) -> None:
    account = case.silently(case.lab.shop.register, email="nobody")

    assert findings(case.verify()) == [("unreadable", f"customer:{account}", "contact")]


@pytest.mark.parametrize("year", ["2027", "2999"])
def test_a_deal_whose_date_lies_in_the_future_is_repaired(case: Case, year: str) -> None:
    number = case.place()
    version = case.portal.deal(number)["woocommerce_order_version"].replace("2026-", f"{year}-")
    case.edit("deals", case.deal_id(number), woocommerce_order_version=version)
    case.lab.pass_time(60)
    case.lab.shop.change_status(number, "refunded")

    case.repair(case.verify())

    assert case.portal.deal(number)["dealstage"] == "refunded"
    assert case.verify().equal


def test_a_version_from_the_future_is_found_and_what_helps_is_named(case: Case) -> None:
    number = case.place()
    version = f"2999-01-01T00:00:00|{RECEIVED_IN_2286}|"
    case.edit("deals", case.deal_id(number), woocommerce_order_version=version)
    assert case.verify().equal  # nothing differs: nothing is wrong yet
    case.lab.pass_time(60)
    case.lab.shop.change_status(number, "refunded")
    case.deliver()

    report = case.verify()

    (mismatch,) = report.mismatches
    assert mismatch.kind is MismatchKind.DIFFERING
    assert "clear woocommerce_order_version" in mismatch.fix
    assert case.repair(report) == RepairResult()
    case.edit("deals", case.deal_id(number), woocommerce_order_version="")
    case.repair(case.verify())
    assert case.verify().equal


def test_a_contact_with_a_version_from_the_future_is_found(case: Case) -> None:
    account = case.lab.shop.register()
    case.deliver()
    (contact,) = case.portal.portal.state()["contacts"]
    version = f"2999-01-01T00:00:00|2999-01-01T00:00:00|{RECEIVED_IN_2286}"
    case.edit("contacts", contact["id"], woocommerce_customer_version=version)
    case.lab.shop.edit_customer(account)
    case.deliver()

    (mismatch,) = case.verify(all_customers=True).mismatches

    assert "clear woocommerce_customer_version" in mismatch.fix


def not_unique() -> Case:
    case = Case()
    case.lab.engine = EngineFixture(unique=False, clock=case.lab.clock)
    case.crm = Crm(case.portal.hubspot, FIELDS, case.lab.log)
    return case


def test_without_a_unique_order_id_deals_are_searched_for() -> None:
    case = not_unique().trade(20)

    assert case.verify().equal


def test_duplicates_are_found_where_the_order_id_is_not_unique() -> None:
    case = not_unique()
    number = case.place()
    twin = case.portal.deal(number)
    writable = {name: value for name, value in twin.items() if name in FIELDS.deal_properties}
    case.portal.hubspot.create(DEALS, [{"objectWriteTraceId": "twin", "properties": writable, "associations": []}])
    case.lab.pass_time(60)

    report = case.verify()

    assert findings(report) == [("duplicate", f"order:{number}", "deal")]
    assert len(report.mismatches[0].record_ids) == 2
    (totals,) = report.days.values()
    assert (totals.orders, totals.deals) == (1, 2)


def test_a_portal_that_was_never_set_up_is_told() -> None:
    case = Case()
    case.lab.engine = EngineFixture(ready=False, clock=case.lab.clock)
    case.crm = Crm(case.portal.hubspot, FIELDS, case.lab.log)

    with pytest.raises(Trouble, match="woohub setup"):
        case.verify()


def test_a_finding_as_json_has_plain_values() -> None:
    mismatch = Mismatch(MismatchKind.WRONG_CONTACT, "order:7", "deal", ("1",))

    assert mismatch.facts()["kind"] == "wrong_contact"
    assert mismatch.number == 7
