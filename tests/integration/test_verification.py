"""`woohub verify` finds no difference where HubSpot is up to date, and compares the orders of its period only."""

from __future__ import annotations

import pytest

from tests.support.verification import (
    DAY,
    EVER,
    QUARTER,
    Case,
    findings,
    missed_change,
)
from woohub.dates import utc_from_ms
from woohub.hubspot.objects import CONTACTS, DEALS
from woohub_cli.period import Period
from woohub_cli.rendering.report_text import lines
from woohub_cli.verify.verification import verify
from woohub_cli.verify.verification_run import VerificationRun


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


def test_a_hundred_orders_cost_few_calls(case: Case) -> None:
    for _ in range(100):
        case.lab.shop.place()
    case.deliver()
    case.verify()
    before = len(case.portal.calls)

    report = case.verify()

    assert report.equal
    assert len(case.portal.calls) - before <= 5
