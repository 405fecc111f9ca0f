"""HubSpot's own Python client works against the simulator unchanged, over HTTP (its paths are v3 and v4)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import hubspot  # type: ignore[import-untyped]
import pytest
from hubspot.crm import contacts, deals, line_items, pipelines, properties  # type: ignore[import-untyped]
from hubspot.crm.associations import v4  # type: ignore[import-untyped]
from urllib3 import Retry

from simulators.hubspot import DEFAULT_TOKEN, InjectedFault, SimulatedPortal, running
from tests.support.clock import Clock

EMAIL = "jane@shop.example"


@pytest.fixture
def client(portal: SimulatedPortal) -> Iterator[Any]:
    """The client with its defaults, except for the simulator's URL."""
    with running(portal) as url:
        yield hubspot.Client.create(access_token=DEFAULT_TOKEN, host=url)


@pytest.fixture
def contact(client: Any) -> str:
    """A contact's id."""
    body = contacts.SimplePublicObjectInputForCreate(properties={"email": EMAIL}, associations=[])
    return str(client.crm.contacts.basic_api.create(body).id)


def deal_body(number: int, contact_id: str = "") -> Any:
    """The body that creates a deal, associated with its contact."""
    to_contact = deals.PublicAssociationsForObject(
        to=deals.PublicObjectId(id=contact_id), types=[deals.AssociationSpec("HUBSPOT_DEFINED", 3)]
    )
    stage = {"pipeline": "ecommerce_sales", "dealstage": "completed"}
    return deals.SimplePublicObjectInputForCreate(
        properties={"dealname": f"Order {number}", "woocommerce_order_id": str(number), **stage},
        associations=[to_contact] if contact_id else [],
    )


def test_the_client_creates_a_contact_and_its_deal(client: Any, portal: SimulatedPortal, contact: str) -> None:
    deal = client.crm.deals.basic_api.create(deal_body(1, contact))

    record = client.crm.contacts.basic_api.get_by_id(EMAIL, id_property="email")

    assert record.id == contact
    assert portal.state()["associations"] == [{"deal": deal.id, "contact": contact}]


def test_the_client_raises_409_for_a_second_contact_with_the_same_email(client: Any, contact: str) -> None:
    body = contacts.SimplePublicObjectInputForCreate(properties={"email": EMAIL.upper()}, associations=[])

    with pytest.raises(contacts.ApiException) as caught:
        client.crm.contacts.basic_api.create(body)

    assert caught.value.status == 409
    assert json.loads(caught.value.body)["message"] == f"Contact already exists. Existing ID: {contact}"


def test_the_client_creates_updates_and_reads_deals_in_batches(client: Any, contact: str) -> None:
    batch = client.crm.deals.batch_api
    batch.create(deals.BatchInputSimplePublicObjectBatchInputForCreate(inputs=[deal_body(1, contact), deal_body(2)]))
    update = deals.SimplePublicObjectBatchInput(
        id="2", id_property="woocommerce_order_id", properties={"amount": "5.00"}
    )
    batch.update(deals.BatchInputSimplePublicObjectBatchInput(inputs=[update]))
    wanted = deals.BatchReadInputSimplePublicObjectId(
        inputs=[deals.SimplePublicObjectId(id=number) for number in ("1", "2", "3")],
        id_property="woocommerce_order_id",
        properties=["amount"],
        properties_with_history=[],
    )

    read = batch.read(wanted)

    assert sorted(result.properties["amount"] or "" for result in read.results) == ["", "5.00"]
    assert read.errors[0].context == {"ids": ["3"]}


def test_the_client_finds_a_deal_by_search(client: Any, clock: Clock) -> None:
    client.crm.deals.basic_api.create(deal_body(1))
    clock.sleep(10)

    equal = deals.Filter(property_name="woocommerce_order_id", operator="EQ", value="1")
    request = deals.PublicObjectSearchRequest(filter_groups=[deals.FilterGroup(filters=[equal])])

    assert client.crm.deals.search_api.do_search(request).total == 1


def test_the_client_creates_and_reads_an_association(client: Any, contact: str) -> None:
    deal = client.crm.deals.basic_api.create(deal_body(1)).id
    one_type = v4.AssociationSpec("HUBSPOT_DEFINED", 3)

    client.crm.associations.v4.basic_api.create("deals", deal, "contacts", contact, [one_type])
    ids = v4.BatchInputPublicFetchAssociationsBatchRequest(inputs=[v4.PublicFetchAssociationsBatchRequest(id=deal)])
    read = client.crm.associations.v4.batch_api.get_page("deals", "contacts", ids)

    ends = read.results[0].to
    assert [(str(to.to_object_id), to.association_types[0].type_id) for to in ends] == [(contact, 3)]


def test_the_client_creates_a_property_and_reads_pipelines(client: Any) -> None:
    group = properties.PropertyGroupCreate(name="shop", label="Shop")
    client.crm.properties.groups_api.create("deals", group)
    new = properties.PropertyCreate(
        name="shop_id", label="Shop ID", type="string", field_type="text", group_name="shop", has_unique_value=True
    )

    created = client.crm.properties.core_api.create("deals", new)
    stages = client.crm.pipelines.pipelines_api.get_all("deals").results[1].stages

    assert created.has_unique_value
    assert "newly_created_order" in [stage.id for stage in stages]


def test_the_client_raises_an_error_for_a_third_deal_pipeline(client: Any) -> None:
    stage = pipelines.PipelineStageInput(label="New", display_order=0, metadata={"probability": "0.5"})
    body = pipelines.PipelineInput(label="Third", display_order=2, stages=[stage])

    with pytest.raises(pipelines.ApiException, match="limit of 2 deal pipelines"):
        client.crm.pipelines.pipelines_api.create("deals", body)


def test_the_clients_documented_retry_does_not_repeat_a_post(portal: SimulatedPortal) -> None:
    """The Retry recipe keeps urllib3's allowed methods, and POST is not one of them."""
    portal.faults.add(InjectedFault(status=429, count=1))

    with running(portal) as url:
        client: Any = hubspot.Client.create(
            access_token=DEFAULT_TOKEN, host=url, retry=Retry(total=5, status_forcelist=(429,))
        )
        with pytest.raises(deals.ApiException) as caught:
            client.crm.deals.basic_api.create(deal_body(1))

    assert caught.value.status == 429


def test_the_client_creates_and_archives_line_items(client: Any, portal: SimulatedPortal) -> None:
    deal = client.crm.deals.basic_api.create(deal_body(1))
    to_deal = line_items.PublicAssociationsForObject(
        to=line_items.PublicObjectId(id=deal.id), types=[line_items.AssociationSpec("HUBSPOT_DEFINED", 20)]
    )
    items = [
        line_items.SimplePublicObjectInputForCreate(properties={"name": name, "price": "5"}, associations=[to_deal])
        for name in ("Mug", "Bowl")
    ]
    api = client.crm.line_items.batch_api

    created = api.create(line_items.BatchInputSimplePublicObjectBatchInputForCreate(inputs=items)).results
    api.archive(line_items.BatchInputSimplePublicObjectId(inputs=[line_items.SimplePublicObjectId(id=created[0].id)]))

    assert portal.state()["deals"][0]["line_items"] == [created[1].id]
