"""The currency check of `woohub doctor` in a portal that does not list its currencies."""

from __future__ import annotations

import pytest

from simulators.hubspot.definitions import DEALS, ORDERS
from tests.support.doctor_command import healthy, named
from tests.support.operated_stack import OperatedStack
from tests.support.targets import INSTEAD, mapping_with, provision_orders
from woohub.configuration import MAPPING_KEY


@pytest.fixture
def shop(new_stack: OperatedStack) -> OperatedStack:
    return healthy(new_stack)


def without_currency_list(shop: OperatedStack, **deal: str) -> OperatedStack:
    """A portal that does not list its currencies; the store has an order in GBP, HubSpot a deal if one is given."""
    shop.portal.change_settings({"lists_currencies": False, "search_lag_s": 0.0})
    shop.shop.place(currency="GBP")
    if deal:
        shop.portal.objects.create(DEALS, {"properties": {"dealname": "Order", "currency": "GBP"} | deal})
    return shop


def test_currency_check_is_skipped_without_evidence(shop: OperatedStack) -> None:
    check = named(without_currency_list(shop), "currency")

    assert (check["outcome"], "whether HubSpot accepts GBP is not known" in check["detail"]) == ("skipped", True)


def test_currency_check_warns_when_a_deal_has_no_currency_code(shop: OperatedStack) -> None:
    check = named(without_currency_list(shop, amount="1.00"), "currency")

    assert (check["outcome"], check["detail"]) == ("warning", "HubSpot refuses GBP")
    assert "reads HubSpot's definitions again within 15 minutes" in check["fix"]


def test_currency_check_warns_when_a_hubspot_order_has_no_currency_code(shop: OperatedStack) -> None:
    bucket = shop.stack.outputs["ConfigurationBucket"]
    shop.stack.client("s3").put_object(Bucket=bucket, Key=MAPPING_KEY, Body=INSTEAD.encode())
    provision_orders(shop.portal, mapping_with(INSTEAD))
    without_currency_list(shop)
    shop.portal.objects.create(ORDERS, {"properties": {"hs_order_name": "Order", "woocommerce_currency": "GBP"}})

    check = named(shop, "currency")

    assert (check["outcome"], check["detail"]) == ("warning", "HubSpot refuses GBP")


def test_currency_check_warns_when_the_consumer_left_a_currency_out(
    shop: OperatedStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("woohub_cli.stack.traces.refused_currencies", lambda _stack, _since: {"GBP"})

    assert named(without_currency_list(shop), "currency")["detail"] == "HubSpot refuses GBP"


def test_currency_check_is_ok_when_a_deal_has_the_currency(shop: OperatedStack) -> None:
    shop.portal.change_settings({"currencies": ["USD", "GBP"]})

    check = named(without_currency_list(shop, deal_currency_code="GBP"), "currency")

    assert (check["outcome"], check["detail"].startswith("GBP, USD")) == ("ok", True)
