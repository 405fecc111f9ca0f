"""`woohub verify` reports a currency that HubSpot has not enabled once, and not as a difference."""

from __future__ import annotations

import pytest

from tests.support.reconcile import QUARTER
from tests.support.targets import INSTEAD, mapping_with
from tests.support.verification import VerificationFixture, findings


@pytest.mark.parametrize("listed", [True, False])
def test_a_currency_not_enabled_in_hubspot_is_reported_once_and_no_difference(
    case: VerificationFixture, listed: bool
) -> None:
    case.engine.portal.change_settings({"lists_currencies": listed})
    numbers = [case.place(currency="GBP") for _ in range(50)]

    report = case.verify()

    assert report.equal
    (currency,) = report.currencies
    assert (currency.facts()["currency"], currency.deals) == ("GBP", 50)
    report_lines = str(currency)
    assert report_lines.startswith("currency GBP is not enabled in HubSpot: 50 deals have no deal_currency_code")
    assert f"order:{numbers[0]}" in report_lines
    assert "reads HubSpot's definitions again within 15 minutes" in report_lines


@pytest.mark.parametrize("listed", [True, False])
def test_a_currency_not_enabled_for_hubspot_orders_is_reported_and_no_difference(listed: bool) -> None:
    case = VerificationFixture(mapping=mapping_with(INSTEAD))
    case.engine.portal.change_settings({"lists_currencies": listed})
    case.place(currency="GBP")

    report = case.verify()

    assert report.equal
    assert "1 HubSpot order has no hs_currency_code of it" in str(report.currencies[0])


@pytest.mark.parametrize("listed", [True, False])
def test_a_wrong_currency_code_is_a_difference_that_repair_empties(case: VerificationFixture, listed: bool) -> None:
    case.engine.portal.change_settings({"lists_currencies": listed})
    number = case.place(currency="GBP")
    case.edit("deals", case.deal_id(number), deal_currency_code="EUR")

    assert findings(case.verify()) == [("differing", f"order:{number}", "deal")]

    case.repair(case.verify())
    assert not case.engine.deals[0].get("deal_currency_code")
    assert [currency.currency for currency in case.verify().currencies] == ["GBP"]


def test_the_reported_reconcile_run_writes_the_currency_code_once_it_is_enabled(case: VerificationFixture) -> None:
    case.engine.portal.change_settings({"lists_currencies": False})
    case.place(currency="GBP")
    since = case.verify().currencies[0].since
    case.engine.portal.change_settings({"currencies": ["USD", "GBP"]})
    case.stack.pass_time(QUARTER + 1)

    case.stack.run(since=since)
    case.stack.drain()

    assert (case.verify().equal, case.verify().currencies) == (True, [])
    assert {deal["deal_currency_code"] for deal in case.engine.deals} == {"GBP"}


def test_a_currency_code_that_other_deals_have_is_a_difference_that_repair_fixes(case: VerificationFixture) -> None:
    case.engine.portal.change_settings({"lists_currencies": False})
    number = case.place(currency="EUR")
    case.place(currency="EUR")
    case.edit("deals", case.deal_id(number), deal_currency_code="USD")

    report = case.verify()
    case.repair(report)

    assert (findings(report), report.currencies) == ([("differing", f"order:{number}", "deal")], [])
    assert case.verify().equal
