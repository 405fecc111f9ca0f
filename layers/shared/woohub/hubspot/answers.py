"""What HubSpot's answers say: records, what was refused, and the error that tells the caller what to do next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from woohub.errors import Forbidden, Problem, RateLimited, Refused, Unauthorized, Unavailable, WooHubError
from woohub.http import Response

LONGEST_TOLD = 86_400.0  # seconds of a Retry-After to believe: HubSpot moves a portal within a day
NAMES_NOTHING = "HubSpot's answer tells nothing about any record"
NOT_JUDGED = (408, 423, 425)  # a time-out, a lock, too early: 4xx that say nothing about the request
STATUS_OF = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "OBJECT_ALREADY_EXISTS": 409}
ABSENT = "PROPERTY_DOESNT_EXIST"
EMBEDDED = re.compile(r"\[\{.*\}\]", re.DOTALL)
HOLDER = re.compile(r"Existing ID: (\d+)|(\d+)>? already has that value")
UNIQUE_PROPERTY = re.compile(r"propertyName=(\w+)")


@dataclass(frozen=True)
class Record:
    """A record as HubSpot has it."""

    id: str
    properties: Mapping[str, str | None]
    trace_id: str = ""


@dataclass(frozen=True)
class Failure:
    """One entry of a 207 answer's `errors`: the problem and the inputs it names, by trace id or by id."""

    problem: Problem
    trace_ids: frozenset[str]
    ids: frozenset[str]


@dataclass(frozen=True)
class BatchAnswer:
    """What HubSpot says it did. An input in neither list has an unknown outcome."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...] = ()


def judged(response: Response, call: str) -> dict[str, Any]:
    """The body of a good answer; raises the error that says what to do. `call`: the path, for the error."""
    body = content(response)
    if 200 <= response.status < 300 and (body or not response.data):
        return body
    raise _error(response, body, call)


def _error(response: Response, body: Mapping[str, Any], call: str) -> WooHubError:
    status, problem = response.status, problem_of(response.status, body)
    if status == 401:
        return Unauthorized(f"HubSpot refuses the token: {problem}")
    if status == 403 and body:
        scopes = " or ".join(problem.context.get("requiredGranularScopes", ())) or "a scope"
        return Forbidden(f"HubSpot's token lacks {scopes}: {problem}")
    if status == 477:
        return RateLimited(
            f"HubSpot migrates the portal: {problem}", retry_after=retry_after(response), policy="migration"
        )
    if status == 429:
        policy = "daily" if limit_of(body) == "DAILY" else "rate"
        return RateLimited(f"HubSpot's limit is used up: {problem}", retry_after=retry_after(response), policy=policy)
    if 400 <= status < 500 and status not in NOT_JUDGED and body:
        return Refused(problem)
    # A page instead of JSON was written by something in between, whatever its status: no verdict on our request.
    text = f"HubSpot's answer is {status}, {len(response.data)} bytes that say no more"
    return Unavailable(text, retry_after=retry_after(response), status=status, call=call)


def limit_of(body: Mapping[str, Any]) -> str:
    """Which limit a 429 is about: DAILY, SECONDLY, TEN_SECONDLY_ROLLING …; empty where HubSpot does not say."""
    return str(body.get("policyName") or "").upper()


def retry_after(response: Response) -> float | None:
    """The Retry-After header in seconds, a day at most; None when it is missing, 0 or no number."""
    text = response.headers.get("retry-after", "")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return None
    return min(float(text), LONGEST_TOLD) or None


def content(response: Response) -> dict[str, Any]:
    """The body as a JSON object, or empty for anything else (pages, truncated answers)."""
    try:
        body = json.loads(response.data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def listed(body: dict[str, Any], call: str) -> dict[str, Any]:
    """The answer to a read, which always has a list of results: without one it says nothing about any record."""
    if not isinstance(body.get("results"), list):
        raise Unavailable(NAMES_NOTHING, call=call)
    return body


def next_page(body: Mapping[str, Any]) -> str | None:
    """The cursor of the page that follows; None on the last."""
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if after else None


def batch(body: Mapping[str, Any]) -> BatchAnswer:
    """What became of a batch's inputs."""
    return BatchAnswer(records(body), tuple(failure(one) for one in rows(body, "errors")))


def rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list in an answer; none where there is no such list."""
    found = body.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def records(body: Mapping[str, Any]) -> tuple[Record, ...]:
    """The records in an answer, without what has no id."""
    return tuple(_record(row) for row in rows(body, "results") if row.get("id"))


def _record(one: Mapping[str, Any]) -> Record:
    found = one.get("properties")
    properties = found.items() if isinstance(found, dict) else ()
    texts = {name: value if value is None else str(value) for name, value in properties}
    return Record(str(one["id"]), texts, str(one.get("objectWriteTraceId") or ""))


def failure(one: Mapping[str, Any]) -> Failure:
    """One of an answer's `errors`."""
    problem = problem_of(int(_http_status(one)), one)
    traces = problem.context.get("objectWriteTraceId", ())
    ids = problem.context.get("ids", ()) + problem.context.get("id", ())
    return Failure(problem, frozenset(traces), frozenset(ids))


def _http_status(one: Mapping[str, Any]) -> int:
    """207 entries carry no status of their own but the word `error`; the category tells."""
    return STATUS_OF.get(str(one.get("category", "")), 400)


def problem_of(status: int, body: Mapping[str, Any]) -> Problem:
    """Read HubSpot's error body, every field of it optional, in all the shapes seen.

    Details come as `errors[]` with `code` and `context.propertyName`, or as a JSON list inside the message:
    `Property values were not valid: [{"isValid":false,"message":…,"error":"INVALID_EMAIL","name":"email"}]`.
    """
    message = str(body.get("message") or "")
    details = rows(body, "errors") + _embedded(message)
    codes = [str(one.get("code") or one.get("error") or "") for one in details]
    code = next((code for code in codes if code), str(body.get("subCategory") or body.get("policyName") or ""))
    names = _named((body, *details))
    absent = _named(one for one in (body, *details) if ABSENT in (one.get("code"), one.get("error")))
    return Problem(
        status=status,
        message=message,
        category=str(body.get("category") or body.get("errorType") or ""),
        code=code,
        correlation_id=str(body.get("correlationId") or ""),
        properties=names,
        absent=absent or (names if ABSENT in f"{code} {message}" else ()),  # which of them, HubSpot may not say
        context=_context((body, *details)),
    )


def _named(complaints: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The properties that these are about, each once."""
    listed = list(complaints)
    names = [*_context(listed).get("propertyName", ()), *(str(one["name"]) for one in listed if one.get("name"))]
    return tuple(dict.fromkeys(names))


def _embedded(message: str) -> list[dict[str, Any]]:
    found = EMBEDDED.search(message)
    try:
        details = json.loads(found.group()) if found else []
    except (ValueError, RecursionError):
        return []
    return [one for one in details if isinstance(one, dict)]


def _context(complaints: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for source in complaints:
        context = source.get("context")
        for key, values in (context if isinstance(context, dict) else {}).items():
            told = values if isinstance(values, list) else [values]
            merged[key] = merged.get(key, ()) + tuple(str(value) for value in told)
    return merged


def invalid_email(problem: Problem) -> bool:
    """Whether HubSpot refused an e-mail address itself: it stays invalid, however often one tries."""
    return problem.code == "INVALID_EMAIL" or "INVALID_EMAIL" in problem.message


def holder_of(problem: Problem, key_properties: Sequence[str]) -> str | None:
    """The id of the record that already holds the key, "" when HubSpot does not say; None: no conflict over a key.

    409 `Contact already exists. Existing ID: 6001`; or 400 `Cannot set PropertyValueCoordinates{…, propertyName=…} on
    <new>. <existing> already has that value.`: the first id is a half-made ghost, the second the holder.
    """
    named, found = UNIQUE_PROPERTY.search(problem.message), HOLDER.search(problem.message)
    if named and named[1] not in key_properties:
        return None
    if not (found or problem.status == 409 or "already exists" in problem.message):
        return None
    told = problem.context.get("existingId", ())
    if told:
        return told[0]
    return found[1] or found[2] if found else ""
