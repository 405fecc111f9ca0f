"""Associations of deals and contacts."""

from __future__ import annotations

import pytest

from simulators.hubspot import SimulatedPortal
from tests.support.simulated import Calls, Json, spec


def pair(deal: str, contact: str) -> Json:
    """One input of a batch/create from deals to contacts."""
    return {"from": {"id": deal}, "to": {"id": contact}, "types": [spec(3)]}


def both(deal: str, contact: str) -> list[Json]:
    """The portal's associations after one was made."""
    return [{"deal": deal, "contact": contact}]


@pytest.fixture
def deal(hubspot: Calls) -> str:
    """A deal without contact."""
    return hubspot.deal(dealname="Order 1")


@pytest.fixture
def contact(hubspot: Calls) -> str:
    """A contact without deals."""
    return hubspot.contact(email="a@shop.example")


def test_put_associates_both_ways_and_may_be_repeated(
    hubspot_of_each_version: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    path = f"deals/{deal}/associations/contacts/{contact}"

    answers = [hubspot_of_each_version.links("PUT", path, [spec(3)]) for _ in range(2)]

    assert [answer.status for answer in answers] == [201, 201]
    assert portal.state()["associations"] == both(deal, contact)
    assert portal.state()["contacts"][0]["deals"] == [deal]
    assert portal.state()["deals"][0]["properties"]["num_associated_contacts"] == "1"


def test_the_wrong_direction_is_refused(hubspot: Calls, deal: str, contact: str) -> None:
    answer = hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", [spec(4)])

    expected = "invalid from object type 0-3 for associations to be created. expected: 0-1"
    assert (answer.status, answer.message) == (400, expected)


def test_no_type_at_all_is_refused(hubspot: Calls, deal: str, contact: str) -> None:
    assert hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", []).status == 400


def test_an_unknown_record_is_refused_by_id(hubspot: Calls, deal: str) -> None:
    answer = hubspot.links("PUT", f"deals/{deal}/associations/contacts/404404", [spec(3)])

    assert (answer.status, answer.body["context"]) == (400, {"INVALID_OBJECT_IDS": ["404404"]})


@pytest.mark.parametrize(("version", "status"), [("2026-09", 200), ("2026-03", 201), ("v3", 201)])
def test_batch_create_has_another_status_in_the_newest_version(
    hubspot: Calls, portal: SimulatedPortal, deal: str, contact: str, version: str, status: int
) -> None:
    body = {"inputs": [pair(deal, contact)]}

    answer = hubspot.using(version=version).associations("POST", "deals/contacts/batch/create", body)

    assert (answer.status, answer.body["status"]) == (status, "COMPLETE")
    assert portal.state()["associations"] == both(deal, contact)


def test_a_bad_pair_of_a_batch_harms_only_itself(
    hubspot_of_each_version: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    body = {"inputs": [pair(deal, "404404"), pair(deal, contact)]}

    answer = hubspot_of_each_version.associations("POST", "deals/contacts/batch/create", body)

    assert (answer.status, answer.body["numErrors"]) == (207, 1)
    assert portal.state()["associations"] == both(deal, contact)


@pytest.mark.parametrize(("version", "status"), [("2026-09", 200), ("2026-03", 200), ("v3", 204)])
def test_batch_archive_answers_with_a_body_in_the_dated_versions(
    hubspot: Calls, portal: SimulatedPortal, contact: str, version: str, status: int
) -> None:
    deal = hubspot.deal(dealname="Order 1", contact=contact)
    body = {"inputs": [{"from": {"id": deal}, "to": [{"id": contact}]}]}

    answer = hubspot.using(version=version).associations("POST", "deals/contacts/batch/archive", body)

    assert (answer.status, portal.state()["associations"]) == (status, [])


def test_batch_read_reports_records_without_any_as_errors_of_a_207(
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


def test_an_archived_contact_takes_its_associations_along(
    hubspot: Calls, portal: SimulatedPortal, deal: str, contact: str
) -> None:
    hubspot.links("PUT", f"deals/{deal}/associations/contacts/{contact}", [spec(3)])

    hubspot.objects("DELETE", f"contacts/{contact}")

    assert portal.state()["deals"][0]["contacts"] == []
    assert portal.state()["deals"][0]["properties"]["num_associated_contacts"] == "0"
