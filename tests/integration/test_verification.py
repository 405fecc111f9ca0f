"""`woohub verify` finds no difference where HubSpot is up to date, and compares the orders of its period only."""

from __future__ import annotations

import pytest

from tests.support.reconcile import DAY, QUARTER
from tests.support.verification import EVER, VerificationFixture, findings, missed_change
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub_cli.period import Period
from woohub_cli.rendering.report_text import lines
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_run import VerificationRun


@pytest.mark.parametrize(("seed", "hpos"), [(0, True), (1, False)])
def test_verify_finds_no_difference_when_all_deliveries_arrived(seed: int, hpos: bool) -> None:
    case = VerificationFixture(seed=seed, hpos=hpos).act_and_deliver(150)

    report = case.verify(all_customers=True)

    assert findings(report) == []
    assert report.orders > 50


@pytest.mark.parametrize("seed", range(2))
def test_one_reconcile_run_removes_the_differences_of_lost_deliveries(seed: int) -> None:
    case = VerificationFixture(seed=seed)
    case.stack.shop.hooks.lose = 0.03
    for number in range(250):
        case.stack.shop.act()
        case.stack.pass_time(5 if number % 3 == 0 else 0)  # some within the same second
        case.stack.shop.run_webhooks()
    case.stack.drain()
    case.stack.pass_time(QUARTER)
    lost = case.stack.shop.hooks.lost()
    before = case.verify(all_customers=True)

    case.stack.run(customers="all")
    case.stack.drain()
    case.stack.pass_time(QUARTER)

    assert lost
    assert not before.equal
    assert findings(case.verify(all_customers=True)) == []


def test_one_reconcile_run_removes_the_differences_of_an_hour_of_disabled_webhooks(case: VerificationFixture) -> None:
    case.act_and_deliver(20)
    case.stack.down = True
    for _ in range(120):
        case.stack.shop.act()
        case.stack.pass_time(30)
        case.stack.shop.run_webhooks()
    case.stack.down = False
    assert "disabled" in {webhook.status for webhook in case.stack.shop.hooks.webhooks.values()}
    assert not case.verify(all_customers=True).equal

    case.stack.run()
    case.stack.drain()
    case.stack.pass_time(QUARTER)

    assert findings(case.verify(all_customers=True)) == []


def test_orders_of_a_store_before_woocommerce_5_8_are_compared_by_creation_date() -> None:
    case = VerificationFixture(old=True)
    case.place()
    case.stack.pass_time(DAY)
    lost = case.without_delivery(case.stack.shop.place)

    report = case.verify()

    assert findings(report) == [("missing", f"order:{lost}", "deal")]
    assert report.orders == 2
    assert any("WooCommerce 5.8" in note for note in report.notes)
    assert (
        case.verify(Period("2026-11-01T00:00:00", utc_from_ms(int((case.stack.clock.now - DAY / 2) * 1000)))).orders
        == 1
    )


@pytest.mark.parametrize("edited", [{"dealstage": "on_hold"}, {"dealname": "The big one"}], ids=str)
def test_a_stage_or_name_edited_in_hubspot_is_no_difference(case: VerificationFixture, edited: dict[str, str]) -> None:
    number = case.place()
    case.edit("deals", case.deal_id(number), **edited)

    assert case.verify().equal


def test_a_blank_value_in_the_store_is_no_difference(case: VerificationFixture) -> None:
    number = case.place(billing={"phone": ""})
    case.edit("contacts", case.contact_id(number), phone="+1 555 0100")

    assert case.verify().equal


def test_a_second_contact_on_the_deal_is_no_difference(case: VerificationFixture) -> None:
    first, other = case.place(), case.place()
    case.engine.hubspot.associate(DEALS, CONTACTS, [(case.deal_id(first), case.contact_id(other))])

    assert case.verify().equal


def test_an_order_without_email_is_equal_without_a_contact(case: VerificationFixture) -> None:
    case.place(billing={"email": ""})

    report = case.verify()

    assert (report.equal, report.orders, report.contacts) == (True, 1, 0)


def test_an_email_that_hubspot_rejects_is_counted_and_no_difference(case: VerificationFixture) -> None:
    case.place(billing={"email": "somebody@shop.invalid"})

    report = case.verify()

    assert (report.equal, report.refused_addresses) == (True, 1)


def test_drafts_and_trashed_orders_missing_in_hubspot_are_no_difference(case: VerificationFixture) -> None:
    case.stack.shop.abandon()
    number = case.without_delivery(case.stack.shop.place)
    case.without_delivery(case.stack.shop.trash, number)

    assert case.verify().equal


def test_a_trashed_order_is_compared_with_its_deal(case: VerificationFixture) -> None:
    number = case.place()
    case.stack.shop.trash(number)
    case.deliver()
    assert case.verify().equal

    case.edit("deals", case.deal_id(number), woocommerce_order_status="processing")

    assert findings(case.verify()) == [("differing", f"order:{number}", "deal")]


def test_a_contact_with_the_values_of_a_newer_order_is_no_difference(case: VerificationFixture) -> None:
    first = case.place(billing={"email": "jane@shop.example", "city": "Anytown"})
    case.stack.pass_time(DAY)
    case.place(billing={"email": "jane@shop.example", "city": "Lille"})
    case.stack.pass_time(DAY)
    case.stack.shop.change_status(first, "completed")
    case.deliver()

    assert case.verify(Period(utc_from_ms(int((case.stack.clock.now - 3600) * 1000)))).equal


def test_verify_compares_only_orders_of_the_period(case: VerificationFixture) -> None:
    old = case.without_delivery(case.stack.shop.place)
    case.stack.pass_time(2 * DAY)
    new = case.without_delivery(case.stack.shop.place)
    yesterday = utc_from_ms(int((case.stack.clock.now - DAY) * 1000))

    assert findings(case.verify(Period(yesterday))) == [("missing", f"order:{new}", "deal")]
    assert findings(case.verify(Period("2026-11-01T00:00:00", yesterday))) == [("missing", f"order:{old}", "deal")]


def test_an_order_of_the_period_that_changed_after_the_period_is_compared(case: VerificationFixture) -> None:
    number = case.place(status="pending")
    end = utc_from_ms(int((case.stack.clock.now + 3600) * 1000))
    case.stack.pass_time(2 * DAY)
    case.without_delivery(case.stack.shop.change_status, number, "completed")

    assert findings(case.verify(Period("2026-11-01T00:00:00", end))) == [("differing", f"order:{number}", "deal")]


def test_an_account_changed_long_after_its_creation_is_found_only_with_all_customers(case: VerificationFixture) -> None:
    account = case.stack.shop.register()
    case.deliver()
    case.stack.pass_time(30 * DAY)
    case.without_delivery(case.stack.shop.edit_customer, account)
    lately = Period(utc_from_ms(int((case.stack.clock.now - DAY) * 1000)))

    assert case.verify(lately).equal
    assert findings(case.verify(lately, all_customers=True)) == [("differing", f"customer:{account}", "contact")]


def test_a_recent_change_is_on_its_way_while_the_queue_has_messages(case: VerificationFixture) -> None:
    entity = missed_change(case)

    report = case.verify(depth=3)

    assert (report.equal, report.on_their_way) == (True, [entity])
    assert not case.verify(depth=0).equal
    case.stack.pass_time(QUARTER)
    assert not case.verify(depth=3).equal


def test_the_report_asks_to_compare_again_when_the_queue_had_messages(case: VerificationFixture) -> None:
    missed_change(case)
    case.stack.pass_time(QUARTER)

    again = "3 messages waited in the queue: compare again"
    assert again in "\n".join(map(str, lines(case.verify(depth=3))))
    assert "waited in the queue" not in "\n".join(map(str, lines(case.verify(depth=0))))


def test_an_order_that_changes_during_the_comparison_is_on_its_way(case: VerificationFixture) -> None:
    numbers = [case.place(status="pending") for _ in range(3)]
    case.stack.pass_time(60)
    seen: list[str] = []

    def change_an_order(what: str, _total: int | None, _done: int) -> None:
        if what == "orders" and not seen:
            seen.append(what)
            case.stack.pass_time(5)
            case.stack.shop.change_status(numbers[0], "completed")
            case.deliver()

    case.stack.timer.start(float("inf"))
    case.engine.timer.start(float("inf"))
    report = verify(VerificationRun(case.stack.store(), case.crm, EVER, case.stack.clock.read, show=change_an_order))

    assert (findings(report), report.on_their_way) == ([], [f"order:{numbers[0]}"])


def test_a_hundred_orders_take_at_most_five_calls(case: VerificationFixture) -> None:
    for _ in range(100):
        case.stack.shop.place()
    case.deliver()
    case.verify()
    before = len(case.engine.calls)

    report = case.verify()

    assert report.equal
    assert len(case.engine.calls) - before <= 5
