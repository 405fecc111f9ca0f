"""`woohub verify` reports a currency that HubSpot has not enabled once, and not as a difference."""

from __future__ import annotations

import pytest

from tests.support.targets import INSTEAD, mapping_with
from tests.support.verification import (
    QUARTER,
    Case,
    findings,
)


def test_a_currency_that_the_portal_lacks_is_told_once_and_no_difference(case: Case) -> None:
    case.place(currency="GBP")
    case.place(currency="GBP")

    report = case.verify()

    assert report.equal
    assert [currency.facts()["currency"] for currency in report.currencies] == ["GBP"]


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
