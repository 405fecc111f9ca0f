"""Which record holds a key, by HubSpot's message; what follows is tested in test_sync_associations.py."""

from __future__ import annotations

import pytest

from woohub.errors import HubSpotProblem
from woohub.sync.conflicts import holder_of

KEYS = ("email", "hs_additional_emails")
ALREADY = (
    "Cannot set PropertyValueCoordinates{{portalId=1, objectTypeId=ObjectTypeId{{legacyObjectType=DEAL}}, "
    "propertyName={name}, value=1234}} on 9001. 9000 already has that value."
)


@pytest.mark.parametrize(
    ("problem", "holder"),
    [
        (HubSpotProblem(409, "Contact already exists. Existing ID: 6001", "CONFLICT"), "6001"),
        (HubSpotProblem(409, "Contact already exists", "CONFLICT"), ""),
        (HubSpotProblem(409, "Contact already exists", context={"existingId": ("6001",)}), "6001"),
        (HubSpotProblem(400, ALREADY.format(name="email"), "VALIDATION_ERROR"), "9000"),
        (HubSpotProblem(400, ALREADY.format(name="loyalty_number"), "VALIDATION_ERROR"), None),
        (HubSpotProblem(400, "amount was not a valid number", "VALIDATION_ERROR"), None),
    ],
)
def test_holder_of_finds_the_record_in_every_form_of_conflict(problem: HubSpotProblem, holder: str | None) -> None:
    assert holder_of(problem, KEYS) == holder
