"""The simulated HubSpot creates, reads and archives associations of deals and contacts as HubSpot does."""

from __future__ import annotations

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.simulated import Calls, Json, spec


def pair(deal: str, contact: str) -> Json:
    """One input of a batch/create from deals to contacts."""
    return {"from": {"id": deal}, "to": {"id": contact}, "types": [spec(3)]}


def association_of(deal: str, contact: str) -> list[Json]:
    """The portal's associations when this is the only one."""
    return [{"deal": deal, "contact": contact}]


@pytest.fixture
def deal(hubspot: Calls) -> str:
    """A deal without contact."""
    return hubspot.deal(dealname="Order 1")


@pytest.fixture
def contact(hubspot: Calls) -> str:
    """A contact without deals."""
    return hubspot.contact(email="a@shop.example")


def test_put_associates_both_ways_and_can_be_repeated(
    hubspot_of_each_version: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    path = f"deals/{deal}/associations/contacts/{contact}"

    answers = [hubspot_of_each_version.links("PUT", path, [spec(3)]) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert portal.state()["associations"] == association_of(deal, contact)
    assert portal.state()["contacts"][0]["deals"] == [deal]
    assert portal.state()["deals"][0]["properties"]["num_associated_contacts"] == "1"


def test_an_association_type_of_the_wrong_direction_gets_400(hubspot: Calls, deal: str, contact: str) -> None:
    answer = hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", [spec(4)])

    expected = "invalid from object type 0-3 for associations to be created. expected: 0-1"
    assert (answer.status, answer.message) == (400, expected)


def test_an_association_without_type_gets_400(hubspot: Calls, deal: str, contact: str) -> None:
    assert hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", []).status == 400


def test_an_association_with_an_unknown_record_gets_400_with_its_id(hubspot: Calls, deal: str) -> None:
    answer = hubspot.links("PUT", f"deals/{deal}/associations/contacts/404404", [spec(3)])

    assert (answer.status, answer.body["context"]) == (400, {"INVALID_OBJECT_IDS": ["404404"]})


@pytest.mark.parametrize(("version", "status"), [("2026-09", 200), ("2026-03", 201), ("v3", 201)])
def test_batch_create_answers_200_in_the_newest_version_and_201_before(
    hubspot: Calls, portal: SimulatedPortal, deal: str, contact: str, version: str, status: int
) -> None:
    body = {"inputs": [pair(deal, contact)]}

    answer = hubspot.using(version=version).associations("POST", "deals/contacts/batch/create", body)

    assert (answer.status, answer.body["status"]) == (status, "COMPLETE")
    assert portal.state()["associations"] == association_of(deal, contact)


def test_an_invalid_pair_in_a_batch_leaves_the_others_created(
    hubspot_of_each_version: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    body = {"inputs": [pair(deal, "404404"), pair(deal, contact)]}

    answer = hubspot_of_each_version.associations("POST", "deals/contacts/batch/create", body)

    assert (answer.status, answer.body["numErrors"]) == (207, 1)
    assert portal.state()["associations"] == association_of(deal, contact)


@pytest.mark.parametrize(("version", "status"), [("2026-09", 200), ("2026-03", 200), ("v3", 204)])
def test_batch_archive_answers_200_in_dated_versions_and_204_in_v3(
    hubspot: Calls, portal: SimulatedPortal, contact: str, version: str, status: int
) -> None:
    deal = hubspot.deal(dealname="Order 1", contact=contact)
    body = {"inputs": [{"from": {"id": deal}, "to": [{"id": contact}]}]}

    answer = hubspot.using(version=version).associations("POST", "deals/contacts/batch/archive", body)

    assert (answer.status, portal.state()["associations"]) == (status, [])


def test_batch_read_reports_records_without_associations_as_errors_with_207(
    hubspot_of_each_version: Calls, deal: str, contact: str
) -> None:
    linked = hubspot_of_each_version.deal(dealname="Order 2", contact=contact)

    body = {"inputs": [{"id": linked}, {"id": deal}]}
    answer = hubspot_of_each_version.associations("POST", "deals/contacts/batch/read", body)

    error = answer.body["errors"][0]
    assert answer.status == 207
    assert [(r["from"]["id"], r["to"][0]["toObjectId"]) for r in answer.body["results"]] == [(linked, contact)]
    assert error["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"
    assert error["message"] == f"No contact is associated with deal {deal}."


def test_archiving_a_contact_removes_its_associations(
    hubspot: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", [spec(3)])

    hubspot.objects("DELETE", f"contacts/{contact}")

    assert portal.state()["deals"][0]["contacts"] == []
    assert portal.state()["deals"][0]["properties"]["num_associated_contacts"] == "0"
