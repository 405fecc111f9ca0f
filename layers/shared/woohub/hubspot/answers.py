"""Read HubSpot's answers: records, rejections, and errors typed by what the caller must do next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from woohub.counted import counted
from woohub.errors import (
    Forbidden,
    HubSpotProblem,
    HubSpotRejected,
    HubSpotUnavailable,
    RateLimited,
    Unauthorized,
    WooHubError,
)
from woohub.http import Response
from woohub.pydantic_json import read_sent

MAX_RETRY_AFTER_S = 86_400.0  # seconds of a Retry-After to believe: HubSpot moves a portal within a day
EMPTY_RESPONSE = "HubSpot's response contains no results"
INCONCLUSIVE_4XX = (408, 423, 425)  # a time-out, a lock, too early: 4xx that say nothing about the request
STATUS_OF = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "OBJECT_ALREADY_EXISTS": 409}
ABSENT = "PROPERTY_DOESNT_EXIST"
WORDS = {  # what HubSpot says where it gives no code
    ABSENT: re.compile(r'Property "(\w+)" does not exist'),
    "INVALID_EMAIL": re.compile(r"Email address .* is invalid"),
}
POLICIES = ("DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY")  # a name that is part of another one comes after it
EMBEDDED = re.compile(r"\[\{.*\}\]", re.DOTALL)


class Record(NamedTuple):
    """A record as HubSpot has it."""

    id: str
    properties: Mapping[str, str | None]
    trace_id: str = ""


@dataclass(frozen=True)
class Failure:
    """One entry of a 207 answer's `errors`: the problem and the inputs it names, by trace id or by id."""

    problem: HubSpotProblem
    trace_ids: frozenset[str]
    ids: frozenset[str]


@dataclass(frozen=True)
class BatchAnswer:
    """What HubSpot says it did. An input in neither list has an unknown outcome."""

    records: tuple[Record, ...]
    failures: tuple[Failure, ...] = ()


def parse(response: Response, call: str) -> dict[str, Any]:
    """The body of a good answer; raises the error that says what to do. `call`: the path, for the error."""
    body = json_object(response)
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
        policy = "daily" if limit_policy(body) == "DAILY" else "rate"
        return RateLimited(f"HubSpot's limit is used up: {problem}", retry_after=retry_after(response), policy=policy)
    if 400 <= status < 500 and status not in INCONCLUSIVE_4XX and body:
        return HubSpotRejected(problem)
    # A page instead of JSON was written by something in between, whatever its status: no verdict on our request.
    # HubSpot's own words are left out: this text is logged, and they may name a person.
    said = problem.code or problem.category or f"with no usable body ({counted(len(response.data), 'byte')})"
    text = f"HubSpot answered {status} {said}"
    return HubSpotUnavailable(text, retry_after=retry_after(response), status=status, call=call)


def limit_policy(body: Mapping[str, Any]) -> str:
    """Which limit a 429 is about, by its name or in words: one of POLICIES, or "" where HubSpot does not say."""
    text = f"{body.get('policyName')} {body.get('message')}".upper()
    return next((policy for policy in POLICIES if policy in text), "")


def retry_after(response: Response) -> float | None:
    """The Retry-After header in seconds, a day at most; None when it is missing, 0 or no number."""
    text = response.headers.get("retry-after", "")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return None
    return min(float(text), MAX_RETRY_AFTER_S) or None


def json_object(response: Response) -> dict[str, Any]:
    """The body as a JSON object, or empty for anything else (pages, truncated answers)."""
    try:
        body = read_sent(response.data or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def with_results(body: dict[str, Any], call: str) -> dict[str, Any]:
    """The answer to a read, which always has a list of results; HubSpotUnavailable without one."""
    if not isinstance(body.get("results"), list):
        raise HubSpotUnavailable(EMPTY_RESPONSE, call=call)
    return body


def ends(row: Mapping[str, Any], call: str) -> tuple[str, set[str]]:
    """A record's id, and those of what it is associated with; HubSpotUnavailable where the row does not say so."""
    try:
        return str(row["from"]["id"]), {str(to["toObjectId"]) for to in row.get("to") or ()}
    except (KeyError, TypeError):
        raise HubSpotUnavailable("HubSpot's response contains no association", call=call) from None


def next_page(body: Mapping[str, Any]) -> str | None:
    """The cursor of the page that follows; None on the last."""
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if after else None


def batch(body: Mapping[str, Any]) -> BatchAnswer:
    """What became of a batch's inputs."""
    return BatchAnswer(records(body), tuple(failure(row) for row in rows(body, "errors")))


def is_complete(body: Mapping[str, Any]) -> bool:
    """Whether an answer without errors says that a batch was carried out: by rows in any form, or by its status.

    For writes that do no harm twice, whose rows nobody reads: a form that changed must not make them fail for ever.
    """
    results = body.get("results")
    return isinstance(results, list) and bool(results or body.get("status") == "COMPLETE")


def rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of a list in an answer; none where there is no such list."""
    items = body.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def records(body: Mapping[str, Any]) -> tuple[Record, ...]:
    """The records in an answer, without what has no id."""
    return tuple(_record(row) for row in rows(body, "results") if row.get("id"))


def _record(row: Mapping[str, Any]) -> Record:
    values = row.get("properties")
    properties = values.items() if isinstance(values, dict) else ()
    texts = {name: value if value is None else str(value) for name, value in properties}
    return Record(str(row["id"]), texts, str(row.get("objectWriteTraceId") or ""))


def failure(row: Mapping[str, Any]) -> Failure:
    """One of an answer's `errors`."""
    problem = problem_of(_http_status(row), row)
    traces = problem.context.get("objectWriteTraceId", ())
    ids = problem.context.get("ids", ()) + problem.context.get("id", ())
    return Failure(problem, frozenset(traces), frozenset(ids))


def _http_status(row: Mapping[str, Any]) -> int:
    """Entries of a 207 carry no status but the word `error`: it follows from the category."""
    return STATUS_OF.get(str(row.get("category", "")), 400)


def problem_of(status: int, body: Mapping[str, Any]) -> HubSpotProblem:
    """Read HubSpot's error body, every field of it optional, in all the shapes seen.

    Details come as `errors[]` with `code` and `context.propertyName`, or as a JSON list inside the message:
    `Property values were not valid: [{"isValid":false,"message":…,"error":"INVALID_EMAIL","name":"email"}]`,
    or in words only.
    """
    message = str(body.get("message") or "")
    details = rows(body, "errors") + _embedded(message)
    codes = [str(detail.get("code") or detail.get("error") or "") for detail in details]
    texts = [message, *(str(detail.get("message") or "") for detail in details)]
    spoken = [code for code, words in WORDS.items() if any(map(words.search, texts))]
    code = next(filter(None, [*codes, *spoken]), str(body.get("subCategory") or body.get("policyName") or ""))
    names = _named((body, *details)) or tuple(dict.fromkeys(WORDS[ABSENT].findall(" ".join(texts))))
    absent = _named(part for part in (body, *details) if ABSENT in (part.get("code"), part.get("error")))
    return HubSpotProblem(
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
    complaints = list(complaints)
    names = [
        *_context(complaints).get("propertyName", ()),
        *(str(row["name"]) for row in complaints if row.get("name")),
    ]
    return tuple(dict.fromkeys(names))


def _embedded(message: str) -> list[dict[str, Any]]:
    embedded = EMBEDDED.search(message)
    try:
        details = json.loads(embedded.group()) if embedded else []
    except (ValueError, RecursionError):
        return []
    return [detail for detail in details if isinstance(detail, dict)]


def _context(complaints: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for source in complaints:
        context = source.get("context")
        for key, values in (context if isinstance(context, dict) else {}).items():
            items = values if isinstance(values, list) else [values]
            merged[key] = merged.get(key, ()) + tuple(str(item) for item in items)
    return merged


def refuses_key(problem: HubSpotProblem) -> bool:
    """Whether HubSpot rejected the value of the key itself (an e-mail address): retrying cannot help."""
    return problem.code == "INVALID_EMAIL" or "INVALID_EMAIL" in problem.message


def refuses_association(problem: HubSpotProblem) -> bool:
    """Whether HubSpot does not have, or has no more, what the record was to be associated with."""
    return "INVALID_OBJECT_IDS" in problem.context
