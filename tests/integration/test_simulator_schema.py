"""Properties, groups, pipelines, account details and the scopes that they require."""

from __future__ import annotations

from typing import Any

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.clock import Clock
from tests.support.simulated import Calls, Json, run_time_token


def property_body(name: str, label: str, **more: Any) -> Json:
    """The body that creates a property."""
    body = {"name": name, "label": label, "type": "string", "fieldType": "text", "groupName": "woocommerce"}
    return body | more


def pipeline_body(pipeline_id: str, *stage_ids: str, label: str = "Second shop") -> Json:
    """The body that creates a deal pipeline."""
    stages = [
        {"stageId": s, "label": s.title(), "displayOrder": n, "metadata": {"probability": "0.5"}}
        for n, s in enumerate(stage_ids)
    ]
    return {"pipelineId": pipeline_id, "label": label, "displayOrder": 2, "stages": stages}


class TestProperties:
    def test_a_new_portal_has_hubspots_own_properties(self, hubspot_of_each_version: Calls) -> None:
        deals = hubspot_of_each_version.properties("GET", "deals").body["results"]
        contacts = hubspot_of_each_version.properties("GET", "contacts").body["results"]

        types = {p["name"]: p["type"] for p in deals}
        assert types["amount"] == "number"
        assert types["closedate"] == "datetime"
        assert {"email", "firstname", "lastname", "phone", "address", "city", "state", "zip", "country"} <= {
            p["name"] for p in contacts
        }

    def test_a_unique_property_is_listed_as_unique(self, hubspot_of_each_version: Calls) -> None:
        body = property_body("external_id", "External ID", hasUniqueValue=True)

        created = hubspot_of_each_version.properties("POST", "deals", body)
        listed = hubspot_of_each_version.properties("GET", "deals").body["results"]

        unique = {definition["name"]: definition["hasUniqueValue"] for definition in listed}
        assert (created.status, unique["external_id"]) == (201, True)

    def test_a_property_name_that_exists_gets_409(self, hubspot: Calls) -> None:
        answer = hubspot.properties("POST", "deals", property_body("amount", "Another amount"))

        assert (answer.status, answer.body["category"]) == (409, "OBJECT_ALREADY_EXISTS")

    def test_a_label_of_hubspots_own_property_gets_400(self, hubspot: Calls) -> None:
        answer = hubspot.properties("POST", "deals", property_body("shop_currency", "Currency"))

        assert answer.status == 400
        assert answer.body["subCategory"] == "PropertyValidationError.NON_UNIQUE_PROPERTY_LABEL"

    def test_a_property_with_an_unknown_group_gets_400(self, hubspot: Calls) -> None:
        answer = hubspot.properties("POST", "deals", property_body("x", "X", groupName="no_such"))

        assert answer.status == 400

    def test_an_object_type_has_at_most_ten_unique_properties(self, hubspot: Calls) -> None:
        bodies = [property_body(f"id_{n}", f"ID {n}", hasUniqueValue=True) for n in range(10)]

        statuses = [hubspot.properties("POST", "deals", body).status for body in bodies]

        assert statuses == [201] * 9 + [400]  # woocommerce_order_id is one of the ten

    def test_a_property_group_is_created_once_and_listed(self, hubspot_of_each_version: Calls) -> None:
        body = {"name": "shop", "label": "Shop", "displayOrder": 1}

        created = hubspot_of_each_version.properties("POST", "contacts/groups", body)
        again = hubspot_of_each_version.properties("POST", "contacts/groups", body)
        listed = hubspot_of_each_version.properties("GET", "contacts/groups")

        assert (created.status, again.status) == (201, 409)
        assert "shop" in [group["name"] for group in listed.body["results"]]


class TestPipelines:
    def test_a_pipeline_has_the_given_ids(self, hubspot_of_each_version: Calls) -> None:
        listed = hubspot_of_each_version.pipelines("GET", "deals").body["results"]

        assert [pipeline["id"] for pipeline in listed] == ["default", "ecommerce_sales"]
        assert [stage["id"] for stage in listed[1]["stages"]][:3] == [
            "awaiting_payment",
            "on_hold",
            "newly_created_order",
        ]

    def test_stages_with_probability_0_or_1_are_closed(self, hubspot: Calls) -> None:
        stages = hubspot.pipelines("GET", "deals").body["results"][1]["stages"]

        closed = {stage["id"] for stage in stages if stage["metadata"]["isClosed"] == "true"}
        assert closed == {"completed", "cancelled", "refunded", "failed"}

    def test_the_plan_limits_the_number_of_deal_pipelines(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        rejected = hubspot.pipelines("POST", "deals", pipeline_body("second", "new"))
        portal.change_settings({"max_deal_pipelines": 15})
        created = hubspot.pipelines("POST", "deals", pipeline_body("second", "new"))

        assert rejected.status == 400
        assert rejected.body["errors"][0]["message"] == "You have reached your limit of 2 deal pipelines."
        assert (created.status, created.body["id"], created.body["stages"][0]["id"]) == (201, "second", "new")

    def test_stage_ids_are_unique_across_pipelines(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        portal.change_settings({"max_deal_pipelines": 15})

        assert hubspot.pipelines("POST", "deals", pipeline_body("second", "completed")).status == 400

    @pytest.mark.parametrize("probability", ["0.55", "2.0", "", "half"])
    def test_a_probability_that_is_not_in_tenths_gets_400(self, hubspot: Calls, probability: str) -> None:
        body = {"label": "Odd", "displayOrder": 9, "metadata": {"probability": probability}}

        assert hubspot.pipelines("POST", "deals/default/stages", body).status == 400

    def test_a_stage_can_be_added_to_a_pipeline_once(self, hubspot_of_each_version: Calls) -> None:
        body = {"stageId": "packed", "label": "Packed", "displayOrder": 9, "metadata": {"probability": "0.9"}}

        created = hubspot_of_each_version.pipelines("POST", "deals/default/stages", body)
        again = hubspot_of_each_version.pipelines("POST", "deals/default/stages", body)

        assert (created.status, created.body["id"], again.status) == (201, "packed", 409)
        assert hubspot_of_each_version.deal(dealstage="packed")


class TestAccount:
    def test_account_details_have_currencies_and_time_zone(self, hubspot_of_each_version: Calls) -> None:
        answer = hubspot_of_each_version.account("details")

        assert (answer.body["companyCurrency"], answer.body["additionalCurrencies"]) == ("USD", ["EUR"])
        assert (answer.body["timeZone"], answer.body["utcOffset"]) == ("US/Eastern", "-05:00")

    def test_daily_usage_ends_at_midnight_of_the_account(self, hubspot_of_each_version: Calls, clock: Clock) -> None:
        clock.now = 1_795_600_000.0  # 2026-11-25T09:46:40Z
        hubspot_of_each_version.contact(email="a@shop.example")

        usage = hubspot_of_each_version.account("api-usage/daily/private-apps").body["results"][0]

        assert (usage["currentUsage"], usage["usageLimit"]) == (2, 250_000)
        assert usage["resetsAt"] == "2026-11-26T05:00:00.000Z"


class TestTokens:
    def test_an_unknown_token_gets_401(self, hubspot: Calls) -> None:
        answer = hubspot.using(token="other").objects("GET", "deals/1")

        assert (answer.status, answer.body["category"]) == (401, "INVALID_AUTHENTICATION")
        assert answer.message.startswith("Authentication credentials not found.")

    def test_the_run_time_token_can_read_definitions_but_not_change_them(
        self, hubspot: Calls, portal: SimulatedPortal
    ) -> None:
        calls = hubspot.using(token=run_time_token(portal))

        read = calls.properties("GET", "deals")
        written = calls.properties("POST", "deals", property_body("a", "A"))

        assert (read.status, written.status, written.body["category"]) == (200, 403, "MISSING_SCOPES")
        assert written.body["errors"][0]["context"]["requiredGranularScopes"] == ["crm.schemas.deals.write"]

    def test_a_token_without_the_deals_scope_gets_403_for_deals(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        portal.tokens["contacts-only"] = frozenset({"crm.objects.contacts.read"})
        calls = hubspot.using(token="contacts-only")

        assert calls.objects("GET", "contacts").status == 200
        assert calls.objects("GET", "deals").status == 403


def test_unknown_object_types_paths_and_methods_are_rejected(raw: Calls) -> None:
    assert raw.objects("GET", "tickets").status == 400
    assert raw.call("GET", "/crm/v9/objects/deals").status == 404
    assert raw.call("PUT", "/crm/v3/objects/deals").status == 405
