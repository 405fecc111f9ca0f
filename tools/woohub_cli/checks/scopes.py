"""Check which of the scopes that the functions need are missing in a HubSpot token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from woohub.errors import Forbidden, HubSpotRejected, TransientError
from woohub.hubspot.client import HubSpot
from woohub_cli.check_result import Result, Step
from woohub_cli.cli_errors import next_after

WHAT = "HubSpot scopes"
NEEDED = tuple((kind, verb) for kind in ("contacts", "deals") for verb in ("read", "write"))  # by the default mapping
NO_SUCH_OBJECT = 404
CALLS = {"read": "batch/read", "write": "batch/update"}  # called without records
FIX = "give the key these scopes in HubSpot (Settings > Integrations > Service keys); it stays the same key"


def run_time_scopes(kinds: Iterable[str]) -> str:
    """Return the scopes that the functions need to write these objects, as text."""
    return ", ".join(f"crm.objects.{kind}.read and .write" for kind in kinds)


def setup_scopes(kinds: Iterable[str]) -> str:
    """Return the scopes that `woohub setup` needs for these objects in addition, as text."""
    return ", ".join(f"crm.schemas.{kind}.write" for kind in kinds)


def step(hubspot: HubSpot, kinds: Sequence[str]) -> Step:
    """Check that the token has all scopes to read and write these objects."""
    try:
        lacking = [f"crm.objects.{kind}.{verb}" for kind in kinds for verb in CALLS if refusal(hubspot, kind, verb)]
    except TransientError as error:
        return Step(WHAT, Result.WARNING, f"could not be checked: {error}", next_after(error))
    if lacking:
        return Step(WHAT, Result.FAILED, f"missing: {', '.join(lacking)}", FIX)
    return Step(WHAT, Result.OK, f"{' and '.join(kinds)}, reading and writing")


def refusal(hubspot: HubSpot, kind: str, verb: str) -> str:
    """Return why the key may not read or write an object (missing scope, or no such object); "" if it may.

    The call has no records, so nothing is read or written: HubSpot checks the scopes first, then rejects it as empty.
    """
    body: dict[str, Any] = {"inputs": []}
    if verb == "read":
        body |= {"properties": [], "propertiesWithHistory": []}
    try:
        hubspot.post(f"{hubspot.paths.objects}/{kind}/{CALLS[verb]}", body)
    except Forbidden as error:
        return str(error)
    except HubSpotRejected as refused:
        return "HubSpot has no such object" if refused.problem.status == NO_SUCH_OBJECT else ""
    return ""
