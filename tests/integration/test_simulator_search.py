"""Search lags behind writes, has its own rate limit and HubSpot's semantics of filters."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.clock import Clock
from tests.support.simulated import Calls, Json, searching

LAG_S = 10.0


def where(name: str, operator: str, value: str = "", **more: Any) -> Json:
    """One filter."""
    return {"propertyName": name, "operator": operator} | ({"value": value} if value else {}) | more


@pytest.fixture
def three_deals(hubspot: Calls, clock: Clock) -> Calls:
    """Deals A (5.00), B (50.00) and C (no amount), all in the search index."""
    hubspot.deal(dealname="Order A", amount="5.00", closedate="2026-01-01T00:00:00Z", deal_currency_code="EUR")
    hubspot.deal(dealname="Order B", amount="50.00", closedate="2026-06-01T00:00:00Z")
    hubspot.deal(dealname="Order C")
    clock.sleep(LAG_S)
    return hubspot


def names(calls: Calls, *filters: Json, **more: Any) -> list[str]:
    """The last letters of the names of the deals found."""
    answer = calls.objects("POST", "deals/search", searching(*filters, properties=["dealname"], **more))
    assert answer.status == 200, answer.body
    return [result["properties"]["dealname"][-1] for result in answer.body["results"]]


def test_a_write_shows_in_search_only_after_the_lag(hubspot_of_each_version: Calls, clock: Clock) -> None:
    hubspot = hubspot_of_each_version
    hubspot.deal(dealname="Order A")

    at_once = names(hubspot)
    clock.sleep(LAG_S)

    assert (at_once, names(hubspot)) == ([], ["A"])


def test_search_returns_the_indexed_values_and_not_the_current_ones(three_deals: Calls, clock: Clock) -> None:
    deal = three_deals.deal(dealname="Order D")
    clock.sleep(LAG_S)
    three_deals.objects("PATCH", f"deals/{deal}", {"properties": {"dealname": "Order E"}})

    assert names(three_deals, where("dealname", "EQ", "Order D")) == ["D"]


def test_an_archived_record_leaves_the_index(three_deals: Calls, clock: Clock) -> None:
    response = three_deals.objects("POST", "deals/search", searching(where("dealname", "EQ", "Order A")))
    three_deals.objects("DELETE", f"deals/{response.body['results'][0]['id']}")
    clock.sleep(LAG_S)

    assert names(three_deals) == ["B", "C"]


FILTERS = [
    (where("dealname", "EQ", "ORDER A"), "A"),
    (where("dealname", "IN", values=["order a", "order c"]), "AC"),
    (where("dealname", "IN", values=["Order A", "Order C"]), ""),
    (where("dealname", "NOT_IN", values=["order a"]), "BC"),
    (where("deal_currency_code", "IN", values=["EUR"]), "A"),
    (where("deal_currency_code", "EQ", "eur"), ""),
    (where("amount", "EQ", "5"), "A"),
    (where("amount", "GT", "5"), "B"),
    (where("amount", "GTE", "5"), "AB"),
    (where("amount", "LTE", "50"), "AB"),
    (where("closedate", "GT", "1772323200000"), "B"),
    (where("amount", "HAS_PROPERTY"), "AB"),
    (where("dealname", "CONTAINS_TOKEN", "b"), "B"),
]


@pytest.mark.parametrize(("condition", "expected"), FILTERS, ids=lambda value: str(value)[:60])
def test_a_filter_finds_the_expected_deals(three_deals: Calls, condition: Json, expected: str) -> None:
    assert names(three_deals, condition) == list(expected)


def test_filter_groups_are_combined_with_or_and_their_filters_with_and(three_deals: Calls) -> None:
    groups = [
        {"filters": [where("dealname", "EQ", "order a"), where("amount", "GT", "100")]},
        {"filters": [where("dealname", "EQ", "order c")]},
    ]

    assert names(three_deals, filterGroups=groups) == ["C"]


def test_results_are_sorted_and_paged(three_deals: Calls) -> None:
    body = searching(where("amount", "HAS_PROPERTY"), sorts=["-amount"], limit=1)

    first = three_deals.objects("POST", "deals/search", body).body
    second = three_deals.objects("POST", "deals/search", body | {"after": first["paging"]["next"]["after"]}).body

    amounts = [page["results"][0]["properties"]["amount"] for page in (first, second)]
    assert (first["total"], amounts, second.get("paging")) == (2, ["50.00", "5.00"], None)


def test_search_finds_a_contact_by_primary_email_only(hubspot: Calls, clock: Clock) -> None:
    hubspot.contact(email="main@shop.example", hs_additional_emails="old@shop.example")
    clock.sleep(LAG_S)

    primary = hubspot.objects("POST", "contacts/search", searching(where("email", "EQ", "MAIN@shop.example")))
    additional = hubspot.objects("POST", "contacts/search", searching(where("email", "EQ", "old@shop.example")))

    assert (primary.body["total"], additional.body["total"]) == (1, 0)


INVALID_SEARCHES = [
    searching(where("dealname", "IN", values=["x" * 3000])),
    searching(limit=201),
    searching(after="10000"),
    searching(after="next"),
    searching(sorts=["amount", "dealname"]),
    searching(where("no_such", "EQ", "x")),
    searching(filterGroups=[{"filters": []}] * 6),
    searching(*[where("dealname", "HAS_PROPERTY")] * 7),
    searching(filterGroups=[{"filters": [where("dealname", "HAS_PROPERTY")] * 5}] * 4),
]


@pytest.mark.parametrize("body", INVALID_SEARCHES, ids=lambda body: str(body)[:70])
def test_an_invalid_search_gets_400(hubspot: Calls, body: Json) -> None:
    assert hubspot.objects("POST", "deals/search", body).status == 400


def test_a_search_without_the_specs_required_fields_works(raw: Calls) -> None:
    assert raw.objects("POST", "deals/search", {"filterGroups": []}).status == 200


def test_the_sixth_search_in_a_second_gets_429(hubspot: Calls, clock: Clock) -> None:
    answers = [hubspot.objects("POST", "deals/search", searching()) for _ in range(6)]
    clock.sleep(1.0)

    assert [answer.status for answer in answers] == [200] * 5 + [429]
    assert answers[5].body["policyName"] == "SECONDLY"
    assert hubspot.objects("POST", "deals/search", searching()).status == 200


def test_a_search_has_no_rate_limit_headers_and_counts_only_for_the_day(
    hubspot: Calls, portal: SimulatedPortal
) -> None:
    answer = hubspot.objects("POST", "deals/search", searching())

    assert [name for name in answer.headers if name.startswith("X-HubSpot")] == []
    assert (portal.limits.used_in_window(), portal.limits.used_today) == (0, 1)
