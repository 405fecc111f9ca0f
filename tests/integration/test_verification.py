"""The comparison finds each kind of difference, takes what is left to people for none, and repairs what it can."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any, Never, cast

import pytest
from mypy_boto3_sqs import SQSClient

from simulators.hubspot import definitions
from simulators.woocommerce import Item
from tests.support.engine import FIELDS, EngineFixture
from tests.support.reconcile import ReconcileFixture
from tests.support.targets import BESIDE, INSTEAD, mapping_with
from woohub.clock import Timer
from woohub.dates import utc_from_ms
from woohub.delivery.delivery_queue import DeliveryQueue
from woohub.hubspot.objects import CONTACTS, DEALS, OBJECT_TYPES
from woohub.sync.contacts import ContactSnapshot, snapshot_of
from woohub_cli.cli_errors import Trouble
from woohub_cli.deliveries.history import Pace
from woohub_cli.orders.order_diagnosis import InHubSpot
from woohub_cli.orders.order_lookup import Lookup
from woohub_cli.orders.order_reading import in_hubspot, in_store
from woohub_cli.orders.store_deliveries import order_event
from woohub_cli.period import Period, shifted
from woohub_cli.rendering import report_page
from woohub_cli.rendering.report_text import cells, lines
from woohub_cli.verify.comparison import Mismatch, MismatchKind
from woohub_cli.verify.hubspot_records import Crm
from woohub_cli.verify.other_stores import OtherStore
from woohub_cli.verify.repairs import RepairResult, repair
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_report import VerificationReport
from woohub_cli.verify.verification_run import OtherStores, VerificationRun

EVER = Period("2026-11-01T00:00:00")
DAY, QUARTER = 86_400, 900
Damage = Callable[["Case"], str]


class Case:
    """A shop with some orders, all of them in HubSpot."""

    def __init__(self, **lab: Any) -> None:
        self.lab = ReconcileFixture(**lab).with_webhooks()
        self.lab.run()
        self.lab.pass_time(QUARTER)
        self.mapping = self.lab.mapping
        self.crm = Crm(self.lab.engine.hubspot, self.mapping, self.lab.log)

    @property
    def portal(self) -> EngineFixture:
        return self.lab.engine

    def trade(self, acts: int = 40, pause: float = 60) -> Case:
        for _ in range(acts):
            self.lab.shop.act()
            self.lab.pass_time(pause)
            self.deliver()
        return self

    def deliver(self) -> None:
        self.lab.shop.run_webhooks()
        self.lab.drain()
        self.lab.pass_time(30)

    def place(self, **fields: Any) -> int:
        """An order that HubSpot has."""
        number = self.lab.shop.place(**fields)
        self.deliver()
        return number

    def silently(self, act: Callable[..., Any], *arguments: Any, **fields: Any) -> Any:
        """Something happens in the shop, and nobody hears of it."""
        before, self.lab.shop.hooks.lose = self.lab.shop.hooks.lose, 1.0
        done = act(*arguments, **fields)
        self.lab.shop.run_webhooks()
        self.lab.shop.hooks.lose = before
        self.lab.pass_time(30)
        return done

    def verify(
        self, period: Period = EVER, *, depth: int = 0, others: OtherStores = lambda *_: (), **options: Any
    ) -> VerificationReport:
        self.lab.timer.start(float("inf"))
        self.portal.timer.start(float("inf"))
        run = VerificationRun(
            self.lab.store(), self.crm, period, self.lab.clock.read, lambda: depth, other_stores=others
        )
        return verify(run, **options)

    def repair(self, report: VerificationReport) -> RepairResult:
        queue = DeliveryQueue(cast(SQSClient, self.lab.sqs), "queue", self.lab.log)
        pace = Pace(lambda: 0, Timer(self.lab.clock.read, self.lab.clock.sleep))
        done = repair(report.mismatches, self.lab.store(), self.crm, queue, pace, self.lab.clock.read)
        self.lab.drain()
        self.lab.pass_time(30)
        return done

    def deal_id(self, number: int) -> str:
        (only,) = [
            row["id"]
            for row in self.portal.portal.state()["deals"]
            if row["properties"].get("woocommerce_order_id") == str(number)
        ]
        return str(only)

    def contact_id(self, number: int) -> str:
        """Of the order's deal."""
        self.portal.timer.start(float("inf"))
        (only,) = self.portal.hubspot.associated(DEALS, CONTACTS, [self.deal_id(number)])[self.deal_id(number)]
        return only

    def order_id(self, number: int) -> str:
        """Of HubSpot's order."""
        rows = self.portal.portal.state()["orders"]
        return str(next(row["id"] for row in rows if row["properties"]["woocommerce_order_id"] == str(number)))

    def edit(self, object_type: str, record_id: str, **properties: str) -> None:
        """As a person does it in HubSpot."""
        self.portal.timer.start(float("inf"))
        self.portal.hubspot.update(
            OBJECT_TYPES[object_type], [{"id": record_id, "objectWriteTraceId": "edit", "properties": properties}]
        )

    def archive(self, object_type: str, record_id: str) -> None:
        self.portal.portal.objects.archive(
            {"contacts": definitions.CONTACTS, "deals": definitions.DEALS}[object_type], record_id
        )


@pytest.fixture
def case() -> Case:
    return Case()


def findings(report: VerificationReport) -> list[tuple[str, str, str]]:
    return [(mismatch.kind.value, mismatch.entity, mismatch.record) for mismatch in report.mismatches]


def differing(report: VerificationReport) -> dict[str, tuple[str, str | None]]:
    (mismatch,) = report.mismatches
    return {difference.property: (difference.store, difference.hubspot) for difference in mismatch.differences}


# --- What is the same


@pytest.mark.parametrize(("seed", "hpos"), [(0, True), (1, False)])
def test_a_shop_whose_deliveries_all_arrive_has_no_differences(seed: int, hpos: bool) -> None:
    case = Case(seed=seed, hpos=hpos).trade(150)

    report = case.verify(all_customers=True)

    assert findings(report) == []
    assert report.orders > 50


@pytest.mark.parametrize("seed", range(2))
def test_after_three_of_a_hundred_lost_one_sweep_makes_them_equal(seed: int) -> None:
    case = Case(seed=seed)
    case.lab.shop.hooks.lose = 0.03
    for number in range(250):
        case.lab.shop.act()
        case.lab.pass_time(5 if number % 3 == 0 else 0)  # some within the same second
        case.lab.shop.run_webhooks()
    case.lab.drain()
    case.lab.pass_time(QUARTER)
    lost = case.lab.shop.hooks.lost()
    before = case.verify(all_customers=True)

    case.lab.run(customers="all")
    case.lab.drain()
    case.lab.pass_time(QUARTER)

    assert lost
    assert not before.equal
    assert findings(case.verify(all_customers=True)) == []


def test_after_an_hour_of_disabled_webhooks_one_sweep_makes_them_equal(case: Case) -> None:
    case.trade(20)
    case.lab.down = True
    for _ in range(120):
        case.lab.shop.act()
        case.lab.pass_time(30)
        case.lab.shop.run_webhooks()
    case.lab.down = False
    assert "disabled" in {webhook.status for webhook in case.lab.shop.hooks.webhooks.values()}
    assert not case.verify(all_customers=True).equal

    case.lab.run()
    case.lab.drain()
    case.lab.pass_time(QUARTER)

    assert findings(case.verify(all_customers=True)) == []


def test_a_store_of_before_woocommerce_5_8_is_compared_by_when_orders_were_made() -> None:
    case = Case(old=True)
    case.place()
    case.lab.pass_time(DAY)
    lost = case.silently(case.lab.shop.place)

    report = case.verify()

    assert findings(report) == [("missing", f"order:{lost}", "deal")]
    assert report.orders == 2
    assert any("WooCommerce 5.8" in note for note in report.notes)
    assert (
        case.verify(Period("2026-11-01T00:00:00", utc_from_ms(int((case.lab.clock.now - DAY / 2) * 1000)))).orders == 1
    )


@pytest.mark.parametrize("edited", [{"dealstage": "on_hold"}, {"dealname": "The big one"}], ids=str)
def test_a_stage_or_name_that_a_person_chose_is_left_to_them(case: Case, edited: dict[str, str]) -> None:
    number = case.place()
    case.edit("deals", case.deal_id(number), **edited)

    assert case.verify().equal


def test_a_currency_that_the_portal_lacks_is_told_once_and_no_difference(case: Case) -> None:
    case.place(currency="GBP")
    case.place(currency="GBP")

    report = case.verify()

    assert report.equal
    assert [currency.facts()["currency"] for currency in report.currencies] == ["GBP"]


def test_a_blank_in_the_store_never_differs_from_a_value_in_hubspot(case: Case) -> None:
    number = case.place(billing={"phone": ""})
    case.edit("contacts", case.contact_id(number), phone="+1 555 0100")

    assert case.verify().equal


def test_a_second_contact_on_the_deal_is_left_to_people(case: Case) -> None:
    first, other = case.place(), case.place()
    case.portal.hubspot.associate(DEALS, CONTACTS, [(case.deal_id(first), case.contact_id(other))])

    assert case.verify().equal


def test_an_order_without_an_address_needs_no_contact(case: Case) -> None:
    case.place(billing={"email": ""})

    report = case.verify()

    assert (report.equal, report.orders, report.contacts) == (True, 1, 0)


def test_an_address_that_hubspot_refuses_is_counted_and_no_difference(case: Case) -> None:
    case.place(billing={"email": "somebody@shop.invalid"})

    report = case.verify()

    assert (report.equal, report.refused_addresses) == (True, 1)


def test_drafts_and_trashed_orders_that_hubspot_never_had_are_no_orders(case: Case) -> None:
    case.lab.shop.abandon()
    number = case.silently(case.lab.shop.place)
    case.silently(case.lab.shop.trash, number)

    assert case.verify().equal


def test_a_trashed_order_is_compared_too(case: Case) -> None:
    number = case.place()
    case.lab.shop.trash(number)
    case.deliver()
    assert case.verify().equal

    case.edit("deals", case.deal_id(number), woocommerce_order_status="processing")

    assert findings(case.verify()) == [("differing", f"order:{number}", "deal")]


def test_a_contact_with_the_values_of_a_newer_order_is_right(case: Case) -> None:
    first = case.place(billing={"email": "jane@shop.example", "city": "Anytown"})
    case.lab.pass_time(DAY)
    case.place(billing={"email": "jane@shop.example", "city": "Lille"})
    case.lab.pass_time(DAY)
    case.lab.shop.change_status(first, "completed")
    case.deliver()

    assert case.verify(Period(utc_from_ms(int((case.lab.clock.now - 3600) * 1000)))).equal


# --- What is not


def missing_deal(case: Case) -> str:
    return f"order:{case.silently(case.lab.shop.place)}"


def missing_contact(case: Case) -> str:
    number = case.place()
    case.archive("contacts", case.contact_id(number))
    return f"order:{number}"


def missed_change(case: Case) -> str:
    number = case.place(status="pending")
    case.lab.pass_time(60)
    case.silently(case.lab.shop.change_status, number, "completed")
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


# --- Erased people

ERASED = dict.fromkeys(("first_name", "last_name", "company", "address_1", "city", "postcode"), "[deleted]") | {
    "email": "deleted@site.invalid",
    "phone": "+0 000",
    "state": "",
    "country": "",
}


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


# --- Currencies


@pytest.mark.parametrize("listed", [True, False])
def test_a_currency_that_hubspot_refuses_is_told_once_and_no_difference(case: Case, listed: bool) -> None:
    case.portal.portal.change_settings({"lists_currencies": listed})
    numbers = [case.place(currency="GBP") for _ in range(50)]

    report = case.verify()

    assert (report.equal, len(report.currencies)) == (True, 1)
    assert (report.currencies[0].currency, report.currencies[0].deals) == ("GBP", 50)
    report_lines = str(report.currencies[0])
    assert report_lines.startswith("currency GBP is not enabled in HubSpot: 50 deals have no deal_currency_code")
    assert f"order:{numbers[0]}" in report_lines
    assert "reads HubSpot's definitions again within 15 minutes" in report_lines


@pytest.mark.parametrize("listed", [True, False])
def test_a_currency_that_orders_in_hubspot_cannot_get_is_no_difference(listed: bool) -> None:
    case = Case(mapping=mapping_with(INSTEAD))
    case.portal.portal.change_settings({"lists_currencies": listed})
    case.place(currency="GBP")

    report = case.verify()

    assert report.equal
    assert "1 HubSpot order has no hs_currency_code of it" in str(report.currencies[0])


@pytest.mark.parametrize("listed", [True, False])
def test_the_code_of_another_currency_is_a_difference_that_repair_empties(case: Case, listed: bool) -> None:
    case.portal.portal.change_settings({"lists_currencies": listed})
    number = case.place(currency="GBP")
    case.edit("deals", case.deal_id(number), deal_currency_code="EUR")

    assert findings(case.verify()) == [("differing", f"order:{number}", "deal")]

    case.repair(case.verify())
    assert not case.portal.deals[0].get("deal_currency_code")
    assert [currency.currency for currency in case.verify().currencies] == ["GBP"]


def test_once_the_currency_is_enabled_what_is_told_to_do_brings_it_to_the_deals(case: Case) -> None:
    case.portal.portal.change_settings({"lists_currencies": False})
    case.place(currency="GBP")
    since = case.verify().currencies[0].since
    case.portal.portal.change_settings({"currencies": ["USD", "GBP"]})
    case.lab.pass_time(QUARTER + 1)

    case.lab.run(since=since)
    case.lab.drain()

    assert (case.verify().equal, case.verify().currencies) == (True, [])
    assert {deal["deal_currency_code"] for deal in case.portal.deals} == {"GBP"}


def test_a_currency_that_other_deals_have_is_a_difference_that_repair_mends(case: Case) -> None:
    case.portal.portal.change_settings({"lists_currencies": False})
    number = case.place(currency="EUR")
    case.place(currency="EUR")
    case.edit("deals", case.deal_id(number), deal_currency_code="USD")

    report = case.verify()
    case.repair(report)

    assert (findings(report), report.currencies) == ([("differing", f"order:{number}", "deal")], [])
    assert case.verify().equal


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


RECEIVED_IN_2286 = "9999999999999"  # a date in the future heals by itself, a receipt does not


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


# --- Portals without a unique order id


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


# --- Which orders


def test_only_the_period_is_compared(case: Case) -> None:
    old = case.silently(case.lab.shop.place)
    case.lab.pass_time(2 * DAY)
    new = case.silently(case.lab.shop.place)
    yesterday = utc_from_ms(int((case.lab.clock.now - DAY) * 1000))

    assert findings(case.verify(Period(yesterday))) == [("missing", f"order:{new}", "deal")]
    assert findings(case.verify(Period("2026-11-01T00:00:00", yesterday))) == [("missing", f"order:{old}", "deal")]


def test_an_order_of_the_period_that_changed_after_it_is_compared(case: Case) -> None:
    number = case.place(status="pending")
    end = utc_from_ms(int((case.lab.clock.now + 3600) * 1000))
    case.lab.pass_time(2 * DAY)
    case.silently(case.lab.shop.change_status, number, "completed")

    assert findings(case.verify(Period("2026-11-01T00:00:00", end))) == [("differing", f"order:{number}", "deal")]


def test_an_account_that_changed_long_after_it_was_made_needs_a_look_at_all(case: Case) -> None:
    account = case.lab.shop.register()
    case.deliver()
    case.lab.pass_time(30 * DAY)
    case.silently(case.lab.shop.edit_customer, account)
    lately = Period(utc_from_ms(int((case.lab.clock.now - DAY) * 1000)))

    assert case.verify(lately).equal
    assert findings(case.verify(lately, all_customers=True)) == [("differing", f"customer:{account}", "contact")]


# --- What changes meanwhile


def test_what_changed_just_now_is_on_its_way_while_the_queue_holds_something(case: Case) -> None:
    entity = missed_change(case)

    report = case.verify(depth=3)

    assert (report.equal, report.on_their_way) == (True, [entity])
    assert not case.verify(depth=0).equal
    case.lab.pass_time(QUARTER)
    assert not case.verify(depth=3).equal


def test_what_differs_while_messages_wait_is_to_be_compared_again(case: Case) -> None:
    missed_change(case)
    case.lab.pass_time(QUARTER)

    again = "3 messages waited in the queue: compare again"
    assert again in "\n".join(map(str, lines(case.verify(depth=3))))
    assert "waited in the queue" not in "\n".join(map(str, lines(case.verify(depth=0))))


def test_what_changes_during_the_comparison_is_set_aside(case: Case) -> None:
    numbers = [case.place(status="pending") for _ in range(3)]
    case.lab.pass_time(60)
    seen: list[str] = []

    def shop_goes_on(what: str, _total: int | None, _done: int) -> None:
        if what == "orders" and not seen:
            seen.append(what)
            case.lab.pass_time(5)
            case.lab.shop.change_status(numbers[0], "completed")
            case.deliver()

    case.lab.timer.start(float("inf"))
    case.portal.timer.start(float("inf"))
    report = verify(VerificationRun(case.lab.store(), case.crm, EVER, case.lab.clock.read, show=shop_goes_on))

    assert (findings(report), report.on_their_way) == ([], [f"order:{numbers[0]}"])


# --- Sums and times


def test_orders_and_sums_are_counted_per_day_and_currency_on_both_sides(case: Case) -> None:
    case.place(items=(Item("Anvil", Decimal("150.00")),))
    case.place(items=(Item("Bell", Decimal("7.51")),))
    case.place(items=(Item("Drum", Decimal("20.00")),), currency="EUR")
    case.lab.pass_time(DAY)
    case.silently(case.lab.shop.place, items=(Item("Easel", Decimal("30.00")),))

    report = case.verify()

    days = {key: (day.orders, day.orders_sum, day.deals, day.deals_sum) for key, day in report.days.items()}
    assert days == {
        ("2026-11-23", "USD"): (2, Decimal("157.51"), 2, Decimal("157.51")),
        ("2026-11-23", "EUR"): (1, Decimal("20.00"), 1, Decimal("20.00")),
        ("2026-11-24", "USD"): (1, Decimal("30.00"), 0, Decimal(0)),
    }


def test_the_way_from_the_store_to_hubspot_is_timed(case: Case) -> None:
    case.lab.shop.place()
    case.lab.pass_time(20)
    case.lab.shop.run_webhooks()
    case.lab.pass_time(10)
    case.lab.drain()

    facts: Any = case.verify().lags.facts()

    assert facts["store_to_woohub"]["p50_s"] == 20
    assert facts["store_to_hubspot"]["p50_s"] == 30


def test_history_tells_nothing_about_the_way(case: Case) -> None:
    now = case.lab.clock.now
    case.place(created=now - 10 * DAY, modified=now - 10 * DAY)

    lags = case.verify(Period("2026-11-01T00:00:00")).lags

    assert (lags.delivered, lags.history) == ([], 1)


def test_a_backfilled_order_is_not_timed(case: Case) -> None:
    hour = 3600
    for _ in range(3):
        case.silently(case.lab.shop.place)
    case.lab.pass_time(hour)
    case.repair(case.verify())  # read from the store and queued, as backfill and reconcile do it
    case.lab.shop.place()
    case.lab.pass_time(20)
    case.deliver()

    lags: Any = case.verify().lags

    assert lags.facts()["store_to_woohub"] == {"orders": 1, "p50_s": 20.0, "p95_s": 20.0, "max_s": 20.0}
    assert lags.means.startswith("1 of 4 orders: those that a webhook delivered, by dates alone")


def test_ingests_log_tells_a_late_delivery_from_a_read(case: Case) -> None:
    late = case.lab.shop.place()
    case.lab.pass_time(3600)
    case.deliver()
    read = case.silently(case.lab.shop.place)
    case.repair(case.verify())

    lags: Any = case.verify().lags
    lags.deliveries = {f"order:{late}": [lags.states[0].received]}

    assert [lag.entity for lag in lags.delivered] == [f"order:{late}"]
    assert (lags.delivered[0].delivery, read != late) == (3600.0, True)


def test_a_hundred_orders_cost_few_calls(case: Case) -> None:
    for _ in range(100):
        case.lab.shop.place()
    case.deliver()
    case.verify()
    before = len(case.portal.calls)

    report = case.verify()

    assert report.equal
    assert len(case.portal.calls) - before <= 5


def test_a_finding_as_json_has_plain_values() -> None:
    mismatch = Mismatch(MismatchKind.WRONG_CONTACT, "order:7", "deal", ("1",))

    assert mismatch.facts()["kind"] == "wrong_contact"
    assert mismatch.number == 7


# --- HubSpot's orders, and what contacts show of them

METRICS = "[contact.metrics]\nenabled = true\n"


@pytest.mark.parametrize("target", [INSTEAD, BESIDE])
def test_orders_in_hubspot_are_compared_and_repaired(target: str) -> None:
    case = Case(mapping=mapping_with(target + METRICS)).trade(15)
    number = case.place(status="processing")
    assert case.verify().equal
    case.silently(case.lab.shop.change_status, number, "completed")
    report = case.verify()

    records = {mismatch.record for mismatch in report.mismatches if mismatch.number == number}
    assert records == ({"deal"} if target is INSTEAD else {"deal", "hubspot_order"})
    case.repair(report)
    assert case.verify().equal


def wrong_in_every_way() -> Case:
    """Orders in HubSpot, none of which is as it should be."""
    case = Case(mapping=mapping_with(INSTEAD))
    case.place(currency="GBP")
    deleted, stale, unlinked, anonymised, unreadable, _removed = [
        case.place(billing={"email": f"{name}@shop.example"}) for name in ("a", "b", "c", "d", "e", "f")
    ]
    case.lab.pass_time(60)
    case.silently(case.lab.shop.place)
    case.lab.shop.delete(deleted)
    case.edit("orders", case.order_id(stale), woocommerce_order_version=f"2999-01-01T00:00:00|{RECEIVED_IN_2286}|")
    case.silently(case.lab.shop.change_status, stale, "refunded")
    case.portal.portal.links.forget((definitions.ORDERS.id, case.order_id(unlinked)))
    case.lab.shop.edit_address(anonymised, **ERASED)
    case.deliver()
    order = case.lab.shop.orders[unreadable]
    order.text = case.lab.shop.order_text(order).replace('"total":"', '"total":"EUR ')
    (contact,) = [
        row["id"] for row in case.portal.portal.state()["contacts"] if row["properties"]["email"] == "f@shop.example"
    ]
    case.archive("contacts", contact)
    return case


def test_where_only_orders_are_made_in_hubspot_no_text_says_deal() -> None:
    report = wrong_in_every_way().verify()

    kinds = {mismatch.kind for mismatch in report.mismatches}
    texts = [line.plain for line in lines(report)] + [report_page.page(report, "the store", "HubSpot")]
    rows = [cell for mismatch in report.mismatches for row in cells(mismatch) for cell in row]
    fixes = [mismatch.fix for mismatch in report.mismatches]
    assert kinds >= set(MismatchKind) - {MismatchKind.DUPLICATE, MismatchKind.WRONG_CONTACT}
    assert (len(report.currencies), len(report.erased)) == (1, 1)
    assert not [text for text in (*texts, *rows, *fixes) if re.search(r"\bdeals?\b", text, re.IGNORECASE)]
    assert {row["record"] for row in report.facts()["findings"]} == {"deal", "contact"}  # as scripts know it


# Two stores, one person


def of_another_store(case: Case, number: int, *, later_s: int = 0, **values: str) -> OtherStores:
    """Another store, which shows the person of this order with other values, in the same second or a later one."""
    store = case.lab.store()
    store.timer.start(60)
    event = order_event(store.orders_by_id([number])[number], round(case.lab.clock.read() * 1000))
    assert event
    own = snapshot_of(event, case.mapping)
    at = shifted(own.version.captured_at, timedelta(seconds=later_s))
    version = own.version._replace(captured_at=at, modified_at=at)
    return lambda _email, _now_ms: [ContactSnapshot(version, {**own.properties, **values, "outlet_customer_id": "7"})]


def test_a_contact_as_another_store_showed_it_in_the_same_second_is_no_difference(case: Case) -> None:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    assert not case.verify().equal
    assert case.verify(others=of_another_store(case, number, city="Turin")).equal


@pytest.mark.parametrize(("city", "later_s"), [("Genoa", 0), ("Turin", 1)], ids=["other values", "another second"])
def test_a_contact_as_no_store_of_that_second_shows_it_is_a_difference(case: Case, city: str, later_s: int) -> None:
    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    report = case.verify(others=of_another_store(case, number, city=city, later_s=later_s))

    assert findings(report) == [("differing", f"order:{number}", "contact")]


def test_where_the_other_store_cannot_be_asked_the_difference_is_told_with_a_note(case: Case) -> None:
    def refusing(_email: str, _now_ms: int) -> Never:
        raise Trouble("it has no key")

    number = case.place()
    case.edit("contacts", case.contact_id(number), city="Turin")

    report = case.verify(others=refusing)

    assert len(report.mismatches) == 1
    assert [note for note in report.notes if note.endswith("it has no key")]


def test_another_store_tells_how_its_orders_and_accounts_show_a_person(case: Case) -> None:
    account = case.lab.shop.register()
    email = case.lab.shop.customers[account].email
    number = case.place(account=account)
    store = case.lab.store()
    store.timer.start(60)

    shown = list(OtherStore(store, case.mapping).snapshots(email, round(case.lab.clock.read() * 1000)))

    assert number
    assert [snapshot.properties["email"] for snapshot in shown] == [email, email]


def test_a_contact_whose_metrics_are_not_its_deals_is_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing")
    case.edit("contacts", case.contact_id(number), woocommerce_orders="7")
    report = case.verify()

    (mismatch,) = report.mismatches
    assert (mismatch.record, [difference.property for difference in mismatch.differences]) == (
        "contact",
        ["woocommerce_orders"],
    )
    case.repair(report)
    assert case.verify().equal


def test_a_refund_that_was_deleted_without_a_word_is_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing", items=(Item("Tea", Decimal("9.50")),))
    case.lab.shop.write_otherwise(f"order:{number}", refunds=[{"id": 9, "reason": "", "total": "-4.00"}])
    case.lab.shop.save(number)
    case.deliver()
    (contact,) = case.portal.contacts
    assert contact["woocommerce_total_paid"] == "5.50"

    case.lab.shop.write_otherwise(f"order:{number}", refunds=[])  # no delivery, and no date of a change
    case.lab.run()
    report = case.verify()

    assert "woocommerce_net_total" in [difference.property for difference in report.mismatches[0].differences]
    case.repair(report)
    (contact,) = case.portal.contacts
    assert contact["woocommerce_total_paid"] == "9.50"


def test_the_metrics_of_a_contact_whose_order_is_another_contacts_now_are_found_and_repaired() -> None:
    case = Case(mapping=mapping_with(METRICS))
    number = case.place(status="processing")
    former = case.contact_id(number)
    case.lab.shop.edit_address(number, email="somebody.else@mail.example")
    case.deliver()
    case.edit("contacts", former, woocommerce_orders="1")  # as if the metrics had been off meanwhile

    report = case.verify()

    assert [(found.entity, found.record_ids) for found in report.mismatches] == [(f"order:{number}", (former,))]
    case.repair(report)
    assert case.verify().equal


def known_of(case: Case, number: int) -> InHubSpot:
    """What `woohub why` reads in HubSpot of an order."""
    store = case.lab.store()
    store.timer.start(60)
    case.portal.timer.start(60)
    return in_hubspot(case.crm, store, in_store(Lookup(store.orders_by_id([number])[number]), store), number)


def test_why_compares_an_order_in_hubspot_as_it_does_a_deal() -> None:
    case = Case(mapping=mapping_with(INSTEAD))
    number = case.place(status="processing")
    (record,) = case.portal.portal.state()["orders"]
    case.edit("orders", record["id"], hs_total_price="1.00")

    known = known_of(case, number)

    (mismatch,) = known.mismatches
    assert [difference.property for difference in mismatch.differences] == ["hs_total_price"]
    assert known.stage_is == known.stage_wanted == record["properties"]["hs_pipeline_stage"]


def test_why_shows_what_belongs_to_an_order_and_where_that_differs() -> None:
    mapping = mapping_with(f"{BESIDE}{METRICS}[line_item]\nenabled = true\n")
    case = Case(mapping=mapping)
    number = case.place(status="processing")
    case.edit("contacts", case.contact_id(number), woocommerce_orders="7")
    case.edit("orders", case.portal.portal.state()["orders"][0]["id"], hs_total_price="1.00")

    known = known_of(case, number)

    assert known.order
    assert known.metrics["woocommerce_orders"] == "7"
    assert known.items
    assert {
        mismatch.record: [difference.property for difference in mismatch.differences] for mismatch in known.mismatches
    } == {
        "contact": ["woocommerce_orders"],
        "hubspot_order": ["hs_total_price"],
    }
