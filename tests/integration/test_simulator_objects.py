"""The simulated HubSpot reads and writes single contacts and deals as HubSpot does."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from simulators.hubspot import InProcessTransport, SimulatedPortal, create_app, provision
from tests.support.clock import Clock
from tests.support.simulated import Calls, creates, deal_properties, to_contact

# property, value, HubSpot's error code, part of the message
REJECTED_DEAL_VALUES = [
    ("no_such", "x", "PROPERTY_DOESNT_EXIST", 'Property "no_such" does not exist'),
    ("amount", "1,234.50", "INVALID_INTEGER", "was not a valid number"),
    ("amount", "$5", "INVALID_INTEGER", "was not a valid number"),
    ("closedate", "2023-10-26T10:00:00", "INVALID_LONG", "was not a valid long."),
    ("closedate", "yesterday", "INVALID_LONG", "was not a valid long."),
    ("deal_currency_code", "GBP", "INVALID_OPTION", "allowed options: [USD, EUR]"),
    ("num_associated_contacts", "3", "READ_ONLY_VALUE", "read only property"),
    ("hs_object_id", "3", "READ_ONLY_VALUE", "read only property"),
]
STORED_DEAL_VALUES = [
    ("amount", "150.00", "150.00"),
    ("amount", 150.5, "150.5"),
    ("closedate", "2023-10-26T10:00:00Z", "2023-10-26T10:00:00Z"),
    ("closedate", "2023-10-26T12:00:00+02:00", "2023-10-26T10:00:00Z"),
    ("closedate", "1698314400000", "2023-10-26T10:00:00Z"),
    ("closedate", "2023-10-26", "2023-10-26T00:00:00Z"),
    ("deal_currency_code", "EUR", "EUR"),
]


class TestOneRecord:
    def test_a_contact_is_created_read_changed_and_archived(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        created = hubspot.objects("POST", "contacts", {"properties": {"email": "a@shop.example"}, "associations": []})
        path = f"contacts/{created.body['id']}"

        changed = hubspot.objects("PATCH", path, {"properties": {"firstname": "Ann"}})
        read = hubspot.objects("GET", path, properties="email,firstname,phone")
        archived = hubspot.objects("DELETE", path)

        assert (created.status, changed.status, read.status, archived.status) == (201, 200, 200, 204)
        assert read.body["properties"].items() >= {"email": "a@shop.example", "firstname": "Ann", "phone": None}.items()
        assert hubspot.objects("GET", path).status == 404

    def test_an_erased_contact_loses_its_associations_and_its_email_can_be_used_again(
        self, hubspot_of_each_version: Calls
    ) -> None:
        hubspot = hubspot_of_each_version
        contact = hubspot.contact(email="a@shop.example")
        deal = hubspot.deal(dealname="Order 1", contact=contact)

        erased = hubspot.objects("POST", "contacts/gdpr-delete", {"objectId": "A@shop.example", "idProperty": "email"})

        assert erased.status == 204
        assert hubspot.objects("GET", f"contacts/{contact}").status == 404
        contacts_of_deal = hubspot.associations("POST", "deals/contacts/batch/read", {"inputs": [{"id": deal}]})
        assert contacts_of_deal.body["results"] == []
        assert hubspot.contact(email="a@shop.example") != contact

    def test_an_unknown_contact_can_be_erased_by_email_but_not_by_id(self, hubspot: Calls) -> None:
        by_address = {"objectId": "nobody@shop.example", "idProperty": "email"}

        assert hubspot.objects("POST", "contacts/gdpr-delete", by_address).status == 204
        assert hubspot.objects("POST", "contacts/gdpr-delete", {"objectId": "404404"}).status == 404

    def test_an_email_is_stored_in_lower_case(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email=" Jane.DOE@Shop.Example ")

        assert hubspot.objects("GET", f"contacts/{contact}").body["properties"]["email"] == "jane.doe@shop.example"

    def test_a_second_contact_with_an_email_gets_409_with_the_firsts_id(self, hubspot: Calls) -> None:
        first = hubspot.contact(email="jane@shop.example")

        answer = hubspot.objects("POST", "contacts", creates({"email": "JANE@shop.example"})["inputs"][0])

        assert (answer.status, answer.body["category"]) == (409, "CONFLICT")
        assert answer.message == f"Contact already exists. Existing ID: {first}"

    def test_an_additional_email_identifies_the_contact_but_is_not_returned(self, hubspot: Calls) -> None:
        hubspot.contact(email="main@shop.example", hs_additional_emails="old@shop.example;older@shop.example")

        read = hubspot.objects("GET", "contacts/old@shop.example", idProperty="email")
        again = hubspot.objects("POST", "contacts", creates({"email": "older@shop.example"})["inputs"][0])

        assert read.body["properties"]["email"] == "main@shop.example"
        assert again.status == 409

    def test_a_former_primary_email_still_identifies_the_contact(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email="main@shop.example", hs_additional_emails="old@shop.example")

        hubspot.objects("PATCH", f"contacts/{contact}", {"properties": {"email": "old@shop.example"}})

        response = hubspot.objects("GET", "contacts/main@shop.example", idProperty="email")
        assert (response.body["id"], response.body["properties"]["email"]) == (contact, "old@shop.example")

    def test_updating_a_contact_to_another_contacts_email_gets_400(self, hubspot: Calls) -> None:
        holder, other = hubspot.contact(email="a@shop.example"), hubspot.contact(email="b@shop.example")

        answer = hubspot.objects("PATCH", f"contacts/{other}", {"properties": {"email": "a@shop.example"}})

        assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
        assert answer.message.endswith(f"on {other}. {holder} already has that value.")

    def test_the_email_of_an_archived_contact_can_be_used_again(self, hubspot: Calls) -> None:
        hubspot.objects("DELETE", f"contacts/{hubspot.contact(email='a@shop.example')}")

        assert hubspot.contact(email="a@shop.example")

    @pytest.mark.parametrize("address", ["no-at-sign", "a@b", "a@shop.invalid", "a b@shop.example", "a@shop..example"])
    def test_an_invalid_email_gets_400(self, hubspot: Calls, address: str) -> None:
        answer = hubspot.objects("POST", "contacts", creates({"email": address})["inputs"][0])

        assert answer.status == 400
        assert answer.message.startswith('Property values were not valid: [{"isValid":false,')
        assert answer.body["errors"][0]["code"] == "INVALID_EMAIL"
        assert answer.body["errors"][0]["context"] == {"propertyName": ["email"]}

    def test_a_contact_without_email_and_name_gets_400(self, hubspot: Calls) -> None:
        assert hubspot.objects("POST", "contacts", creates({"phone": "1"})["inputs"][0]).status == 400

    def test_the_lifecycle_stage_does_not_move_back(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email="a@shop.example", lifecyclestage="customer")

        answer = hubspot.objects("PATCH", f"contacts/{contact}", {"properties": {"lifecyclestage": "lead"}})

        read = hubspot.objects("GET", f"contacts/{contact}", properties="lifecyclestage")
        assert (answer.status, read.body["properties"]["lifecyclestage"]) == (200, "customer")

    @pytest.mark.parametrize(("name", "value", "code", "text"), REJECTED_DEAL_VALUES)
    def test_an_invalid_value_rejects_the_whole_write(
        self, hubspot: Calls, portal: SimulatedPortal, name: str, value: str, code: str, text: str
    ) -> None:
        answer = hubspot.objects("POST", "deals", creates(deal_properties(1) | {name: value})["inputs"][0])

        problem = answer.body["errors"][0]
        assert (answer.status, answer.body["category"], problem["code"]) == (400, "VALIDATION_ERROR", code)
        assert text in problem["message"]
        assert problem["message"] in json.loads(answer.message.partition(": ")[2])[0]["message"]
        assert portal.state()["deals"] == []

    @pytest.mark.parametrize(("name", "value", "kept"), STORED_DEAL_VALUES)
    def test_values_are_stored_in_hubspots_format(self, raw: Calls, name: str, value: Any, kept: str) -> None:
        deal = raw.deal(**deal_properties(1), **{name: value})

        assert raw.objects("GET", f"deals/{deal}", properties=name).body["properties"][name] == kept

    def test_an_empty_value_clears_a_property(self, hubspot: Calls) -> None:
        deal = hubspot.deal(**deal_properties(1, amount="1.00"))

        hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"amount": ""}})

        assert hubspot.objects("GET", f"deals/{deal}").body["properties"]["amount"] is None

    def test_a_stage_without_pipeline_is_validated_against_the_default_pipeline(self, hubspot: Calls) -> None:
        properties = {"dealname": "x", "dealstage": "newly_created_order"}

        answer = hubspot.objects("POST", "deals", creates(properties)["inputs"][0])

        problem = answer.body["errors"][0]
        assert (answer.status, problem["code"]) == (400, "INVALID_OPTION")
        assert problem["message"].startswith(
            "newly_created_order is not a valid pipeline stage ID. Valid options are: pipelineId=default : [appoint"
        )

    def test_an_existing_deal_can_move_only_within_its_pipeline(self, hubspot: Calls) -> None:
        deal = hubspot.deal(**deal_properties(1))

        assert hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"dealstage": "completed"}}).status == 200
        assert hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"dealstage": "closedwon"}}).status == 400

    def test_a_duplicate_unique_value_gets_400_with_the_holders_id(self, hubspot: Calls) -> None:
        holder = hubspot.deal(**deal_properties(7))

        answer = hubspot.objects("POST", "deals", creates(deal_properties(7))["inputs"][0])

        match = re.fullmatch(
            r"Cannot set PropertyValueCoordinates\{portalId=\d+, objectTypeId=ObjectTypeId\{legacyObjectType=DEAL\}, "
            r"propertyName=woocommerce_order_id, value=7\} on (\d+)\. (\d+) already has that value\.",
            answer.message,
        )
        assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
        assert match is not None
        assert match[2] == holder
        assert hubspot.objects("GET", f"deals/{match[1]}").status == 404

    def test_a_deal_is_found_and_updated_by_its_unique_property(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        deal = hubspot.deal(**deal_properties(7))

        read = hubspot.objects("GET", "deals/7", idProperty="woocommerce_order_id")
        changed = hubspot.objects(
            "PATCH", "deals/7", {"properties": {"amount": "1.00"}}, idProperty="woocommerce_order_id"
        )

        assert (read.body["id"], changed.body["id"]) == (deal, deal)

    def test_an_update_without_properties_gets_400(self, hubspot: Calls) -> None:
        answer = hubspot.objects("PATCH", f"deals/{hubspot.deal(**deal_properties(1))}", {"properties": {}})

        assert (answer.status, answer.message) == (
            400,
            "No properties found to update, please provide at least one.",
        )

    def test_unknown_ids_get_404(self, hubspot: Calls) -> None:
        numeric, other = hubspot.objects("GET", "deals/99"), hubspot.objects("GET", "deals/abc")

        assert (numeric.status, numeric.message) == (404, "resource not found")
        assert other.message.startswith("Object not found.  objectId are usually numeric.")

    def test_a_deal_with_an_invalid_association_is_not_created(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        body = {"properties": deal_properties(1), "associations": [to_contact("404404")]}

        answer = hubspot.objects("POST", "deals", body)

        assert (answer.status, answer.body["context"]) == (400, {"INVALID_OBJECT_IDS": ["404404"]})
        assert portal.state()["deals"] == []

    def test_admin_rules_apply_to_the_newest_version_only(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        rule = {"object_type": "deals", "properties": ["closedate"], "when": {"dealstage": "completed"}}
        portal.change_settings({"rules": [rule]})

        answers = [
            hubspot.using(version=version).objects(
                "POST", "deals", creates(deal_properties(number, dealstage="completed"))["inputs"][0]
            )
            for number, version in enumerate(("2026-09", "v3"))
        ]

        assert [answer.status for answer in answers] == [400, 201]
        assert answers[0].body["errors"][0]["context"] == {"propertyName": ["closedate"]}


MALFORMED: list[tuple[str, Any]] = [
    ("deals/batch/read", {}),
    ("deals/batch/read", {"inputs": "1"}),
    ("deals/batch/read", {"inputs": [{"key": "1"}]}),
    ("deals/batch/read", []),
    ("deals/batch/create", {"inputs": [{"properties": {"dealname": {"nested": 1}}}]}),
    ("deals/batch/create", {"inputs": [{}]}),
    ("deals/batch/update", {"inputs": [{"properties": {}}]}),
    ("deals", {"properties": {}, "associations": [{"to": {"id": "1"}, "types": [{"associationTypeId": 3}]}]}),
    ("deals/search", {"filterGroups": [{"filters": [{"propertyName": "dealname"}]}]}),
]


@pytest.mark.parametrize(("path", "body"), MALFORMED)
def test_malformed_input_gets_400(raw: Calls, path: str, body: Any) -> None:
    answer = raw.objects("POST", path, body)

    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert answer.message.startswith("Invalid input JSON")


def test_records_are_listed_page_by_page(hubspot_of_each_version: Calls, raw: Calls) -> None:
    hubspot = hubspot_of_each_version
    deals = [hubspot.deal(**deal_properties(number)) for number in range(3)]

    first = hubspot.objects("GET", "deals", limit="2", properties="dealname").body
    second = hubspot.objects("GET", "deals", limit="2", after=first["paging"]["next"]["after"]).body

    assert [row["id"] for row in first["results"] + second["results"]] == deals
    assert "paging" not in second
    assert raw.objects("GET", "deals", limit="many").status == 400


def test_every_write_updates_the_modification_date(hubspot: Calls, clock: Clock) -> None:
    deal = hubspot.deal(**deal_properties(1))
    clock.sleep(60)

    answer = hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"amount": "1.00"}})

    assert answer.body["createdAt"] == "2026-11-25T09:46:40.000Z"
    assert answer.body["updatedAt"] == answer.body["properties"]["hs_lastmodifieddate"] == "2026-11-25T09:47:40.000Z"


def test_the_same_seed_gives_the_same_responses(clock: Clock) -> None:
    def play() -> list[Any]:
        calls = Calls(InProcessTransport(create_app(provision(SimulatedPortal(clock, seed=7)))))
        created = calls.objects("POST", "deals/batch/create", creates(*[deal_properties(n) for n in range(10)]))
        return [created.body, calls.objects("GET", "deals/404404").body]

    assert play() == play()
