"""Read HubSpot's answers: records, rejections, and errors by what the caller must do."""

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

MAX_RETRY_AFTER_S = 86_400.0  # a longer Retry-After is not believed: HubSpot migrates a portal within a day
EMPTY_RESPONSE = "HubSpot's response contains no results"
INCONCLUSIVE_4XX = (408, 423, 425)  # time-out, lock, too early: these say nothing about the request itself
STATUS_OF = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "OBJECT_ALREADY_EXISTS": 409}
ABSENT = "PROPERTY_DOESNT_EXIST"
NO_VERDICTS = ("INTERNAL_ERROR", "RATE_LIMITS", "RATE_LIMIT")  # categories that say nothing about a record
WORDS = {  # texts by which an error without a code is recognised
    ABSENT: re.compile(r'Property "(\w+)" does not exist'),
    "INVALID_EMAIL": re.compile(r"Email address .* is invalid"),
}
POLICIES = ("DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY")  # searched in this order: SECONDLY is part of the one before
EMBEDDED = re.compile(r"\[\{.*\}\]", re.DOTALL)


class Record(NamedTuple):
    """A record in an answer of HubSpot. `trace_id` is that of the input it answers, "" if the answer has none."""

    id: str
    properties: Mapping[str, str | None]
    trace_id: str = ""


@dataclass(frozen=True)
class Failure:
    """One entry of a 207 answer's `errors`: the problem, and the inputs that it names by trace id or by id."""

    problem: HubSpotProblem
    trace_ids: frozenset[str]
    ids: frozenset[str]


@dataclass(frozen=True)
class BatchAnswer:
    """HubSpot's answer to a batch. The outcome of an input that is in neither list is unknown.

    `trouble` says that HubSpot failed on some inputs for reasons of its own; "" if it did not.
    """

    records: tuple[Record, ...]
    failures: tuple[Failure, ...] = ()
    trouble: str = ""


def parse(response: Response, call: str) -> dict[str, Any]:
    """Return the body of a good answer. For any other answer, raise the error that says what to do.

    `call` is the path of the call, which the error names.
    """
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
            f"HubSpot is migrating the portal: {problem}", retry_after=retry_after(response), policy="migration"
        )
    if status == 429:
        policy = "daily" if limit_policy(body) == "DAILY" else "rate"
        return RateLimited(f"HubSpot's limit is used up: {problem}", retry_after=retry_after(response), policy=policy)
    if 400 <= status < 500 and status not in INCONCLUSIVE_4XX and body:
        return HubSpotRejected(problem)
    # A page instead of JSON comes from a proxy, whatever its status, so it says nothing about the request.
    # HubSpot's message is left out of the text, because the text is logged and the message may name a person.
    said = problem.code or problem.category or f"with no usable body ({counted(len(response.data), 'byte')})"
    text = f"HubSpot answered {status} {said}"
    return HubSpotUnavailable(text, retry_after=retry_after(response), status=status, call=call)


def limit_policy(body: Mapping[str, Any]) -> str:
    """Return which limit a 429 is about: one of POLICIES; "" if HubSpot does not say."""
    text = f"{body.get('policyName')} {body.get('message')}".upper()
    return next((policy for policy in POLICIES if policy in text), "")


def retry_after(response: Response) -> float | None:
    """Return the Retry-After header in seconds, a day at most; None if it is missing, 0 or no number."""
    text = response.headers.get("retry-after", "")
    if not re.fullmatch(r"\d+(\.\d+)?", text):
        return None
    return min(float(text), MAX_RETRY_AFTER_S) or None


def json_object(response: Response) -> dict[str, Any]:
    """Return the body as a JSON object; {} for anything else, such as a page or a truncated answer."""
    try:
        body = read_sent(response.data or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def with_results(body: dict[str, Any], call: str) -> dict[str, Any]:
    """Return the answer to a read. Raises HubSpotUnavailable if it has no list of results, as every good answer has."""
    if not isinstance(body.get("results"), list):
        raise HubSpotUnavailable(EMPTY_RESPONSE, call=call)
    return body


def ends(row: Mapping[str, Any], call: str) -> tuple[str, set[str]]:
    """Return a record's id, and the ids of the records associated with it, from a row of an associations' read.

    Raises HubSpotUnavailable if the row lacks them.
    """
    try:
        return str(row["from"]["id"]), {str(to["toObjectId"]) for to in row.get("to") or ()}
    except (KeyError, TypeError):
        raise HubSpotUnavailable("HubSpot's response contains no association", call=call) from None


def next_page(body: Mapping[str, Any]) -> str | None:
    """Return the cursor of the next page; None if there is none."""
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    after = following.get("after") if isinstance(following, dict) else None
    return str(after) if after else None


def batch(body: Mapping[str, Any]) -> BatchAnswer:
    """Read the answer to a batch."""
    failures = [failure(row) for row in rows(body, "errors")]
    trouble = next((f.problem.category for f in failures if f.problem.category in NO_VERDICTS), "")
    verdicts = tuple(failure for failure in failures if failure.problem.category not in NO_VERDICTS)
    return BatchAnswer(records(body), verdicts, trouble and f"HubSpot's response has {trouble} for a record")


def is_complete(body: Mapping[str, Any]) -> bool:
    """Whether an answer without errors says that a batch was carried out: by rows of any form, or by its status.

    This is for writes that may be repeated and whose rows nobody reads: if HubSpot changes the form of the rows, such
    writes must not fail for ever.
    """
    results = body.get("results")
    return isinstance(results, list) and bool(results or body.get("status") == "COMPLETE")


def rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects in one of an answer's lists; [] if there is no such list."""
    items = body.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def records(body: Mapping[str, Any]) -> tuple[Record, ...]:
    """Return the records in an answer. Rows without an id are left out."""
    return tuple(_record(row) for row in rows(body, "results") if row.get("id"))


def _record(row: Mapping[str, Any]) -> Record:
    values = row.get("properties")
    properties = values.items() if isinstance(values, dict) else ()
    texts = {name: value if value is None else str(value) for name, value in properties}
    return Record(str(row["id"]), texts, str(row.get("objectWriteTraceId") or ""))


def failure(row: Mapping[str, Any]) -> Failure:
    """Read one entry of an answer's `errors`."""
    problem = problem_of(_http_status(row), row)
    traces = problem.context.get("objectWriteTraceId", ())
    ids = problem.context.get("ids", ()) + problem.context.get("id", ())
    return Failure(problem, frozenset(traces), frozenset(ids))


def _http_status(row: Mapping[str, Any]) -> int:
    """Return the HTTP status that an entry's category stands for; the `status` of an entry is the word "error"."""
    return STATUS_OF.get(str(row.get("category", "")), 400)


def problem_of(status: int, body: Mapping[str, Any]) -> HubSpotProblem:
    """Read HubSpot's error body, in all the shapes that HubSpot has been seen to send. Every field is optional.

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
        absent=absent or (names if ABSENT in f"{code} {message}" else ()),  # all, if HubSpot does not say which
        context=_context((body, *details)),
    )


def _named(complaints: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the properties that these parts of an error name, each once."""
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
    """Whether HubSpot rejected the key itself, an e-mail address, so that a retry cannot help."""
    return problem.code == "INVALID_EMAIL" or "INVALID_EMAIL" in problem.message


def refuses_association(problem: HubSpotProblem) -> bool:
    """Whether HubSpot does not have the record, or no longer has it, that was to be associated."""
    return "INVALID_OBJECT_IDS" in problem.context
