"""Which of the scopes that the functions need a HubSpot token lacks."""

from __future__ import annotations

from typing import Any

from woohub.errors import Forbidden, HubSpotRejected, TransientError
from woohub.hubspot.client import HubSpot
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import next_after

WHAT = "HubSpot scopes"
NEEDED = tuple((kind, verb) for kind in ("contacts", "deals") for verb in ("read", "write"))
CALLS = {"read": "batch/read", "write": "batch/update"}  # with no record at all: nothing is read or written
FIX = "give the key these scopes in HubSpot (Settings > Integrations > Service keys); it stays the same key"


def step(hubspot: HubSpot) -> Step:
    """Whether it has them all."""
    try:
        lacking = [f"crm.objects.{kind}.{verb}" for kind, verb in NEEDED if not _granted(hubspot, kind, verb)]
    except TransientError as error:
        return Step(WHAT, Result.WARNING, f"could not be checked: {error}", next_after(error))
    if lacking:
        return Step(WHAT, Result.FAILED, f"missing: {', '.join(lacking)}", FIX)
    return Step(WHAT, Result.OK, "contacts and deals, reading and writing")


def _granted(hubspot: HubSpot, kind: str, verb: str) -> bool:
    """Whether a call without records is accepted, or rejected for another reason than a missing scope."""
    body: dict[str, Any] = {"inputs": []}
    if verb == "read":
        body |= {"properties": [], "propertiesWithHistory": []}
    try:
        hubspot.post(f"{hubspot.paths.objects}/{kind}/{CALLS[verb]}", body)
    except Forbidden:
        return False
    except HubSpotRejected:  # for being empty: scopes are looked at first
        pass
    return True
