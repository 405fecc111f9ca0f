"""The attributes of a dead letter: why the message was rejected, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from woohub.delivery.messages import ATTRIBUTE, sendable
from woohub.errors import HubSpotProblem, HubSpotRejected, InvalidMessage, InvalidPayload, WooHubError

# woohub's own categories of rejections, besides HubSpot's
FAILED, NO_ANSWER, STORE_UNKNOWN = "WOOHUB_FAILED", "NO_ANSWER", "STORE_UNKNOWN"
ATTRIBUTE_CHARACTERS = 1000  # the longest attribute; the body needs the rest of SQS's 1 MiB

AFTERWARDS = "then `woohub dlq redrive MESSAGE`"
KEY_TAKEN = (
    "another record has this key. If that record was deleted in HubSpot, restore it there (Actions > Restore records), "
    f"{AFTERWARDS}. If it was merged into another one, drop this message: docs/operations.md, "
    '"Deal with deals that were deleted or merged"'
)
ADVICE: Mapping[str, str] = {  # by what HubSpot's code, category or message contains; the first match counts
    FAILED: f"a bug in woohub: report the location named here, deploy the fix, {AFTERWARDS}",
    NO_ANSWER: f"HubSpot fails on this record only: see `woohub dlq show`, ask HubSpot, {AFTERWARDS}",
    STORE_UNKNOWN: f"the store was removed, or never added: drop this message; or `woohub store add`, {AFTERWARDS}",
    "NOT_SET_UP": f"run `woohub setup`, {AFTERWARDS}",
    "BY NON-UNIQUE": f"the property was deleted in HubSpot: run `woohub setup`, {AFTERWARDS}",
    "PROPERTY_DOESNT_EXIST": f"run `woohub setup` or remove the property from mapping.toml, {AFTERWARDS}",
    "INVALID_EMAIL": "correct the customer's address in the store, which sends it again on saving; drop this message",
    "INVALID_OPTION": f"for stages `woohub setup`; else add this option in HubSpot or edit mapping.toml, {AFTERWARDS}",
    "INVALID_LONG": f"correct the value in the store or its source in mapping.toml, {AFTERWARDS}",
    "INVALID_INTEGER": f"correct the value in the store or its source in mapping.toml, {AFTERWARDS}",
    "READ_ONLY_VALUE": f"HubSpot calculates this property: remove it from mapping.toml, {AFTERWARDS}",
    "REQUIRED": f"a rule in HubSpot requires this property: map it in mapping.toml or relax the rule, {AFTERWARDS}",
    "CONFLICT": KEY_TAKEN,
    "ALREADY HAS THAT VALUE": KEY_TAKEN,  # of a unique property: HubSpot's category is VALIDATION_ERROR
}
ADVICE_BY_ERROR: Mapping[type[WooHubError], str] = {
    InvalidPayload: "correct the order or customer in the store and save it, which sends it again; drop this message",
    InvalidMessage: "this version cannot read it: see `woohub dlq show`, then redrive or drop it",
}
OTHERWISE = f"see HubSpot's message; once fixed, {AFTERWARDS.removeprefix('then ')}"


def attributes(error: WooHubError, entity: str, attempts: int, now: float) -> dict[str, str]:
    """Return a rejection's reason as message attributes, without blank ones. `now` is in epoch seconds."""
    problem = error.problem if isinstance(error, HubSpotRejected) else HubSpotProblem(0)
    values = {
        "reason": f"{_reason(error, problem)}. What to do: {advice(error, problem)}",
        "status": str(problem.status or ""),
        "category": problem.code or problem.category or error.public_name,
        "property": ", ".join(problem.properties),
        "correlationId": problem.correlation_id,
        "entity": entity,
        "attempts": str(attempts),
        "rejectedAt": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    return {name: sendable(value[:ATTRIBUTE_CHARACTERS]) for name, value in values.items() if value}


def advice(error: WooHubError, problem: HubSpotProblem) -> str:
    """Say what the operator should do about a rejection."""
    by_error = (text for error_type, text in ADVICE_BY_ERROR.items() if isinstance(error, error_type))
    words = (problem.code, problem.category, problem.message.upper())
    by_problem = (text for sign, text in ADVICE.items() if any(sign in word for word in words))
    return next(by_error, None) or next(by_problem, OTHERWISE)


def _reason(error: WooHubError, problem: HubSpotProblem) -> str:
    if not isinstance(error, HubSpotRejected):
        return str(error)
    if problem.category in (FAILED, NO_ANSWER, STORE_UNKNOWN):
        return problem.message
    properties = f" ({', '.join(problem.properties)})" if problem.properties else ""
    message = _plain_text(problem.message)[: ATTRIBUTE_CHARACTERS // 2] or problem.category or problem.status
    return f"HubSpot rejected it{properties}: {message}"


def _plain_text(message: str) -> str:
    """Return HubSpot's message. If it ends with details as a JSON list, only their messages are kept."""
    begin, bracket, details = message.partition("[{")
    try:
        return begin + "; ".join(str(detail["message"]) for detail in json.loads(bracket + details))
    except (ValueError, TypeError, KeyError, RecursionError):
        return message


def without_reason(values: Mapping[str, str]) -> dict[str, str]:
    """Return a message's attributes without those of its rejection, to send the message again."""
    return {ATTRIBUTE: values[ATTRIBUTE]} if ATTRIBUTE in values else {}
