"""The simulator's operations and responses follow HubSpot's own OpenAPI specs.

The other tests of the simulator use the same check (fixture `hubspot`); these tests cover every operation.
"""

from __future__ import annotations

import re

import pytest
import urllib3

from simulators.hubspot import SimulatedPortal
from simulators.hubspot.app import API
from tests.support.openapi_contract import Contract, ContractViolation, Validated, specs_folder
from tests.support.simulated import VERSIONS, Calls, creates, reads, searching, spec, to_contact, updates

pytestmark = pytest.mark.skipif(
    specs_folder() is None,
    reason="HubSpot's OpenAPI specs are missing: set HUBSPOT_OPENAPI_DIR to a folder with them",
)


@pytest.fixture
def checked(raw: Calls, contract: Contract) -> Calls:
    """A caller whose requests and responses are checked against the specs."""
    return raw.using(transport=Validated(raw.transport, contract))


def served() -> set[str]:
    """Every API operation that the simulator serves, with {} for placeholders."""
    return {
        f"{method} {re.sub('<[^>]+>', '{}', rule.rule)}"
        for rule in API.map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def test_every_served_operation_is_in_the_specs(contract: Contract) -> None:
    unknown = set()
    for operation in served():
        method, path = operation.split()
        try:
            contract.operations(method, path.replace("{}", "deals"))
        except ContractViolation:
            unknown.add(operation)

    assert unknown == set()


@pytest.mark.parametrize("version", VERSIONS)
def test_every_operation_follows_the_specs(checked: Calls, portal: SimulatedPortal, version: str) -> None:
    calls = checked.using(version=version)
    portal.change_settings({"max_deal_pipelines": 15, "searches_per_s": 1000})

    _set_up(calls)
    contact, deal = _objects(calls)
    _associations(calls, contact, deal)
    _deletions(calls, contact, deal)

    used = {re.sub(r"{\w+}", "{}", name).replace("/0-3", "/{}").replace("/contacts", "/{}") for name in _seen(checked)}
    left = {operation.replace("/contacts", "/{}") for operation in served() if _is_of(operation, version)}
    assert len(left) > 20
    assert left - used == set()


def _seen(checked: Calls) -> set[str]:
    assert isinstance(checked.transport, Validated)
    return checked.transport.seen


def _is_of(operation: str, version: str) -> bool:
    return bool(re.search(r"/v[34]/", operation)) if version == "v3" else f"/{version}" in operation


def _set_up(calls: Calls) -> None:
    group = {"name": "shop", "label": "Shop"}
    prop = {"name": "shop_id", "label": "Shop ID", "type": "string", "fieldType": "text", "groupName": "shop"}
    stage = {"stageId": "packed", "label": "Packed", "displayOrder": 0, "metadata": {"probability": "0.5"}}
    assert calls.properties("POST", "deals/groups", group).status == 201
    assert calls.properties("GET", "deals/groups").status == 200
    assert calls.properties("POST", "deals", prop).status == 201
    assert calls.properties("GET", "deals").status == 200
    pipeline = {"pipelineId": "shop", "label": "Shop", "displayOrder": 1, "stages": [stage]}
    assert calls.pipelines("POST", "deals", pipeline).status == 201
    assert calls.pipelines("GET", "deals").status == 200
    sent = stage | {"stageId": "sent", "label": "Sent"}
    assert calls.pipelines("POST", "deals/shop/stages", sent).status == 201
    assert calls.library("enablement/0-123").status == 200
    assert calls.account("details").status == 200
    assert calls.account("api-usage/daily/private-apps").status == 200


def _objects(calls: Calls) -> tuple[str, str]:
    contact = calls.contact(email="a@shop.example")
    deal = calls.deal(dealname="Order 1", woocommerce_order_id="1", contact=contact)
    assert calls.objects("GET", f"deals/{deal}").status == 200
    assert calls.objects("PATCH", f"deals/{deal}", {"properties": {"amount": "1.00"}}).status == 200
    assert calls.objects("GET", "deals", limit="1", properties="dealname,amount").status == 200
    new = creates({"dealname": "Order 2"}, {"amount": "$5"}, traced=True)
    new["inputs"][0]["associations"] = [to_contact(contact)]
    assert calls.objects("POST", "deals/batch/create", new).status == 207
    assert calls.objects("POST", "deals/batch/read", reads(deal, "404404", properties=("amount",))).status == 207
    assert calls.objects("POST", "deals/batch/update", updates({deal: {"amount": "2.00"}})).status == 200
    assert calls.objects("POST", "deals/search", searching(sorts=["amount"], limit=1)).status == 200
    return contact, deal


def _associations(calls: Calls, contact: str, deal: str) -> None:
    pair = {"from": {"id": deal}, "to": {"id": contact}}
    assert calls.links("PUT", f"deals/{deal}/associations/contacts/{contact}", [spec(3)]).status == 201
    association_of = {"inputs": [{"id": deal}, {"id": "404404"}]}
    assert calls.associations("POST", "deals/contacts/batch/read", association_of).status == 207
    create = {"inputs": [pair | {"types": [spec(3)]}]}
    assert calls.associations("POST", "deals/contacts/batch/create", create).status in (200, 201)
    archive = {"inputs": [{"from": {"id": deal}, "to": [{"id": contact}]}]}
    assert calls.associations("POST", "deals/contacts/batch/archive", archive).status in (200, 204)


def _deletions(calls: Calls, contact: str, deal: str) -> None:
    other = calls.contact(email="b@shop.example")
    assert calls.objects("POST", "contacts/gdpr-delete", {"objectId": other}).status == 204
    assert calls.objects("POST", "contacts/batch/archive", {"inputs": [{"id": contact}]}).status == 204
    assert calls.objects("DELETE", f"deals/{deal}").status == 204
    assert calls.objects("GET", f"deals/{deal}").status == 404


class TestContractCheck:
    def test_an_unknown_path_violates_the_contract(self, checked: Calls) -> None:
        with pytest.raises(ContractViolation, match="specs have no GET /crm/objects/2026-09/deals/1/friends"):
            checked.objects("GET", "deals/1/friends")

    def test_an_unknown_query_parameter_violates_the_contract(self, checked: Calls) -> None:
        with pytest.raises(ContractViolation, match="no query parameter colour"):
            checked.objects("GET", "deals", colour="red")

    def test_a_request_without_a_required_field_violates_the_contract(self, checked: Calls) -> None:
        with pytest.raises(ContractViolation, match="'associations' is a required property"):
            checked.objects("POST", "deals", {"properties": {"dealname": "x"}})

    def test_a_response_without_a_required_field_violates_the_contract(self, raw: Calls, contract: Contract) -> None:
        class IncompleteResponse:
            def request(self, method: str, url: str, **_: object) -> urllib3.HTTPResponse:
                return urllib3.HTTPResponse(b'{"id": "1"}', {"content-type": "application/json"}, status=200)

        with pytest.raises(ContractViolation, match=r"answer 200: .* is a required property"):
            raw.using(transport=Validated(IncompleteResponse(), contract)).objects("GET", "deals/1")
