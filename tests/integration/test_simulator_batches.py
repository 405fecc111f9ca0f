"""The simulated HubSpot reads and writes batches of contacts and deals as HubSpot does."""

from __future__ import annotations

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.simulated import Calls, creates, deal_properties, reads, to_contact, updates


class TestBatchRead:
    def test_a_batch_read_reports_missing_records_in_one_error(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        hubspot.contact(email="a@shop.example")

        body = reads("A@shop.example", "b@shop.example", "c@shop.example", id_property="email", properties=("email",))
        answer = hubspot.objects("POST", "contacts/batch/read", body)

        assert answer.status == 207
        assert list(answer.by("email")) == ["a@shop.example"]
        assert answer.body["numErrors"] == 1
        assert answer.body["errors"][0]["category"] == "OBJECT_NOT_FOUND"
        assert answer.body["errors"][0]["context"] == {"ids": ["b@shop.example", "c@shop.example"]}

    def test_a_batch_read_of_existing_records_gets_200_in_another_order(self, hubspot: Calls) -> None:
        numbers = [str(number) for number in range(20)]
        hubspot.objects("POST", "deals/batch/create", creates(*[deal_properties(int(n)) for n in numbers]))

        body = reads(*numbers, id_property="woocommerce_order_id", properties=("woocommerce_order_id",))
        answer = hubspot.objects("POST", "deals/batch/read", body)

        order_of_answer = [r["properties"]["woocommerce_order_id"] for r in answer.body["results"]]
        assert (answer.status, sorted(order_of_answer)) == (200, sorted(numbers))
        assert order_of_answer != numbers

    def test_a_batch_read_by_a_property_that_is_not_unique_gets_400(self, hubspot: Calls) -> None:
        assert hubspot.objects("POST", "deals/batch/read", reads("x", id_property="dealname")).status == 400


class TestBatchWrites:
    @pytest.mark.parametrize("operation", ["read", "create", "update"])
    def test_a_batch_of_101_inputs_gets_400(self, hubspot: Calls, operation: str) -> None:
        body = updates({str(n): {"dealname": "x"} for n in range(101)}, "woocommerce_order_id")
        if operation == "read":
            body = reads(*(str(n) for n in range(101)))
        if operation == "create":
            body = creates(*[deal_properties(n) for n in range(101)])

        assert hubspot.objects("POST", f"deals/batch/{operation}", body).status == 400

    @pytest.mark.parametrize("traced", [False, True])
    def test_a_batch_with_a_duplicate_id_is_rejected_as_a_whole(
        self, hubspot: Calls, portal: SimulatedPortal, traced: bool
    ) -> None:
        body = updates({"1": deal_properties(1)}, "woocommerce_order_id")
        body["inputs"] *= 2
        if traced:
            body["inputs"] = [row | {"objectWriteTraceId": str(n)} for n, row in enumerate(body["inputs"])]

        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert answer.status == 400
        assert answer.message == "Duplicate IDs found in batch input: [1]. IDs must be unique"
        assert answer.body["context"] == {"ids": ["1"]}
        assert portal.state()["deals"] == []

    def test_a_batch_create_with_invalid_values_creates_nothing_and_lists_each(
        self, hubspot: Calls, portal: SimulatedPortal
    ) -> None:
        body = creates(deal_properties(1), deal_properties(2, amount="$5"), deal_properties(3, closedate="never"))

        answer = hubspot.objects("POST", "deals/batch/create", body)

        assert [e["context"]["propertyName"] for e in answer.body["errors"]] == [["amount"], ["closedate"]]
        assert (answer.status, portal.state()["deals"]) == (400, [])

    def test_a_batch_create_reports_only_the_first_conflict(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        ids = [hubspot.contact(email=address) for address in ("a@shop.example", "b@shop.example")]

        body = creates({"email": "new@shop.example"}, {"email": "a@shop.example"}, {"email": "b@shop.example"})
        answer = hubspot.objects("POST", "contacts/batch/create", body)

        assert (answer.status, answer.message) == (409, f"Contact already exists. Existing ID: {ids[0]}")
        assert len(portal.state()["contacts"]) == 2

    def test_two_new_contacts_with_one_email_get_409_without_an_id(self, hubspot: Calls) -> None:
        body = creates({"email": "a@shop.example"}, {"email": "A@shop.example"})

        answer = hubspot.objects("POST", "contacts/batch/create", body)

        assert (answer.status, answer.message) == (409, "Contact already exists")

    def test_a_batch_create_with_trace_ids_rejects_only_the_invalid_records(
        self, hubspot_of_each_version: Calls
    ) -> None:
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

    def test_a_batch_create_with_one_missing_trace_id_is_rejected_as_a_whole(self, hubspot: Calls) -> None:
        body = creates(deal_properties(1), deal_properties(2, amount="$5"), traced=True)
        del body["inputs"][0]["objectWriteTraceId"]

        assert hubspot.objects("POST", "deals/batch/create", body).status == 400

    def test_a_batch_update_with_unknown_ids_writes_the_others(self, hubspot_of_each_version: Calls) -> None:
        hubspot = hubspot_of_each_version
        deal = hubspot.deal(**deal_properties(1))

        body = updates({deal: {"amount": "1.00"}, "404404": {"amount": "1.00"}, "505505": {"amount": "1.00"}})
        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert (answer.status, [r["id"] for r in answer.body["results"]]) == (207, [deal])
        assert [e["context"]["ids"] for e in answer.body["errors"]] == [["404404", "505505"]]

    def test_a_batch_update_with_an_invalid_value_writes_nothing(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        deals = [hubspot.deal(**deal_properties(1)), hubspot.deal(**deal_properties(2))]

        body = updates({deals[0]: {"amount": "1.00"}, deals[1]: {"amount": "$5"}})
        answer = hubspot.objects("POST", "deals/batch/update", body)

        assert answer.status == 400
        assert [deal["properties"].get("amount") for deal in portal.state()["deals"]] == [None, None]

    def test_a_batch_update_with_trace_ids_writes_the_valid_and_reports_the_invalid(self, hubspot: Calls) -> None:
        deals = [hubspot.deal(**deal_properties(1)), hubspot.deal(**deal_properties(2))]

        body = updates({deals[0]: {"amount": "1.00"}, deals[1]: {"amount": "$5"}, "404404": {}}, traced=True)
        answer = hubspot.objects("POST", "deals/batch/update", body)

        traces = [e["context"]["objectWriteTraceId"] for e in answer.body["errors"]]
        assert (answer.status, traces) == (207, [["trace-1"], ["trace-2"]])
        assert [(r["id"], r["objectWriteTraceId"]) for r in answer.body["results"]] == [(deals[0], "trace-0")]

    @pytest.mark.parametrize("id_property", ["email", "hs_object_id", "firstname"])
    def test_a_batch_update_of_contacts_by_a_property_gets_400(self, hubspot: Calls, id_property: str) -> None:
        contact = hubspot.contact(email="a@shop.example")
        key = contact if id_property == "hs_object_id" else "a@shop.example"

        answer = hubspot.objects("POST", "contacts/batch/update", updates({key: {"phone": "1"}}, id_property))

        expected = f"Unable to perform update/upsert by non-unique 0-1 property {id_property}"
        assert (answer.status, answer.message.partition(" in portal")[0]) == (400, expected)

    def test_a_batch_create_creates_inline_associations(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        contact = hubspot.contact(email="a@shop.example")
        body = creates(deal_properties(1), deal_properties(2))
        for input_ in body["inputs"]:
            input_["associations"] = [to_contact(contact)]

        hubspot.objects("POST", "deals/batch/create", body)

        assert [deal["contacts"] for deal in portal.state()["deals"]] == [[contact], [contact]]
        assert portal.state()["contacts"][0]["properties"]["num_associated_deals"] == "2"

    def test_a_batch_archive_ignores_unknown_ids(self, hubspot: Calls, portal: SimulatedPortal) -> None:
        deal = hubspot.deal(**deal_properties(1))

        answer = hubspot.objects("POST", "deals/batch/archive", {"inputs": [{"id": deal}, {"id": "404404"}]})

        assert (answer.status, portal.state()["deals"]) == (204, [])
