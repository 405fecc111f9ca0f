"""Contacts and deals, one at a time and in batches: what HubSpot takes, refuses and answers."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from simulators.hubspot import InProcessTransport, SimulatedPortal, create_app, provision
from tests.support.clock import Clock
from tests.support.simulated import Calls, Json, creates, reads, to_contact, updates

# property, value, HubSpot's code, part of its message
REFUSED_DEAL_VALUES = [
    ("no_such", "x", "PROPERTY_DOESNT_EXIST", 'Property "no_such" does not exist'),
    ("amount", "1,234.50", "INVALID_INTEGER", "was not a valid number"),
    ("amount", "$5", "INVALID_INTEGER", "was not a valid number"),
    ("closedate", "2023-10-26T10:00:00", "INVALID_LONG", "was not a valid long."),
    ("closedate", "yesterday", "INVALID_LONG", "was not a valid long."),
    ("deal_currency_code", "GBP", "INVALID_OPTION", "allowed options: [USD, EUR]"),
    ("num_associated_contacts", "3", "READ_ONLY_VALUE", "read only property"),
    ("hs_object_id", "3", "READ_ONLY_VALUE", "read only property"),
]
KEPT_DEAL_VALUES = [
    ("amount", "150.00", "150.00"),
    ("amount", 150.5, "150.5"),
    ("closedate", "2023-10-26T10:00:00Z", "2023-10-26T10:00:00Z"),
    ("closedate", "2023-10-26T12:00:00+02:00", "2023-10-26T10:00:00Z"),
    ("closedate", "1698314400000", "2023-10-26T10:00:00Z"),
    ("closedate", "2023-10-26", "2023-10-26T00:00:00Z"),
    ("deal_currency_code", "EUR", "EUR"),
]
ORDER = {"dealname": "WooCommerce Order #1", "pipeline": "ecommerce_sales", "dealstage": "newly_created_order"}


def order(number: int, **properties: str) -> Json:
    """The properties of a deal."""
    return ORDER | {"woocommerce_order_id": str(number)} | properties


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

    def test_a_contact_that_is_erased_is_gone_with_its_associations_and_its_address_is_free(
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

    def test_who_is_unknown_is_erased_by_address_only(self, hubspot: Calls) -> None:
        by_address = {"objectId": "nobody@shop.example", "idProperty": "email"}

        assert hubspot.objects("POST", "contacts/gdpr-delete", by_address).status == 204
        assert hubspot.objects("POST", "contacts/gdpr-delete", {"objectId": "404404"}).status == 404

    def test_an_address_is_kept_in_lower_case(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email=" Jane.DOE@Shop.Example ")

        assert hubspot.objects("GET", f"contacts/{contact}").body["properties"]["email"] == "jane.doe@shop.example"

    def test_a_second_contact_with_an_address_is_a_conflict_that_names_the_first(self, hubspot: Calls) -> None:
        first = hubspot.contact(email="jane@shop.example")

        answer = hubspot.objects("POST", "contacts", creates({"email": "JANE@shop.example"})["inputs"][0])

        assert (answer.status, answer.body["category"]) == (409, "CONFLICT")
        assert answer.message == f"Contact already exists. Existing ID: {first}"

    def test_an_additional_address_finds_its_contact_but_is_not_echoed(self, hubspot: Calls) -> None:
        hubspot.contact(email="main@shop.example", hs_additional_emails="old@shop.example;older@shop.example")

        read = hubspot.objects("GET", "contacts/old@shop.example", idProperty="email")
        again = hubspot.objects("POST", "contacts", creates({"email": "older@shop.example"})["inputs"][0])

        assert read.body["properties"]["email"] == "main@shop.example"
        assert again.status == 409

    def test_a_contact_keeps_its_old_address_when_another_of_its_own_becomes_primary(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email="main@shop.example", hs_additional_emails="old@shop.example")

        hubspot.objects("PATCH", f"contacts/{contact}", {"properties": {"email": "old@shop.example"}})

        response = hubspot.objects("GET", "contacts/main@shop.example", idProperty="email")
        assert (response.body["id"], response.body["properties"]["email"]) == (contact, "old@shop.example")

    def test_taking_another_contacts_address_by_update_is_a_400(self, hubspot: Calls) -> None:
        holder, other = hubspot.contact(email="a@shop.example"), hubspot.contact(email="b@shop.example")

        answer = hubspot.objects("PATCH", f"contacts/{other}", {"properties": {"email": "a@shop.example"}})

        assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
        assert answer.message.endswith(f"on {other}. {holder} already has that value.")

    def test_an_archived_contact_frees_its_address(self, hubspot: Calls) -> None:
        hubspot.objects("DELETE", f"contacts/{hubspot.contact(email='a@shop.example')}")

        assert hubspot.contact(email="a@shop.example")

    @pytest.mark.parametrize("address", ["no-at-sign", "a@b", "a@shop.invalid", "a b@shop.example", "a@shop..example"])
    def test_an_invalid_address_is_refused(self, hubspot: Calls, address: str) -> None:
        answer = hubspot.objects("POST", "contacts", creates({"email": address})["inputs"][0])

        assert answer.status == 400
        assert answer.message.startswith('Property values were not valid: [{"isValid":false,')
        assert answer.body["errors"][0]["code"] == "INVALID_EMAIL"
        assert answer.body["errors"][0]["context"] == {"propertyName": ["email"]}

    def test_a_contact_needs_an_address_or_a_name(self, hubspot: Calls) -> None:
        assert hubspot.objects("POST", "contacts", creates({"phone": "1"})["inputs"][0]).status == 400

    def test_the_lifecycle_stage_never_goes_back(self, hubspot: Calls) -> None:
        contact = hubspot.contact(email="a@shop.example", lifecyclestage="customer")

        answer = hubspot.objects("PATCH", f"contacts/{contact}", {"properties": {"lifecyclestage": "lead"}})

        read = hubspot.objects("GET", f"contacts/{contact}", properties="lifecyclestage")
        assert (answer.status, read.body["properties"]["lifecyclestage"]) == (200, "customer")

    @pytest.mark.parametrize(("name", "value", "code", "text"), REFUSED_DEAL_VALUES)
    def test_a_value_hubspot_does_not_take_refuses_the_whole_write(
        self, hubspot: Calls, portal: SimulatedPortal, name: str, value: str, code: str, text: str
    ) -> None:
        answer = hubspot.objects("POST", "deals", creates(order(1) | {name: value})["inputs"][0])

        problem = answer.body["errors"][0]
        assert (answer.status, answer.body["category"], problem["code"]) == (400, "VALIDATION_ERROR", code)
        assert text in problem["message"]
        assert problem["message"] in json.loads(answer.message.partition(": ")[2])[0]["message"]
        assert portal.state()["deals"] == []

    @pytest.mark.parametrize(("name", "value", "kept"), KEPT_DEAL_VALUES)
    def test_values_are_kept_in_hubspots_form(self, raw: Calls, name: str, value: Any, kept: str) -> None:
        deal = raw.deal(**order(1), **{name: value})

        assert raw.objects("GET", f"deals/{deal}", properties=name).body["properties"][name] == kept

    def test_an_empty_value_clears_a_property(self, hubspot: Calls) -> None:
        deal = hubspot.deal(**order(1, amount="1.00"))

        hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"amount": ""}})

        assert hubspot.objects("GET", f"deals/{deal}").body["properties"]["amount"] is None

    def test_a_stage_without_its_pipeline_is_looked_up_in_the_default_one(self, hubspot: Calls) -> None:
        properties = {"dealname": "x", "dealstage": "newly_created_order"}

        answer = hubspot.objects("POST", "deals", creates(properties)["inputs"][0])

        problem = answer.body["errors"][0]
        assert (answer.status, problem["code"]) == (400, "INVALID_OPTION")
        assert problem["message"].startswith(
            "newly_created_order is not a valid pipeline stage ID. Valid options are: pipelineId=default : [appoint"
        )

    def test_a_known_deal_is_moved_within_its_own_pipeline(self, hubspot: Calls) -> None:
        deal = hubspot.deal(**order(1))

        assert hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"dealstage": "completed"}}).status == 200
        assert hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"dealstage": "closedwon"}}).status == 400

    def test_a_unique_value_is_refused_with_a_phantom_and_the_holder(self, hubspot: Calls) -> None:
        holder = hubspot.deal(**order(7))

        answer = hubspot.objects("POST", "deals", creates(order(7))["inputs"][0])

        match = re.fullmatch(
            r"Cannot set PropertyValueCoordinates\{portalId=\d+, objectTypeId=ObjectTypeId\{legacyObjectType=DEAL\}, "
            r"propertyName=woocommerce_order_id, value=7\} on (\d+)\. (\d+) already has that value\.",
            answer.message,
        )
        assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
        assert match is not None
        assert match[2] == holder
        assert hubspot.objects("GET", f"deals/{match[1]}").status == 404

    def test_a_deal_answers_to_its_unique_property(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        deal = hubspot.deal(**order(7))

        read = hubspot.objects("GET", "deals/7", idProperty="woocommerce_order_id")
        changed = hubspot.objects(
            "PATCH", "deals/7", {"properties": {"amount": "1.00"}}, idProperty="woocommerce_order_id"
        )

        assert (read.body["id"], changed.body["id"]) == (deal, deal)

    def test_an_update_without_properties_is_refused(self, hubspot: Calls) -> None:
        answer = hubspot.objects("PATCH", f"deals/{hubspot.deal(**order(1))}", {"properties": {}})

        assert (answer.status, answer.message) == (
            400,
            "No properties found to update, please provide at least one.",
        )

    def test_unknown_ids_are_404(self, hubspot: Calls) -> None:
        numeric, other = hubspot.objects("GET", "deals/99"), hubspot.objects("GET", "deals/abc")

        assert (numeric.status, numeric.message) == (404, "resource not found")
        assert other.message.startswith("Object not found.  objectId are usually numeric.")

    def test_an_association_comes_with_the_new_deal_or_neither_does(
        self, hubspot: Calls, portal: SimulatedPortal
    ) -> None:
        body = {"properties": order(1), "associations": [to_contact("404404")]}

        answer = hubspot.objects("POST", "deals", body)

        assert (answer.status, answer.body["context"]) == (400, {"INVALID_OBJECT_IDS": ["404404"]})
        assert portal.state()["deals"] == []

    def test_rules_of_the_admin_bind_the_newest_version_only(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        rule = {"object_type": "deals", "properties": ["closedate"], "when": {"dealstage": "completed"}}
        portal.change_settings({"rules": [rule]})

        answers = [
            hubspot.using(version=version).objects(
                "POST", "deals", creates(order(number, dealstage="completed"))["inputs"][0]
            )
            for number, version in enumerate(("2026-09", "v3"))
        ]

        assert [answer.status for answer in answers] == [400, 201]
        assert answers[0].body["errors"][0]["context"] == {"propertyName": ["closedate"]}


class TestBatchRead:
    def test_what_is_missing_is_one_error_beside_the_results(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        hubspot.contact(email="a@shop.example")

        body = reads("A@shop.example", "b@shop.example", "c@shop.example", id_property="email", properties=("email",))
        answer = hubspot.objects("POST", "contacts/batch/read", body)

        assert answer.status == 207
        assert list(answer.by("email")) == ["a@shop.example"]
        assert answer.body["numErrors"] == 1
        assert answer.body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
        assert answer.body["errors"][0]["context"] == {"ids": ["b@shop.example", "c@shop.example"]}

    def test_everything_found_is_a_200_in_no_particular_order(self, hubspot: Calls) -> None:
        numbers = [str(number) for number in range(20)]
        hubspot.objects("POST", "deals/batch/create", creates(*[order(int(n)) for n in numbers]))

        body = reads(*numbers, id_property="woocommerce_order_id", properties=("woocommerce_order_id",))
        answer = hubspot.objects("POST", "deals/batch/read", body)

        order_of_answer = [r["properties"]["woocommerce_order_id"] for r in answer.body["results"]]
        assert (answer.status, sorted(order_of_answer)) == (200, sorted(numbers))
        assert order_of_answer != numbers

    def test_a_property_that_is_not_unique_identifies_nothing(self, hubspot: Calls) -> None:
        assert hubspot.objects("POST", "deals/batch/read", reads("x", id_property="dealname")).status == 400

    def test_reads_see_the_store_at_once(self, hubspot: Calls) -> None:
        hubspot.deal(**order(1))

        answer = hubspot.objects("POST", "deals/batch/read", reads("1", id_property="woocommerce_order_id"))

        assert answer.status == 200


class TestBatchWrites:
    @pytest.mark.parametrize("operation", ["read", "create", "update"])
    def test_more_than_a_hundred_inputs_are_refused(self, hubspot: Calls, operation: str) -> None:
        body = updates({str(n): {"dealname": "x"} for n in range(101)}, "woocommerce_order_id")
        if operation == "read":
            body = reads(*(str(n) for n in range(101)))
        if operation == "create":
            body = creates(*[order(n) for n in range(101)])

        assert hubspot.objects("POST", f"deals/batch/{operation}", body).status == 400

    @pytest.mark.parametrize("traced", [False, True])
    def test_an_id_twice_in_a_batch_refuses_all_of_it(
        self, hubspot: Calls, portal: SimulatedPortal, traced: bool
    ) -> None:
        body = updates({"1": order(1)}, "woocommerce_order_id")
        body["inputs"] *= 2
        if traced:
            body["inputs"] = [row | {"objectWriteTraceId": str(n)} for n, row in enumerate(body["inputs"])]

        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert answer.status == 400
        assert answer.message == "Duplicate IDs found in batch input: [1]. IDs must be unique"
        assert answer.body["context"] == {"ids": ["1"]}
        assert portal.state()["deals"] == []

    def test_create_is_all_or_nothing_and_lists_every_bad_value(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        body = creates(order(1), order(2, amount="$5"), order(3, closedate="never"))

        answer = hubspot.objects("POST", "deals/batch/create", body)

        assert [e["context"]["propertyName"] for e in answer.body["errors"]] == [["amount"], ["closedate"]]
        assert (answer.status, portal.state()["deals"]) == (400, [])

    def test_create_names_only_the_first_conflict(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        ids = [hubspot.contact(email=address) for address in ("a@shop.example", "b@shop.example")]

        body = creates({"email": "new@shop.example"}, {"email": "a@shop.example"}, {"email": "b@shop.example"})
        answer = hubspot.objects("POST", "contacts/batch/create", body)

        assert (answer.status, answer.message) == (409, f"Contact already exists. Existing ID: {ids[0]}")
        assert len(portal.state()["contacts"]) == 2

    def test_two_new_contacts_with_one_address_conflict_without_an_id(self, hubspot: Calls) -> None:
        body = creates({"email": "a@shop.example"}, {"email": "A@shop.example"})

        answer = hubspot.objects("POST", "contacts/batch/create", body)

        assert (answer.status, answer.message) == (409, "Contact already exists")

    def test_create_with_trace_ids_harms_only_the_bad_record(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        existing = hubspot.contact(email="a@shop.example")

        body = creates({"email": "b@shop.example"}, {"email": "a@shop.example"}, {"email": "bad"}, traced=True)
        answer = hubspot.objects("POST", "contacts/batch/create", body)

        errors = {e["context"]["objectWriteTraceId"][0]: e for e in answer.body["errors"]}
        assert answer.status == 207
        assert list(answer.by("email")) == ["b@shop.example"]
        assert errors["trace-1"]["category"] == "CONFLICT"
        assert errors["trace-1"]["context"]["existingId"] == [existing]
        assert errors["trace-2"]["errors"][0]["code"] == "INVALID_EMAIL"

    def test_one_missing_trace_id_makes_the_batch_all_or_nothing(self, hubspot: Calls) -> None:
        body = creates(order(1), order(2, amount="$5"), traced=True)
        del body["inputs"][0]["objectWriteTraceId"]

        assert hubspot.objects("POST", "deals/batch/create", body).status == 400

    def test_update_of_unknown_ids_does_not_spoil_the_rest(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        deal = hubspot.deal(**order(1))

        body = updates({deal: {"amount": "1.00"}, "404404": {"amount": "1.00"}, "505505": {"amount": "1.00"}})
        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert (answer.status, [r["id"] for r in answer.body["results"]]) == (207, [deal])
        assert [e["context"]["ids"] for e in answer.body["errors"]] == [["404404", "505505"]]

    def test_update_with_an_invalid_value_writes_nothing(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        deals = [hubspot.deal(**order(1)), hubspot.deal(**order(2))]

        body = updates({deals[0]: {"amount": "1.00"}, deals[1]: {"amount": "$5"}})
        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert answer.status == 400
        assert [deal["properties"].get("amount") for deal in portal.state()["deals"]] == [None, None]

    def test_update_with_trace_ids_writes_the_good_and_names_the_bad(self, hubspot: Calls) -> None:
        deals = [hubspot.deal(**order(1)), hubspot.deal(**order(2))]

        body = updates({deals[0]: {"amount": "1.00"}, deals[1]: {"amount": "$5"}, "404404": {}}, traced=True)
        answer = hubspot.objects("POST", "deals/batch/update", body)

        traces = [e["context"]["objectWriteTraceId"] for e in answer.body["errors"]]
        assert (answer.status, traces) == (207, [["trace-1"], ["trace-2"]])
        assert [(r["id"], r["objectWriteTraceId"]) for r in answer.body["results"]] == [(deals[0], "trace-0")]

    @pytest.mark.parametrize("id_property", ["email", "hs_object_id", "firstname"])
    def test_contacts_are_updated_in_batches_by_record_id_only(self, hubspot: Calls, id_property: str) -> None:
        contact = hubspot.contact(email="a@shop.example")
        key = contact if id_property == "hs_object_id" else "a@shop.example"

        answer = hubspot.objects("POST", "contacts/batch/update", updates({key: {"phone": "1"}}, id_property))

        expected = f"Unable to perform update/upsert by non-unique 0-1 property {id_property}"
        assert (answer.status, answer.message.partition(" in portal")[0]) == (400, expected)

    def test_inline_associations_of_a_batch_are_made_with_the_deals(
        self, hubspot: Calls, portal: SimulatedPortal
    ) -> None:
        contact = hubspot.contact(email="a@shop.example")
        body = creates(order(1), order(2))
        for input_ in body["inputs"]:
            input_["associations"] = [to_contact(contact)]

        hubspot.objects("POST", "deals/batch/create", body)

        assert [deal["contacts"] for deal in portal.state()["deals"]] == [[contact], [contact]]
        assert portal.state()["contacts"][0]["properties"]["num_associated_deals"] == "2"

    def test_batch_archive_takes_unknown_ids_in_silence(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        deal = hubspot.deal(**order(1))

        answer = hubspot.objects("POST", "deals/batch/archive", {"inputs": [{"id": deal}, {"id": "404404"}]})

        assert (answer.status, portal.state()["deals"]) == (204, [])


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
def test_json_of_another_shape_is_a_400(raw: Calls, path: str, body: Any) -> None:
    answer = raw.objects("POST", path, body)

    assert (answer.status, answer.body["category"]) == (400, "VALIDATION_ERROR")
    assert answer.message.startswith("Invalid input JSON")


def test_records_are_listed_page_by_page(hubspot_of_each_version: Calls, raw: Calls) -> None:
    hubspot = hubspot_of_each_version
    deals = [hubspot.deal(**order(number)) for number in range(3)]

    first = hubspot.objects("GET", "deals", limit="2", properties="dealname").body
    second = hubspot.objects("GET", "deals", limit="2", after=first["paging"]["next"]["after"]).body

    assert [row["id"] for row in first["results"] + second["results"]] == deals
    assert "paging" not in second
    assert raw.objects("GET", "deals", limit="many").status == 400


def test_every_write_moves_the_modification_date(hubspot: Calls, clock: Clock) -> None:
    deal = hubspot.deal(**order(1))
    clock.sleep(60)

    answer = hubspot.objects("PATCH", f"deals/{deal}", {"properties": {"amount": "1.00"}})

    assert answer.body["createdAt"] == "2026-11-25T09:46:40.000Z"
    assert answer.body["updatedAt"] == answer.body["properties"]["hs_lastmodifieddate"] == "2026-11-25T09:47:40.000Z"


def test_the_same_seed_gives_the_same_answers(clock: Clock) -> None:
    def play() -> list[Any]:
        calls = Calls(InProcessTransport(create_app(provision(SimulatedPortal(clock, seed=7)))))
        made = calls.objects("POST", "deals/batch/create", creates(*[order(n) for n in range(10)]))
        return [made.body, calls.objects("GET", "deals/404404").body]

    assert play() == play()
