"""Messages HubSpot will not take: sent to the dead-letter queue with the reason and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from woohub.delivery.messages import ATTRIBUTE, sendable
from woohub.errors import HubSpotProblem, HubSpotRejected, InvalidMessage, InvalidPayload, WooHubError

FAILED, NO_ANSWER = "WOOHUB_FAILED", "NO_ANSWER"  # categories of our own, beside HubSpot's
LONGEST = 1000  # characters of one attribute: the body has the rest of SQS's 1 MiB

AFTERWARDS = "then `woohub dlq redrive MESSAGE`"
ADVICE: Mapping[str, str] = {  # by what HubSpot's code, category or message contains; the first that fits counts
    FAILED: f"a bug in woohub: report the place it names, deploy the version that mends it, {AFTERWARDS}",
    NO_ANSWER: f"HubSpot takes others but fails at this one: see `woohub dlq show`, ask HubSpot, {AFTERWARDS}",
    "NOT_SET_UP": f"run `woohub setup`, {AFTERWARDS}",
    "BY NON-UNIQUE": f"the property was deleted in HubSpot: run `woohub setup`, {AFTERWARDS}",
    "PROPERTY_DOESNT_EXIST": f"run `woohub setup` or take the property out of mapping.toml, {AFTERWARDS}",
    "INVALID_EMAIL": "correct the customer's address in the store; saving it there sends it again; drop this one",
    "INVALID_OPTION": f"a stage: `woohub setup`; else add this option in HubSpot or change mapping.toml, {AFTERWARDS}",
    "INVALID_LONG": f"correct the value in the store or its source in mapping.toml, {AFTERWARDS}",
    "INVALID_INTEGER": f"correct the value in the store or its source in mapping.toml, {AFTERWARDS}",
    "READ_ONLY_VALUE": f"HubSpot calculates this property: take it out of mapping.toml, {AFTERWARDS}",
    "REQUIRED": f"a rule in HubSpot requires this property: map it in mapping.toml or relax the rule, {AFTERWARDS}",
    "CONFLICT": "another record, perhaps a deleted one, holds this key: restore or merge it in HubSpot, " + AFTERWARDS,
}
BY_KIND: Mapping[type[WooHubError], str] = {
    InvalidPayload: "correct the order or customer in the store and save it there, which sends it again; drop this one",
    InvalidMessage: "it cannot be read by this version: look at it with `woohub dlq show`, redrive or drop it",
}
OTHERWISE = f"see HubSpot's message; when its cause is gone, {AFTERWARDS.removeprefix('then ')}"


def attributes(error: WooHubError, entity: str, attempts: int, now: float) -> dict[str, str]:
    """The reason as message attributes, blank ones left out; `now` in epoch seconds."""
    problem = error.problem if isinstance(error, HubSpotRejected) else HubSpotProblem(0)
    found = {
        "reason": f"{_what(error, problem)}. What to do: {advice(error, problem)}",
        "status": str(problem.status or ""),
        "category": problem.code or problem.category or error.public_name,
        "property": ", ".join(problem.properties),
        "correlationId": problem.correlation_id,
        "entity": entity,
        "attempts": str(attempts),
        "rejectedAt": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {name: sendable(value[:LONGEST]) for name, value in found.items() if value}


def advice(error: WooHubError, problem: HubSpotProblem) -> str:
    """What an operator does next."""
    for kind, text in BY_KIND.items():
        if isinstance(error, kind):
            return text
    words = (problem.code, problem.category, problem.message.upper())
    return next((text for sign, text in ADVICE.items() if any(sign in word for word in words)), OTHERWISE)


def _what(error: WooHubError, problem: HubSpotProblem) -> str:
    if not isinstance(error, HubSpotRejected):
        return str(error)
    if problem.category in (FAILED, NO_ANSWER):
        return problem.message
    about = f" ({', '.join(problem.properties)})" if problem.properties else ""
    return f"HubSpot refused it{about}: {_said(problem.message)[: LONGEST // 2] or problem.category or problem.status}"


def _said(message: str) -> str:
    """HubSpot's words; details, which it puts among them as a JSON list, by their own words only."""
    begin, bracket, details = message.partition("[{")
    try:
        return begin + "; ".join(str(one["message"]) for one in json.loads(bracket + details))
    except (ValueError, TypeError, KeyError, RecursionError):
        return message


def without_reason(found: Mapping[str, str]) -> dict[str, str]:
    """The attributes to redrive a message with: what it came with, and nothing of the rejection."""
    return {ATTRIBUTE: found[ATTRIBUTE]} if ATTRIBUTE in found else {}
