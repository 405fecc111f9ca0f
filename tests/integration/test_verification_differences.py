"""`woohub verify` finds each kind of difference and repairs what it can."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from simulators.woocommerce import Item
from tests.support.engine import FIELDS, EngineFixture
from tests.support.reconcile import DAY
from tests.support.verification import RECEIVED_IN_2286, VerificationFixture, differing, findings, missed_change
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub_cli.cli_errors import Trouble
from woohub_cli.period import Period
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.repairs import RepairResult

Damage = Callable[["VerificationFixture"], str]


def missing_deal(case: VerificationFixture) -> str:
    return f"order:{case.without_delivery(case.stack.shop.place)}"


def missing_contact(case: VerificationFixture) -> str:
    number = case.place()
    case.archive("contacts", case.contact_id(number))
    return f"order:{number}"


def edited_amount(case: VerificationFixture) -> str:
    number = case.place(items=(Item("Anvil", Decimal("150.00")),))
    case.edit("deals", case.deal_id(number), amount="1.00")
    return f"order:{number}"


def edited_contact(case: VerificationFixture) -> str:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Nowhere")
    return f"order:{number}"


def missed_account_change(case: VerificationFixture) -> str:
    account = case.stack.shop.register()
    case.deliver()
    case.without_delivery(case.stack.shop.edit_customer, account)
    return f"customer:{account}"


def missing_account(case: VerificationFixture) -> str:
    return f"customer:{case.without_delivery(case.stack.shop.register)}"


def removed_association(case: VerificationFixture) -> str:
    number = case.place()
    case.engine.hubspot.disassociate(DEALS, CONTACTS, [(case.deal_id(number), case.contact_id(number))])
    return f"order:{number}"


def association_with_another_contact(case: VerificationFixture) -> str:
    number, other = case.place(), case.place()
    case.engine.hubspot.associate(DEALS, CONTACTS, [(case.deal_id(number), case.contact_id(other))])
    case.engine.hubspot.disassociate(DEALS, CONTACTS, [(case.deal_id(number), _own_contact(case, number, other))])
    return f"order:{number}"


def _own_contact(case: VerificationFixture, number: int, other: int) -> str:
    (own,) = case.engine.hubspot.associated(DEALS, CONTACTS, [case.deal_id(number)])[case.deal_id(number)] - {
        case.contact_id(other)
    }
    return own


DAMAGES: list[tuple[Damage, MismatchKind, str]] = [
    (missing_deal, MismatchKind.MISSING, "deal"),
    (missing_contact, MismatchKind.MISSING, "contact"),
    (missed_change, MismatchKind.DIFFERING, "deal"),
    (edited_amount, MismatchKind.DIFFERING, "deal"),
    (edited_contact, MismatchKind.DIFFERING, "contact"),
    (missed_account_change, MismatchKind.DIFFERING, "contact"),
    (missing_account, MismatchKind.MISSING, "contact"),
    (removed_association, MismatchKind.UNASSOCIATED, "deal"),
    (association_with_another_contact, MismatchKind.WRONG_CONTACT, "deal"),
]


@pytest.mark.parametrize(
    ("damage", "kind", "record"), DAMAGES, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_each_planted_difference_is_found_among_many_orders_and_repaired(
    damage: Damage, kind: MismatchKind, record: str
) -> None:
    case = VerificationFixture().act_and_deliver(30)
    entity = damage(case)

    report = case.verify(all_customers=True)
    case.repair(report)

    assert (kind.value, entity, record) in findings(report)
    assert {mismatch.entity for mismatch in report.mismatches} == {entity}
    assert findings(case.verify(all_customers=True)) == []


def orders_of_one_guest(case: VerificationFixture, orders: int) -> list[int]:
    """Orders of one guest, a day apart."""
    made = []
    for _ in range(orders):
        made.append(case.place(billing={"email": "jane@shop.example"}))
        case.stack.pass_time(DAY)
    return made


def test_one_repair_restores_a_deleted_contact_on_all_its_deals(case: VerificationFixture) -> None:
    numbers = orders_of_one_guest(case, 3)
    case.archive("contacts", case.contact_id(numbers[0]))

    report = case.verify()
    case.repair(report)

    assert sorted(findings(report)) == [
        ("missing", f"order:{numbers[-1]}", "contact"),
        *(("unassociated", f"order:{number}", "deal") for number in numbers[:-1]),
    ]
    assert findings(case.verify()) == []
    assert {number for number, _ in case.engine.associated} == {str(number) for number in numbers}


def test_one_repair_restores_a_deleted_contact_on_deals_from_before_the_period(case: VerificationFixture) -> None:
    numbers = orders_of_one_guest(case, 3)
    case.archive("contacts", case.contact_id(numbers[0]))
    lately = Period(utc_from_ms(int((case.stack.clock.now - 1.5 * DAY) * 1000)))

    case.repair(case.verify(lately))

    assert findings(case.verify()) == []
    assert {number for number, _ in case.engine.associated} == {str(number) for number in numbers}


def test_a_finding_shows_the_orders_number_and_customer(case: VerificationFixture) -> None:
    case.without_delivery(case.stack.shop.place, number="RE-7", billing={"first_name": "Ana", "last_name": "Rossi"})

    (mismatch,) = case.verify().mismatches

    assert mismatch.named is not None
    assert mismatch.named.more == "number RE-7, Ana Rossi"
    assert (mismatch.facts()["order_number"], mismatch.facts()["name"]) == ("RE-7", "Ana Rossi")


def test_a_difference_shows_the_property_and_both_values(case: VerificationFixture) -> None:
    edited_amount(case)

    assert differing(case.verify()) == {"amount": ("150.00", "1.00")}


def test_a_missed_status_change_differs_in_status_and_stage(case: VerificationFixture) -> None:
    missed_change(case)

    assert differing(case.verify()) == {
        "dealstage": ("completed", "awaiting_payment"),
        "woocommerce_order_status": ("completed", "pending"),
    }


def test_an_order_deleted_for_good_is_found_and_left_to_reconcile(case: VerificationFixture) -> None:
    number = case.place()
    case.stack.shop.delete(number)

    report = case.verify()

    assert findings(report) == [("deleted_in_store", f"order:{number}", "deal")]
    assert case.repair(report) == RepairResult()
    case.stack.run(deleted="check")
    case.stack.drain()
    case.stack.pass_time(30)
    assert case.verify().equal


def test_an_unreadable_order_is_reported_without_its_values(case: VerificationFixture) -> None:
    number = case.without_delivery(case.stack.shop.place)
    order = case.stack.shop.orders[number]
    order.text = case.stack.shop.order_text(order).replace('"total":"', '"total":"EUR ')

    (mismatch,) = case.verify().mismatches

    assert (mismatch.kind, mismatch.entity) == (MismatchKind.UNREADABLE, f"order:{number}")
    assert mismatch.detail == "total: must be a plain decimal number such as 150.00"
    assert not mismatch.queueable


def test_an_account_with_an_invalid_email_is_reported_as_unreadable(case: VerificationFixture) -> None:
    account = case.without_delivery(case.stack.shop.register, email="nobody")

    assert findings(case.verify()) == [("unreadable", f"customer:{account}", "contact")]


@pytest.mark.parametrize("year", ["2027", "2999"])
def test_a_deal_with_a_future_date_in_its_version_is_repaired(case: VerificationFixture, year: str) -> None:
    number = case.place()
    version = case.engine.deal(number)["woocommerce_order_version"].replace("2026-", f"{year}-")
    case.edit("deals", case.deal_id(number), woocommerce_order_version=version)
    case.stack.pass_time(60)
    case.stack.shop.change_status(number, "refunded")

    case.repair(case.verify())

    assert case.engine.deal(number)["dealstage"] == "refunded"
    assert case.verify().equal


def test_a_deal_with_a_version_received_in_the_future_is_found_with_the_fix(case: VerificationFixture) -> None:
    number = case.place()
    version = f"2999-01-01T00:00:00|{RECEIVED_IN_2286}|"
    case.edit("deals", case.deal_id(number), woocommerce_order_version=version)
    assert case.verify().equal  # nothing differs yet
    case.stack.pass_time(60)
    case.stack.shop.change_status(number, "refunded")
    case.deliver()

    report = case.verify()

    (mismatch,) = report.mismatches
    assert mismatch.kind is MismatchKind.DIFFERING
    assert "clear woocommerce_order_version" in mismatch.fix
    assert case.repair(report) == RepairResult()
    case.edit("deals", case.deal_id(number), woocommerce_order_version="")
    case.repair(case.verify())
    assert case.verify().equal


def test_a_contact_with_a_version_received_in_the_future_is_found_with_the_fix(case: VerificationFixture) -> None:
    account = case.stack.shop.register()
    case.deliver()
    (contact,) = case.engine.portal.state()["contacts"]
    version = f"2999-01-01T00:00:00|2999-01-01T00:00:00|{RECEIVED_IN_2286}"
    case.edit("contacts", contact["id"], woocommerce_customer_version=version)
    case.stack.shop.edit_customer(account)
    case.deliver()

    (mismatch,) = case.verify(all_customers=True).mismatches

    assert "clear woocommerce_customer_version" in mismatch.fix


def case_without_unique_order_id() -> VerificationFixture:
    case = VerificationFixture()
    case.stack.engine = EngineFixture(unique=False, clock=case.stack.clock)
    case.crm = Crm(case.engine.hubspot, FIELDS, case.stack.log)
    return case


def test_verify_finds_no_difference_without_a_unique_order_id() -> None:
    case = case_without_unique_order_id().act_and_deliver(20)

    assert case.verify().equal


def test_duplicate_deals_are_found_when_the_order_id_is_not_unique() -> None:
    case = case_without_unique_order_id()
    number = case.place()
    duplicate = case.engine.deal(number)
    writable = {name: value for name, value in duplicate.items() if name in FIELDS.deal_properties}
    case.engine.hubspot.create(DEALS, [{"objectWriteTraceId": "duplicate", "properties": writable, "associations": []}])
    case.stack.pass_time(60)

    report = case.verify()

    assert findings(report) == [("duplicate", f"order:{number}", "deal")]
    assert len(report.mismatches[0].record_ids) == 2
    (totals,) = report.days.values()
    assert (totals.orders, totals.deals) == (1, 2)


def test_verify_of_a_portal_without_setup_names_woohub_setup() -> None:
    case = VerificationFixture()
    case.stack.engine = EngineFixture(ready=False, clock=case.stack.clock)
    case.crm = Crm(case.engine.hubspot, FIELDS, case.stack.log)

    with pytest.raises(Trouble, match="woohub setup"):
        case.verify()


def test_a_finding_as_json_has_plain_values() -> None:
    mismatch = Mismatch(MismatchKind.WRONG_CONTACT, "order:7", "deal", ("1",))

    assert mismatch.facts()["kind"] == "wrong_contact"
    assert mismatch.number == 7
