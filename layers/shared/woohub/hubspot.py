"""Talk to the HubSpot CRM: paths, retries, limits, and answers typed by what the caller must do next."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import urllib3
from urllib3.exceptions import HTTPError

from woohub.errors import Forbidden, OutOfTime, Problem, RateLimited, Refused, Unauthorized, Unavailable, UnknownOutcome
from woohub.throttle import Budget, Timer, daily_left

BATCH = 100  # HubSpot takes at most 100 records in one batch call
ASSOCIATIONS_READ = 1000  # … and 1,000 in a batch read of associations
AREAS = ("objects", "associations", "properties", "pipelines")
DEAL_TO_CONTACT = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 3}
SEARCH_BODY = 3000  # characters; a longer search body is a 400
SEARCHES_PER_SECOND = 4  # HubSpot allows 5 per account, and other apps share them
BACKOFF = (1, 2, 4, 8, 16)  # seconds between the tries of one call
LONGEST_ASKED = 20.0  # seconds of a Retry-After worth waiting for within an invocation
LONGEST_TOLD = 86_400.0  # seconds of a Retry-After to believe: HubSpot moves a portal within a day
TRIES_IN_LIMIT = 3  # 429 answers to one call before the line is closed
PAUSE_BY_POLICY = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}  # HubSpot sends no Retry-After with these
UNTOLD_PAUSE = 30.0
LOCKED_PAUSE = 2.0  # "locks last 2 seconds"
CONNECT, ANSWER = 3.05, 15.0  # seconds to wait for a connection and for an answer
LEAST = 2.0  # seconds that must be left for a call to be worth starting
NAMES_NOTHING = "HubSpot's answer tells nothing about any record"

T = TypeVar("T")


class Response(Protocol):
    """The part of urllib3's response in use; header names in any case."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def data(self) -> bytes: ...


class Http(Protocol):
    """The part of urllib3.PoolManager in use; tests and simulators put their own behind it."""

    def request(self, method: str, url: str, **kwargs: Any) -> Response: ...


class Token(Protocol):
    """Where the access token comes from; `renew` reads it again after HubSpot refused it."""

    def current(self) -> str: ...

    def renew(self) -> str: ...


@dataclass(frozen=True)
class Paths:
    """Where one API version keeps things."""

    objects: str
    associations: str
    properties: str
    pipelines: str
    account: str


def paths(version: str) -> Paths:
    """The path table: `v3` are the blueprint's v3/v4 paths, anything else a dated version such as `2026-09`."""
    if version == "v3":
        return Paths(
            "/crm/v3/objects", "/crm/v4/associations", "/crm/v3/properties", "/crm/v3/pipelines", "/account-info/v3"
        )
    objects, associations, properties, pipelines = (f"/crm/{area}/{version}" for area in AREAS)
    return Paths(objects, associations, properties, pipelines, f"/account-info/{version}")


@dataclass(frozen=True)
class Record:
    """A contact or deal as HubSpot has it."""

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


@dataclass(frozen=True)
class Call:
    """One finished HTTP exchange, for logs and metrics."""

    method: str
    path: str
    status: int  # 0: no answer
    seconds: float
    inputs: int
    correlation_id: str = ""
    daily_left: float | None = None  # percent of the daily limit, where HubSpot says

    def facts(self) -> dict[str, object]:
        """For a log line."""
        return {
            "method": self.method,
            "path": self.path,
            "status": self.status,
            "ms": round(self.seconds * 1000),
            "inputs": self.inputs,
            "correlation_id": self.correlation_id,
        }


@dataclass
class Tally:
    """How batch calls went, by path: answered, or broken (5xx, time-out, an answer that tells nothing)."""

    answered: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def watch(self, path: str) -> Iterator[None]:
        """Count what comes of a call; one that is refused as a whole, or not made, is neither."""
        try:
            yield
        except (Unavailable, UnknownOutcome):
            self.broken[path] += 1
            raise
        self.answered[path] += 1


def _ignore(_call: Call) -> None:
    return None


@dataclass
class HubSpot:
    """The client. Every method raises Refused, Unavailable, OutOfTime or a Suspended; writes also UnknownOutcome.

    Reads are tried again here after 5xx, time-outs and broken connections. Writes are not: whether they happened is
    unknown then, and only the caller can read the records again by their unique keys.

    `tally` counts how batch calls went; whoever evaluates it clears it.
    """

    http: Http
    token: Token
    timer: Timer
    base_url: str = "https://api.hubapi.com"
    version: str = "2026-09"
    requests_per_10_seconds: int = 90
    random: Callable[[], float] = random.random
    on_call: Callable[[Call], None] = _ignore
    budget: Budget = field(init=False)
    searches: Budget = field(init=False)
    tally: Tally = field(init=False, default_factory=Tally)

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.paths = paths(self.version)
        self.budget = Budget(self.requests_per_10_seconds, 10.0, self.timer)
        self.searches = Budget(SEARCHES_PER_SECOND, 1.0, self.timer)

    def read(
        self,
        object_type: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        id_property: str | None = None,
        patient: bool = True,
    ) -> list[Record]:
        """Read records by id or by a unique property, at most 100 ids; those HubSpot does not know are left out.

        Reads the store, not the lagging search index. E-mail addresses also match a contact's additional addresses.
        Not `patient`: tried once only, for a caller that tries again by itself, with fewer ids.
        """
        body: dict[str, Any] = {
            "inputs": [{"id": one} for one in ids],
            "properties": list(properties),
            "propertiesWithHistory": [],
        }
        if id_property:
            body["idProperty"] = id_property
        path = f"{self.paths.objects}/{object_type}/batch/read"
        call = self._read_call if patient else self._once
        with self.tally.watch(path):
            answer = _batch_answer(_listed(call("POST", path, body), path))
        for failure in answer.failures:
            if failure.problem.category not in ("OBJECT_NOT_FOUND", ""):  # "treat every field as optional"
                raise Refused(failure.problem)
        return list(answer.records)

    def create(self, object_type: str, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Create up to 100 records, each `{objectWriteTraceId, properties, associations}`."""
        return self._written(f"{self.paths.objects}/{object_type}/batch/create", inputs)

    def update(self, object_type: str, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Update up to 100 records by id, each `{id, objectWriteTraceId, properties}`."""
        return self._written(f"{self.paths.objects}/{object_type}/batch/update", inputs)

    def associate(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Associate deals with contacts, `(deal id, contact id)`; a pair that is associated already stays so."""
        inputs = [{"from": {"id": deal}, "to": {"id": contact}, "types": [DEAL_TO_CONTACT]} for deal, contact in pairs]
        self._associations("create", inputs)

    def dissociate(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Take deals off contacts, `(deal id, contact id)`."""
        self._associations("archive", [{"from": {"id": deal}, "to": [{"id": contact}]} for deal, contact in pairs])

    def contacts_of(self, deal_ids: Sequence[str]) -> dict[str, set[str]]:
        """The contacts each deal is associated with; deals without any are left out."""
        found: dict[str, set[str]] = {}
        path = f"{self.paths.associations}/deals/contacts/batch/read"
        for chunk in chunks(deal_ids, ASSOCIATIONS_READ):
            answer = self._read_call("POST", path, {"inputs": [{"id": one} for one in chunk]})
            for row in answer.get("results") or []:
                found[str(row["from"]["id"])] = {str(to["toObjectId"]) for to in row.get("to") or []}
        return found

    def search(self, object_type: str, name: str, values: Sequence[str], *, patient: bool = True) -> list[Record]:
        """Find records whose property `name` is one of `values`; sees only what HubSpot has indexed so far."""
        found: list[Record] = []
        call = self._read_call if patient else self._once
        for some in _fitting(name, [value.lower() for value in values]):
            after: str | None = "0"
            while after is not None:
                body = _search_body(name, some) | {"after": after}
                path = f"{self.paths.objects}/{object_type}/search"
                with self.tally.watch(path):
                    answer = _listed(call("POST", path, body, self.searches), path)
                found += _records(answer)
                after = _next_page(answer)
        return found

    def property_definitions(self, object_type: str, *, patient: bool = True) -> list[dict[str, Any]]:
        """Every property of contacts or deals: name, type, options, hasUniqueValue … `patient` as for `read`."""
        path = f"{self.paths.properties}/{object_type}"
        call = self._read_call if patient else self._once
        rows = _rows(_listed(call("GET", path), path), "results")
        return [row for row in rows if isinstance(row.get("name"), str)]

    def probe(self) -> None:
        """One cheap read that needs a valid token; raises like any other call, without retries."""
        self._once("GET", f"{self.paths.objects}/contacts?limit=1")

    def get(self, path: str) -> dict[str, Any]:
        """Read any path, for set-up and diagnosis."""
        return self._read_call("GET", path)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Create something other than a record, for set-up; tried once."""
        return self._write_call(path, body)

    def _associations(self, action: str, inputs: Sequence[Mapping[str, Any]]) -> None:
        path = f"{self.paths.associations}/deals/contacts/batch/{action}"
        for chunk in chunks(inputs, BATCH):
            with self.tally.watch(path):
                answer = self._write_call(path, {"inputs": list(chunk)})
                for failure in _rows(answer, "errors"):
                    raise Refused(_failure(failure).problem)
                if action == "create" and not _rows(answer, "results"):  # the other one is answered with nothing
                    raise UnknownOutcome(NAMES_NOTHING, call=path)

    def _written(self, path: str, inputs: Sequence[Mapping[str, Any]]) -> BatchAnswer:
        """Write a batch; an answer that names no record, good or bad, is as good as none."""
        with self.tally.watch(path):
            answer = _batch_answer(self._write_call(path, {"inputs": list(inputs)}))
            if not answer.records and not answer.failures:
                raise UnknownOutcome(NAMES_NOTHING, call=path)
        return answer

    def _read_call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, budget: Budget | None = None
    ) -> dict[str, Any]:
        for pause in BACKOFF:
            try:
                return self._once(method, path, body, budget)
            except Unavailable as error:
                asked = min(error.retry_after or 0, LONGEST_ASKED)
                self.timer.sleep(max(asked, pause * (0.5 + self.random() / 2)))
        return self._once(method, path, body, budget)

    def _write_call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._once("POST", path, body)
        except Unavailable as error:
            raise UnknownOutcome(
                str(error), retry_after=error.retry_after, status=error.status, call=error.call
            ) from error

    def _once(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, budget: Budget | None = None
    ) -> dict[str, Any]:
        """One call, waiting out the limits and a refused token; any other answer is judged."""
        budget = budget or self.budget
        token = self.token.current()
        renewed, limited = False, 0
        while True:
            budget.wait_for_turn()
            response = self._exchange(method, path, body, token)
            if response.status == 401 and not renewed:
                token, renewed = self.token.renew(), True
            elif response.status in (423, 429) and (pause := self._limit_pause(response)) and limited < TRIES_IN_LIMIT:
                limited += 1
                self._wait_out(response.status, pause, budget)
            else:
                return _judged(response, path)

    def _limit_pause(self, response: Response) -> float:
        """Seconds to wait before the same call again; 0 when waiting here is no use (the daily limit)."""
        if response.status == 423:
            return max(LOCKED_PAUSE, retry_after(response) or 0)
        policy = str(_json(response).get("policyName", ""))
        return 0 if policy == "DAILY" else retry_after(response) or PAUSE_BY_POLICY.get(policy, UNTOLD_PAUSE)

    def _wait_out(self, status: int, pause: float, budget: Budget) -> None:
        if pause >= self.timer.left():
            raise OutOfTime(f"HubSpot's answer is {status}: {pause:.0f} s to wait, and less is left", retry_after=pause)
        if status == 429:
            budget.close(pause)
        else:
            self.timer.sleep(pause)

    def _exchange(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Response:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", "user-agent": "woohub"}
        payload = None
        if body is not None:
            headers["content-type"] = "application/json"
            payload = json.dumps(body, separators=(",", ":")).encode()
        inputs = len(body.get("inputs", ())) if body else 0
        started = self.timer.now()
        if self.timer.left() < LEAST:
            raise OutOfTime(f"{self.timer.left():.1f} s left are too few for another call")
        try:
            response = self.http.request(
                method,
                self.base_url + path,
                body=payload,
                headers=headers,
                timeout=urllib3.Timeout(connect=CONNECT, read=min(ANSWER, self.timer.left() - 1)),
                retries=False,
                redirect=False,
            )
        except HTTPError as error:
            self.on_call(Call(method, path, 0, self.timer.now() - started, inputs))
            text = f"no answer from HubSpot to {method} {path}: {type(error).__name__}"
            raise Unavailable(text, call=path) from error
        self.budget.correct(response.headers)
        correlation = str(_json(response).get("correlationId", "")) if response.status >= 400 else ""
        took, left = self.timer.now() - started, daily_left(response.headers)
        self.on_call(Call(method, path, response.status, took, inputs, correlation, left))
        return response


def _judged(response: Response, call: str) -> dict[str, Any]:
    """The body of a good answer, or the error that says what to do."""
    body = _json(response)
    status = response.status
    if 200 <= status < 300 and (body or not response.data):
        return body
    problem = problem_of(status, body)
    if status == 401:
        raise Unauthorized(f"HubSpot refuses the token: {problem}")
    if status == 403 and body:
        scopes = " or ".join(problem.context.get("requiredGranularScopes", ())) or "a scope"
        raise Forbidden(f"HubSpot's token lacks {scopes}: {problem}")
    if status == 477:
        raise RateLimited(
            f"HubSpot is migrating the portal: {problem}", retry_after=_told(response), policy="migration"
        )
    if status == 429:
        policy = "daily" if body.get("policyName") == "DAILY" else "rate"
        raise RateLimited(f"HubSpot's limit is used up: {problem}", retry_after=_told(response), policy=policy)
    if 400 <= status < 500 and status != 423 and body:
        raise Refused(problem)
    # A page instead of JSON was written by something in between, whatever its status: no verdict on our request.
    raise Unavailable(
        f"HubSpot's answer is {status}, {len(response.data)} bytes that say no more",
        retry_after=_told(response),
        status=status,
        call=call,
    )


def _told(response: Response) -> float | None:
    return retry_after(response) or None


def retry_after(response: Response) -> float:
    """The Retry-After header in seconds, a day at most; 0 when it is missing or no number."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_TOLD) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


def _json(response: Response) -> dict[str, Any]:
    """The body as a JSON object, or empty for anything else (pages, truncated answers)."""
    try:
        body = json.loads(response.data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _listed(body: dict[str, Any], call: str) -> dict[str, Any]:
    """The answer to a read, which always has a list of results: without one it says nothing about any record."""
    if not isinstance(body.get("results"), list):
        raise Unavailable(NAMES_NOTHING, call=call)
    return body


def _next_page(body: Mapping[str, Any]) -> str | None:
    paging = body.get("paging")
    following = paging.get("next") if isinstance(paging, dict) else None
    return following.get("after") if isinstance(following, dict) else None


def _batch_answer(body: Mapping[str, Any]) -> BatchAnswer:
    return BatchAnswer(_records(body), tuple(_failure(one) for one in _rows(body, "errors")))


def _rows(body: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    rows = body.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _records(body: Mapping[str, Any]) -> tuple[Record, ...]:
    """The records in an answer, without what has no id."""
    return tuple(_record(row) for row in _rows(body, "results") if row.get("id"))


def _record(one: Mapping[str, Any]) -> Record:
    found = one.get("properties")
    properties = found.items() if isinstance(found, dict) else ()
    texts = {name: value if value is None else str(value) for name, value in properties}
    return Record(str(one["id"]), texts, str(one.get("objectWriteTraceId") or ""))


def _failure(one: Mapping[str, Any]) -> Failure:
    problem = problem_of(int(_http_status(one)), one)
    traces = problem.context.get("objectWriteTraceId", ())
    ids = problem.context.get("ids", ()) + problem.context.get("id", ())
    return Failure(problem, frozenset(traces), frozenset(ids))


STATUS_OF = {"CONFLICT": 409, "OBJECT_NOT_FOUND": 404, "OBJECT_ALREADY_EXISTS": 409}


def _http_status(one: Mapping[str, Any]) -> int:
    """207 entries carry no status of their own but the word `error`; the category tells."""
    return STATUS_OF.get(str(one.get("category", "")), 400)


EMBEDDED = re.compile(r"\[\{.*\}\]", re.DOTALL)


def problem_of(status: int, body: Mapping[str, Any]) -> Problem:
    """Read HubSpot's error body, every field of it optional, in all the shapes seen.

    Details come as `errors[]` with `code` and `context.propertyName`, or as a JSON list inside the message:
    `Property values were not valid: [{"isValid":false,"message":…,"error":"INVALID_EMAIL","name":"email"}]`.
    """
    message = str(body.get("message") or "")
    details = _rows(body, "errors") + _embedded(message)
    context = _context(body, details)
    names = [*context.get("propertyName", ()), *(str(one["name"]) for one in details if one.get("name"))]
    codes = [str(one.get("code") or one.get("error") or "") for one in details]
    subcategory = str(body.get("subCategory") or body.get("policyName") or "")
    return Problem(
        status=status,
        message=message,
        category=str(body.get("category") or body.get("errorType") or ""),
        code=next((code for code in codes if code), subcategory),
        correlation_id=str(body.get("correlationId") or ""),
        properties=tuple(dict.fromkeys(names)),
        context=context,
    )


def _embedded(message: str) -> list[dict[str, Any]]:
    found = EMBEDDED.search(message)
    try:
        details = json.loads(found.group()) if found else []
    except (ValueError, RecursionError):
        return []
    return [one for one in details if isinstance(one, dict)]


def _context(body: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    merged: dict[str, tuple[str, ...]] = {}
    for source in (body, *details):
        context = source.get("context")
        for key, values in (context if isinstance(context, dict) else {}).items():
            listed = values if isinstance(values, list) else [values]
            merged[key] = merged.get(key, ()) + tuple(str(value) for value in listed)
    return merged


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in order, at most `size` at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _search_body(name: str, values: Sequence[str]) -> dict[str, Any]:
    condition = {"propertyName": name, "operator": "IN", "values": list(values)}
    return {"filterGroups": [{"filters": [condition]}], "properties": [name], "sorts": [], "limit": 200}


def _fitting(name: str, values: Sequence[str]) -> Iterator[Sequence[str]]:
    """Split the values so that each search body stays within HubSpot's 3,000 characters."""
    room = SEARCH_BODY - len(json.dumps(_search_body(name, []))) - 40  # 40: the paging cursor
    start, used = 0, 0
    for end, value in enumerate(values):
        used += len(json.dumps(value)) + 2
        if used > room:
            yield values[start:end]
            start, used = end, len(json.dumps(value)) + 2
    if values[start:]:
        yield values[start:]
